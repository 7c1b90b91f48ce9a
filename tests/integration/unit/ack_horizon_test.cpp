// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/ack_horizon.h"

#include <gtest/gtest.h>

namespace ringfence {
namespace {

constexpr Partition kThis{3};
constexpr Partition kOther{4};

Position at(Partition partition, std::int64_t offset) { return {partition, Offset{offset}}; }

TEST(AckHorizon, HoldsNothingBackWhenNothingIsUnderWay) { EXPECT_EQ(AckHorizon().first_open(kThis), kAllAcknowledged); }

TEST(AckHorizon, StaysAtTheOldestOutputWhateverIsAcknowledgedAfterIt) {
  AckHorizon horizon;
  const auto first = horizon.begin(at(kThis, 10));
  const auto second = horizon.begin(at(kThis, 12));
  const auto third = horizon.begin(at(kThis, 15));
  horizon.acknowledged(second);
  EXPECT_EQ(horizon.first_open(kThis), Offset{10});
  horizon.acknowledged(first);
  EXPECT_EQ(horizon.first_open(kThis), Offset{15});
  horizon.acknowledged(third);
  EXPECT_EQ(horizon.first_open(kThis), kAllAcknowledged);
}

TEST(AckHorizon, WaitsForEveryOutputOfOneRecord) {
  AckHorizon horizon;
  const auto finding = horizon.begin(at(kThis, 10));
  const auto halt = horizon.begin(at(kThis, 10));
  horizon.acknowledged(halt);
  EXPECT_EQ(horizon.first_open(kThis), Offset{10});
  horizon.acknowledged(finding);
  EXPECT_EQ(horizon.first_open(kThis), kAllAcknowledged);
}

TEST(AckHorizon, KeepsPartitionsApart) {
  AckHorizon horizon;
  const auto here = horizon.begin(at(kThis, 10));
  const auto there = horizon.begin(at(kOther, 2));
  horizon.acknowledged(here);
  EXPECT_EQ(horizon.first_open(kThis), kAllAcknowledged);
  EXPECT_EQ(horizon.first_open(kOther), Offset{2});
  horizon.acknowledged(there);
  EXPECT_EQ(horizon.open(), 0U);
}

TEST(AckHorizon, IsNotHeldBackByWhatTimeAloneMakes) {
  AckHorizon horizon;
  const auto heartbeat = horizon.begin(std::nullopt);
  EXPECT_EQ(horizon.first_open(kThis), kAllAcknowledged);
  EXPECT_EQ(horizon.open(), 1U);
  horizon.acknowledged(heartbeat);
  EXPECT_EQ(horizon.open(), 0U);
}

TEST(AckHorizon, GivesATicketAgainOnlyWhenItIsFree) {
  AckHorizon horizon;
  const auto first = horizon.begin(at(kThis, 1));
  const auto second = horizon.begin(at(kThis, 2));
  EXPECT_NE(first, second);
  horizon.acknowledged(first);
  const auto third = horizon.begin(at(kThis, 3));
  EXPECT_NE(third, second);
  horizon.acknowledged(second);
  EXPECT_EQ(horizon.first_open(kThis), Offset{3});
}

}  // namespace
}  // namespace ringfence
