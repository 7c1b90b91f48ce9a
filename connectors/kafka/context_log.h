// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/kafka/producer.h"
#include "connectors/kafka/topic_reader.h"

namespace ringfence {

/// The context topic: facts, persona sets, lists and operators' signed commands, the same for every instance and in one order. Its single
/// partition's offsets name the moment at which a fact begins to count, so a recorded run can be judged again. One thread at a time.
class ContextLog {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<ContextLog>, KafkaError> open(
      KafkaSettings kafka, std::string topic, KafkaLog log = {}, std::chrono::milliseconds within = std::chrono::seconds(10));

  /// The next records from the topic's beginning on; `position.offset` is the context offset. A tombstone withdraws what its key said.
  [[nodiscard]] std::expected<TopicReader::Batch, KafkaError> read(std::size_t max, std::chrono::milliseconds wait) {
    return reader_->read(max, wait);
  }
  /// Everything stored at the time of the call, for a start: an error where the end is not reached in time.
  [[nodiscard]] std::expected<std::vector<TopicRecord>, KafkaError> read_to_end(std::chrono::milliseconds within);

  /// Writes one record and waits until all replicas have it.
  [[nodiscard]] std::expected<void, KafkaError> append(std::string_view key, std::string_view value, std::chrono::milliseconds within);

 private:
  ContextLog(KafkaSettings kafka, std::string topic, KafkaLog log, std::unique_ptr<TopicReader> reader)
      : kafka_(std::move(kafka)), topic_(std::move(topic)), log_(std::move(log)), reader_(std::move(reader)) {}

  KafkaSettings kafka_;
  std::string topic_;
  KafkaLog log_;
  std::unique_ptr<TopicReader> reader_;
  std::unique_ptr<Producer> producer_;  // made by the first append: most instances only read
};

}  // namespace ringfence
