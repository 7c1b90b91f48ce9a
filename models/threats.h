// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "engine/event/analytic.h"
#include "engine/state/agent_state.h"

namespace ringfence {

/// A named way to be off role: what the evidence is about (detection.md §4). The slot is part of the encoded state and never reused.
enum class Threat : std::uint8_t { Enumerate, Guess, Route, Escalate, DeadEnd, Slow };

struct ThreatInfo {
  Threat threat{};
  std::string_view id;      // as findings and verdicts name it
  std::string_view family;  // shares are counted per family
  double prior = 0;         // weight; all weights sum to at most 1, what is left is budget of threats to come
  bool dangerous = true;    // may halt; drift alone never does
  Analytic analytic{};
};

inline constexpr std::array<ThreatInfo, 6> kThreats{{
    {Threat::Enumerate, "enum", "barrier", .10, true, Analytic::BarrierEnumeration},
    {Threat::Guess, "guess", "barrier", .10, true, Analytic::BarrierGuessing},
    {Threat::Route, "route", "barrier", .10, true, Analytic::BarrierRouteAround},
    {Threat::Escalate, "escalate", "barrier", .10, true, Analytic::BarrierEscalation},
    {Threat::DeadEnd, "dead_end", "barrier", .05, true, Analytic::BarrierDeadEnd},
    {Threat::Slow, "slow", "barrier", .05, true, Analytic::BarrierPersistence},
}};
static_assert(kThreats.size() <= kThreatSlots);

}  // namespace ringfence
