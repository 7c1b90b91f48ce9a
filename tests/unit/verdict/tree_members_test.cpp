// SPDX-License-Identifier: Apache-2.0
#include "engine/verdict/tree_members.h"

#include <gmock/gmock.h>

namespace ringfence {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const auto kAll = [](const AgentKey&) { return true; };
AgentKey key(std::uint64_t n) { return AgentKey{{n, 0}}; }

TEST(TreeMembers, ComeAndLeaveAndAreFoundByTheirRoot) {
  TreeMembers trees;
  trees.join(key(1), key(12));
  trees.join(key(1), key(11));
  trees.join(key(2), key(21));
  EXPECT_THAT(trees.of(key(1)), ElementsAre(key(11), key(12)));
  EXPECT_TRUE(trees.take_changed());
  trees.join(key(1), key(11));
  trees.leave(key(2), key(11));
  EXPECT_FALSE(trees.take_changed()) << "it knew that";
  trees.leave(key(1), key(12));
  EXPECT_TRUE(trees.take_changed());
  EXPECT_THAT(trees.of(key(1)), ElementsAre(key(11)));
  EXPECT_THAT(trees.of(key(3)), IsEmpty());
}

TEST(TreeMembers, ComeBackAsTheyWereToWhoseAgentsTheyAre) {
  TreeMembers one, other, back;
  one.join(key(1), key(11));
  other.join(key(1), key(12));
  one.take(other);
  back.restore(one.encode(), kAll);
  EXPECT_EQ(back.encode(), one.encode());
  back.restore(one.encode(), [](const AgentKey& member) { return member == key(12); });
  EXPECT_THAT(back.of(key(1)), ElementsAre(key(12)));
}

TEST(TreeMembers, BytesThatAreNoneOfThemAreNone) {
  TreeMembers trees;
  trees.join(key(1), key(11));
  const std::string bytes = trees.encode();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    trees.restore(std::string_view(bytes).substr(0, size), kAll);
    EXPECT_THAT(trees.of(key(1)), IsEmpty()) << size;
  }
}

TEST(TreeMembers, BeyondTheMostNobodyIsTakenInUntilSomebodyLeaves) {
  TreeMembers trees;
  for (std::uint64_t member = 0; member < TreeMembers::kMost; ++member) trees.join(key(1), key(100 + member));
  trees.join(key(2), key(21));
  EXPECT_THAT(trees.of(key(2)), IsEmpty());
  trees.leave(key(1), key(100));
  trees.join(key(2), key(21));
  EXPECT_THAT(trees.of(key(2)), ElementsAre(key(21)));
}

}  // namespace
}  // namespace ringfence
