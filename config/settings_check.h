// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"

namespace ringfence {

/// Settings of which nobody knows what the file means them to be, because what it says was refused.
struct DoubtfulSettings {
  std::set<std::string, std::less<>> paths;  // their value was
  std::set<std::string, std::less<>>
      sections;      // an unknown key stands in them, which may be any of theirs misspelt; "" is outside sections
  bool all = false;  // part of the text was

  [[nodiscard]] bool contain(std::string_view path) const;
};

/// What no setting shows alone: adds an error for each pair of settings that contradict each other and of which neither is in doubt.
void check_together(const Settings& settings, const SettingPlaces& places, const DoubtfulSettings& doubtful, const std::string& file,
                    std::vector<SettingsError>& errors);

/// Message for a key the table does not know in this section, with the nearest one it does.
[[nodiscard]] std::string unknown_key(std::string_view section, std::string_view key);

}  // namespace ringfence
