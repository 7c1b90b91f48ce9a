// SPDX-License-Identifier: Apache-2.0
#include "engine/verdict/act_scopes.h"

#include <algorithm>

namespace ringfence {

Level highest(const Standing& standing) {
  const Level level = standing.throttle ? Level::Throttle : standing.alert ? Level::Alert : Level::Observe;
  return std::max(level, standing.held.value_or(Level::Observe));
}

Level standing_over(const AgentState& agent, const SessionState& session) {
  return std::max(highest(agent.standing), highest(session.standing));
}

}  // namespace ringfence
