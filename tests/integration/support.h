// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "connectors/kafka/consumer.h"
#include "connectors/kafka/producer.h"
#include "connectors/kafka/topics.h"
#include "tests/integration/broker.h"

/// What the tests on a real broker share.
namespace ringfence::testing {

/// How long anything that must happen may take before a test fails; far above what it takes on a busy machine.
inline constexpr std::chrono::seconds kPatience{60};

/// A loopback port that nobody listens at, another with each call. Below the range from which the system gives ports to clients: one that
/// tries to reconnect could otherwise sit on the port of a server while that restarts.
[[nodiscard]] std::uint16_t free_port();
[[nodiscard]] KafkaSettings settings_for(const Broker& broker);
/// A name no other test uses.
[[nodiscard]] std::string unique_name(const std::string& stem);

/// Makes a topic and waits until the broker shows it; an error as text.
[[nodiscard]] std::expected<void, std::string> make_topic(const Broker& broker, const TopicSpec& spec);
[[nodiscard]] TopicSpec plain_topic(const std::string& name, std::int32_t partitions);

/// `partition:number`, so that a record's content says where it belongs.
[[nodiscard]] std::string payload(std::int32_t partition, std::int64_t number);
/// Publishes `payload(p, first)` … to every partition in turn and waits for the acknowledgements.
[[nodiscard]] std::expected<void, std::string> fill(Producer& producer, const std::string& topic, std::int32_t partitions,
                                                    std::int64_t first, std::int64_t count);

/// Deletes the topic with all it holds.
[[nodiscard]] std::expected<void, std::string> delete_topic(const Broker& broker, const std::string& topic);
/// Deletes what is before `before`, as retention does.
[[nodiscard]] std::expected<void, std::string> delete_records(const Broker& broker, const std::string& topic, std::int32_t partition,
                                                              std::int64_t before);
/// Gives the broker's stranger what these lines of `acl_lines` give the principal, and takes every other right from it.
[[nodiscard]] std::expected<void, std::string> grant(const Broker& broker, const std::vector<std::string>& lines,
                                                     const std::string& principal);
/// What the group has committed for a partition.
[[nodiscard]] std::optional<Offset> committed(const Broker& broker, const std::string& group, const std::string& topic,
                                              std::int32_t partition);

/// The positions several members of a group keep together, as their stores would: what one gives up the next goes on from.
class SharedPositions {
 public:
  [[nodiscard]] std::optional<Offset> next(Partition partition) const;
  void applied(Partition partition, Offset offset);
  void set(Partition partition, Offset offset);

 private:
  mutable std::mutex mutex_;
  std::map<Partition, Offset> next_;
};

/// Every record that any member was given, in the order each partition saw.
class Seen {
 public:
  void add(const Record& record);
  void wake();
  /// Waits for a condition on the number of records; false at the end of patience.
  [[nodiscard]] bool wait_for(std::size_t records);
  [[nodiscard]] bool wait_until(const std::function<bool()>& holds);
  [[nodiscard]] std::map<std::int32_t, std::vector<std::pair<std::int64_t, std::string>>> by_partition() const;
  /// Size and hash of the records that came as an excerpt.
  [[nodiscard]] std::vector<std::pair<std::uint64_t, std::string>> cut() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<std::uint64_t, std::string>> cut_;
  std::map<std::int32_t, std::vector<std::pair<std::int64_t, std::string>>> records_;
  std::size_t size_ = 0;
};

/// A consumer with its serving thread and shard threads, as the service runs them.
class Member : public PartitionOwner {
 public:
  Member(ConsumerSettings settings, SharedPositions& positions, Seen& seen);
  ~Member() override;
  [[nodiscard]] std::expected<void, KafkaError> start();
  void stop();

  std::expected<std::optional<Offset>, std::string> assigned(Partition partition) override;
  void revoked(std::span<const Partition> partitions, bool lost) override;
  std::optional<Offset> low(Partition partition) override { return positions_.next(partition); }
  void alarm(const ConsumerAlarm& alarm) override;

  [[nodiscard]] std::set<Partition> owned() const;
  [[nodiscard]] std::vector<ConsumerAlarm> alarms(ConsumerAlarm::Kind kind) const;
  [[nodiscard]] std::optional<KafkaError> failure() const;
  /// What `poll` said last in a shard after the failure.
  [[nodiscard]] std::optional<KafkaError> shard_failure() const;
  /// A revocation that came while a shard had records in hand.
  [[nodiscard]] bool disturbed() const;
  [[nodiscard]] Consumer& consumer() { return *consumer_; }
  /// Makes `assigned` fail, as a store that cannot be read does.
  void refuse_partitions() { refuse_ = true; }

 private:
  void run_shard(const std::stop_token& stop, std::size_t shard);

  ConsumerSettings settings_;
  SharedPositions& positions_;
  Seen& seen_;
  std::unique_ptr<Consumer> consumer_;
  mutable std::mutex mutex_;
  std::set<Partition> owned_;
  std::vector<ConsumerAlarm> alarms_;
  std::optional<KafkaError> failure_, shard_failure_;
  std::atomic<int> busy_{0};
  std::atomic<bool> disturbed_{false};
  std::atomic<bool> refuse_{false};
  std::vector<std::jthread> threads_;
};

}  // namespace ringfence::testing
