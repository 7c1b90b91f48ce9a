// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "connectors/kafka/producer.h"
#include "connectors/kafka/topic_reader.h"
#include "connectors/sinks/control_log.h"

namespace ringfence {

struct KafkaControlLogOptions {
  std::chrono::milliseconds open_within{10'000};
  /// As in ProducerSettings.
  std::function<void()> progress = {};
  /// How long a read waits for the first record, for a process that has nothing else to do; 0: never.
  std::chrono::milliseconds read_wait{0};
};

/// The control topic as the log that all writers share: appended with `acks=all` by a producer of its own without linger, read back from
/// the topic's beginning; again from there where its offsets begin anew, because it was made anew. The topic must have exactly one
/// partition, or its order would not be one. One thread at a time, as every ControlLog.
class KafkaControlLog final : public ControlLog {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<KafkaControlLog>, KafkaError> open(const KafkaSettings& kafka, std::string topic,
                                                                                        KafkaLog log = {},
                                                                                        KafkaControlLogOptions options = {});

  [[nodiscard]] std::expected<std::uint64_t, SinkError> append(std::string_view key, std::string_view value) override;
  [[nodiscard]] std::expected<std::uint64_t, SinkError> acknowledged() override;
  [[nodiscard]] std::expected<Batch, SinkError> read(std::size_t max) override;

  /// Waits until everything appended is stored, at most `within`.
  [[nodiscard]] std::expected<void, SinkError> flush(std::chrono::milliseconds within);

 private:
  KafkaControlLog(std::string topic, std::unique_ptr<Producer> producer, std::unique_ptr<TopicReader> reader,
                  std::chrono::milliseconds read_wait)
      : topic_(std::move(topic)), producer_(std::move(producer)), reader_(std::move(reader)), read_wait_(read_wait) {}

  std::string topic_;
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<TopicReader> reader_;
  const std::chrono::milliseconds read_wait_;
  std::uint64_t tickets_ = 0;
  std::int64_t next_ = 0;  // offset behind the last that was read
};

}  // namespace ringfence
