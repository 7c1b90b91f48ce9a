// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/event/ids.h"
#include "engine/state/agent_state.h"

namespace ringfence {

/// Of the agents of one partition, who works below whom: what they tell the trees above them (Deed::Join and Leave), so that a person's
/// halt of a tree finds at once whom it stops. Kept with the partition. Plain values, one thread; at most `kMost` pairs: of what is beyond,
/// the agent is stopped at its next call.
class TreeMembers {
 public:
  static constexpr std::size_t kMost = 16'384;

  void join(const AgentKey& root, const AgentKey& member);
  void leave(const AgentKey& root, const AgentKey& member);
  /// In order of their keys.
  [[nodiscard]] std::vector<AgentKey> of(const AgentKey& root) const;

  /// True where something has changed since this was last asked: then it is to be kept.
  [[nodiscard]] bool take_changed() { return std::exchange(changed_, false); }
  [[nodiscard]] std::string encode() const;
  /// Takes over those of what stands there whose member `mine` admits; of unreadable bytes none.
  template <class Mine>
  void restore(std::string_view bytes, const Mine& mine) {
    std::set<Pair> pairs = read(bytes);
    std::erase_if(pairs, [&](const Pair& pair) { return !mine(pair.second); });
    pairs_ = std::move(pairs);
  }
  /// Takes in those of another shard over the same partition: each knows its own.
  void take(const TreeMembers& other) { pairs_.insert(other.pairs_.begin(), other.pairs_.end()); }

 private:
  using Pair = std::pair<AgentKey, AgentKey>;  // root, member
  [[nodiscard]] static std::set<Pair> read(std::string_view bytes);

  std::set<Pair> pairs_;
  bool changed_ = false;
};

}  // namespace ringfence
