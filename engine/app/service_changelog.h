// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <memory>
#include <mutex>
#include <string>

#include "connectors/kafka/producer.h"
#include "connectors/kafka/topic_reader.h"
#include "engine/state/changelog.h"

namespace ringfence {

/// The changelog of states as a compacted topic. Partition P of the input has partition P of the topic, and those of the links, which are
/// numbered from kLinksPartition, begin again at 0. Thread-safe.
class KafkaChangelog final : public ChangelogTopic {
 public:
  /// An error where no broker answers or the topic is missing, within the time given.
  [[nodiscard]] static std::expected<std::unique_ptr<KafkaChangelog>, KafkaError> open(KafkaSettings kafka, std::string topic, KafkaLog log,
                                                                                       std::chrono::milliseconds within);

  [[nodiscard]] std::expected<void, StoreError> publish(Partition partition, std::string_view key, std::optional<std::string_view> value,
                                                        std::int64_t sequence) override;
  [[nodiscard]] std::int64_t acknowledged(Partition partition) const override { return producer_->acknowledged(partition).value; }
  [[nodiscard]] std::expected<void, StoreError> flush(std::chrono::milliseconds within, const std::stop_token& stop) override;
  [[nodiscard]] std::expected<Offset, StoreError> read(Partition partition, Offset from, std::chrono::milliseconds within,
                                                       const std::stop_token& stop,
                                                       const std::function<std::expected<void, StoreError>(const Row&)>& row) override;
  /// The first record the cluster refused for good: the log stands still from there on.
  [[nodiscard]] std::optional<KafkaError> failed() const { return producer_->failed(); }

 private:
  KafkaChangelog(KafkaSettings kafka, std::string topic, KafkaLog log, std::unique_ptr<Producer> producer, std::int32_t partitions)
      : kafka_(std::move(kafka)), topic_(std::move(topic)), log_(std::move(log)), producer_(std::move(producer)), partitions_(partitions) {}
  [[nodiscard]] Partition place_of(Partition partition) const;

  const KafkaSettings kafka_;
  const std::string topic_;
  const KafkaLog log_;
  const std::unique_ptr<Producer> producer_;
  const std::int32_t partitions_;
  std::mutex reading_;
  std::unique_ptr<TopicReader> reader_;  // from the first partition that came
};

}  // namespace ringfence
