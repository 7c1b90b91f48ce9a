// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/severity.h"
#include "engine/persona/persona.h"
#include "engine/state/agent_state.h"
#include "engine/verdict/finding.h"

namespace ringfence {

/// What one event adds to one family's finding.
struct Contribution {
  Analytic analytic{};
  Level level = Level::Observe;
  std::optional<Severity> severity;  // as the rule that was broken declares it; absent: that of the level
  std::string title, sentence;
  std::vector<std::string> breaches;
  std::uint32_t held_acts = 0;
  std::optional<Explanation> explanation;
  std::string identifier_shape;
  std::optional<bool> grounded;
  std::uint64_t count = 1;  // events that no finding has counted yet, this one included
  Mode mode = Mode::Enforce;
  EventTime first_seen;
  std::string origin;  // names a new finding; empty: the event's id
  Containment* about = nullptr;
};

/// Of a finding, a contribution or a breach: as declared, else that of its level.
template <class Rated>
[[nodiscard]] Severity severity_told(const Rated& of) {
  return of.severity.value_or(severity_of(of.level));
}

/// The open finding of the family; what is about one containment of another writer is none of it.
[[nodiscard]] OpenFinding* open_in_family(AgentState& agent, std::string_view family);

/// One more contribution of that level and severity is told and not only counted: it is worse than what was told, or the count has grown
/// tenfold.
[[nodiscard]] bool due(const OpenFinding& finding, Level level, Severity severity);

/// What the contribution was booked under, and as what.
struct Booked {
  OpenFinding* finding = nullptr;  // null: no record is due
  FindingRecord::Activity activity = FindingRecord::Activity::Update;
};
/// Books it under the finding that is open for it, or a new one.
[[nodiscard]] Booked book(AgentState& agent, const Event& event, std::string_view persona_sha256, const Contribution& part);

}  // namespace ringfence
