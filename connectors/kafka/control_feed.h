// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <expected>
#include <memory>
#include <string>

#include "connectors/gate/control_feed.h"
#include "connectors/kafka/producer.h"
#include "connectors/kafka/topic_reader.h"

namespace ringfence {

/// The control topic as a gate follows it. A broker that is away at the start is asked again with every call, so a gate can begin with what
/// it has stored. The acknowledgements' topic, which may have several partitions, is followed by the engine in the same way.
class KafkaControlFeed final : public ControlFeed {
 public:
  enum class Order : std::uint8_t { Whole, ByKey };
  KafkaControlFeed(KafkaSettings kafka, std::string topic, KafkaLog log = {}, Order order = Order::Whole)
      : kafka_(std::move(kafka)), topic_(std::move(topic)), log_(std::move(log)), order_(order) {}
  [[nodiscard]] std::expected<ControlLog::Batch, SinkError> read(std::size_t max, std::chrono::milliseconds wait) override;

 private:
  KafkaSettings kafka_;
  std::string topic_;
  KafkaLog log_;
  Order order_;
  std::unique_ptr<TopicReader> reader_;
};

/// The acknowledgements' topic. Opening needs no broker; what is handed over waits for one.
class KafkaAckFeed final : public AckFeed {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<KafkaAckFeed>, KafkaError> open(const KafkaSettings& kafka, std::string topic,
                                                                                     KafkaLog log = {});
  /// Waits a moment for what is under way.
  ~KafkaAckFeed() override;
  [[nodiscard]] std::expected<void, SinkError> send(std::string_view key, std::string_view value) override;

 private:
  KafkaAckFeed(std::unique_ptr<Producer> producer, std::string topic) : producer_(std::move(producer)), topic_(std::move(topic)) {}

  std::unique_ptr<Producer> producer_;
  std::string topic_;
};

}  // namespace ringfence
