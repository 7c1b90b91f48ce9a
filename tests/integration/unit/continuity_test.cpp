// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/continuity.h"

#include <gtest/gtest.h>

namespace ringfence {
namespace {

using Verdict = Continuity::Verdict;

Continuity& begun(Continuity& continuity, std::int64_t next, bool holes_expected = false) {
  continuity.begin(next, holes_expected);
  return continuity;
}

TEST(Continuity, TakesRecordsThatFollowEachOther) {
  Continuity continuity;
  begun(continuity, 5);
  EXPECT_EQ(continuity.judge(5), Verdict::Take);
  EXPECT_EQ(continuity.judge(6), Verdict::Take);
  EXPECT_EQ(continuity.next(), 7);
}

TEST(Continuity, BeginsAtTheFirstRecordWhereTheStoreHasNoPosition) {
  Continuity continuity;
  begun(continuity, Continuity::kUnknown);
  EXPECT_EQ(continuity.judge(4711), Verdict::Take);
  EXPECT_EQ(continuity.judge(4713), Verdict::Gap);
}

TEST(Continuity, DropsWhatItHasSeenSoThatNothingIsJudgedTwice) {
  Continuity continuity;
  begun(continuity, 5);
  EXPECT_EQ(continuity.judge(4), Verdict::Drop);
  EXPECT_EQ(continuity.judge(5), Verdict::Take);
  EXPECT_EQ(continuity.judge(5), Verdict::Drop);
}

TEST(Continuity, AsksOnceForWhatIsMissingAndDropsTheRestUntilItIsSought) {
  Continuity continuity;
  begun(continuity, 5);
  EXPECT_EQ(continuity.judge(8), Verdict::Gap);
  EXPECT_EQ(continuity.judge(9), Verdict::Drop);
  EXPECT_EQ(continuity.judge(5), Verdict::Drop) << "fetched before the seek: its order is not known";
  EXPECT_EQ(continuity.next(), 5);
}

TEST(Continuity, LosesNothingWhenTheMissingRecordsComeAfterTheSeek) {
  Continuity continuity;
  begun(continuity, 5);
  ASSERT_EQ(continuity.judge(8), Verdict::Gap);
  continuity.sought(5);
  for (std::int64_t offset = 5; offset < 10; ++offset) EXPECT_EQ(continuity.judge(offset), Verdict::Take) << offset;
}

TEST(Continuity, PassesOverWhatIsMissingAgainAfterTheSeekAsAHoleOfTheLog) {
  Continuity continuity;
  begun(continuity, 5);
  ASSERT_EQ(continuity.judge(8), Verdict::Gap);
  continuity.sought(5);
  EXPECT_EQ(continuity.judge(8), Verdict::Hole);
  EXPECT_EQ(continuity.judge(9), Verdict::Take);
  EXPECT_EQ(continuity.judge(11), Verdict::Gap) << "each hole is looked at for itself";
}

TEST(Continuity, DoesNotSeekWhereHolesAreUsual) {
  Continuity continuity;
  begun(continuity, 5, true);
  EXPECT_EQ(continuity.judge(8), Verdict::Hole);
  EXPECT_EQ(continuity.next(), 9);
}

TEST(Continuity, StandsStillOnBytesThatAreDamagedTwice) {
  Continuity continuity;
  begun(continuity, 5);
  EXPECT_EQ(continuity.judge_damaged(), Verdict::Gap);
  EXPECT_EQ(continuity.judge_damaged(), Verdict::Drop) << "before the seek";
  continuity.sought(5);
  EXPECT_EQ(continuity.judge_damaged(), Verdict::Corrupt);
  EXPECT_EQ(continuity.judge(6), Verdict::Drop) << "a hole nobody vouches for is never passed over";
}

TEST(Continuity, GoesOnAfterAnOperatorMovedAPartitionThatStoodStill) {
  Continuity continuity;
  begun(continuity, 5).stop();
  EXPECT_EQ(continuity.judge(5), Verdict::Drop);
  continuity.sought(50);
  EXPECT_EQ(continuity.judge(50), Verdict::Take);
}

TEST(Continuity, DropsRecordsOfAPartitionThatLeft) {
  Continuity continuity;
  begun(continuity, 5).end();
  EXPECT_EQ(continuity.judge(5), Verdict::Drop);
  EXPECT_FALSE(continuity.assigned());
}

}  // namespace
}  // namespace ringfence
