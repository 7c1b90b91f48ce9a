// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "config/settings.h"
#include "engine/app/commands.h"
#include "engine/event/escape.h"
#include "engine/persona/load.h"

namespace ringfence {
namespace {

struct Options {
  std::vector<std::string> paths;
  std::string lists;
  bool schema = false;
};

bool is_settings_file(const std::filesystem::path& path) { return path.filename() == "ringfence.yaml"; }

ExitCode print_all(const std::vector<Diagnostic>& diagnostics) {
  ExitCode exit = ExitCode::Done;
  for (const Diagnostic& d : diagnostics) {
    std::printf("%s\n", to_string(d).c_str());
    if (d.kind == Diagnostic::Kind::Error) exit = ExitCode::AnsweredNo;
  }
  return exit;
}

ExitCode check(const std::filesystem::path& path, const Options& options) {
  if (!std::filesystem::exists(path)) {
    std::fprintf(stderr, "%s: no such file or directory\n", printable(path.string()).c_str());
    return ExitCode::Unusable;
  }
  if (is_settings_file(path)) {
    const SettingsLoad load = load_settings(path);
    for (const SettingsError& e : load.errors) std::printf("%s\n", to_string(e).c_str());
    return load.settings ? ExitCode::Done : ExitCode::AnsweredNo;
  }
  const PersonaLoad load = load_personas(path, options.lists.empty() ? std::nullopt : std::optional<std::filesystem::path>(options.lists));
  const ExitCode exit = print_all(load.diagnostics);
  if (load.set)
    std::printf("%s: %zu personas, set %s\n", printable(path.string()).c_str(), load.set->personas().size(), load.set->sha256().c_str());
  return exit;
}

}  // namespace

void add_validate(CLI::App& app, Subcommand& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("validate", "Strictly checks personas, lists and settings; every error as file:line:column: message");
  command->add_option("PATH", options->paths, "Persona directories or files; a file named ringfence.yaml is checked as settings");
  command->add_option("--lists", options->lists, "Directory of lists (default: PATH/lists)");
  command->add_flag("--schema", options->schema, "Prints the JSON Schema of the persona format and ends");
  command->footer("Exit codes: 0 all valid (warnings allowed); 1 an error was found; 2 a path is missing or unreadable.");
  command->callback([options, &action] {
    action = [options] {
      if (options->schema) {
        std::printf("%s\n", persona_json_schema().c_str());
        return ExitCode::Done;
      }
      if (options->paths.empty()) {
        std::fputs("validate: give a PATH, or --schema\n", stderr);
        return ExitCode::Unusable;
      }
      ExitCode worst = ExitCode::Done;
      for (const std::string& path : options->paths) worst = std::max(worst, check(path, *options));
      return worst;
    };
  });
}

}  // namespace ringfence
