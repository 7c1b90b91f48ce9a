// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/kafka/client.h"
#include "engine/event/ids.h"

namespace ringfence {

struct TopicReaderSettings {
  KafkaSettings kafka;
  std::string topic;
  /// Where to begin in each partition. The log's beginning where that offset is gone, or was never reached by a topic made anew.
  Offset from{0};
  /// Only this partition, for topics in which each has a reader of its own; nothing: all.
  std::optional<Partition> partition = {};
  /// Fetches nothing before it is turned to a partition.
  bool rests = false;
  /// Begins behind what is there when it is opened instead.
  bool only_new = false;
  /// Begins in each partition with the first record that is stamped with this time or a later one; milliseconds since 1970-01-01T00:00:00Z.
  std::optional<std::int64_t> since_ms = {};
  std::chrono::milliseconds open_within{10'000};
  /// How long the broker may hold a fetch back at the end of the log: that is how long it takes to know the end.
  std::chrono::milliseconds fetch_wait{100};
};

/// One record of a followed topic, owned.
struct TopicRecord {
  std::string key, value;
  bool tombstone = false;  // no value at all
  Position position;
};

/// Reads every record of a small topic from its beginning and then follows it: the compacted topics that hold state for everyone (control,
/// acknowledgements, context). No group, no commits, nothing coordinated: the right to read the topic is all it needs. One thread at a
/// time.
class TopicReader {
 public:
  /// An error where no broker answers or the topic is missing, within the time set.
  [[nodiscard]] static std::expected<std::unique_ptr<TopicReader>, KafkaError> open(TopicReaderSettings settings, KafkaLog log = {});
  ~TopicReader();
  TopicReader(const TopicReader&) = delete;
  TopicReader& operator=(const TopicReader&) = delete;

  struct Batch {
    std::vector<TopicRecord> records;  // in order within a partition
    bool caught_up = false;            // every partition was at its end when this was read
  };
  /// The next records, at most `max`; waits up to `wait` for the first. After an error reading goes on with the next call unless it is
  /// fatal.
  [[nodiscard]] std::expected<Batch, KafkaError> read(std::size_t max, std::chrono::milliseconds wait);

  /// Reads one partition from `from` on and no other any more; what was fetched and not read is dropped.
  [[nodiscard]] std::expected<void, KafkaError> turn_to(Partition partition, Offset from);
  /// Fetches nothing until it is turned to a partition again.
  void rest();

  /// What the log of a partition holds now: its first offset and the one behind its last.
  struct Bounds {
    Offset begin, end;
  };
  [[nodiscard]] std::expected<Bounds, KafkaError> bounds(Partition partition) const;

  [[nodiscard]] std::size_t partitions() const;

 private:
  struct Client;
  explicit TopicReader(std::unique_ptr<Client> client);
  std::unique_ptr<Client> client_;
};

}  // namespace ringfence
