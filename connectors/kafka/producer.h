// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "connectors/kafka/client.h"
#include "connectors/sinks/sink.h"
#include "engine/event/ids.h"

namespace ringfence {

struct ProducerSettings {
  KafkaSettings kafka;
  /// How long a record may wait for company: 0 for control, 5 ms for findings (below 2 ms the broker becomes the bottleneck at thousands a
  /// second).
  std::chrono::milliseconds linger{0};
  /// `none gzip snappy lz4 zstd`. gzip, snappy and lz4 can go out uncompressed to newer brokers without a word.
  std::string compression = "zstd";
  /// Records handed over and not yet acknowledged; at the limit `publish` answers QueueFull.
  std::size_t max_open = 100'000;
  /// The largest record. Above what topics take by default it wants a topic that takes it.
  std::size_t max_record_bytes = 1'000'000;
  /// Called after acknowledgements and failures have come in, from the acknowledging thread, or one that flushes. Must not wait.
  std::function<void()> progress = {};
};

struct OutputRecord {
  std::string_view topic, key, value;
  /// The input record that made this one; nothing for what time alone makes (a heartbeat, a claim).
  std::optional<Position> cause;
  /// Nothing: by hash of the key, as Java clients do.
  std::optional<Partition> partition;
  /// Without a value, on purpose: compaction deletes the key.
  bool tombstone = false;
};

struct ProducerCounters {
  std::uint64_t published = 0, acknowledged = 0, refused = 0;
};

/// An idempotent producer that waits for all replicas and never gives up on a record while its broker is away; what is stored for good is
/// told per input partition. Records of one key and producer arrive in the order they were published, once.
///
/// Thread-safe. Acknowledgements come in on a thread of its own. After `failed` has a value nothing later may be relied on: the horizon
/// stays where it is, so a restart publishes again what is missing.
class Producer {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<Producer>, KafkaError> open(const ProducerSettings& settings, KafkaLog log = {});
  /// What is not acknowledged yet is dropped: flush first.
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  /// Hands a record over without waiting; it is copied. An empty value is refused where it is not said to be a tombstone.
  /// QueueFull: wait for acknowledgements and publish again.
  [[nodiscard]] std::expected<void, KafkaError> publish(const OutputRecord& record);

  /// Every output of an earlier record of this partition is stored; `kAllAcknowledged` where none is under way.
  [[nodiscard]] Offset acknowledged(Partition partition) const;
  /// Waits until everything published so far is acknowledged, at most `within` and until `stop` is asked for.
  [[nodiscard]] std::expected<void, KafkaError> flush(std::chrono::milliseconds within, const std::stop_token& stop = {});

  /// Connects to the leader of each partition of an output topic, so that the first halt does not wait for it (up to 1 s): no record is
  /// written, since readers of findings and gates would have to know it. Gives the number of partitions; an error where the topic is
  /// missing.
  [[nodiscard]] std::expected<std::int32_t, KafkaError> warm(const std::string& topic, std::chrono::milliseconds within);

  /// The first record the cluster refused for good, or the client's fatal error.
  [[nodiscard]] std::optional<KafkaError> failed() const;
  [[nodiscard]] ProducerCounters counters() const;

 private:
  struct Client;
  explicit Producer(std::unique_ptr<Client> client);
  std::unique_ptr<Client> client_;
};

/// One topic of a producer as a Sink. The producer may serve several; a horizon is then that of all of them. Threads as the producer.
class TopicSink final : public Sink {
 public:
  TopicSink(Producer& producer, std::string topic) : producer_(producer), topic_(std::move(topic)) {}
  [[nodiscard]] std::expected<void, SinkError> publish(std::string_view record, std::string_view key, Position cause) override;
  [[nodiscard]] Offset acknowledged(Partition partition) const override { return producer_.acknowledged(partition); }
  [[nodiscard]] std::expected<void, SinkError> flush(Nanos within) override;

 private:
  Producer& producer_;
  std::string topic_;
};

[[nodiscard]] SinkError to_sink_error(const KafkaError& error);

}  // namespace ringfence
