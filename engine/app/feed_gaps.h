// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "engine/app/wall_clock.h"
#include "engine/event/ids.h"
#include "engine/verdict/finding.h"

namespace ringfence {

/// A place in a topic.
struct FeedPlace {
  std::string topic;
  Partition partition;
  Offset at;
  auto operator<=>(const FeedPlace&) const = default;
};
/// `TOPIC/PARTITION@OFFSET`, as `kafka.move_on` names it.
[[nodiscard]] std::string to_string(const FeedPlace& place);

/// Partitions of this process that stand still, and the findings `feed.gap` about them: one opens where a partition comes to a stand and
/// ends when a person has let it go on. Its uid is that of the place, so whoever finds the partition there again means the same.
/// Thread-safe.
class FeedGaps {
 public:
  /// The partition is not read on from this place; `why` ends in no stop.
  void stands(const FeedPlace& place, const std::string& why, WallTime now);
  /// The partition is not ours any more.
  void left(const std::string& topic, Partition partition);
  /// A person let it go on at `to`: what lay between is never judged.
  void moved_on(const FeedPlace& place, Offset to, WallTime now);

  /// How many partitions of the topic stand still.
  [[nodiscard]] std::size_t standing(const std::string& topic) const;
  /// Which ones do, for people; empty where none does.
  [[nodiscard]] std::string said() const;
  /// Findings that are due.
  [[nodiscard]] std::vector<FindingRecord> take_findings();

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, Partition>, FeedPlace> standing_;
  std::vector<FindingRecord> due_;
};

}  // namespace ringfence
