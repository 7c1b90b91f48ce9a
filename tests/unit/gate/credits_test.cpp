// SPDX-License-Identifier: Apache-2.0
#include "engine/gate/credits.h"

#include <gtest/gtest.h>

namespace ringfence {
namespace {

TEST(Credits, a_call_takes_one_and_at_zero_no_call_passes) {
  Credits credits(2, 5, 0);
  EXPECT_TRUE(credits.take(0));
  EXPECT_TRUE(credits.take(0));
  EXPECT_FALSE(credits.take(0));
  EXPECT_EQ(credits.left(0), 0);
}

TEST(Credits, ordinary_work_that_succeeds_never_runs_dry) {
  Credits credits(1, 5, 0);
  for (int call = 0; call < 1000; ++call) {
    ASSERT_TRUE(credits.take(0)) << call;
    credits.give_back(0);
  }
}

TEST(Credits, guessing_costs_three_a_try) {
  Credits credits(10, 20, 0);
  int calls = 0;
  while (credits.take(0)) {
    ++calls;
    credits.penalise(0);
  }
  EXPECT_EQ(calls, 4);
}

TEST(Credits, one_returns_each_minute_up_to_the_ceiling) {
  Credits credits(0, 3, 100);
  EXPECT_FALSE(credits.take(100));
  EXPECT_EQ(credits.left(101), 1);
  EXPECT_TRUE(credits.take(102));
  EXPECT_EQ(credits.left(102), 1);
  EXPECT_EQ(credits.left(10'000), 3);
  credits.give_back(4'000'000'000U);
  EXPECT_EQ(credits.left(4'000'000'000U), 3);
}

TEST(Credits, a_clock_that_stands_or_falls_gives_nothing) {
  Credits credits(0, 3, 100);
  EXPECT_FALSE(credits.take(99));
  EXPECT_EQ(credits.left(0), 0);
}

TEST(Credits, a_start_above_the_ceiling_or_below_zero_is_brought_within) {
  EXPECT_EQ(Credits(50, 20, 0).left(0), 20);
  EXPECT_EQ(Credits(-3, 20, 0).left(0), 0);
  EXPECT_EQ(Credits(5, -1, 0).left(9), 0);
}

}  // namespace
}  // namespace ringfence
