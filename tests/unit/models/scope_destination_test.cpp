// SPDX-License-Identifier: Apache-2.0
#include "models/scope_destination.h"

#include <gmock/gmock.h>

#include "models/flow.h"
#include "models/flow_filter.h"
#include "models/scope.h"
#include "tests/unit/models/scope_world.h"

namespace ringfence::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;

struct Destination : ::testing::Test {
  World world{scope_channel(), &flow_channel()};
  Destinations& declared() { return world.job.destinations; }
  void SetUp() override { declared() = {}; }

  void mark_argument() {
    world.job.actions.front().arguments.push_back(rule("to"));
    world.job.actions.front().arguments.back().destination = true;
  }
  static Made to(std::string value) { return call("files/read").with("to", std::move(value)); }
  void permits(Made made) { EXPECT_THAT(world.breaks(std::move(made)), IsEmpty()); }
  void bars(Made made) { EXPECT_THAT(world.breaks(std::move(made)), ElementsAre("scope.destination")); }
};

TEST(HostOf, FindsWhereAnAddressLeads) {
  struct Case {
    const char* text;
    std::optional<std::string> host;
  };
  const Case cases[] = {
      {"ERP.Corp.Example", "erp.corp.example"},
      {"erp.corp.example.", "erp.corp.example"},
      {"erp.corp.example:8443", "erp.corp.example"},
      {"https://erp.corp.example/a?b#c", "erp.corp.example"},
      {"https://user:pw@erp.corp.example:443/", "erp.corp.example"},
      {"https://erp.corp.example@evil.example/", "evil.example"},
      {"https://evil.example/@erp.corp.example", "evil.example"},
      {"https://evil.example#@erp.corp.example", "evil.example"},
      {"https://evil.example\\@erp.corp.example", "evil.example"},
      {"evil.example/https://erp.corp.example", "evil.example"},
      {"ann@corp.example", "corp.example"},
      {"mailto:ann@corp.example", "corp.example"},
      {"10.0.0.1", "10.0.0.1"},
      {"http://localhost:80/", "localhost"},
      {"https://[2001:db8::1]:443/", "2001:db8::1"},
      {"GB29NWBK60161331926819", std::nullopt},
      {"alice", std::nullopt},
      {"two words.example", std::nullopt},
      {"48210.50", std::nullopt},
      {"", std::nullopt},
      {"https://", std::nullopt},
      {"[", std::nullopt},
      {"a..example", std::nullopt},
  };
  for (const Case& c : cases) EXPECT_THAT(scope::host_of(c.text), Eq(c.host)) << c.text;
}

TEST_F(Destination, WithoutADeclarationNoDestinationIsAllowed) {
  bars(call("files/read").host("erp.corp.example"));
  bars(call("files/read").account("GB29"));
  permits(call("files/read"));
}

TEST_F(Destination, ListedHostsArePermittedWhateverExternalSays) {
  for (const External external : {External::None, External::Listed, External::Grounded, External::Any}) {
    World each{scope_channel()};
    each.job.destinations.hosts = GlobSet({"*.corp.example"});
    each.job.destinations.external = external;
    EXPECT_THAT(each.breaks(call("files/read").host("ERP.corp.example:443")), IsEmpty());
  }
}

TEST_F(Destination, UnlistedHostIsBarredAndItsNameIsNotTold) {
  declared().hosts = GlobSet({"*.corp.example"});
  const Reading reading = world.read(call("files/read").host("secret-data.evil.example"));
  EXPECT_THAT(World::uids(reading), ElementsAre("scope.destination"));
  EXPECT_THAT(reading.breaches.front().what, Not(HasSubstr("secret")));
  EXPECT_THAT(reading.breaches.front().what, HasSubstr("external: none"));
}

TEST_F(Destination, HostThatOnlyLooksListedIsBarred) {
  declared().hosts = GlobSet({"**.corp.example"});
  for (const char* host : {"evil.example/x.corp.example", "https://erp.corp.example@evil.example", "evil.example,erp.corp.example",
                           "evil.example\n.corp.example"}) {
    bars(call("files/read").host(host));
  }
}

TEST_F(Destination, InternalHostsAreNotExternal) {
  declared().hosts = GlobSet({"erp.corp.example"});
  declared().internal = GlobSet({"*.corp.example"});
  permits(call("files/read").host("wiki.corp.example"));
  bars(call("files/read").host("wiki.other.example"));
}

TEST_F(Destination, AccountsMustBeListedUnlessAnyIsAllowed) {
  declared().accounts = ValueSet{"suppliers", {"GB29NWBK60161331926819"}};
  permits(call("files/read").account("GB29NWBK60161331926819"));
  bars(call("files/read").account("GB00EVIL"));
  World any{scope_channel()};
  any.job.destinations.external = External::Any;
  EXPECT_THAT(any.breaks(call("files/read").account("GB00EVIL").host("anywhere.example")), IsEmpty());
}

TEST_F(Destination, OneOfManyDestinationsOutsideIsABreach) {
  declared().hosts = GlobSet({"*.corp.example"});
  bars(call("files/read").host("erp.corp.example").host("evil.example").host("worse.example"));
}

TEST_F(Destination, EachAddressOfOneHostFieldCounts) {
  declared().hosts = GlobSet({"corp.example", "*.corp.example"});
  permits(call("files/read").host("Ann A. <ann@corp.example>, bob@corp.example"));
  permits(call("files/read").host("https://hr.corp.example/users/@ann?mail=x@evil.example"));
  for (const char* text : {"x@evil.example, bob@corp.example", "<x@evil.example>bob@corp.example", "x@evil.example bob@corp.example",
                           "https://evil.example/,https://hr.corp.example/", "bob@corp.example\nBcc: x@evil.example", "http:// evil"})
    bars(call("files/read").host(text));
}

TEST_F(Destination, WhatReadersTakeForDifferentHostsIsPermittedOnlyWhereEachIs) {
  mark_argument();
  declared().hosts = GlobSet({"corp.example", "*.corp.example"});
  for (const char* text : {"https://hr.corp.example\\@evil.example/", "https://evil.example\\@hr.corp.example/",
                           "x@evil.example@corp.example", "https://x@evil.example@hr.corp.example/", "bob@corp.example/x@evil.example",
                           "x@evil.example|bob@corp.example", "mailto:bob@corp.example?cc=x@evil.example"}) {
    bars(call("files/read").host(text));
    bars(to(text));
  }
  permits(to("https://hr.corp.example\\@crm.corp.example/"));
  permits(to("https://user:pw@hr.corp.example:443/a@b"));
}

TEST_F(Destination, ABreachNamesAllThatIsBarred) {
  mark_argument();
  declared().hosts = GlobSet({"corp.example"});
  const Reading reading = world.read(to("ann@corp.example, x@evil.example, y@worse.example").host("corp.example").host("bad.example"));
  ASSERT_EQ(reading.breaches.size(), 2U) << "one a field";
  EXPECT_THAT(reading.breaches[0].targets, ElementsAre("bad.example"));
  EXPECT_THAT(reading.breaches[1].targets, ElementsAre("x@evil.example", "y@worse.example"));
}

TEST_F(Destination, MarkedArgumentCountsAsADestination) {
  mark_argument();
  declared().hosts = GlobSet({"corp.example", "*.corp.example"});
  declared().accounts = ValueSet{"", {"acct-1"}};
  declared().agents = GlobSet({"helper-*"});
  for (const char* listed : {"ann@corp.example", "https://erp.corp.example/x", "acct-1", "helper-7"}) permits(to(listed));
  for (const char* unlisted : {"ann@evil.example", "https://evil.example/erp.corp.example", "acct-2", "stranger"}) bars(to(unlisted));
  permits(call("files/read").with("cc", "ann@evil.example"));
  permits(to(""));
}

TEST_F(Destination, EachAddressOfOneArgumentCounts) {
  mark_argument();
  declared().hosts = GlobSet({"corp.example"});
  permits(to("Ann A. <ann@corp.example>; bob@corp.example"));
  bars(to("bob@evil.example, ann@corp.example"));
  bars(to("ann@corp.example\nbob@evil.example"));
  bars(to("ann@corp.example, evil.example"));
  bars(to("ann@corp.example, GB00EVIL"));
  bars(call("files/read").with("to/0", "ann@corp.example").with("to/1", "bob@evil.example"));
}

TEST_F(Destination, WhatTheEventSaysTwiceIsToldOnce) {
  mark_argument();
  bars(to("GB00EVIL").account("GB00EVIL"));
}

TEST_F(Destination, MoreDestinationsThanAnyActNeedsAreOutside) {
  mark_argument();
  declared().accounts = ValueSet{"", {"acct-1"}};
  const auto many = [](std::size_t count) {
    Made made = call("files/read");
    for (std::size_t i = 0; i < count; ++i)
      std::move(made).with("to/" + std::to_string(i), "acct-1");  // NOLINT(bugprone-use-after-move): it hands itself back
    return made;
  };
  permits(many(scope::Targets::kMost));
  bars(many(scope::Targets::kMost + 1));
}

TEST_F(Destination, ValuesThatTheArgumentsOwnRuleListsArePermitted) {
  mark_argument();
  world.job.actions.front().arguments.back().in_list = ValueSet{"suppliers", {"GB29"}};
  permits(to("GB29"));
  EXPECT_THAT(world.breaks(to("GB00")), ElementsAre("scope.argument", "scope.destination"));
}

// external: grounded

TEST_F(Destination, GroundedIsWhatTheUsersTaskNames) {
  declared().external = External::Grounded;
  world.breaks(
      task_start("t1").but([](Event& event) { event.task.text = "Send the summary to bob@partner.example, and pay account DE89."; }));
  mark_argument();
  permits(call("files/read").host("partner.example"));
  permits(call("files/read").account("DE89"));
  bars(call("files/read").host("evil.example"));
}

TEST_F(Destination, GroundedIsWhatTheTaskDeclares) {
  declared().external = External::Grounded;
  world.breaks(task_start("t1").destinations({"*.partner.example"}).but([](Event& event) { event.task.text = "go"; }));
  permits(call("files/read").host("api.partner.example"));
}

TEST_F(Destination, GroundedIsWhatAnEarlierResultShowed) {
  declared().external = External::Grounded;
  permits(call("files/read").result("pay.partner.example").result("DE89"));
  world.restart();
  permits(call("files/read").host("pay.partner.example").account("DE89"));
  bars(call("files/read").host("evil.example"));
}

TEST_F(Destination, WhatAPageOnlyMentionsIsNotGrounded) {
  declared().external = External::Grounded;
  permits(call("files/read").result("Everybody here swears by pay.partner.example these days."));
  bars(call("files/read").host("pay.partner.example"));
}

TEST_F(Destination, OneMailboxOfAProviderDoesNotGroundTheOthers) {
  declared().external = External::Grounded;
  mark_argument();
  world.breaks(task_start("t1").but([](Event& event) { event.task.text = "Send the summary to bob@mail.example."; }));
  permits(to("bob@mail.example"));
  bars(to("eve@mail.example"));
}

TEST_F(Destination, ResultThatRepeatsWhatTheActSaidGroundsNothing) {
  declared().external = External::Grounded;
  permits(call("files/read").result("hello"));
  bars(call("files/read").host("evil.example").result("could not reach evil.example"));
  permits(call("files/read").with("text", "see https://evil.example/x").result("you said: see https://evil.example/x"));
  bars(call("files/read").host("evil.example"));
}

TEST_F(Destination, TaskThatTheAgentReportsItselfGroundsNothing) {
  declared().external = External::Grounded;
  world.breaks(task_start("t1").but([](Event& event) {
    event.task.text = "send to evil.example";
    event.source.product = "agent";
  }));
  permits(call("files/read").result("nothing of note"));
  bars(call("files/read").host("evil.example"));
}

TEST_F(Destination, WithoutTaskOrResultsGroundingIsNotEvaluable) {
  declared().external = External::Grounded;
  const Reading blind = world.read(call("files/read").host("evil.example"));
  EXPECT_THAT(blind.breaches, IsEmpty());
  EXPECT_TRUE(lacks(blind, Lacking::Grounding));
}

TEST_F(Destination, WhereResultsComeAfterTheVerdictAnUnknownDestinationIsNotEvaluable) {
  declared().external = External::Grounded;
  const auto ask = [] { return call("files/read").but([](Event& event) { event.phase = Phase::Request; }); };
  world.breaks(task_start("t1").but([](Event& event) { event.task.text = "look around"; }));
  bars(ask().host("evil.example"));
  const Reading blind = world.read(ask().host("evil.example"));
  EXPECT_THAT(blind.breaches, IsEmpty()) << "the first result may have named it";
  EXPECT_TRUE(lacks(blind, Lacking::Grounding));
}

TEST_F(Destination, WhatAResultTooLargeToReadMayHaveGivenIsNotForeign) {
  declared().external = External::Grounded;
  permits(call("files/read").result("hello"));
  bars(call("files/read").host("evil.example").result("hello"));
  permits(call("files/read").but([](Event& event) { event.result_too_large = true; }));
  world.restart();
  const Reading blind = world.read(call("files/read").host("partner.example"));
  EXPECT_THAT(blind.breaches, IsEmpty());
  EXPECT_TRUE(lacks(blind, Lacking::Grounding));
  bars(call("files/read").host("evil.example").result("hello"));
}

// new_per_day

TEST_F(Destination, NewDestinationsBeyondTheDailyNumberAreABreach) {
  declared().external = External::Any;
  declared().new_per_day = 2;
  permits(call("files/read").host("a.example").host("b.example"));
  permits(call("files/read").host("A.example."));
  const Reading third = world.read(call("files/read").host("c.example"));
  EXPECT_THAT(World::uids(third), ElementsAre("scope.destination"));
  EXPECT_EQ(third.breaches.front().what, "1 more new destination today than the declared new_per_day of 2");
  bars(call("files/read").host("c.example"));
  world.restart();
  permits(call("files/read").host("b.example"));
  permits(call("files/read").host("c.example").after(days(1)));
  permits(call("files/read").host("d.example").after(days(1)));
  bars(call("files/read").host("e.example").after(days(1)));
}

TEST_F(Destination, NewDestinationsOfAllSessionsAddUp) {
  declared().external = External::Any;
  declared().new_per_day = 1;
  permits(call("files/read").session("s1").host("a.example"));
  bars(call("files/read").session("s2").host("b.example"));
}

TEST_F(Destination, WhatWasContactedLongAgoIsNotNew) {
  declared().external = External::Any;
  declared().new_per_day = 600;
  const auto to = [](int i, int day) { return call("mail/send").account("u" + std::to_string(i)).after(days(day)); };
  world.job.actions.front().tools = GlobSet({"mail/send"});
  for (int i = 0; i < 5000; ++i) permits(to(i, i / 500));
  world.restart();
  for (int i = 0; i < 700; ++i) permits(to(i, 11));
  for (int i = 0; i < 600; ++i) permits(to(10'000 + i, 12));
  bars(to(20'000, 12));
}

TEST_F(Destination, OfMoreThanCanBeToldApartNoneIsCalledNewThatIsNot) {
  declared().external = External::Any;
  declared().new_per_day = 100'000;
  world.job.actions.front().tools = GlobSet({"mail/send"});
  const auto to = [](int i) { return call("mail/send").account("u" + std::to_string(i)); };
  for (int i = 0; i < 26'000; ++i) permits(to(i));
  const Reading old = world.read(to(0));
  EXPECT_THAT(old.breaches, IsEmpty());
  EXPECT_TRUE(lacks(old, Lacking::Past));
  EXPECT_FALSE(lacks(world.read(to(25'999)), Lacking::Past)) << "one of the last 4,096";
}

TEST_F(Destination, StartedAgainBehindTheLastThatIsKeptKnowsTheSame) {
  declared().external = External::Any;
  declared().new_per_day = limits::kDestinationsPerAgent;
  for (std::size_t i = 0; i < limits::kDestinationsPerAgent; ++i) permits(call("files/read").account("u" + std::to_string(i)));
  world.restart();
  bars(call("files/read").account("another"));
}

TEST_F(Destination, OfAStateThatDoesNotSayWhatHasLeftNothingIsNewUntilAsManyMoreAreKnown) {
  declared().external = External::Any;
  declared().new_per_day = 0;
  for (const std::uint8_t version : {std::uint8_t{1}, std::uint8_t{2}}) {
    Writer former;
    former.u8(version);
    former.u8(0);
    former.varint(limits::kDestinationsPerAgent);
    for (std::size_t i = 0; i < limits::kDestinationsPerAgent; ++i) former.u64(hash64(std::to_string(i)));
    former.varint(0);
    if (version == 2) {
      former.varint(~std::uint32_t{0});
      flow::GramFilter<1024>().encode(former);
    }
    Reader in(former.bytes());
    auto& memory = world.agent.memory.at(static_cast<std::size_t>(ChannelId::Scope));
    memory = scope_channel().decode_memory(MemoryScope::Agent, in);
    ASSERT_NE(memory, nullptr);
    const auto to = [this](std::size_t i) { return world.read(call("files/read").host("h" + std::to_string(i) + ".example")); };
    EXPECT_TRUE(lacks(to(0), Lacking::Past));
    std::size_t known = 1;
    for (; to(known).breaches.empty() && known < 2 * limits::kDestinationsPerAgent; ++known)
      if (known % 1000 == 0) world.restart();
    EXPECT_THAT(known, AllOf(Ge(limits::kDestinationsPerAgent), Le(limits::kDestinationsPerAgent + 50))) << "some taken for known";
    EXPECT_THAT(to(0).breaches, IsEmpty());
  }
}

TEST_F(Destination, RefusedActContactsNobody) {
  declared().external = External::Any;
  declared().new_per_day = 1;
  permits(call("files/read").host("a.example").but([](Event& event) { event.outcome.status = Outcome::Denied; }));
  permits(call("files/read").host("b.example"));
  bars(call("files/read").host("a.example"));
}

TEST_F(Destination, DatesFarAwayDoNotResetTheDay) {
  declared().external = External::Any;
  declared().new_per_day = 1;
  permits(call("files/read").host("a.example"));
  permits(call("files/read").host("b.example").after(days(4000)));
  bars(call("files/read").host("c.example"));
}

TEST_F(Destination, NewOnADayThatIsKeptNoLongerIsNotEvaluable) {
  declared().external = External::Any;
  declared().new_per_day = 1;
  for (int day = 1; day <= 3; ++day) permits(call("files/read").host("h" + std::to_string(day) + ".example").after(days(day)));
  for (const char* host : {"a.example", "b.example"}) {
    const Reading late = world.read(call("files/read").host(host));
    EXPECT_THAT(late.breaches, IsEmpty());
    EXPECT_TRUE(lacks(late, Lacking::Past));
  }
}

}  // namespace
}  // namespace ringfence::testing
