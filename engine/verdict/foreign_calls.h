// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/event/event.h"
#include "engine/state/agent_state.h"
#include "engine/verdict/case.h"
#include "engine/verdict/foreign_containments.h"

namespace ringfence {

/// A call that succeeded although a containment of another writer denies it and every expected gate had confirmed that before it started.
struct GoneRound {
  const ForeignContainment* standing = nullptr;
  std::string event_id;
  EventTime started;
};

/// Books a call held against the containments of other writers over its agent: where it succeeded, what the agent's state keeps of each
/// that denies it (`is_foreign`) counts it. Gives the calls that went around gates, an earlier one too where their word came after
/// it.
[[nodiscard]] std::vector<GoneRound> passed_foreign(AgentState& agent, const std::vector<const ForeignContainment*>& over,
                                                    const Event& event, EventTime started, std::optional<Effect> effect);

/// Their findings, one for each containment and agent: what comes later is counted there.
[[nodiscard]] std::vector<FindingRecord> gone_round_findings(AgentState& agent, const std::vector<GoneRound>& calls, const Event& event,
                                                             const Told& told);

/// Forgets what calls made of containments that no longer stand and closes its findings; at the agent's next event, before it is judged.
[[nodiscard]] std::vector<FindingRecord> forget_ended(AgentState& agent, const ForeignContainments& foreign, const Told& told);
/// The same of one that has just ended, at once; `how` in words, empty where nobody said.
[[nodiscard]] std::vector<FindingRecord> forget_ended(AgentState& agent, const ForeignContainment& standing, const std::string& how,
                                                      const Told& told);

}  // namespace ringfence
