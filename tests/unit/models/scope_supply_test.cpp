// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "models/supply.h"
#include "tests/unit/models/scope_world.h"

namespace ringfence::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Made defined(std::string_view tool, std::optional<std::string_view> hash = std::nullopt) {
  return Made(EventKind::ToolDefinition).tool(tool).but([hash](Event& event) { event.tool.definition_sha256 = hash; });
}
Made called(std::string_view tool, std::optional<std::string_view> hash = std::nullopt) {
  return call(tool).but([hash](Event& event) { event.tool.definition_sha256 = hash; });
}

struct Supply : ::testing::Test {
  World world{supply_channel()};
};

TEST_F(Supply, ToolThatItsServerHasNotDefinedIsUnregistered) {
  EXPECT_THAT(world.breaks(defined("files/read")), IsEmpty());
  EXPECT_THAT(world.breaks(called("files/read")), IsEmpty());
  world.restart();
  EXPECT_THAT(world.breaks(called("files/exec")), ElementsAre("tool.unregistered"));
}

TEST_F(Supply, ServersWhoseDefinitionsWereNeverSeenAreNotJudged) {
  world.breaks(defined("files/read"));
  EXPECT_THAT(world.breaks(called("mail/send")), IsEmpty());
  EXPECT_THAT(world.breaks(called("send")), IsEmpty());
}

TEST_F(Supply, ChangedDefinitionIsReportedOnceAndThenPinned) {
  world.breaks(defined("files/read", "aa"));
  EXPECT_THAT(world.breaks(defined("files/read", "AA")), IsEmpty());
  EXPECT_THAT(world.breaks(defined("files/read", "bb")), ElementsAre("tool.definition_changed"));
  EXPECT_THAT(world.breaks(defined("files/read", "bb")), IsEmpty());
}

TEST_F(Supply, DefinitionThatComesBackDiffersFromTheOneBeforeNotFromTheFirst) {
  for (const char* sha : {"aa", "bb"}) (void)world.read(defined("git/read", sha));
  const Reading back = world.read(defined("git/read", "aa"));
  ASSERT_EQ(back.breaches.size(), 1U);
  EXPECT_EQ(back.breaches.front().what, "the new definition of tool git/read differs from the one seen before");
}

TEST_F(Supply, CallThatNamesAnotherDefinitionThanThePinnedOneIsReported) {
  world.breaks(defined("files/read", "aa"));
  EXPECT_THAT(world.breaks(called("files/read", "aa")), IsEmpty());
  EXPECT_THAT(world.breaks(called("files/read", "bb")), ElementsAre("tool.definition_changed"));
  EXPECT_THAT(world.breaks(called("files/read")), IsEmpty());
}

TEST_F(Supply, DefinitionWithoutHashPinsNothing) {
  world.breaks(defined("files/read"));
  EXPECT_THAT(world.breaks(called("files/read", "bb")), IsEmpty());
}

TEST_F(Supply, ServerWithMoreToolsThanAreRememberedIsNoLongerJudged) {
  for (int i = 0; i < 2100; ++i) world.breaks(defined("files/t" + std::to_string(i)));
  EXPECT_THAT(world.breaks(called("files/t2099")), IsEmpty());
  EXPECT_LT(world.agent.memory.at(static_cast<std::size_t>(ChannelId::Supply))->bytes(), 100'000U);
}

TEST_F(Supply, HostileNamesAreEscaped) {
  world.breaks(defined("files/read"));
  const Reading reading = world.read(called("files/\x1b[2J\n"));
  ASSERT_EQ(reading.breaches.size(), 1U);
  EXPECT_THAT(reading.breaches.front().what, Not(HasSubstr("\x1b")));
}

TEST_F(Supply, CutBytesAreRefused) {
  world.breaks(defined("files/read", "aa"));
  Writer out;
  world.agent.memory.at(static_cast<std::size_t>(ChannelId::Supply))->encode(out);
  for (std::size_t length = 0; length < out.bytes().size(); ++length) {
    Reader in(std::string_view(out.bytes()).substr(0, length));
    EXPECT_EQ(supply_channel().decode_memory(MemoryScope::Agent, in), nullptr) << length;
  }
}

}  // namespace
}  // namespace ringfence::testing
