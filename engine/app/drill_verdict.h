// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "connectors/encoders/control.h"
#include "engine/event/level.h"

namespace ringfence {

/// What an engine tells a drill on the verdicts topic, under the name of the drill's agent: how its call was judged and when, by the
/// engine's clock. Beside the signed halt, never in it: that is the same bytes whenever it is said.
struct DrillVerdict {
  std::string event;
  Level level{};
  WallTime decided;
  std::optional<WallTime> signed_at;  // and handed to the control log; nothing where nothing has been signed yet
};
/// One line of JSON.
[[nodiscard]] std::string encode_drill_verdict(const DrillVerdict& verdict);
/// Nothing where it is none.
[[nodiscard]] std::optional<DrillVerdict> decode_drill_verdict(std::string_view value);

}  // namespace ringfence
