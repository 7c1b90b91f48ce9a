// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "engine/pipeline/judge.h"
#include "engine/verdict/foreign_calls.h"

namespace ringfence {

/// A call held against what contains its agent: its own containments and those of other writers that stand over it.
struct Contained {
  bool stopped = false;   // a gate that had applied what stands would have denied it: that had been published when the call started
  bool untold = false;    // and nobody knows whether it went through
  bool violated = false;  // it succeeded past gates that had confirmed what stands, or that are assumed to have
  const Containment* broken = nullptr;  // of the agent's own, the one that gates had confirmed
  EventTime started;
  std::vector<GoneRound> round;  // of other writers'
};
[[nodiscard]] Contained hold_against_containments(const Event& event, const Admission& admission, AgentState& agent,
                                                  std::optional<Effect> effect, const Circumstances& circumstances);

/// An agent whose call went around what others have contained is one of its members from here on.
void note_joined(const Contained& contained, Judgement& out);

/// Raises what is left to say of a call that went around gates, and counts one of which nobody can say whether it did.
void tell_violation(const Contained& contained, AgentState& agent, const Event& event, const Told& told, Judgement& out);

/// True where a denial comes of what contains the agent: it is no barrier.
[[nodiscard]] bool own_refusal(const AgentState& agent, const Event& event, std::optional<Effect> effect,
                               const ForeignContainments* foreign);

/// The agent works in a tree that a person has halted: it is contained by name, because a gate need not see whom it works for. Before it is
/// judged.
void contain_in_trees(const Event& event, AgentState& agent, SessionState& session, const Persona* persona,
                      const Circumstances& circumstances, Judgement& out);

}  // namespace ringfence
