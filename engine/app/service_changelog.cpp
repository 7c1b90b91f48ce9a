// SPDX-License-Identifier: Apache-2.0
#include "engine/app/service_changelog.h"

#include <algorithm>
#include <utility>

#include "connectors/kafka/topics.h"
#include "engine/pipeline/link.h"

namespace ringfence {
namespace {

/// States change often and nobody waits for them.
constexpr std::chrono::milliseconds kStatesLinger{50};
constexpr std::size_t kReadAtOnce = 1000;
constexpr std::chrono::milliseconds kReadWait{200};
constexpr std::chrono::milliseconds kEndWait{5};

StoreError of_topic(const KafkaError& error) {
  const auto kind = error.code == KafkaError::Code::QueueFull ? StoreError::Kind::NoSpace : StoreError::Kind::Io;
  return {kind, "changelog of states: " + error.message};
}

}  // namespace

std::expected<std::unique_ptr<KafkaChangelog>, KafkaError> KafkaChangelog::open(KafkaSettings kafka, std::string topic, KafkaLog log,
                                                                                std::chrono::milliseconds within) {
  auto producer =
      Producer::open({.kafka = kafka, .linger = kStatesLinger, .max_record_bytes = static_cast<std::size_t>(kStateRecordBytes)}, log);
  if (!producer) return std::unexpected(std::move(producer.error()));
  const auto partitions = (*producer)->warm(topic, within);
  if (!partitions) return std::unexpected(partitions.error());
  return std::unique_ptr<KafkaChangelog>(
      new KafkaChangelog(std::move(kafka), std::move(topic), std::move(log), std::move(*producer), *partitions));
}

Partition KafkaChangelog::place_of(Partition partition) const {
  const std::int32_t number = partition >= kLinksPartition ? partition.value - kLinksPartition.value : partition.value;
  return Partition{number % partitions_};
}

std::expected<void, StoreError> KafkaChangelog::publish(Partition partition, std::string_view key, std::optional<std::string_view> value,
                                                        std::int64_t sequence) {
  const OutputRecord record{.topic = topic_,
                            .key = key,
                            .value = value.value_or(std::string_view{}),
                            .cause = Position{partition, Offset{sequence}},
                            .partition = place_of(partition),
                            .tombstone = !value};
  if (const auto sent = producer_->publish(record); !sent) return std::unexpected(of_topic(sent.error()));
  return {};
}

std::expected<void, StoreError> KafkaChangelog::flush(std::chrono::milliseconds within, const std::stop_token& stop) {
  if (const auto done = producer_->flush(within, stop); !done) return std::unexpected(of_topic(done.error()));
  return {};
}

std::expected<Offset, StoreError> KafkaChangelog::read(Partition partition, Offset from, std::chrono::milliseconds within,
                                                       const std::stop_token& stop,
                                                       const std::function<std::expected<void, StoreError>(const Row&)>& row) {
  const auto deadline = std::chrono::steady_clock::now() + within;
  // One client for all partitions: to connect takes longer than to read what has come since.
  const std::scoped_lock lock(reading_);
  if (!reader_) {
    auto reader = TopicReader::open(
        {.kafka = kafka_, .topic = topic_, .partition = place_of(partition), .open_within = within, .fetch_wait = kEndWait}, log_);
    if (!reader) return std::unexpected(of_topic(reader.error()));
    reader_ = std::move(*reader);
  }
  if (const auto turned = reader_->turn_to(place_of(partition), from); !turned) return std::unexpected(of_topic(turned.error()));
  Offset next = from;
  while (true) {
    const auto batch = reader_->read(kReadAtOnce, kReadWait);
    if (!batch && batch.error().fatal) return std::unexpected(of_topic(batch.error()));
    if (batch) {
      for (const TopicRecord& record : batch->records) {
        const auto value = record.tombstone ? std::nullopt : std::optional<std::string_view>(record.value);
        if (auto taken = row({record.key, value, record.position.offset}); !taken) return std::unexpected(std::move(taken.error()));
        next = Offset{record.position.offset.value + 1};
      }
      if (batch->caught_up) {
        reader_->rest();
        return next;
      }
    }
    if (stop.stop_requested() || std::chrono::steady_clock::now() >= deadline) {
      const char* const why = stop.stop_requested() ? " was not read to its end: asked to stop" : " could not be read to its end in time";
      return std::unexpected(StoreError{StoreError::Kind::Io, "changelog of states: partition " + std::to_string(partition.value) + why});
    }
  }
}

}  // namespace ringfence
