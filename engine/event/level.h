// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ringfence {

/// How strongly to respond, in order.
enum class Level : std::uint8_t { Observe, Alert, Throttle, Hold, Halt, Revoke };
inline constexpr std::size_t kLevels = 6;

[[nodiscard]] std::string_view name_of(Level level);
[[nodiscard]] std::optional<Level> level_named(std::string_view name);

}  // namespace ringfence
