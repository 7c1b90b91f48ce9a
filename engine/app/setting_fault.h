// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"

namespace ringfence {

/// A setting that loads and cannot be used for what it is for, and why: what only shows to those who know how it is used.
struct SettingFault {
  std::string path, why;  // of an entry of a map or list `path/entry`
  bool operator==(const SettingFault&) const = default;
};

/// Of an enforcement point (sections `gate` and `ask`), as the settings are written; no file that they name is opened.
[[nodiscard]] std::vector<SettingFault> gate_faults(const Settings& settings);
/// Of the properties that are handed to Kafka's client library.
[[nodiscard]] std::vector<SettingFault> client_faults(const Settings& settings);

/// With their places in the file, in order.
[[nodiscard]] std::vector<SettingsError> placed(const std::vector<SettingFault>& faults, const SettingsLoad& load, const std::string& file);
/// Prints them so on standard error; false where there is none.
[[nodiscard]] bool tell(const std::vector<SettingFault>& faults, const SettingsLoad& load, const std::string& file);

/// True where a command finds its topic on the cluster of these settings: their service is one over Kafka (`input.kind`), and `on_topic`,
/// what the setting `path` says. Else tells `otherwise` at its place: the command would act on whatever installation is at
/// `kafka.bootstrap`, which need not be this one.
[[nodiscard]] bool is_on_topic(const SettingsLoad& load, const std::string& file, std::string_view path, bool on_topic,
                               const std::string& otherwise);

}  // namespace ringfence
