// SPDX-License-Identifier: Apache-2.0
#include "engine/app/active_agents.h"

#include <gmock/gmock.h>

namespace ringfence {
namespace {

constexpr WallTime kNow{1'795'168'800'000'000'000};
constexpr ActiveAgents::Steady::time_point kSteady{std::chrono::hours(5)};

WallTime later(Nanos by) { return WallTime{kNow.value + by.value}; }

TEST(ActiveBefore, CountsForAnHourFromWhenItWasWritten) {
  ActiveNote note;
  ActiveBefore before;
  before.restore(*note.due(60, kSteady, kNow));
  EXPECT_EQ(before.with(1, later(minutes(59))), 60U);
  EXPECT_EQ(before.with(70, later(minutes(59))), 70U);
  EXPECT_EQ(before.with(1, later(minutes(60))), 1U);
}

TEST(ActiveBefore, IsNothingWhereNothingCanBeRead) {
  for (const char* record : {"", "60", "sixty 1795168800000000000"}) {
    ActiveBefore before;
    before.restore(record);
    EXPECT_EQ(before.with(1, kNow), 1U) << record;
  }
}

TEST(ActiveNote, IsDueWithAnotherNumberAndEachMinute) {
  ActiveNote note;
  EXPECT_TRUE(note.due(60, kSteady, kNow));
  EXPECT_FALSE(note.due(60, kSteady + std::chrono::seconds(59), kNow));
  EXPECT_TRUE(note.due(61, kSteady + std::chrono::seconds(59), kNow));
  EXPECT_TRUE(note.due(61, kSteady + std::chrono::seconds(119), kNow));
}

}  // namespace
}  // namespace ringfence
