// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/consumer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "connectors/kafka/consumer_client.h"
#include "engine/event/decode_salvage.h"
#include "engine/event/limits.h"
#include "engine/event/sha256.h"

namespace ringfence {
namespace {

/// From the last partition given back to the end of the client.
constexpr std::chrono::seconds kCloseWithin{10};

std::optional<EventTime> timestamp_of(const rd_kafka_message_t& message) {
  rd_kafka_timestamp_type_t type{};
  const std::int64_t ms = rd_kafka_message_timestamp(&message, &type);
  if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE) return std::nullopt;
  // Any producer can write any number here.
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max() / 1'000'000;
  return EventTime{std::clamp(ms, -kMax, kMax) * 1'000'000};
}

std::string_view view(const void* bytes, std::size_t size) { return {static_cast<const char*>(bytes), size}; }

bool damaged(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR__BAD_MSG || error == RD_KAFKA_RESP_ERR__BAD_COMPRESSION || error == RD_KAFKA_RESP_ERR_INVALID_MSG;
}

constexpr std::int16_t kHeartbeatRequest = 12;  // of the Kafka protocol

/// Runs on the client's broker threads: only the clock and an atomic.
rd_kafka_resp_err_t note_answer(rd_kafka_t*, int, const char*, std::int32_t, std::int16_t request, std::int16_t, std::int32_t, std::size_t,
                                std::int64_t, rd_kafka_resp_err_t error, void* heard_ns) {
  if (request == kHeartbeatRequest && error == RD_KAFKA_RESP_ERR_NO_ERROR)
    static_cast<std::atomic<std::int64_t>*>(heard_ns)->store(kafka::steady_ns());
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

std::array<kafka::Property, 18> properties(const ConsumerSettings& settings) {
  return {{
      {"group.id", settings.group, true},
      {"enable.auto.commit", "false", true},
      {"enable.auto.offset.store", "false", true},
      {"auto.offset.reset", "error", true},
      {"check.crcs", "true", true},
      {"allow.auto.create.topics", "false", true},
      {"partition.assignment.strategy", "cooperative-sticky", true},
      {"enable.partition.eof", "false", true},
      {"session.timeout.ms", "6000"},
      {"heartbeat.interval.ms", "1000"},
      // A full queue stops fetching for up to a second; these are per shard.
      {"queued.min.messages", "10000000"},
      {"queued.max.messages.kbytes", "1048576"},
      {"fetch.max.bytes", "4194304"},
      {"fetch.wait.max.ms", "100"},
      {"fetch.error.backoff.ms", "20"},
      // New partitions of the topic are found within this time.
      {"topic.metadata.refresh.interval.ms", "60000"},
      {"enable.sparse.connections", "true"},
      {"group.instance.id", settings.instance, true},
  }};
}

}  // namespace

std::expected<std::unique_ptr<Consumer>, KafkaError> Consumer::open(ConsumerSettings settings, PartitionOwner& owner, KafkaLog log) {
  if (settings.shards == 0 || settings.group.empty() || settings.topic.empty())
    return std::unexpected(
        KafkaError{.code = KafkaError::Code::Config, .message = "a consumer needs a topic, a group and at least one shard"});
  auto client = std::make_unique<Client>(std::move(settings), owner, std::move(log));
  if (auto started = client->start(); !started) return std::unexpected(started.error());
  return std::unique_ptr<Consumer>(new Consumer(std::move(client)));
}

std::expected<void, KafkaError> Consumer::Client::start() {
  const auto ours = properties(settings);
  const std::span<const kafka::Property> all(ours);
  auto conf = kafka::configure(settings.kafka, settings.instance.empty() ? all.first(all.size() - 1) : all, *this);
  if (!conf) return std::unexpected(conf.error());
  rd_kafka_conf_set_rebalance_cb(conf->get(),
                                 [](rd_kafka_t*, rd_kafka_resp_err_t event, rd_kafka_topic_partition_list_t* list, void* opaque) {
                                   static_cast<Client*>(static_cast<kafka::Witness*>(opaque))->rebalance(event, list);
                                 });
  rd_kafka_conf_interceptor_add_on_new(
      conf->get(), "ringfence",
      [](rd_kafka_t* rk, const rd_kafka_conf_t*, void* heard, char*, std::size_t) {
        return rd_kafka_interceptor_add_on_response_received(rk, "ringfence", note_answer, heard);
      },
      &heard_ns);
  auto made = kafka::make(RD_KAFKA_CONSUMER, std::move(*conf));
  if (!made) return std::unexpected(made.error());
  handle = std::move(*made);

  const auto count = kafka::partitions_of(handle.get(), settings.topic, settings.open_within);
  if (!count) return std::unexpected(count.error());

  rd_kafka_poll_set_consumer(handle.get());
  main.reset(rd_kafka_queue_get_consumer(handle.get()));
  for (Shard& shard : shards) {
    shard.queue.reset(rd_kafka_queue_new(handle.get()));
    shard.messages.reserve(kBatch);
    shard.records.reserve(kBatch);
  }
  return {};
}

/// Not before somebody serves: a client of 2.0.2 that is closed before its first assignment may abort in its assignor
/// (confluentinc/librdkafka#4312), and a start that fails elsewhere closes it.
std::expected<void, KafkaError> Consumer::Client::join() {
  if (std::exchange(joined, true)) return {};
  const kafka::PartitionList wanted(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(wanted.get(), settings.topic.c_str(), RD_KAFKA_PARTITION_UA);
  if (const auto error = rd_kafka_subscribe(handle.get(), wanted.get()); error != RD_KAFKA_RESP_ERR_NO_ERROR)
    return std::unexpected(kafka::to_error(error, "subscribing to " + settings.topic));
  return {};
}

Consumer::Consumer(std::unique_ptr<Client> client) : client_(std::move(client)) {}

Consumer::~Consumer() { close(); }

void Consumer::close() {
  if (client_->closed) return;
  client_->closed = true;
  for (std::size_t shard = 0; shard < client_->shards.size(); ++shard) leave(shard);
  const bool left = client_->leave_group();
  for (auto& shard : client_->shards) shard.queue.reset();
  client_->main.reset();
  // A client that has not closed would wait for that again.
  if (!left) rd_kafka_destroy_flags(client_->handle.release(), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

/// Gives the partitions back and leaves the group. False where the client did not come to an end: without a broker the one of 2.0.2 may
/// wait for an answer for good (confluentinc/librdkafka#4527).
bool Consumer::Client::leave_group() {
  rd_kafka_t* const rk = handle.get();
  const kafka::Queue closing(rd_kafka_queue_new(rk));
  if (const kafka::Error error(rd_kafka_consumer_close_queue(rk, closing.get())); error) return rd_kafka_consumer_closed(rk) != 0;
  rebalanced = std::chrono::steady_clock::now();
  while (rd_kafka_consumer_closed(rk) == 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(rebalanced + kCloseWithin - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    // Serves the callbacks that store what is owned; those have deadlines of their own.
    const kafka::Message message(rd_kafka_consume_queue(closing.get(), kafka::to_ms(left)));
  }
  return true;
}

void Consumer::Client::fail(KafkaError error) {
  error.fatal = true;
  error.retriable = false;
  const std::lock_guard lock(mutex);
  if (!failure) failure = std::move(error);
  failed.store(true, std::memory_order_release);
}

void Consumer::Client::on_trouble(rd_kafka_resp_err_t code, const std::string& why) {
  trouble_ns = kafka::steady_ns();
  owner.alarm({.kind = ConsumerAlarm::Kind::Unavailable,
               .partition = {},
               .expected = {},
               .found = {},
               .message = kafka::to_error(code, "Kafka client", why).message});
}

KafkaError Consumer::Client::failure_copy() const {
  const std::lock_guard lock(mutex);
  return *failure;
}

void Consumer::Client::alarm(ConsumerAlarm::Kind kind, Partition partition, std::int64_t expected, std::int64_t found,
                             std::string message) {
  owner.alarm({.kind = kind, .partition = partition, .expected = Offset{expected}, .found = Offset{found}, .message = std::move(message)});
}

// ---- shard threads ----

std::expected<std::span<const Record>, KafkaError> Consumer::poll(std::size_t shard, std::chrono::milliseconds wait) {
  Client& client = *client_;
  Client::Shard& own = client.shards[shard];
  own.release();
  client.park.pass(shard);
  if (client.failed.load(std::memory_order_acquire)) return std::unexpected(client.failure_copy());
  // The batch call returns only when it is full or its time is up, so it must not wait: a lone record goes out by the first call.
  rd_kafka_message_t* first = rd_kafka_consume_queue(own.queue.get(), kafka::to_ms(wait));
  if (first == nullptr) return std::span<const Record>();
  own.messages.resize(kBatch);
  own.messages.front() = first;
  const ssize_t more = rd_kafka_consume_batch_queue(own.queue.get(), 0, own.messages.data() + 1, kBatch - 1);
  own.messages.resize(1 + static_cast<std::size_t>(std::max<ssize_t>(more, 0)));
  for (const rd_kafka_message_t* message : own.messages) client.take(own, *message);
  return std::span<const Record>(own.records);
}

void Consumer::leave(std::size_t shard) {
  client_->shards[shard].release();
  client_->park.leave(shard);
}

void Consumer::Client::take(Shard& shard, const rd_kafka_message_t& message) {
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) return take_error(message);
  Continuity& continuity = partitions[static_cast<std::size_t>(message.partition)];
  const std::int64_t expected = continuity.next();
  switch (continuity.judge(message.offset)) {
    case Continuity::Verdict::Drop:
      dropped.fetch_add(1, std::memory_order_relaxed);
      return;
    case Continuity::Verdict::Gap:
    case Continuity::Verdict::Corrupt:
      gaps.fetch_add(1, std::memory_order_relaxed);
      ask_seek(Partition{message.partition}, expected);
      return alarm(ConsumerAlarm::Kind::Gap, Partition{message.partition}, expected, message.offset,
                   "records did not come by; seeking back");
    case Continuity::Verdict::Hole:
      holes.fetch_add(1, std::memory_order_relaxed);
      if (!settings.holes_expected)
        alarm(ConsumerAlarm::Kind::Hole, Partition{message.partition}, expected, message.offset, "the log has no record at these offsets");
      break;
    case Continuity::Verdict::Take:
      break;
  }
  const std::string_view whole = view(message.payload, message.len);
  Record record{.bytes = whole,
                .position = {Partition{message.partition}, Offset{message.offset}},
                .arrival = timestamp_of(message),
                .key = view(message.key, message.key_len),
                .size = whole.size(),
                .sha256 = {}};
  if (whole.size() > limits::kEventBytes) {
    record.bytes = whole.substr(0, limits::kDeadLetterExcerpt);
    record.sha256 = shard.hashes.emplace_back(sha256_hex(whole));
    decoding::AgentSearch search;
    search.read(whole);
    record.shown = &shard.shown.emplace_back(search.shown());
  }
  shard.records.push_back(record);
}

void Consumer::Client::take_error(const rd_kafka_message_t& message) {
  if (message.err == RD_KAFKA_RESP_ERR__FATAL) return fail(kafka::fatal_error(handle.get()));
  const Partition partition{message.partition};
  const bool known = message.partition >= 0 && static_cast<std::size_t>(message.partition) < partitions.size();
  const std::string text =
      kafka::to_error(message.err, settings.topic + " partition " + std::to_string(message.partition), rd_kafka_message_errstr(&message))
          .message;
  if (!known) return alarm(ConsumerAlarm::Kind::Unavailable, partition, 0, 0, text);
  Continuity& continuity = partitions[static_cast<std::size_t>(message.partition)];
  const std::int64_t expected = continuity.next();
  if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
    continuity.stop();
    return alarm(ConsumerAlarm::Kind::OutOfRange, partition, expected, message.offset, text);
  }
  if (!damaged(message.err)) return alarm(ConsumerAlarm::Kind::Unavailable, partition, expected, message.offset, text);
  const auto verdict = continuity.judge_damaged();
  if (verdict == Continuity::Verdict::Corrupt) return alarm(ConsumerAlarm::Kind::Corrupt, partition, expected, message.offset, text);
  if (verdict != Continuity::Verdict::Gap) return;
  gaps.fetch_add(1, std::memory_order_relaxed);
  ask_seek(partition, expected);
  alarm(ConsumerAlarm::Kind::Gap, partition, expected, message.offset, text);
}

void Consumer::Client::ask_seek(Partition partition, std::int64_t next) {
  {
    const std::lock_guard lock(mutex);
    moves.push_back({partition, next == Continuity::kUnknown ? std::int64_t{RD_KAFKA_OFFSET_BEGINNING} : next});
  }
  rd_kafka_queue_yield(main.get());
}

void Consumer::move(Partition partition, Offset offset) { client_->ask_seek(partition, offset.value); }

std::vector<PartitionLag> Consumer::lag() const {
  const Client& client = *client_;
  const std::lock_guard lock(client.mutex);
  std::vector<PartitionLag> result;
  if (client.closed) return result;
  for (const Partition partition : client.assigned) {
    std::int64_t low = 0;
    std::int64_t high = 0;
    const auto error = rd_kafka_get_watermark_offsets(client.handle.get(), client.settings.topic.c_str(), partition.value, &low, &high);
    const bool known = error == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0;
    const std::int64_t next = client.partitions[static_cast<std::size_t>(partition.value)].next();
    PartitionLag lag{partition, Offset{std::max<std::int64_t>(next, 0)}, known ? std::optional(Offset{high}) : std::nullopt};
    if (const auto asked = client.bounds.find(partition); asked != client.bounds.end()) {
      lag.begin = Offset{asked->second.begin};
      lag.end = Offset{asked->second.end};
    }
    result.push_back(lag);
  }
  return result;
}

ConsumerCounters Consumer::counters() const {
  const Client& client = *client_;
  return {.gaps = client.gaps, .holes = client.holes, .dropped = client.dropped, .strays = client.strays, .rebalances = client.rebalances};
}

}  // namespace ringfence
