// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/context_log.h"

#include <iterator>
#include <utility>

namespace ringfence {

std::expected<std::unique_ptr<ContextLog>, KafkaError> ContextLog::open(KafkaSettings kafka, std::string topic, KafkaLog log,
                                                                        std::chrono::milliseconds within) {
  auto reader = TopicReader::open({.kafka = kafka, .topic = topic, .from = Offset{0}, .open_within = within}, log);
  if (!reader) return std::unexpected(reader.error());
  if ((*reader)->partitions() != 1)
    return std::unexpected(KafkaError{
        .code = KafkaError::Code::Config,
        .message = "topic " + topic + " has " + std::to_string((*reader)->partitions()) + " partitions; the context has exactly one"});
  return std::unique_ptr<ContextLog>(new ContextLog(std::move(kafka), std::move(topic), std::move(log), std::move(*reader)));
}

std::expected<std::vector<TopicRecord>, KafkaError> ContextLog::read_to_end(std::chrono::milliseconds within) {
  constexpr std::size_t kAtOnce = 1000;
  const auto deadline = std::chrono::steady_clock::now() + within;
  std::vector<TopicRecord> all;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0)
      return std::unexpected(KafkaError{
          .code = KafkaError::Code::Timeout, .message = "topic " + topic_ + " was not read to its end in time", .retriable = true});
    auto batch = reader_->read(kAtOnce, left);
    if (!batch) return std::unexpected(batch.error());
    std::ranges::move(batch->records, std::back_inserter(all));
    if (batch->caught_up) return all;
  }
}

std::expected<void, KafkaError> ContextLog::append(std::string_view key, std::string_view value, std::chrono::milliseconds within) {
  if (!producer_) {
    auto producer = Producer::open({.kafka = kafka_, .linger = std::chrono::milliseconds(0), .compression = "zstd"}, log_);
    if (!producer) return std::unexpected(producer.error());
    producer_ = std::move(*producer);
  }
  if (auto done = producer_->publish({.topic = topic_, .key = key, .value = value, .cause = {}, .partition = Partition{0}}); !done)
    return done;
  return producer_->flush(within);
}

}  // namespace ringfence
