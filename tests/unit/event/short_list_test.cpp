// SPDX-License-Identifier: Apache-2.0
#include "engine/event/short_list.h"

#include <gmock/gmock.h>

#include <utility>

namespace ringfence::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using List = ShortList<int, 3>;

TEST(ShortList, HoldsWhatWasPutInNearAndFar) {
  List list;
  EXPECT_THAT(list, IsEmpty());
  for (int i = 0; i < 3; ++i) list.push_back(i);
  EXPECT_THAT(list, ElementsAre(0, 1, 2));
  list.push_back(list[0]);
  for (int i = 4; i < 8; ++i) list.push_back(i);
  EXPECT_THAT(list, ElementsAre(0, 1, 2, 0, 4, 5, 6, 7));
  list.clear();
  EXPECT_THAT(list, IsEmpty());
}

TEST(ShortList, MovesNearAndFar) {
  List near{1, 2}, far{1, 2, 3, 4};
  const List first = std::move(near), second = std::move(far);
  EXPECT_THAT(first, ElementsAre(1, 2));
  EXPECT_THAT(second, ElementsAre(1, 2, 3, 4));
  far.push_back(9);  // NOLINT(bugprone-use-after-move): what was moved from is empty
  EXPECT_THAT(far, ElementsAre(9));
  List third{5, 6, 7, 8};
  third = List{1, 2};
  EXPECT_THAT(third, ElementsAre(1, 2));
}

}  // namespace
}  // namespace ringfence::testing
