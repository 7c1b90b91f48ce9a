// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/event/level.h"
#include "engine/state/agent_state.h"

/// The scopes an act is in: its agent's, and its session's. Levels of other parts of the agent's work do not concern it. Pure.
namespace ringfence {

[[nodiscard]] Level highest(const Standing& standing);
/// The highest level that stands over an act of this session.
[[nodiscard]] Level standing_over(const AgentState& agent, const SessionState& session);

}  // namespace ringfence
