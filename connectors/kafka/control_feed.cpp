// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/control_feed.h"

#include <utility>

namespace ringfence {
namespace {

constexpr std::chrono::milliseconds kOpenWithin{2'000};
constexpr std::chrono::milliseconds kFlushWithin{1'000};

}  // namespace

std::expected<ControlLog::Batch, SinkError> KafkaControlFeed::read(std::size_t max, std::chrono::milliseconds wait) {
  if (!reader_) {
    auto opened = TopicReader::open({.kafka = kafka_, .topic = topic_, .from = Offset{0}, .open_within = kOpenWithin}, log_);
    if (!opened) return std::unexpected(to_sink_error(opened.error()));
    if (order_ == Order::Whole && (*opened)->partitions() != 1)
      return std::unexpected(SinkError{SinkError::Kind::Refused, "topic " + topic_ + " has not one partition: its order is not one"});
    reader_ = std::move(*opened);
  }
  auto batch = reader_->read(max, wait);
  if (!batch) {
    if (batch.error().fatal) reader_.reset();  // the next call begins anew
    return std::unexpected(to_sink_error(batch.error()));
  }
  ControlLog::Batch out{.entries = {}, .caught_up = batch->caught_up};
  out.entries.reserve(batch->records.size());
  for (TopicRecord& record : batch->records) out.entries.push_back({std::move(record.key), std::move(record.value)});
  return out;
}

std::expected<std::unique_ptr<KafkaAckFeed>, KafkaError> KafkaAckFeed::open(const KafkaSettings& kafka, std::string topic, KafkaLog log) {
  auto producer = Producer::open({.kafka = kafka, .linger = std::chrono::milliseconds(0), .compression = "zstd"}, std::move(log));
  if (!producer) return std::unexpected(producer.error());
  return std::unique_ptr<KafkaAckFeed>(new KafkaAckFeed(std::move(*producer), std::move(topic)));
}

KafkaAckFeed::~KafkaAckFeed() { [[maybe_unused]] const auto flushed = producer_->flush(kFlushWithin); }

std::expected<void, SinkError> KafkaAckFeed::send(std::string_view key, std::string_view value) {
  if (auto sent = producer_->publish({.topic = topic_, .key = key, .value = value, .cause = std::nullopt, .partition = std::nullopt});
      !sent)
    return std::unexpected(to_sink_error(sent.error()));
  return {};
}

}  // namespace ringfence
