// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/topic_reader.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <utility>

#include "connectors/kafka/native.h"

namespace ringfence {
namespace {

std::array<kafka::Property, 8> properties(std::chrono::milliseconds fetch_wait) {
  return {{
      {"enable.auto.commit", "false", true},
      {"enable.auto.offset.store", "false", true},
      // A log that was compacted or cut below the wanted offset is read from where it begins: what it holds is what counts.
      {"auto.offset.reset", "earliest", true},
      {"check.crcs", "true", true},
      {"allow.auto.create.topics", "false", true},
      {"enable.partition.eof", "true", true},
      {"fetch.wait.max.ms", std::to_string(fetch_wait.count())},
      {"fetch.error.backoff.ms", "20"},
  }};
}

std::string text(const void* bytes, std::size_t size) {
  return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
}

}  // namespace

struct TopicReader::Client : kafka::Witness {
  Client(TopicReaderSettings given, KafkaLog log) : Witness(std::move(log)), settings(std::move(given)) {}
  ~Client() override { rest(); }

  TopicReaderSettings settings;
  kafka::Handle handle;
  kafka::Queue queue;  // of every partition that is fetched
  kafka::Topic topic;
  std::vector<std::int32_t> fetched;
  std::vector<char> at_end;  // per partition

  std::mutex mutex;
  std::optional<KafkaError> failure;
  std::optional<KafkaError> silence;  // no broker is there any more, and nobody has been told

  std::expected<void, KafkaError> start();
  std::expected<void, KafkaError> fetch();
  void rest();
  std::expected<std::int64_t, KafkaError> begin_of(std::int32_t partition);
  std::expected<void, KafkaError> take(const rd_kafka_message_t& message, Batch& batch);
  void on_fatal(const KafkaError& error) override {
    const std::lock_guard lock(mutex);
    failure = error;
  }
  void on_trouble(rd_kafka_resp_err_t code, const std::string& why) override {
    Witness::on_trouble(code, why);
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) return;
    const std::lock_guard lock(mutex);
    silence = kafka::to_error(code, "topic " + settings.topic, why);
  }
};

std::expected<std::unique_ptr<TopicReader>, KafkaError> TopicReader::open(TopicReaderSettings settings, KafkaLog log) {
  auto client = std::make_unique<Client>(std::move(settings), std::move(log));
  if (auto started = client->start(); !started) return std::unexpected(started.error());
  return std::unique_ptr<TopicReader>(new TopicReader(std::move(client)));
}

std::expected<void, KafkaError> TopicReader::Client::start() {
  auto conf = kafka::configure(settings.kafka, properties(settings.fetch_wait), *this);
  if (!conf) return std::unexpected(conf.error());
  auto made = kafka::make(RD_KAFKA_CONSUMER, std::move(*conf));
  if (!made) return std::unexpected(made.error());
  handle = std::move(*made);
  const auto count = kafka::partitions_of(handle.get(), settings.topic, settings.open_within);
  if (!count) return std::unexpected(count.error());
  queue.reset(rd_kafka_queue_new(handle.get()));
  topic.reset(rd_kafka_topic_new(handle.get(), settings.topic.c_str(), nullptr));
  at_end.assign(static_cast<std::size_t>(*count), 0);
  if (!settings.rests)
    if (auto begun = fetch(); !begun) return begun;
  const std::lock_guard lock(mutex);
  silence.reset();
  return {};
}

/// Partition by partition, without a group: a principal needs no right but to read the topic, and no coordinator has to answer.
std::expected<void, KafkaError> TopicReader::Client::fetch() {
  rest();
  const auto count = static_cast<std::int32_t>(at_end.size());
  for (std::int32_t partition = 0; partition < count; ++partition) {
    const bool wanted = !settings.partition || settings.partition->value == partition;
    at_end[static_cast<std::size_t>(partition)] = wanted ? 0 : 1;
    if (!wanted) continue;
    const auto begin = begin_of(partition);
    if (!begin) return std::unexpected(begin.error());
    if (rd_kafka_consume_start_queue(topic.get(), partition, *begin, queue.get()) != 0)
      return std::unexpected(kafka::to_error(rd_kafka_last_error(), "topic " + settings.topic));
    fetched.push_back(partition);
  }
  return {};
}

void TopicReader::Client::rest() {
  for (const std::int32_t partition : fetched) rd_kafka_consume_stop(topic.get(), partition);
  fetched.clear();
}

/// Where reading begins. The end is asked for: what is written after this call is read, whenever the first fetch comes.
std::expected<std::int64_t, KafkaError> TopicReader::Client::begin_of(std::int32_t partition) {
  const auto within = kafka::to_ms(settings.open_within);
  if (settings.since_ms) {
    const kafka::PartitionList asked(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_t* const row = rd_kafka_topic_partition_list_add(asked.get(), settings.topic.c_str(), partition);
    row->offset = *settings.since_ms;
    auto error = rd_kafka_offsets_for_times(handle.get(), asked.get(), within);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = row->err;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(kafka::to_error(error, "topic " + settings.topic));
    return row->offset;  // the end where nothing is that young
  }
  if (!settings.only_new) return settings.from.value <= 0 ? std::int64_t{RD_KAFKA_OFFSET_BEGINNING} : settings.from.value;
  std::int64_t low = 0, high = 0;
  const auto error = rd_kafka_query_watermark_offsets(handle.get(), settings.topic.c_str(), partition, &low, &high, within);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(kafka::to_error(error, "topic " + settings.topic));
  return high;
}

TopicReader::TopicReader(std::unique_ptr<Client> client) : client_(std::move(client)) {}

TopicReader::~TopicReader() = default;

std::expected<void, KafkaError> TopicReader::turn_to(Partition partition, Offset from) {
  client_->settings.partition = partition;
  client_->settings.from = from;
  return client_->fetch();
}

void TopicReader::rest() { client_->rest(); }

std::expected<TopicReader::Bounds, KafkaError> TopicReader::bounds(Partition partition) const {
  std::int64_t low = 0, high = 0;
  const auto error = rd_kafka_query_watermark_offsets(client_->handle.get(), client_->settings.topic.c_str(), partition.value, &low, &high,
                                                      kafka::to_ms(client_->settings.open_within));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(kafka::to_error(error, "topic " + client_->settings.topic));
  return Bounds{Offset{low}, Offset{high}};
}

std::size_t TopicReader::partitions() const { return client_->at_end.size(); }

std::expected<TopicReader::Batch, KafkaError> TopicReader::read(std::size_t max, std::chrono::milliseconds wait) {
  Batch batch;
  rd_kafka_poll(client_->handle.get(), 0);  // what befell the client meanwhile
  int left = kafka::to_ms(wait);
  bool heard = false;
  while (batch.records.size() < max) {
    const kafka::Message message(rd_kafka_consume_queue(client_->queue.get(), left));
    if (!message) break;
    heard = true;
    if (auto done = client_->take(*message, batch); !done) {
      // What was read before the error is given first; the error shows again with the next read if it lasts.
      if (batch.records.empty() || done.error().fatal) return std::unexpected(done.error());
      break;
    }
    // A record or an end: what else is here is taken, nothing more is waited for.
    left = 0;
  }
  {
    const std::lock_guard lock(client_->mutex);
    if (client_->failure) return std::unexpected(*client_->failure);
    const auto silence = std::exchange(client_->silence, std::nullopt);
    if (silence && !heard) return std::unexpected(*silence);
  }
  batch.caught_up = std::ranges::all_of(client_->at_end, [](char end) { return end != 0; });
  return batch;
}

std::expected<void, KafkaError> TopicReader::Client::take(const rd_kafka_message_t& message, Batch& batch) {
  const auto partition = static_cast<std::size_t>(std::max<std::int32_t>(message.partition, 0));
  if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    if (partition < at_end.size()) at_end[partition] = 1;
    return {};
  }
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR)
    return std::unexpected(kafka::to_error(message.err, "topic " + settings.topic, rd_kafka_message_errstr(&message)));
  if (partition < at_end.size()) at_end[partition] = 0;
  batch.records.push_back({.key = text(message.key, message.key_len),
                           .value = text(message.payload, message.len),
                           .tombstone = message.payload == nullptr,
                           .position = {Partition{message.partition}, Offset{message.offset}}});
  return {};
}

}  // namespace ringfence
