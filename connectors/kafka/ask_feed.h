// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "connectors/gate/asker.h"
#include "connectors/kafka/producer.h"
#include "connectors/kafka/topic_reader.h"

namespace ringfence {

/// Acts asked about go to the events topic, keyed by their agent like every event of it; answers are read from the verdicts topic, from its
/// end on, those under this gate's name. Until the topic's end is known nothing is sent: its answer could not be heard.
class KafkaAskFeed final : public AskFeed {
 public:
  struct Settings {
    KafkaSettings kafka;
    std::string events, verdicts, gate;
  };
  [[nodiscard]] static std::expected<std::unique_ptr<KafkaAskFeed>, KafkaError> open(Settings settings, KafkaLog log);

  [[nodiscard]] std::expected<void, SinkError> send(std::string_view agent, std::string_view event) override;
  [[nodiscard]] std::expected<std::vector<std::string>, SinkError> read(std::chrono::milliseconds wait) override;

 private:
  KafkaAskFeed(Settings settings, std::unique_ptr<Producer> producer, KafkaLog log)
      : settings_(std::move(settings)), log_(std::move(log)), producer_(std::move(producer)) {}

  Settings settings_;
  KafkaLog log_;
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<TopicReader> reader_;
  std::atomic<bool> hears_{false};
};

}  // namespace ringfence
