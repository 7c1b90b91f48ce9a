// SPDX-License-Identifier: Apache-2.0
#include "engine/app/service_files.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "engine/app/audit_trail.h"
#include "engine/app/command_file.h"
#include "engine/app/context_positions.h"
#include "engine/app/file_clash.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

namespace fs = std::filesystem;

std::string path_of(const OutputTarget& target) { return target.topic ? std::string() : target.file.string(); }

/// What engine and gate both read.
std::vector<FileInUse> read_by_both(const Settings& settings, const std::string& config) {
  std::vector<FileInUse> inputs{{"settings file", config}, {"file of trusted keys", settings.gate.keys_file.string()}};
  for (const auto& [property, file] : settings.kafka.client_secret_files) inputs.push_back({"file of a secret", file.string()});
  add_set_files(inputs, settings.personas.directory, settings.personas.lists);
  return inputs;
}

}  // namespace

std::expected<std::vector<std::string>, RunError> input_files(const Settings& settings) {
  if (settings.input.kind == SourceKind::Stdin) return std::vector<std::string>{"-"};
  std::vector<std::string> files;
  for (const fs::path& path : settings.input.files) {
    std::error_code fault;
    if (!fs::is_directory(path, fault)) {
      files.push_back(path.string());
      continue;
    }
    const std::size_t before = files.size();
    fs::directory_iterator at(path, fault);
    for (; !fault && at != fs::directory_iterator(); at.increment(fault)) {
      std::error_code unknown;
      if (at->is_regular_file(unknown) && !at->path().filename().string().starts_with('.')) files.push_back(at->path().string());
    }
    if (fault) return std::unexpected(RunError{ExitCode::Unusable, printable(path.string()) + ": " + fault.message()});
    if (files.size() == before) return std::unexpected(RunError{ExitCode::Unusable, printable(path.string()) + ": holds no file"});
    std::sort(files.begin() + static_cast<std::ptrdiff_t>(before), files.end());
  }
  return files;
}

std::optional<std::string> service_clash(const Settings& settings, const std::string& config) {
  std::vector<FileInUse> inputs = read_by_both(settings, config);
  inputs.push_back({"signing key", settings.control.key_file.string()});
  inputs.push_back({"file of acknowledgements", path_of(settings.gate.acks)});
  inputs.push_back({"file of commands", command_file(settings).string()});
  add_state_files(inputs, settings.state.directory);
  const auto files = input_files(settings);  // opening the service says what is wrong with them
  if (files)
    for (const std::string& file : *files) inputs.push_back({"input", file});
  const std::array<FileInUse, 5> outputs{{{"outputs.findings", path_of(settings.outputs.findings)},
                                          {"outputs.control", path_of(settings.outputs.control)},
                                          {"outputs.dead_letter", path_of(settings.outputs.dead_letter)},
                                          {"outputs.audit", audit_file(settings).string()},
                                          {"context.log", context_log_file(settings).string()}}};
  return clash_of(inputs, outputs);
}

std::optional<std::string> gate_clash(const Settings& settings, const std::string& config) {
  const auto& gate = settings.gate;
  std::vector<FileInUse> inputs = read_by_both(settings, config);
  inputs.push_back({"control file", path_of(settings.outputs.control)});
  for (const fs::path& file : {gate.jwks_file, gate.toolhive_secret_file, gate.tls_certificate, gate.tls_key, gate.tls_client_ca})
    inputs.push_back({"key or certificate", file.string()});
  const std::array<FileInUse, 1> outputs{{{"gate.acks", path_of(gate.acks)}}};
  return clash_of(inputs, outputs);
}

}  // namespace ringfence
