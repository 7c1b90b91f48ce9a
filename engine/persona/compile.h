// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/persona/load.h"
#include "engine/persona/yaml_tree.h"

namespace ringfence {

/// Values of the lists at hand, by name.
using Lists = std::map<std::string, std::vector<std::string>>;

/// What a persona file is compiled with.
struct CompileInput {
  const std::string& file;  // path below the folder
  const YamlNode& root;     // held against the form already
  const Lists& lists;
  const FileTree& tree;  // for event files of tests
};

/// The persona a tree means, defaults of the contract filled in. What the form check refused is left out here; what only shows across keys
/// (two actions of one id, an exception without match) is added to `diagnostics`.
[[nodiscard]] Persona compile_persona(const CompileInput& input, std::vector<Diagnostic>& diagnostics);

/// Adds the entitlements of one file; a user named twice is an error. True where the file asks that every user has an entry.
bool compile_entitlements(const std::string& file, const YamlNode& root, std::map<std::string, Entitlement>& entitlements,
                          std::vector<Diagnostic>& diagnostics);

/// SHA-256, in lower-case hex, of the tree as canonical JSON with the sorted values of the lists it names.
[[nodiscard]] std::string persona_digest(const YamlNode& root, const Lists& lists);

/// `path` as seen from the folder of `file`, both below the set's folder; nothing where it leaves that.
[[nodiscard]] std::optional<std::string> path_below(const std::string& file, const std::string& path);
/// Ids of the actions a file declares, as far as they are texts.
[[nodiscard]] std::vector<std::string> declared_actions(const YamlNode& root);
/// Paths below the folder of the event files its tests name; a path that leaves the folder is left out.
[[nodiscard]] std::vector<std::string> named_event_files(const std::string& file, const YamlNode& root);
/// Names of the lists it refers to.
[[nodiscard]] std::set<std::string> named_lists(const YamlNode& root);

/// Errors on KINDs under `entities` that no argument bears which may count there, so that they limit nothing; a warning where a delegate's
/// may (the rungs of calls and sessions hold for delegates too).
void check_kinds(const std::string& file, const YamlNode& tree, const Persona& persona, std::vector<Diagnostic>& diagnostics);

/// Warnings on what loads but is probably not meant.
void lint_persona(const std::string& file, const YamlNode& root, const Persona& persona, std::vector<Diagnostic>& diagnostics);

}  // namespace ringfence
