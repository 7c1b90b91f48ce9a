// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include "tests/integration/support.h"

namespace ringfence::testing {

/// A test on the broker that this binary shares. Each test makes topics of its own.
class BrokerTest : public ::testing::Test {
 protected:
  void SetUp() override { broker_ = &Broker::running_shared(); }

  [[nodiscard]] Broker& broker() const { return *broker_; }
  [[nodiscard]] KafkaSettings kafka() const { return settings_for(*broker_); }

  [[nodiscard]] std::string topic(const std::string& stem, std::int32_t partitions) {
    const std::string name = unique_name(stem);
    const auto made = make_topic(*broker_, plain_topic(name, partitions));
    EXPECT_TRUE(made) << made.error();
    return name;
  }
  [[nodiscard]] std::unique_ptr<Producer> producer(ProducerSettings settings = {}) {
    settings.kafka = kafka();
    if (settings.linger.count() == 0) settings.linger = std::chrono::milliseconds(2);
    auto opened = Producer::open(settings);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
  }
  [[nodiscard]] ConsumerSettings consumer(const std::string& topic, const std::string& instance = {}) const {
    return {.kafka = kafka(), .topic = topic, .group = topic + "-group", .instance = instance, .shards = 2};
  }

 private:
  Broker* broker_ = nullptr;
};

/// What each partition must have seen: every offset from `first` to before `end`, once and in order, with the content that belongs there.
[[nodiscard]] inline std::map<std::int32_t, std::vector<std::pair<std::int64_t, std::string>>> every_record(std::int32_t partitions,
                                                                                                            std::int64_t first,
                                                                                                            std::int64_t end) {
  std::map<std::int32_t, std::vector<std::pair<std::int64_t, std::string>>> all;
  for (std::int32_t partition = 0; partition < partitions; ++partition)
    for (std::int64_t offset = first; offset < end; ++offset) all[partition].emplace_back(offset, payload(partition, offset));
  return all;
}

}  // namespace ringfence::testing
