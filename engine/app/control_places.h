// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "config/settings.h"
#include "connectors/sinks/control_log.h"

namespace ringfence {

/// The control topic or file of the settings, from its beginning; a file that is not there is an error, nothing is made.
[[nodiscard]] std::expected<std::unique_ptr<ControlLog>, std::string> open_control_log(const Settings& settings);

}  // namespace ringfence
