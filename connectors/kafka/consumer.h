// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "connectors/kafka/client.h"
#include "engine/event/ids.h"
#include "engine/event/record.h"

namespace ringfence {

/// Something an operator must hear of. Raised at once, from a shard's or the serving thread.
struct ConsumerAlarm {
  enum class Kind : std::uint8_t {
    Gap,          // records did not come by: the partition is sought back to `expected`
    Hole,         // the log itself has nothing between `expected` and `found`; consumption went on at `found`
    OutOfRange,   // the log does not hold `expected` (deleted, or the topic was made anew): the partition stands still
    Corrupt,      // bytes fail their checksum, twice: the partition stands still
    Unavailable,  // a partition or the cluster reports an error; the client keeps trying
  } kind{};
  std::optional<Partition> partition;
  Offset expected, found;
  std::string message;
};

/// Who keeps the truth about positions. All calls come from the thread that serves the consumer, but for `alarm`.
class PartitionOwner {
 public:
  virtual ~PartitionOwner() = default;
  /// A partition is ours from here on: the offset to go on from, or nothing for the log's beginning. All shards are parked. An error is
  /// fatal.
  [[nodiscard]] virtual std::expected<std::optional<Offset>, std::string> assigned(Partition partition) = 0;
  /// Partitions leave: flush what is known of them. All shards are parked and have handled every record they were given. When `lost`,
  /// another member may have them already.
  virtual void revoked(std::span<const Partition> partitions, bool lost) = 0;
  /// Asked right after `assigned`: why the partition is not to be read although it is ours. It then stands still as out of range.
  [[nodiscard]] virtual std::optional<std::string> distrusts(Partition partition) {
    static_cast<void>(partition);
    return std::nullopt;
  }
  /// Where this partition would go on from after a restart, for lag tools; nothing where unknown. Called each second while shards run.
  [[nodiscard]] virtual std::optional<Offset> low(Partition partition) = 0;
  /// Thread-safe; must not call back into the consumer, except `move`.
  virtual void alarm(const ConsumerAlarm& alarm) = 0;
};

struct ConsumerSettings {
  KafkaSettings kafka;
  std::string topic;
  std::string group;
  /// Name of this member for as long as it lives on this host: a restart within the session time moves no partition. Empty: a passing
  /// member.
  std::string instance;
  std::size_t shards = 1;
  /// The topic is compacted or written in transactions: offsets without a record are usual and not looked for.
  bool holes_expected = false;
  /// How long opening may take to reach the cluster and find the topic.
  std::chrono::milliseconds open_within{10'000};
};

struct PartitionLag {
  Partition partition;
  Offset next;                // to be consumed next
  std::optional<Offset> end;  // as of the last fetch; nothing before the first
  /// Of a partition that stands still: the log's first offset and the end, asked for every few seconds, since nothing is fetched.
  std::optional<Offset> begin = {};
  /// Records that the log holds and nobody has consumed. Of one whose position the log does not hold: all of them.
  [[nodiscard]] std::int64_t behind() const {
    if (!end) return 0;
    const bool held = !begin || (*begin <= next && next <= *end);
    return std::max<std::int64_t>(end->value - (held ? next : *begin).value, 0);
  }
};

struct ConsumerCounters {
  std::uint64_t gaps = 0, holes = 0, dropped = 0, strays = 0, rebalances = 0;
};

/// A member of a consumer group that gives each of N shard threads the records of its own partitions (number modulo N), in order, each
/// offset exactly once per assignment, from offsets its owner keeps. docs/kafka.md says why each choice is as it is.
///
/// Threads: one thread calls `serve` (always: it keeps the membership alive), each shard k one thread of its own calls `poll(k)`; `leave`,
/// `move`, `lag` and `counters` from any. Backpressure is to stop polling. After an error with `fatal` the consumer gives nothing more.
class Consumer {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<Consumer>, KafkaError> open(ConsumerSettings settings, PartitionOwner& owner,
                                                                                 KafkaLog log = {});
  /// Closes where `close` was not called; every shard must have left.
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  /// Rebalances, errors, seeks and commits are done in here; returns after at most `wait` unless there was something to do.
  [[nodiscard]] std::expected<void, KafkaError> serve(std::chrono::milliseconds wait);

  /// The next records of a shard: waits up to `wait` for the first and adds those already here, at most `kBatch`. The records before are
  /// released, and all views into them end. Empty when nothing came. `arrival` is the record's own time to the millisecond (the broker's
  /// where the topic says LogAppendTime), saturated where it does not fit. Cost: 230-400 ns a record.
  [[nodiscard]] std::expected<std::span<const Record>, KafkaError> poll(std::size_t shard, std::chrono::milliseconds wait);
  /// The shard will not poll again; its records are released. To be called by its thread, or after that has ended.
  void leave(std::size_t shard);

  /// Goes on from another offset: the answer to an alarm that left a partition standing. Takes effect in the next `serve`.
  void move(Partition partition, Offset offset);

  /// Gives every partition back (through `revoked`) and ends the session; as a named member its partitions stay reserved for the session
  /// time. Every shard must have left. Returns at most 10 s after the last partition was given back, whatever becomes of the broker.
  void close();

  [[nodiscard]] std::vector<PartitionLag> lag() const;
  [[nodiscard]] ConsumerCounters counters() const;

  static constexpr std::size_t kBatch = 1000;
  /// A shard that handles one batch for longer than this while a rebalance waits makes the consumer fail.
  static constexpr std::chrono::seconds kParkWithin{30};

 private:
  struct Client;
  explicit Consumer(std::unique_ptr<Client> client);
  std::unique_ptr<Client> client_;
};

}  // namespace ringfence
