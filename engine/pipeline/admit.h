// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>

#include "engine/event/decode.h"
#include "engine/state/agent_state.h"

namespace ringfence {

/// How an event relates to the acts already known of its agent (docs/contracts/event.md, `id`).
enum class Sighting : std::uint8_t {
  Request,   // first sight, asked about beforehand: scope and flow are judged
  Whole,     // first sight, already complete, or not a tool call: everything is judged
  Outcome,   // completes a known request: what scope and flow did not judge yet
  Copy,      // known: changes nothing
};

/// Books the act under its key, or refuses it as `id_conflict`: another tool, or other arguments, under a known key. Acts are known for
/// 24 h of the agent's event time and at most 4,096 at once; the oldest leave in blocks and are counted where they leave early.
[[nodiscard]] std::expected<Sighting, Refusal> admit(AgentState& agent, const Event& event);

}  // namespace ringfence
