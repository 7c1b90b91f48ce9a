// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "engine/verdict/analytics.h"

/// What is said about findings that concern the operation of ringfence and its feeds rather than an agent's conduct; a part of
/// `all_analytics`.
namespace ringfence {

namespace asi {
inline constexpr std::array<std::string_view, 1> kPrivilege{"ASI03:2026"};
inline constexpr std::array<std::string_view, 1> kRogue{"ASI10:2026"};
}  // namespace asi

inline constexpr auto kOperationAnalytics = [] {
  using enum Analytic;
  constexpr auto kRule = AnalyticKind::Rule;
  return std::to_array<AnalyticInfo>({
      {ContainmentUnacked,
       kRule,
       Level::Alert,
       "Containment without acknowledgement",
       "A gate has not acknowledged a containment",
       "An expected gate did not confirm a halt within its time.",
       "A gate under maintenance that is still listed.",
       "The gate's health; whether calls still pass it.",
       {},
       {}},
      {ContainmentViolated,
       kRule,
       Level::Halt,
       "Containment broken",
       "A contained agent's call succeeded",
       "A call that the containment denies started after a gate had applied it, and succeeded.",
       "Clock skew beyond the allowance.",
       "The path the call took; there is a way around the gate.",
       {},
       asi::kRogue},
      {ContainmentBlastRadius,
       kRule,
       Level::Alert,
       "Too many halts at once",
       "Halts beyond the blast-radius limit wait for a person",
       "More halts in a minute, or a greater share of agents, than may be issued without approval.",
       "A common dependency that failed for all agents.",
       "What the halted agents share; then approve or release.",
       {},
       {}},
      {GateStale,
       kRule,
       Level::Alert,
       "Stale gate",
       "A gate works with an old state",
       "A gate has seen no fresh heartbeat.",
       "A network partition.",
       "The gate's connection to the control topic.",
       {},
       {}},
      {AgentUnattributed,
       kRule,
       Level::Alert,
       "Unattributed acts",
       "Acts arrive without an agent",
       "Telemetry that names no agent.",
       "A gateway that is not yet configured.",
       "The credential and client behind the acts.",
       {},
       asi::kPrivilege},
      {FeedRefused,
       kRule,
       Level::Alert,
       "Refused telemetry",
       "Telemetry of an agent cannot be read",
       "Records were refused and stand in the dead letters.",
       "A new version of a gateway.",
       "The dead letters by reason.",
       {},
       {}},
      {FeedSilent,
       kRule,
       Level::Alert,
       "Silent feed",
       "A source of telemetry has fallen silent",
       "No record from a source that used to send.",
       "Nights, holidays, maintenance.",
       "The source and its connection.",
       {},
       {}},
      {FeedLag,
       kRule,
       Level::Alert,
       "Late telemetry",
       "Telemetry arrives too late",
       "Verdicts lag behind the acts by more than the limit.",
       "A burst that is being worked off.",
       "Consumer lag and the delay of the source.",
       {},
       {}},
      {FeedGap,
       kRule,
       Level::Alert,
       "Gap in the telemetry",
       "Records of the input are missing",
       "Positions of the input were skipped.",
       "Retention that removed records before they were read.",
       "Retention and the position of the consumer.",
       {},
       {}},
      {FeedFieldVanished,
       kRule,
       Level::Alert,
       "Vanished field",
       "A field that analytics need has vanished",
       "A source stopped sending a field, so that checks are not evaluable.",
       "A change of the gateway's configuration.",
       "The source's last release or configuration change.",
       {},
       {}},
  });
}();

}  // namespace ringfence
