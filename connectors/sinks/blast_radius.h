// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <string>

#include "connectors/encoders/control.h"

namespace ringfence {

/// Limits what may be halted without a person (docs/contracts/control.md): a common cause that makes all agents look bad must not stop them
/// all. Wall clock, one per process, outside replay equality. One thread at a time.
class BlastRadius {
 public:
  struct Limits {
    std::uint32_t max_halts_per_minute = 20;
    double max_halted_share = 0.10;       // of the agents active in the last hour
    std::uint32_t min_halted_agents = 3;  // so many may be halted whatever their share
  };
  explicit BlastRadius(Limits limits) : limits_(limits) {}

  /// True if one more halt is within the limits; it then counts. An agent that is halted already widens nothing and is always admitted.
  [[nodiscard]] bool admit(const std::string& agent, std::size_t active_agents, WallTime now);
  /// The number of active agents as told last: a record that had to wait is held against the number of now, not of when it came.
  void tell_active(std::size_t agents) { active_ = agents; }
  [[nodiscard]] std::size_t active() const { return active_; }
  /// Counts an agent without asking: halted before this process started, or by a person.
  void halted(const std::string& agent) { halted_.insert(agent); }
  void released(const std::string& agent) { halted_.erase(agent); }

 private:
  Limits limits_;
  std::size_t active_ = 0;
  std::deque<WallTime> last_minute_;
  std::set<std::string> halted_;
};

}  // namespace ringfence
