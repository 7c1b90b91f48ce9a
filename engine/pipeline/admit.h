// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>

#include "engine/event/decode.h"
#include "engine/persona/persona.h"
#include "engine/state/agent_state.h"

namespace ringfence {

/// How an event relates to the acts already known of its agent (docs/contracts/event.md, `id`).
enum class Sighting : std::uint8_t {
  Request,  // first sight, asked about beforehand: scope and flow are judged
  Whole,    // first sight, already complete, or not a tool call: everything is judged
  Outcome,  // completes a known request: what scope and flow did not judge yet
  Copy,     // known: changes nothing
};

/// How an act was booked.
struct Admission {
  Sighting sighting{};
  EventTime first_seen;  // of the act by its own account: a completed call had started by its request
  std::size_t act = 0;   // its place in AgentState::acts, until the next event
};

/// Books the act under its key, or refuses it as `id_conflict`: another tool, or other arguments, under a known key. Acts are known for
/// 24 h of the agent's event time and at most 4,096 at once; the oldest leave in blocks and are counted where they leave early.
[[nodiscard]] std::expected<Admission, Refusal> admit(AgentState& agent, const Event& event);

/// Whether the act has raised a hold at its request, and that it has: request and complete are one act.
[[nodiscard]] bool has_raised_hold(const KnownAct& act);
void note_hold(KnownAct& act, bool counted);
/// The act does not count as held any more; true where it did.
[[nodiscard]] bool take_back_hold(KnownAct& act);
/// Likewise, that its request has broken limits.
[[nodiscard]] bool has_foreseen_limits(const KnownAct& act);
void note_foreseen_limits(KnownAct& act);

/// The action an act is held against. A completion may leave out the arguments or the resource that its request has shown: then it is the
/// request's, as long as the job has an action of that id with this tool. What a request was matched with is kept until then.
[[nodiscard]] ActionMatch match_known(const Persona& job, const Event& event, Sighting sighting, KnownAct& act);

}  // namespace ringfence
