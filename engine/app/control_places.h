// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "config/settings.h"
#include "connectors/sinks/control_log.h"
#include "engine/app/file_run.h"

namespace ringfence {

/// What a file that is not there is: an error for who only reads it; who writes makes it.
enum class ControlUse : std::uint8_t { Reads, Writes };

/// The control topic or file of the settings, from its beginning, for a process that has nothing else to do: a read of the topic waits a
/// moment for what comes next. `progress` is called when acknowledgements have come.
[[nodiscard]] std::expected<std::unique_ptr<ControlLog>, RunError> open_control_log(const Settings& settings, ControlUse use,
                                                                                    std::function<void()> progress = {});

}  // namespace ringfence
