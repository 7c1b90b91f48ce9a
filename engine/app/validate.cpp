// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "config/settings.h"
#include "config/settings_as_read.h"
#include "config/settings_table.h"
#include "connectors/encoders/blind_spot_table.h"
#include "engine/app/commands.h"
#include "engine/app/drill.h"
#include "engine/app/setting_fault.h"
#include "engine/app/wall_clock.h"
#include "engine/event/escape.h"
#include "engine/event/limits.h"
#include "engine/persona/load.h"
#include "engine/persona/paths.h"
#include "engine/persona/yaml_tree.h"
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

namespace fs = std::filesystem;

bool is_readable(const fs::path& path) {
  std::error_code unknown;
  return fs::is_regular_file(path, unknown) && ::access(path.c_str(), R_OK) == 0;  // to open a pipe would be to wait
}

/// By its name, or because sections of settings stand in it and nothing that a persona must have.
bool is_settings_file(const fs::path& path) {
  if (path.filename() == "ringfence.yaml") return true;
  if (!is_readable(path)) return false;
  std::ifstream in(path, std::ios::binary);
  std::string text(limits::kPersonaFileBytes, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  std::vector<Diagnostic> told_later;
  const auto root = parse_yaml(path.string(), text, told_later);
  if (!root || root->find("schema") != nullptr || root->find("id") != nullptr || root->find("job") != nullptr) return false;
  return std::ranges::any_of(root->keys, [](const YamlNode& key) {
    return std::ranges::any_of(settings_table(), [&](const Setting& s) { return s.section() == key.text || s.path == key.text; });
  });
}

/// Files of a folder that may be personas, and those of them that are settings; paths below the folder.
struct Found {
  std::set<std::string> settings;
  bool others = false;
};
Found look_into(const fs::path& folder) {
  Found found;
  std::error_code fault;
  fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, fault);
  for (; !fault && at != fs::recursive_directory_iterator(); at.increment(fault)) {
    const std::string path = at->path().lexically_relative(folder).generic_string();
    if (!is_persona_path(path) && !is_entitlements_path(path)) continue;
    if (is_persona_path(path) && is_settings_file(at->path())) {
      found.settings.insert(path);
    } else {
      found.others = true;
    }
  }
  return found;
}

std::string line_of(const Json& json) { return json.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace) + "\n"; }

Json json_of(const Diagnostic& d) {
  const bool error = d.kind == Diagnostic::Kind::Error;
  return {{"kind", error ? "error" : "warning"}, {"file", d.file}, {"line", d.line}, {"column", d.column}, {"message", d.message}};
}

/// What loading finds, and what the commands that use the settings would refuse.
std::vector<SettingsError> errors_in(const fs::path& file) {
  const SettingsLoad load = load_settings(file);
  const Settings settings = settings_as_read(file);
  std::vector<SettingsError> errors = load.errors;
  for (const auto& faults_of : {gate_faults, client_faults, drill_form_faults})
    std::ranges::move(placed(faults_of(settings), load, file.string()), std::back_inserter(errors));
  std::ranges::stable_sort(errors, {}, [](const SettingsError& e) { return std::tuple(e.line, e.column); });
  return errors;
}

ExitCode check_settings(const fs::path& path, bool json) {
  const std::vector<SettingsError> errors = errors_in(path);
  if (json) {
    Json said = Json::array();
    for (const SettingsError& e : errors) said.push_back(to_string(e));
    std::fputs(line_of({{"path", path.string()}, {"valid", errors.empty()}, {"diagnostics", said}}).c_str(), stdout);
  } else {
    for (const SettingsError& e : errors) std::printf("%s\n", to_string(e).c_str());
  }
  if (errors.empty()) return ExitCode::Done;
  return is_readable(path) ? ExitCode::AnsweredNo : ExitCode::Unusable;
}

void print_json(const fs::path& path, const PersonaLoad& load) {
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

void print_text(const fs::path& path, const PersonaLoad& load) {
  for (const Diagnostic& d : load.diagnostics) std::printf("%s\n", to_string(d).c_str());
  if (!load.set) return;
  if (!load.set->personas().empty()) std::printf("%s\n", blind_spot_legend().c_str());
  for (const Persona& persona : load.set->personas()) {
    const BlindSpots spots = blind_spots(persona, Tables(persona, all_channels()), all_channels());
    std::printf("%s\n", blind_spot_table(spots, persona.reference()).c_str());
  }
  std::printf("%s: %zu personas, set %s\n", printable(path.string()).c_str(), load.set->personas().size(), load.set->sha256().c_str());
}

ExitCode check(const fs::path& path, const Options& options) {
  if (!fs::exists(path)) {
    std::fprintf(stderr, "%s: no such file or directory\n", printable(path.string()).c_str());
    return ExitCode::Unusable;
  }
  const bool folder = fs::is_directory(path);
  if (!folder && is_settings_file(path)) return check_settings(path, options.json);
  const Found found = folder ? look_into(path) : Found{};
  ExitCode worst = ExitCode::Done;
  for (const std::string& settings : found.settings) worst = std::max(worst, check_settings(path / settings, options.json));
  if (!found.settings.empty() && !found.others) return worst;
  PersonaLoad load = load_personas(path, options.lists.empty() ? std::nullopt : std::optional<fs::path>(options.lists), found.settings);
  if (load.set) {
    for (Diagnostic& d : expired(*load.set, EventTime{wall_now().value})) {
      d.file = fs::is_directory(path) ? (path / d.file).string() : path.string();
      load.diagnostics.push_back(std::move(d));
    }
  }
  if (options.json) {
    print_json(path, load);
  } else {
    print_text(path, load);
  }
  return std::max(worst, load.set ? ExitCode::Done : load.unread ? ExitCode::Unusable : ExitCode::AnsweredNo);
}

}  // namespace

void add_validate(CLI::App& app, Subcommand& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("validate",
                         "Strictly checks personas, lists and settings; every error as file:line:column: message; then what each persona's "
                         "declaration can find and cannot");
  command->add_option("PATH", options->paths,
                      "Persona directories or files; files that hold settings, as ringfence.yaml does, are checked as such");
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
