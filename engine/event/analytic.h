// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ringfence {

/// Stable ids of what the engine can find (docs/contracts/topics.md); the uid is `family.name`, see `uid_of`.
// clang-format off
enum class Analytic : std::uint8_t {
  ScopeUndeclared, ScopeNever, ScopeArgument, ScopeDestination, ScopeTask, ScopeApproval, ScopeDelegation, ScopeSchedule, ScopeExpired,
  LimitHard,
  BarrierGuessing, BarrierEnumeration, BarrierRouteAround, BarrierEscalation, BarrierDeadEnd, BarrierPersistence,
  WorkflowOrder, WorkflowDrift, VolumeBulk, VolumeDrip, BreadthSweep, BreadthCoverage, BreadthPredicate,
  FlowToxic, FlowUngroundedDestination, CredentialForeign, CredentialAmbient, CredentialNew, SessionBinding,
  ToolDefinitionChanged, ToolUnregistered, DelegationExcess, IdentityClone, AgentUnclassified, AgentCharterChanged,
  CostOveruse, LoopNoProgress, OutcomeContradiction, DecoyTouched, DestructiveBurst,
  ContainmentUnacked, ContainmentViolated, ContainmentBlastRadius, GateStale, DriftRole, MemoryRecurring, SignalExternal,
  AgentUnattributed, FeedRefused, FeedSilent, FeedLag, FeedGap, FeedFieldVanished,
};
// clang-format on
inline constexpr std::size_t kAnalytics = static_cast<std::size_t>(Analytic::FeedFieldVanished) + 1;

/// `barrier.guessing`.
[[nodiscard]] std::string_view uid_of(Analytic analytic);
/// `barrier`, the part before the dot.
[[nodiscard]] std::string_view family_of(Analytic analytic);
[[nodiscard]] std::optional<Analytic> analytic_named(std::string_view uid);

}  // namespace ringfence
