// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "connectors/kafka/consumer.h"
#include "connectors/kafka/continuity.h"
#include "connectors/kafka/native.h"
#include "connectors/kafka/shard_park.h"

namespace ringfence {

/// What a consumer is made of: the client's handle, a queue per shard, and what is known of each partition. The sources that share it are
/// consumer.cpp (opening, shard threads) and consumer_serve.cpp (the serving thread).
struct Consumer::Client : kafka::Witness {
  struct Shard {
    kafka::Queue queue;
    std::vector<rd_kafka_message_t*> messages;
    std::vector<Record> records;
    std::deque<std::string> hashes;  // of records that are shown as an excerpt
    std::deque<Shown> shown;         // the same

    void release() {
      records.clear();
      hashes.clear();
      shown.clear();
      for (rd_kafka_message_t* message : messages) rd_kafka_message_destroy(message);
      messages.clear();
    }
  };
  struct Move {
    Partition partition;
    std::int64_t offset;  // RD_KAFKA_OFFSET_BEGINNING or a number
  };

  Client(ConsumerSettings given, PartitionOwner& who, KafkaLog sink)
      : Witness(std::move(sink)), settings(std::move(given)), owner(who), park(settings.shards), shards(settings.shards) {}

  ConsumerSettings settings;
  PartitionOwner& owner;
  ShardPark park;
  kafka::Handle handle;
  kafka::Queue main;
  std::vector<Shard> shards;  // destroyed before the handle
  bool closed = false;
  std::chrono::steady_clock::time_point rebalanced;  // last; serving thread

  /// Grows while all shards are parked and `mutex` is held; an element never moves.
  std::deque<Continuity> partitions;
  std::vector<Partition> assigned;  // serving thread; read by `lag` under `mutex`
  std::map<Partition, Offset> committed;
  std::map<Partition, std::int64_t> moved;  // by reassignment, and where to
  std::chrono::steady_clock::time_point commit_due = std::chrono::steady_clock::now(), bounds_due;
  /// What the log holds of partitions that stand still; under `mutex`.
  struct Bounds {
    std::int64_t begin, end;
  };
  std::map<Partition, Bounds> bounds;

  mutable std::mutex mutex;
  std::vector<Move> moves;
  std::optional<KafkaError> failure;
  std::atomic<bool> failed{false};
  /// When the coordinator last answered a heartbeat, and when the client last had an error of any broker; ns of the steady clock.
  std::atomic<std::int64_t> heard_ns{0}, trouble_ns{0};
  std::atomic<std::uint64_t> gaps{0}, holes{0}, dropped{0}, strays{0}, rebalances{0};

  std::expected<void, KafkaError> start();
  [[nodiscard]] std::expected<void, KafkaError> join();
  bool joined = false;
  void fail(KafkaError error);
  [[nodiscard]] bool leave_group();
  [[nodiscard]] KafkaError failure_copy() const;
  void alarm(ConsumerAlarm::Kind kind, Partition partition, std::int64_t expected, std::int64_t found, std::string message);

  void on_fatal(const KafkaError& error) override { fail(error); }
  void on_trouble(rd_kafka_resp_err_t code, const std::string& why) override;

  // serving thread
  void rebalance(rd_kafka_resp_err_t event, rd_kafka_topic_partition_list_t* list);
  bool park_shards();
  void assign(rd_kafka_topic_partition_list_t* list);
  void revoke(rd_kafka_topic_partition_list_t* list);
  void on_main(const rd_kafka_message_t& message);
  void seek();
  std::optional<KafkaError> seek_to(const Move& move);
  std::optional<KafkaError> reassign(const Move& move);
  void forward(Partition partition);
  void forward_moved();
  void commit(std::span<const Partition> which);
  void ask_bounds();
  [[nodiscard]] bool coordinator_answers() const;

  // shard threads
  void take(Shard& shard, const rd_kafka_message_t& message);
  void take_error(const rd_kafka_message_t& message);
  void ask_seek(Partition partition, std::int64_t next);
};

}  // namespace ringfence
