// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "engine/event/level.h"

namespace ringfence {

/// How bad what happened is, for whoever reads of it; the level says what is done about it. In order.
enum class Severity : std::uint8_t { Informational, Low, Medium, High, Critical };
inline constexpr std::size_t kSeverities = 5;

/// The severity of what has a level and nothing that declares another (docs/contracts/finding.md).
[[nodiscard]] constexpr Severity severity_of(Level level) {
  constexpr std::array<Severity, kLevels> kByLevel{Severity::Informational, Severity::Medium,   Severity::High,
                                                   Severity::High,          Severity::Critical, Severity::Critical};
  return kByLevel[static_cast<std::size_t>(level)];
}

}  // namespace ringfence
