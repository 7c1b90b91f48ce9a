// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "engine/app/wall_clock.h"
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

/// Name of the number of active agents in the store.
inline constexpr std::string_view kActiveRecord = "active_agents";

/// The number of active agents that the process before left in the store, `count time` by the clock: for an hour from then on there were
/// no fewer, so that a restart does not narrow the blast radius.
class ActiveBefore {
 public:
  /// Unreadable bytes say nothing.
  void restore(std::string_view record) {
    std::int64_t written = 0;
    if (std::istringstream(std::string(record)) >> agents_ >> written) until_ = WallTime{written + hours(1).value};
  }
  /// Of the last hour, where so many were seen since the start.
  [[nodiscard]] std::size_t with(std::size_t seen, WallTime now) const { return now < until_ ? std::max(seen, agents_) : seen; }

 private:
  std::size_t agents_ = 0;
  WallTime until_;
};

/// Says when the number is to be stored: as soon as it changes, and again before what the store has is old.
class ActiveNote {
 public:
  [[nodiscard]] std::optional<std::string> due(std::size_t agents, ActiveAgents::Steady::time_point steady, WallTime now) {
    if (agents == written_ && steady < due_) return std::nullopt;
    written_ = agents;
    due_ = steady + kActiveAgain;
    return std::to_string(agents) + " " + std::to_string(now.value);
  }

 private:
  static constexpr std::chrono::minutes kActiveAgain{1};
  std::size_t written_ = 0;
  ActiveAgents::Steady::time_point due_;
};

}  // namespace ringfence
