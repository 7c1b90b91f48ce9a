// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/state/agent_state.h"
#include "engine/verdict/contain.h"
#include "engine/verdict/finding.h"
#include "engine/verdict/policy.h"
#include "models/channel.h"
#include "models/detector.h"

namespace ringfence {

/// Everything about one judged act that a finding may tell.
struct Judged {
  const Act& act;
  const Decision& decision;
  const Tables& tables;
  bool adds = false;  // the act contributed to the evidence
  std::string_view topic;
  Position position;
};

/// The open findings of an agent: at most one per analytic family. Creates at the first event that reaches a level, updates when the level
/// rises or the count has grown tenfold, and only counts in between, so nothing is lost and nothing floods (docs/contracts/finding.md).
/// Changes `AgentState::findings`. The records come in a fixed order: declared breaches by family as first met, then evidence.
[[nodiscard]] std::vector<FindingRecord> findings_of(const Judged& judged, std::span<const Channel* const> channels);

/// Where a record of a finding comes from, and the job it is told under: null for an agent without one.
struct Told {
  const Persona* persona = nullptr;
  std::string_view topic;
  Position position;
};

/// Closes what has had no contribution for 24 h of the agent's event time; called at the agent's next event, before it is judged.
[[nodiscard]] std::vector<FindingRecord> close_idle(AgentState& agent, EventTime now, const Told& told);

/// How a finding ended, and the sentence that says so.
struct Ending {
  std::string reason, sentence;
};
/// Closes the findings of `which` at the agent's own time: an operator has released what they led to.
[[nodiscard]] std::vector<FindingRecord> close_released(AgentState& agent, const std::function<bool(const OpenFinding&)>& which,
                                                        const Ending& ending, const Told& told);

/// The Update that says that gates, one at least, have the containment in force that goes back to the finding; none where it is closed.
[[nodiscard]] std::vector<FindingRecord> contained_finding(AgentState& agent, const std::string& uid, std::string sentence,
                                                           std::vector<FindingRecord::Gate> gates, const Told& told);

/// A fact about the agent or its feed at one level, without statistics: agent.unclassified, feed.refused, containment.violated.
struct Fact {
  Analytic analytic{};
  Level level = Level::Alert;
  std::string sentence;
  /// What the fact is about, where that has a finding of its own beside the others of the family: what stands for it in the agent's
  /// containments (is_foreign). A new one is written into it.
  Containment* about = nullptr;
};
/// True where one more such fact will be written and not only counted: what is costly to say is said only then.
[[nodiscard]] bool record_due(const AgentState& agent, Analytic analytic, Level level);
[[nodiscard]] std::vector<FindingRecord> fact_finding(AgentState& agent, const Event& event, Fact fact, const Told& told);

/// The finding that a containment after this event goes back to: the strongest of the records just made, else the strongest open one.
[[nodiscard]] ContainmentCause cause_of(const AgentState& agent, std::span<const FindingRecord> records);

/// `rf-` and 16 hex digits of SHA-256 over tenant, agent, the Create's event id, analytic and persona digest.
[[nodiscard]] std::string finding_uid(std::string_view tenant, std::string_view agent, std::string_view event_id, Analytic analytic,
                                      std::string_view persona_sha256);

}  // namespace ringfence
