// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "engine/state/agent_table.h"

namespace ringfence {

/// Fetches the states that are wanted next towards the cache while those before them are judged: slots and states of a whole stretch, then
/// what each of the next few states points to. Hints only. One thread; the table must not `trim` or `leave` between `begin` and the last
/// `step`.
class LookAhead {
 public:
  explicit LookAhead(const AgentTable& table) : table_(table) {}

  /// Forgets what it was told.
  void begin();
  /// One more that will be wanted, behind those told before.
  void add(const AgentTable::Probe& probe) { probes_.push_back(probe); }
  /// The next of them, which is wanted now.
  const AgentTable::Probe& step();

 private:
  /// States fetched at once, and how many steps ahead one is looked into, what it points to, and what that does
  /// (docs/design/streaming.md §4).
  static constexpr std::size_t kStretch = 32, kFar = 7, kNear = 4, kNext = 2;

  void fetch(std::size_t from) const;
  void look_into(std::size_t index);

  const AgentTable& table_;
  std::vector<AgentTable::Probe> probes_;
  std::size_t at_ = 0;
  std::array<const AgentState*, kFar + 1> coming_{};  // by place in probes_, modulo its size
};

}  // namespace ringfence
