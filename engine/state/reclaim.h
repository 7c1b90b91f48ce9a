// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "engine/event/ids.h"
#include "engine/state/keyspace.h"

namespace ringfence {

/// How late an event may come behind what its partition has reached and still find its agent as it was: the time Kafka keeps events unless
/// told otherwise. An agent's rows are reclaimed so much later than a read would treat them as expired; what comes later still may find the
/// agent afresh.
inline constexpr Nanos kLateMost = days(7);

/// What a compaction does with the rows of agents that have expired: from each is left what AgentState::start_afresh leaves, so that a read
/// gives what it would have given. Rows of one compaction, in order of keys; one thread.
///
/// The core is cut down where it stands; a session or chunk goes when the store's present core no longer names it, or is the one that this
/// compaction has just cut down (a compaction's outcome appears at once). Contained agents stay as they are, and so does what cannot be
/// read: a read is to say so. The horizon of a partition is what its low-water marks say (records.h).
class Reclaim {
 public:
  /// The row of a key as the store has it at present; nothing also where it cannot be read.
  using Get = std::function<std::optional<std::string>(std::string_view key)>;
  Reclaim(Get get, Nanos expiry) : get_(std::move(get)), expiry_(expiry) {}

  struct Outcome {
    enum class Kind : std::uint8_t { Keep, Remove, Replace } kind{};
    std::string value;  // Replace
  };
  [[nodiscard]] Outcome judge(std::string_view key, std::string_view value);

 private:
  [[nodiscard]] std::optional<EventTime> cutoff(Partition partition);
  [[nodiscard]] bool orphaned(Partition partition, const AgentKey& agent, EventTime before) const;

  const Get get_;
  const Nanos expiry_;
  Partition partition_{-1};
  std::optional<EventTime> cutoff_;  // of partition_
  /// The agent of the last row, where its core has come by or a decision about its parts was taken.
  std::optional<AgentKey> agent_;
  Partition agent_partition_{-1};
  std::string core_;          // as it was before it was cut down; empty: it was not
  std::optional<bool> gone_;  // its parts go
};

}  // namespace ringfence
