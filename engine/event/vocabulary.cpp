// SPDX-License-Identifier: Apache-2.0
// Names of the enumerations everything else shares.
#include <algorithm>
#include <array>

#include "engine/event/analytic.h"
#include "engine/event/event.h"
#include "engine/event/level.h"

namespace ringfence {
namespace {

constexpr std::array<std::string_view, kLevels> kLevelNames{"observe", "alert", "throttle", "hold", "halt", "revoke"};
constexpr std::array<std::string_view, kEffects> kEffectNames{"read",     "write",   "delete", "send",
                                                              "transfer", "execute", "admin",  "delegate"};
constexpr std::array<std::string_view, 4> kOutcomeNames{"ok", "denied", "error", "unknown"};

constexpr std::array<std::string_view, kAnalytics> kAnalyticUids{"scope.undeclared",
                                                                 "scope.never",
                                                                 "scope.argument",
                                                                 "scope.destination",
                                                                 "scope.task",
                                                                 "scope.approval",
                                                                 "scope.delegation",
                                                                 "scope.schedule",
                                                                 "scope.expired",
                                                                 "limit.hard",
                                                                 "barrier.guessing",
                                                                 "barrier.enumeration",
                                                                 "barrier.route_around",
                                                                 "barrier.escalation",
                                                                 "barrier.dead_end",
                                                                 "barrier.persistence",
                                                                 "workflow.order",
                                                                 "workflow.drift",
                                                                 "volume.bulk",
                                                                 "volume.drip",
                                                                 "breadth.sweep",
                                                                 "breadth.coverage",
                                                                 "breadth.predicate",
                                                                 "flow.toxic",
                                                                 "flow.ungrounded_destination",
                                                                 "credential.foreign",
                                                                 "credential.ambient",
                                                                 "credential.new",
                                                                 "session.binding",
                                                                 "tool.definition_changed",
                                                                 "tool.unregistered",
                                                                 "delegation.excess",
                                                                 "identity.clone",
                                                                 "agent.unclassified",
                                                                 "agent.charter_changed",
                                                                 "cost.overuse",
                                                                 "loop.no_progress",
                                                                 "outcome.contradiction",
                                                                 "decoy.touched",
                                                                 "destructive.burst",
                                                                 "containment.unacked",
                                                                 "containment.violated",
                                                                 "containment.blast_radius",
                                                                 "gate.stale",
                                                                 "drift.role",
                                                                 "memory.recurring",
                                                                 "signal.external",
                                                                 "agent.unattributed",
                                                                 "feed.refused",
                                                                 "feed.silent",
                                                                 "feed.lag",
                                                                 "feed.gap",
                                                                 "feed.field_vanished"};

template <class Enum, std::size_t N>
std::optional<Enum> named(const std::array<std::string_view, N>& names, std::string_view name) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

}  // namespace

std::string_view name_of(Level level) { return kLevelNames[static_cast<std::size_t>(level)]; }
std::optional<Level> level_named(std::string_view name) { return named<Level>(kLevelNames, name); }
std::string_view name_of(Effect effect) { return kEffectNames[static_cast<std::size_t>(effect)]; }
std::optional<Effect> effect_named(std::string_view name) { return named<Effect>(kEffectNames, name); }
std::string_view name_of(Outcome outcome) { return kOutcomeNames[static_cast<std::size_t>(outcome)]; }
std::string_view uid_of(Analytic analytic) { return kAnalyticUids[static_cast<std::size_t>(analytic)]; }
std::string_view family_of(Analytic analytic) {
  const std::string_view uid = uid_of(analytic);
  return uid.substr(0, uid.find('.'));
}
std::optional<Analytic> analytic_named(std::string_view uid) { return named<Analytic>(kAnalyticUids, uid); }

}  // namespace ringfence
