// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/producer.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include "connectors/kafka/ack_horizon.h"
#include "connectors/kafka/native.h"

namespace ringfence {
namespace {

using Clock = std::chrono::steady_clock;

std::array<kafka::Property, 9> properties(const ProducerSettings& settings) {
  return {{
      {"enable.idempotence", "true", true},
      {"acks", "all", true},
      // No record is given up while its broker is away: the horizon waits, and so does the input.
      {"message.timeout.ms", "0", true},
      {"linger.ms", std::to_string(settings.linger.count())},
      {"compression.codec", settings.compression},
      // The same agent lands in the same partition whichever client wrote it.
      {"partitioner", "murmur2_random"},
      {"queue.buffering.max.messages", std::to_string(settings.max_open)},
      {"queue.buffering.max.kbytes", "131072"},
      // Below what a topic takes by default, so that a record too large is refused here and never by the broker, where it would block the
      // horizon.
      {"message.max.bytes", std::to_string(settings.max_record_bytes)},
  }};
}

// A number in the place the library has for a pointer, which nobody follows.
// NOLINTNEXTLINE(performance-no-int-to-ptr)
void* opaque_of(AckHorizon::Ticket ticket) { return reinterpret_cast<void*>(static_cast<std::uintptr_t>(ticket + 1)); }
AckHorizon::Ticket ticket_of(const void* opaque) { return static_cast<AckHorizon::Ticket>(reinterpret_cast<std::uintptr_t>(opaque)) - 1; }

/// librdkafka's argument records are mutable by type and only read.
void* mutable_bytes(std::string_view text) { return const_cast<char*>(text.data()); }

}  // namespace

struct Producer::Client : kafka::Witness {
  explicit Client(KafkaLog log) : Witness(std::move(log)) {}

  std::size_t max_open = 0;
  std::chrono::milliseconds linger{};
  std::function<void()> progress;
  kafka::Handle handle;
  kafka::Queue main;

  mutable std::mutex mutex;
  std::condition_variable_any all_acknowledged;
  AckHorizon horizon;
  ProducerCounters counters;
  std::optional<KafkaError> failure;

  std::jthread acknowledger;  // last: ends before what it uses

  void on_delivery(const rd_kafka_message_t& message);
  void fail(KafkaError error);
  void on_fatal(const KafkaError& error) override { fail(error); }
};

std::expected<std::unique_ptr<Producer>, KafkaError> Producer::open(const ProducerSettings& settings, KafkaLog log) {
  auto client = std::make_unique<Client>(std::move(log));
  client->max_open = settings.max_open;
  client->linger = settings.linger;
  client->progress = settings.progress;
  auto conf = kafka::configure(settings.kafka, properties(settings), *client);
  if (!conf) return std::unexpected(conf.error());
  rd_kafka_conf_set_dr_msg_cb(conf->get(), [](rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    static_cast<Client*>(static_cast<kafka::Witness*>(opaque))->on_delivery(*message);
  });
  auto made = kafka::make(RD_KAFKA_PRODUCER, std::move(*conf));
  if (!made) return std::unexpected(made.error());
  client->handle = std::move(*made);
  client->main.reset(rd_kafka_queue_get_main(client->handle.get()));
  client->acknowledger = std::jthread([rk = client->handle.get()](const std::stop_token& stop) {
    constexpr int kUntilWokenMs = 500;
    while (!stop.stop_requested()) rd_kafka_poll(rk, kUntilWokenMs);
  });
  return std::unique_ptr<Producer>(new Producer(std::move(client)));
}

Producer::Producer(std::unique_ptr<Client> client) : client_(std::move(client)) {}

Producer::~Producer() {
  client_->acknowledger.request_stop();
  rd_kafka_queue_yield(client_->main.get());
  client_->acknowledger.join();
  // Without this the client waits for a broker that may never come back.
  rd_kafka_purge(client_->handle.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
  client_->main.reset();
}

std::expected<void, KafkaError> Producer::publish(const OutputRecord& record) {
  const std::string topic(record.topic);
  if (record.value.empty() && !record.tombstone)
    return std::unexpected(
        KafkaError{.code = KafkaError::Code::Tombstone, .message = "topic " + topic + ": a record without a value is never published"});
  std::array<rd_kafka_vu_t, 6> arguments{};
  arguments[0].vtype = RD_KAFKA_VTYPE_TOPIC;
  arguments[0].u.cstr = topic.c_str();
  arguments[1].vtype = RD_KAFKA_VTYPE_PARTITION;
  arguments[1].u.i32 = record.partition ? record.partition->value : RD_KAFKA_PARTITION_UA;
  arguments[2].vtype = RD_KAFKA_VTYPE_VALUE;
  arguments[2].u.mem.ptr = record.tombstone ? nullptr : mutable_bytes(record.value);
  arguments[2].u.mem.size = record.value.size();
  arguments[3].vtype = RD_KAFKA_VTYPE_KEY;
  arguments[3].u.mem.ptr = mutable_bytes(record.key);
  arguments[3].u.mem.size = record.key.size();
  arguments[4].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  arguments[4].u.i = RD_KAFKA_MSG_F_COPY;
  arguments[5].vtype = RD_KAFKA_VTYPE_OPAQUE;

  // Under the lock from ticket to hand-over, so that records leave in the order their tickets were given.
  const std::lock_guard lock(client_->mutex);
  if (client_->failure && client_->failure->fatal) return std::unexpected(*client_->failure);
  if (client_->horizon.open() >= client_->max_open)
    return std::unexpected(
        KafkaError{.code = KafkaError::Code::QueueFull, .message = "topic " + topic + ": too much is unacknowledged", .retriable = true});
  const auto ticket = client_->horizon.begin(record.cause);
  arguments[5].u.ptr = opaque_of(ticket);
  if (const kafka::Error error(rd_kafka_produceva(client_->handle.get(), arguments.data(), arguments.size())); error) {
    client_->horizon.acknowledged(ticket);  // never under way
    return std::unexpected(kafka::to_error(*error, "topic " + topic));
  }
  ++client_->counters.published;
  return {};
}

void Producer::Client::on_delivery(const rd_kafka_message_t& message) {
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    {
      const std::lock_guard lock(mutex);
      ++counters.refused;
    }
    // The ticket stays open: the horizon must not pass a record that is not stored.
    return fail(kafka::to_error(message.err, std::string("topic ") + rd_kafka_topic_name(message.rkt)));
  }
  {
    const std::lock_guard lock(mutex);
    answered();
    ++counters.acknowledged;
    horizon.acknowledged(ticket_of(message._private));
    if (horizon.open() == 0) all_acknowledged.notify_all();
  }
  if (progress) progress();
}

void Producer::Client::fail(KafkaError error) {
  {
    const std::lock_guard lock(mutex);
    if (!failure || (error.fatal && !failure->fatal)) failure = std::move(error);
    all_acknowledged.notify_all();
  }
  if (progress) progress();
}

Offset Producer::acknowledged(Partition partition) const {
  const std::lock_guard lock(client_->mutex);
  return client_->horizon.first_open(partition);
}

std::expected<void, KafkaError> Producer::flush(std::chrono::milliseconds within, const std::stop_token& stop) {
  const auto deadline = Clock::now() + within;
  // Sends what lingers, and waits no longer than that: nothing ends the client's own wait. Its answers may come to this thread or the
  // acknowledger's.
  rd_kafka_flush(client_->handle.get(), kafka::to_ms(std::min(within, client_->linger)));
  std::unique_lock lock(client_->mutex);
  client_->all_acknowledged.wait_until(lock, stop, deadline, [&] { return client_->horizon.open() == 0 || client_->failure; });
  if (client_->failure) return std::unexpected(*client_->failure);
  if (client_->horizon.open() == 0) return {};
  const auto cause = client_->cause();
  return std::unexpected(KafkaError{
      .code = KafkaError::Code::Timeout,
      .message = std::to_string(client_->horizon.open()) + " records are not acknowledged yet" + (cause ? ": " + cause->why : ""),
      .retriable = true});
}

std::expected<std::int32_t, KafkaError> Producer::warm(const std::string& topic, std::chrono::milliseconds within) {
  const auto deadline = Clock::now() + within;
  const auto left = [&] { return std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()); };
  const auto count = kafka::partitions_of(client_->handle.get(), topic, within);
  if (!count) return count;
  for (std::int32_t partition = 0; partition < *count;) {
    std::int64_t low = 0;
    std::int64_t high = 0;
    // Asked of the partition's leader, over the connection that records will take.
    const auto error = rd_kafka_query_watermark_offsets(client_->handle.get(), topic.c_str(), partition, &low, &high, kafka::to_ms(left()));
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++partition;
      continue;
    }
    // A topic just made, or a leader that just moved: the answer is wrong until the cluster's state is asked for again.
    const bool passing = error == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION || error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    if (!passing || left().count() <= 0) {
      return std::unexpected(kafka::to_error(error, "topic " + topic + " partition " + std::to_string(partition)));
    }
    if (const auto again = kafka::partitions_of(client_->handle.get(), topic, left()); !again) return again;
  }
  return count;
}

std::optional<KafkaError> Producer::failed() const {
  const std::lock_guard lock(client_->mutex);
  return client_->failure;
}

ProducerCounters Producer::counters() const {
  const std::lock_guard lock(client_->mutex);
  return client_->counters;
}

SinkError to_sink_error(const KafkaError& error) {
  using Code = KafkaError::Code;
  auto kind = SinkError::Kind::Io;
  if (error.retriable) kind = SinkError::Kind::Unavailable;
  if (error.code == Code::TooLarge || error.code == Code::Tombstone) kind = SinkError::Kind::Refused;
  return {.kind = kind, .message = error.message};
}

std::expected<void, SinkError> TopicSink::publish(std::string_view record, std::string_view key, Position cause) {
  const auto done = producer_.publish({.topic = topic_, .key = key, .value = record, .cause = cause, .partition = {}});
  if (!done) return std::unexpected(to_sink_error(done.error()));
  return {};
}

std::expected<void, SinkError> TopicSink::flush(Nanos within) {
  const auto done = producer_.flush(std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds(within.value)));
  if (!done) return std::unexpected(to_sink_error(done.error()));
  return {};
}

}  // namespace ringfence
