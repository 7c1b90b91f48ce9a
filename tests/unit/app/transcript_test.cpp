// SPDX-License-Identifier: Apache-2.0
#include "engine/app/transcript.h"

#include <gmock/gmock.h>

namespace ringfence {
namespace {

using ::testing::Eq;

TEST(Transcript, BarShowsTheShareOfWhatIsToBeRead) {
  EXPECT_THAT(bar_line(0, 200, 0), Eq("[..............................]   0 %  0 events"));
  EXPECT_THAT(bar_line(99, 200, 7), Eq("[##############................]  49 %  7 events"));
  EXPECT_THAT(bar_line(200, 200, 2603), Eq("[##############################] 100 %  2603 events"));
}

TEST(Transcript, BarIsFullWhereTheFileHasGrownSince) {
  EXPECT_THAT(bar_line(300, 200, 9), Eq("[##############################] 100 %  9 events"));
}

TEST(Transcript, WithoutATotalThereAreOnlyEvents) { EXPECT_THAT(bar_line(300, 0, 2048), Eq("2048 events")); }

}  // namespace
}  // namespace ringfence
