// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"

namespace ringfence {

/// What no setting shows alone: adds an error for each pair of settings that contradict each other.
void check_together(const Settings& settings, const SettingPlaces& places, const std::string& file, std::vector<SettingsError>& errors);

/// Message for a key the table does not know in this section, with the nearest one it does.
[[nodiscard]] std::string unknown_key(std::string_view section, std::string_view key);

}  // namespace ringfence
