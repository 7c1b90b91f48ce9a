// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace ringfence {

/// The agents that drills play (`ringfence drill`): of this tenant, under names of this beginning, both together or neither. The decoder
/// refuses whatever else claims one of the two (`unknown_value`), so that no real agent can stand there, nor hide there.
///
/// What they do is judged, contained, signed, sent and enforced like anybody's, by a job that is built in. But it is marked, alarms nobody,
/// counts for no limit, metric or live view, and ends by itself when the drill does.
inline constexpr std::string_view kDrillTenant = "ringfence-drill";
inline constexpr std::string_view kDrillAgents = "urn:ringfence:drill:";
/// What they call: no gateway has it.
inline constexpr std::string_view kDrillServer = "ringfence-drill", kDrillTool = "forbidden";

[[nodiscard]] constexpr bool is_drill(std::string_view tenant) { return tenant == kDrillTenant; }

}  // namespace ringfence
