// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "engine/app/file_run.h"

namespace ringfence {

/// The files of `input.files` in their order, of a directory its regular files by name, but hidden ones; `-` for standard input. None over
/// Kafka.
[[nodiscard]] std::expected<std::vector<std::string>, RunError> input_files(const Settings& settings);

/// What of a service's output files is also a file that it reads, or another output; nothing where each is one of its own. `config` is the
/// settings file. To be asked before any is opened (`clash_of`).
[[nodiscard]] std::optional<std::string> service_clash(const Settings& settings, const std::string& config);
/// The same of a gate.
[[nodiscard]] std::optional<std::string> gate_clash(const Settings& settings, const std::string& config);

}  // namespace ringfence
