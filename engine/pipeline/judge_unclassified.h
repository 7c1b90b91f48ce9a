// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/event/event.h"
#include "engine/pipeline/judge.h"
#include "engine/state/agent_state.h"

namespace ringfence {

/// An event of an agent that no persona applies to.
struct Unclassified {
  const Event& event;
  Sighting sighting{};
  AgentState& agent;
  SessionState& session;
  const Circumstances& circumstances;
  KnownAct& known;
};

/// Counts what it does and says so; a decoy is a tripwire for it too. From 30 calls on, and each time they have doubled, its calls are
/// compared with the known jobs (docs/design/detection.md §3.6): the job that fits is adopted, and its caps, twice as wide, make findings
/// of evidence. Nothing declared is held against it: no breach, no wager on amounts that it never declared, no link. Never more than an
/// alert, nothing is contained: an agent without a job has no limits that it agreed to.
void judge_unclassified(const Unclassified& seen, Judgement& out);
/// The agent has a job now.
void forget_unclassified(AgentState& agent);

}  // namespace ringfence
