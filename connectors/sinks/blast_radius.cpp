// SPDX-License-Identifier: Apache-2.0
#include "connectors/sinks/blast_radius.h"

#include <algorithm>
#include <cmath>

namespace ringfence {

bool BlastRadius::admit(const std::string& agent, std::size_t active_agents, WallTime now) {
  if (halted_.contains(agent)) return true;
  while (!last_minute_.empty() && now.value - last_minute_.front().value >= minutes(1).value) last_minute_.pop_front();
  if (last_minute_.size() >= limits_.max_halts_per_minute) return false;
  const double share = std::floor(limits_.max_halted_share * static_cast<double>(active_agents) + 1e-9);
  if (static_cast<double>(halted_.size()) + 1 > std::max(share, static_cast<double>(limits_.min_halted_agents))) return false;
  last_minute_.push_back(now);
  halted_.insert(agent);
  return true;
}

}  // namespace ringfence
