// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <unordered_set>
#include <utility>

#include "engine/event/ids.h"

namespace ringfence {

/// Agents with an event in the last hour or half of it: two generations of half an hour, an agent is in one of them.
class ActiveAgents {
 public:
  using Steady = std::chrono::steady_clock;

  void seen(const AgentKey& key, Steady::time_point now) {
    if (now >= turn_) {
      before_ = std::exchange(now_, {});
      turn_ = now + kActiveGeneration;
    }
    if (now_.size() < kActiveMost && now_.insert(key.hash.low).second) before_.erase(key.hash.low);
  }
  [[nodiscard]] std::size_t count() const { return now_.size() + before_.size(); }

 private:
  static constexpr std::chrono::minutes kActiveGeneration{30};
  static constexpr std::size_t kActiveMost = 1'000'000;
  std::unordered_set<std::uint64_t> now_, before_;
  Steady::time_point turn_;
};

}  // namespace ringfence
