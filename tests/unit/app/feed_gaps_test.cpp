// SPDX-License-Identifier: Apache-2.0
#include "engine/app/feed_gaps.h"

#include <gmock/gmock.h>

namespace ringfence {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr WallTime kNow{1'795'170'000'000'000'000}, kLater{1'795'170'060'000'000'000};
const FeedPlace kPlace{"ringfence.events", Partition{3}, Offset{120}};

TEST(FeedGaps, APartitionThatStandsStillIsOneFinding) {
  FeedGaps gaps;
  EXPECT_EQ(gaps.said(), "");
  gaps.stands(kPlace, "the log begins at 200", kNow);
  gaps.stands(kPlace, "the log begins at 210", kLater);
  EXPECT_EQ(gaps.said(), "ringfence.events/3@120");
  EXPECT_EQ(gaps.standing("ringfence.events"), 1U);
  EXPECT_EQ(gaps.standing("ringfence.links"), 0U);
  const auto due = gaps.take_findings();
  ASSERT_THAT(due, SizeIs(1));
  EXPECT_EQ(due[0].analytic, Analytic::FeedGap);
  EXPECT_EQ(due[0].activity, FindingRecord::Activity::Create);
  EXPECT_THAT(due[0].sentence, AllOf(HasSubstr("Partition 3 of ringfence.events stands still at offset 120"), HasSubstr("begins at 200")));
  EXPECT_THAT(gaps.take_findings(), IsEmpty());
}

TEST(FeedGaps, ItEndsWithTheSameUidWhereSomebodyElseLetsThePartitionGoOn) {
  FeedGaps before, after;
  before.stands(kPlace, "the log begins at 200", kNow);
  after.moved_on(kPlace, Offset{200}, kLater);
  const auto closed = after.take_findings();
  ASSERT_THAT(closed, SizeIs(1));
  EXPECT_EQ(closed[0].uid, before.take_findings().at(0).uid);
  EXPECT_EQ(closed[0].activity, FindingRecord::Activity::Close);
  EXPECT_THAT(closed[0].sentence, HasSubstr("let go on at offset 200: the 80 records from 120 on are never judged"));
  EXPECT_EQ(after.said(), "");
}

TEST(FeedGaps, APartitionThatLeavesStandsElsewhere) {
  FeedGaps gaps;
  gaps.stands(kPlace, "corrupt", kNow);
  gaps.left("ringfence.links", Partition{3});
  EXPECT_EQ(gaps.standing("ringfence.events"), 1U);
  gaps.left("ringfence.events", Partition{3});
  EXPECT_EQ(gaps.said(), "");
}

TEST(FeedGaps, OfManyPartitionsSomeAreNamed) {
  FeedGaps gaps;
  for (std::int32_t partition = 0; partition < 64; ++partition) gaps.stands({"e", Partition{partition}, Offset{7}}, "cut", kNow);
  EXPECT_THAT(gaps.said(), AllOf(HasSubstr("e/0@7, e/1@7"), HasSubstr(" and 56 more")));
}

}  // namespace
}  // namespace ringfence
