// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "connectors/sinks/enforcement_board.h"
#include "engine/pipeline/judge.h"

namespace ringfence {

/// Where agents stand now, for a look from outside: at most `kRows` of a shard, those of the highest levels and scores that have acted
/// since the start and have not been released since. `see` belongs to the shard's thread, `shown` to any.
class LiveView {
 public:
  static constexpr std::size_t kRows = 128;
  /// Of agents and of containments as many are told to who asks: with the longest names there are, escaped, some 3 MiB.
  static constexpr std::size_t kShown = 200;
  struct Row {
    std::string tenant, agent, threat;
    Level level = Level::Observe;
    double score = 0;
    EventTime last;
    std::uint64_t passed = 0;  // calls that succeeded though a containment denies them
  };

  /// Looks at one judgement; an agent below every level and with a score under 1 is not kept. A few ns for such a one where nobody is.
  void see(const Judgement& judgement);
  [[nodiscard]] std::vector<Row> shown() const;

 private:
  [[nodiscard]] static std::uint64_t key_of(std::string_view tenant, std::string_view agent);
  void forget_released(const Judgement& judgement);

  std::map<std::uint64_t, Row> rows_;
  mutable std::mutex mutex_;  // of changes; the thread that makes them reads without it
};

/// How far one shard is behind.
struct ShardLag {
  std::int64_t records = 0;        // not yet judged
  std::int64_t feed_delay_ns = 0;  // of the latest record: its arrival less its event time
};

/// One line of JSON: what `ringfence top` shows. Agents (highest first, over all shards) and containments, of each the first `kShown` and
/// how many there are, and how far shards are behind.
[[nodiscard]] std::string encode_live_view(std::vector<LiveView::Row> agents, const std::vector<ShardLag>& lag,
                                           const EnforcementBoard::Standing& contained);

}  // namespace ringfence
