// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "config/settings.h"
#include "connectors/sinks/control_log.h"
#include "engine/app/file_run.h"

namespace ringfence {

/// The control topic or file of the settings, from its beginning, for a process that has nothing else to do: a read of the topic waits a
/// moment for what comes next. A file that is not there is an error, nothing is made. `progress` is called when acknowledgements have come.
[[nodiscard]] std::expected<std::unique_ptr<ControlLog>, RunError> open_control_log(const Settings& settings,
                                                                                    std::function<void()> progress = {});

}  // namespace ringfence
