// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "config/settings.h"
#include "connectors/encoders/blind_spot_table.h"
#include "engine/app/commands.h"
#include "engine/app/wall_clock.h"
#include "engine/event/escape.h"
#include "engine/persona/load.h"
#include "engine/verdict/blind_spots.h"
#include "models/channel.h"

namespace ringfence {
namespace {

struct Options {
  std::vector<std::string> paths;
  std::string lists;
  bool schema = false, json = false;
};

using Json = nlohmann::ordered_json;

bool is_settings_file(const std::filesystem::path& path) { return path.filename() == "ringfence.yaml"; }

std::string line_of(const Json& json) { return json.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace) + "\n"; }

Json json_of(const Diagnostic& d) {
  const bool error = d.kind == Diagnostic::Kind::Error;
  return {{"kind", error ? "error" : "warning"}, {"file", d.file}, {"line", d.line}, {"column", d.column}, {"message", d.message}};
}

ExitCode check_settings(const std::filesystem::path& path, bool json) {
  const SettingsLoad load = load_settings(path);
  if (json) {
    Json said = Json::array();
    for (const SettingsError& e : load.errors) said.push_back(to_string(e));
    std::fputs(line_of({{"path", path.string()}, {"valid", load.settings.has_value()}, {"diagnostics", said}}).c_str(), stdout);
  } else {
    for (const SettingsError& e : load.errors) std::printf("%s\n", to_string(e).c_str());
  }
  return load.settings ? ExitCode::Done : ExitCode::AnsweredNo;
}

void print_json(const std::filesystem::path& path, const PersonaLoad& load) {
  Json out{{"path", path.string()}, {"valid", load.set.has_value()}, {"diagnostics", Json::array()}};
  for (const Diagnostic& d : load.diagnostics) out["diagnostics"].push_back(json_of(d));
  if (load.set) {
    out["set"] = load.set->sha256();
    out["blind_spots"] = Json::array();
    for (const Persona& persona : load.set->personas())
      out["blind_spots"].push_back(
          Json::parse(blind_spot_json(blind_spots(persona, Tables(persona, all_channels()), all_channels()), persona.reference())));
  }
  std::fputs(line_of(out).c_str(), stdout);
}

void print_text(const std::filesystem::path& path, const PersonaLoad& load) {
  for (const Diagnostic& d : load.diagnostics) std::printf("%s\n", to_string(d).c_str());
  if (!load.set) return;
  if (!load.set->personas().empty()) std::printf("%s\n", blind_spot_legend().c_str());
  for (const Persona& persona : load.set->personas()) {
    const BlindSpots spots = blind_spots(persona, Tables(persona, all_channels()), all_channels());
    std::printf("%s\n", blind_spot_table(spots, persona.reference()).c_str());
  }
  std::printf("%s: %zu personas, set %s\n", printable(path.string()).c_str(), load.set->personas().size(), load.set->sha256().c_str());
}

ExitCode check(const std::filesystem::path& path, const Options& options) {
  if (!std::filesystem::exists(path)) {
    std::fprintf(stderr, "%s: no such file or directory\n", printable(path.string()).c_str());
    return ExitCode::Unusable;
  }
  if (is_settings_file(path)) return check_settings(path, options.json);
  PersonaLoad load = load_personas(path, options.lists.empty() ? std::nullopt : std::optional<std::filesystem::path>(options.lists));
  if (load.set) {
    for (Diagnostic& d : expired(*load.set, EventTime{wall_now().value})) {
      d.file = std::filesystem::is_directory(path) ? (path / d.file).string() : path.string();
      load.diagnostics.push_back(std::move(d));
    }
  }
  if (options.json) {
    print_json(path, load);
  } else {
    print_text(path, load);
  }
  return load.set ? ExitCode::Done : ExitCode::AnsweredNo;
}

}  // namespace

void add_validate(CLI::App& app, Subcommand& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("validate",
                         "Strictly checks personas, lists and settings; every error as file:line:column: message; then what each persona's "
                         "declaration can find and cannot");
  command->add_option("PATH", options->paths, "Persona directories or files; a file named ringfence.yaml is checked as settings");
  command->add_option("--lists", options->lists, "Directory of lists (default: PATH/lists)");
  command->add_flag("--json", options->json, "One line of JSON a PATH instead of text");
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
