// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "config/settings.h"

namespace ringfence {

/// What of a settings file can be read, where `load_settings` finds errors too; the default stands for what was refused. To look for more
/// errors alone.
[[nodiscard]] Settings settings_as_read(const std::filesystem::path& file);

}  // namespace ringfence
