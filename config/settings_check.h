// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/settings.h"

namespace ringfence {

/// Line and column of every setting the file named, by path; of an entry of a map, `path/key`.
using SettingPlaces = std::map<std::string, std::pair<int, int>, std::less<>>;

/// What no setting shows alone: adds an error for each pair of settings that contradict each other.
void check_together(const Settings& settings, const SettingPlaces& places, const std::string& file, std::vector<SettingsError>& errors);

/// Message for a key the table does not know in this section, with the nearest one it does.
[[nodiscard]] std::string unknown_key(std::string_view section, std::string_view key);

}  // namespace ringfence
