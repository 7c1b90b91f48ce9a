// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/persona/persona.h"

namespace ringfence {

/// One thing wrong (or, as a lint warning, doubtful) in a file of a persona set.
struct Diagnostic {
  enum class Kind { Error, Warning } kind = Kind::Error;
  std::string file;          // as given plus the path below it
  int line = 0, column = 0;  // from 1; 0: the file as a whole
  std::string message;       // names the key, what was expected and the nearest known key where one is near
};
/// `file:line:column: message`, escaped for a terminal.
[[nodiscard]] std::string to_string(const Diagnostic& diagnostic);

/// Files of a persona set as text, by path below its folder with `/` between the parts: personas, `lists/NAME.txt`, `entitlements/*.yaml`,
/// and the event files that tests name. What else is in it is ignored.
struct FileTree {
  std::map<std::string, std::string> files;
};

/// A set, or everything wrong with it: all or nothing, all errors in one pass.
struct PersonaLoad {
  std::optional<PersonaSet> set;  // absent where any error stands in `diagnostics`
  std::vector<Diagnostic> diagnostics;
  FileTree read;        // what was read from a directory, so that the very set can be passed on
  bool unread = false;  // some file or folder could not be read, whatever stands in it
};

/// Loads a set without touching a file system: one that came from a topic, or was read before. Pure and deterministic.
[[nodiscard]] PersonaLoad load_personas(const FileTree& tree);

/// Loads `*.yaml`/`*.yml` below `directory` (or the one file), recursively, but for `lists/`, `entitlements/` and `tests/`; lists from
/// `lists`, by default `directory/lists`. Only regular files below the directory are read; a link that leaves it is an error. Names that
/// begin with a dot are passed over. Tests that name a file have it read from the persona's own folder. Entitlements are YAML files in any
/// folder of that name. `left_out`, paths below `directory`, are not read.
[[nodiscard]] PersonaLoad load_personas(const std::filesystem::path& directory,
                                        const std::optional<std::filesystem::path>& lists = std::nullopt,
                                        const std::set<std::string>& left_out = {});

/// Warnings on what no longer holds at `now`: exceptions that have expired. Judging goes by the time of each event; this is for people who
/// look at the declaration today.
[[nodiscard]] std::vector<Diagnostic> expired(const PersonaSet& set, EventTime now);

/// JSON Schema (draft 2020-12) of the persona format, for editors; generated from the same tables the loader checks with.
[[nodiscard]] std::string persona_json_schema();

}  // namespace ringfence
