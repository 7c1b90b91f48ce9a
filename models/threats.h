// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "engine/event/analytic.h"
#include "engine/state/agent_state.h"

namespace ringfence {

/// A named way to be off role: what the evidence is about (detection.md §4). The slot is part of the encoded state and never reused.
enum class Threat : std::uint8_t {
  Enumerate,
  Guess,
  Route,
  Escalate,
  DeadEnd,
  Slow,
  WorkflowBreak,
  OffRole,
  Bulk,
  BulkHeavy,
  DripSession,
  DripDay,
  Overuse,
  Scrape,
  Coverage,
  RoleDrift,
  ToxicFlow,
  Ungrounded,
  Exfiltration,
  DelegationExcess,
  CredentialAbuse,
  DestructiveSweep,
  NoProgress,
  Opinion,
};

struct ThreatInfo {
  Threat threat{};
  std::string_view id;      // as findings and verdicts name it
  std::string_view family;  // shares are counted per family
  double prior = 0;         // weight; all weights sum to 1
  bool dangerous = true;    // may halt; drift alone never does
  Analytic analytic{};
  /// Its alerts are bounded as its caps are declared; false where it bets against what was learned of the agent, whose null is an estimate.
  bool bounded = true;
};

/// The barrier holds half of all weight (detection.md §3.1); a threat whose channel a persona gives nothing to judge keeps its weight
/// unused.
inline constexpr auto kThreats = std::to_array<ThreatInfo>({
    {Threat::Enumerate, "enum", "barrier", .10, true, Analytic::BarrierEnumeration},
    {Threat::Guess, "guess", "barrier", .10, true, Analytic::BarrierGuessing},
    {Threat::Route, "route", "barrier", .10, true, Analytic::BarrierRouteAround},
    {Threat::Escalate, "escalate", "barrier", .10, true, Analytic::BarrierEscalation},
    {Threat::DeadEnd, "dead_end", "barrier", .05, true, Analytic::BarrierDeadEnd},
    {Threat::Slow, "slow", "barrier", .05, true, Analytic::BarrierPersistence},
    {Threat::WorkflowBreak, "workflow_break", "workflow", .05, true, Analytic::WorkflowOrder},
    {Threat::OffRole, "off_role", "workflow", .03, false, Analytic::WorkflowDrift, false},
    {Threat::Bulk, "bulk", "volume", .03, true, Analytic::VolumeBulk},
    {Threat::BulkHeavy, "bulk_heavy", "volume", .03, true, Analytic::VolumeBulk},
    {Threat::DripSession, "drip_session", "volume", .01, true, Analytic::VolumeDrip},
    {Threat::DripDay, "drip", "volume", .03, true, Analytic::VolumeDrip},
    {Threat::Overuse, "overuse", "cost", .01, true, Analytic::CostOveruse},
    {Threat::Scrape, "scrape", "breadth", .04, true, Analytic::BreadthSweep},
    {Threat::Coverage, "coverage", "breadth", .03, true, Analytic::BreadthCoverage},
    {Threat::RoleDrift, "role_drift", "drift", .04, false, Analytic::DriftRole, false},
    {Threat::ToxicFlow, "toxic_flow", "flow", .06, true, Analytic::FlowToxic},
    {Threat::Ungrounded, "ungrounded", "flow", .02, true, Analytic::FlowUngroundedDestination},
    {Threat::Exfiltration, "exfiltration", "flow", .03, true, Analytic::FlowToxic},
    {Threat::DelegationExcess, "delegation", "delegation", .03, true, Analytic::DelegationExcess},
    {Threat::CredentialAbuse, "credential", "credential", .03, true, Analytic::CredentialNew},
    {Threat::DestructiveSweep, "destructive", "destructive", .02, true, Analytic::DestructiveBurst},
    {Threat::NoProgress, "no_progress", "loop", .005, false, Analytic::LoopNoProgress},
    {Threat::Opinion, "opinion", "signal", .005, false, Analytic::SignalExternal},
});
static_assert(kThreats.size() <= kThreatSlots);
static_assert([] {
  double sum = 0;
  for (std::size_t slot = 0; slot < kThreats.size(); ++slot) {
    if (kThreats[slot].threat != static_cast<Threat>(slot)) return false;
    sum += kThreats[slot].prior;
  }
  return sum < 1 + 1e-9;
}());

}  // namespace ringfence
