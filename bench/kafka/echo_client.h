// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "connectors/kafka/consumer.h"
#include "connectors/kafka/producer.h"
#include "tests/integration/support.h"

/// The client that does nothing but pass records on, with the engine's own Kafka settings: what the engine's figures are read beside.
namespace ringfence {

using Clock = std::chrono::steady_clock;
inline constexpr std::chrono::milliseconds kWait{100};
inline constexpr std::chrono::seconds kPatience{120};

/// Keeps positions nowhere: each run reads its topics from their beginning.
class Fresh final : public PartitionOwner {
 public:
  std::expected<std::optional<Offset>, std::string> assigned(Partition) override { return std::nullopt; }
  void revoked(std::span<const Partition>, bool) override {}
  std::optional<Offset> low(Partition) override { return std::nullopt; }
  void alarm(const ConsumerAlarm& alarm) override { std::fprintf(stderr, "%s\n", alarm.message.c_str()); }
};

inline std::int64_t now_ns() { return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count(); }

[[noreturn]] inline void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::_Exit(1);
}

template <class T, class E>
T must(std::expected<T, E> value) {
  if (!value) {
    if constexpr (requires { value.error().message; })
      give_up(value.error().message);
    else
      give_up(value.error());
  }
  if constexpr (!std::is_void_v<T>) return std::move(*value);
}

/// A consumer of one shard with its serving thread.
struct PlainConsumer {
  Fresh owner;
  std::unique_ptr<Consumer> consumer;
  std::jthread serving;

  PlainConsumer(const KafkaSettings& kafka, const std::string& topic)
      : consumer(must(Consumer::open({.kafka = kafka, .topic = topic, .group = topic + "-bench", .instance = {}, .shards = 1}, owner))),
        serving([this](const std::stop_token& stop) {
          while (!stop.stop_requested() && consumer->serve(kWait)) {
          }
        }) {}
  ~PlainConsumer() {
    consumer->leave(0);
    serving.request_stop();
    serving.join();
  }
};

inline void publish(Producer& producer, const OutputRecord& record) {
  while (true) {
    const auto done = producer.publish(record);
    if (done) return;
    if (done.error().code != KafkaError::Code::QueueFull) give_up(done.error().message);
    const auto room = producer.flush(std::chrono::milliseconds(20));
    if (!room && !room.error().retriable) give_up(room.error().message);
  }
}

/// Passes every record of one topic on to partition 0 of another until it goes.
class EchoClient {
 public:
  EchoClient(const KafkaSettings& kafka, const std::string& in, std::string out)
      : out_(std::move(out)),
        producer_(must(Producer::open({.kafka = kafka, .linger = std::chrono::milliseconds(0)}))),
        follower_(kafka, in) {
    must(producer_->warm(out_, kPatience));
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested())
        for (const Record& record : must(follower_.consumer->poll(0, kWait)))
          publish(*producer_,
                  {.topic = out_, .key = record.key, .value = record.bytes, .cause = record.position, .partition = Partition{0}});
    });
  }

 private:
  std::string out_;
  std::unique_ptr<Producer> producer_;
  PlainConsumer follower_;
  std::jthread thread_;  // last: ends before what it uses
};

}  // namespace ringfence
