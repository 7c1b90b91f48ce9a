// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/control_log.h"

#include <utility>

namespace ringfence {
namespace {

// Tickets take the place of input offsets in the producer's horizon: what is stored "up to a ticket" is what is stored up to a cause.
constexpr Partition kTickets{0};

}  // namespace

std::expected<std::unique_ptr<KafkaControlLog>, KafkaError> KafkaControlLog::open(const KafkaSettings& kafka, std::string topic,
                                                                                  KafkaLog log, KafkaControlLogOptions options) {
  auto reader = TopicReader::open({.kafka = kafka, .topic = topic, .from = Offset{0}, .open_within = options.open_within}, log);
  if (!reader) return std::unexpected(reader.error());
  if ((*reader)->partitions() != 1)
    return std::unexpected(KafkaError{
        .code = KafkaError::Code::Config,
        .message = "topic " + topic + " has " + std::to_string((*reader)->partitions()) + " partitions; a control log has exactly one"});
  auto producer = Producer::open(
      {.kafka = kafka, .linger = std::chrono::milliseconds(0), .compression = "zstd", .progress = std::move(options.progress)},
      std::move(log));
  if (!producer) return std::unexpected(producer.error());
  if (const auto warm = (*producer)->warm(topic, options.open_within); !warm) return std::unexpected(warm.error());
  return std::unique_ptr<KafkaControlLog>(
      new KafkaControlLog(std::move(topic), std::move(*producer), std::move(*reader), options.read_wait));
}

std::expected<std::uint64_t, SinkError> KafkaControlLog::append(std::string_view key, std::string_view value) {
  if (const auto failure = producer_->failed()) return std::unexpected(to_sink_error(*failure));
  const Position cause{kTickets, Offset{static_cast<std::int64_t>(tickets_ + 1)}};
  const auto done =
      producer_->publish({.topic = topic_, .key = key, .value = value, .cause = cause, .partition = kTickets, .tombstone = value.empty()});
  if (!done) return std::unexpected(to_sink_error(done.error()));
  return ++tickets_;
}

std::expected<std::uint64_t, SinkError> KafkaControlLog::acknowledged() {
  if (const auto failure = producer_->failed()) return std::unexpected(to_sink_error(*failure));
  const Offset open = producer_->acknowledged(kTickets);
  return open == kAllAcknowledged ? tickets_ : static_cast<std::uint64_t>(open.value) - 1;
}

std::expected<ControlLog::Batch, SinkError> KafkaControlLog::read(std::size_t max) {
  auto batch = reader_->read(max, read_wait_);
  if (!batch) return std::unexpected(to_sink_error(batch.error()));
  Batch result{.entries = {}, .caught_up = batch->caught_up};
  result.entries.reserve(batch->records.size());
  for (TopicRecord& record : batch->records) {
    if (record.position.offset.value < next_) {
      result.entries.clear();  // of the topic that was
      result.anew = true;
    }
    next_ = record.position.offset.value + 1;
    result.entries.push_back({std::move(record.key), std::move(record.value)});
  }
  return result;
}

std::expected<void, SinkError> KafkaControlLog::flush(std::chrono::milliseconds within) {
  const auto done = producer_->flush(within);
  if (!done) return std::unexpected(to_sink_error(done.error()));
  return {};
}

}  // namespace ringfence
