// SPDX-License-Identifier: Apache-2.0
#include "models/delegation.h"

#include <gmock/gmock.h>

#include <random>

#include "models/detector.h"
#include "tests/unit/models/scope_world.h"

namespace ringfence::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;

struct Delegated : ::testing::Test {
  World world{delegation_channel()};
  Delegated() {
    Persona parent;
    parent.id = "desk";
    parent.version = "1";
    parent.agents = GlobSet({"desk-*"});
    parent.actions.push_back(action("read", {"files/read"}));
    parent.actions.push_back(action("pay", {"bank/pay"}, Effect::Transfer));
    parent.delegation.declared = true;
    parent.delegation.to = GlobSet({"agent-*", "desk-*"});
    parent.delegation.max_depth = 2;
    world.other_jobs.push_back(std::move(parent));
    world.job.actions.push_back(action("write", {"files/write"}, Effect::Write));
    world.job.actions.push_back(action("hand", {"agents/ask"}, Effect::Delegate));
  }
};

TEST_F(Delegated, AloneOrForAnUnknownParentNothingIsMarked) {
  EXPECT_EQ(world.read(call("files/write")).kind, Reading::Kind::Silent);
  EXPECT_EQ(world.read(call("files/write").parent("somebody")).kind, Reading::Kind::NotEvaluable);
  EXPECT_EQ(world.session("s1").memory.at(static_cast<std::size_t>(ChannelId::Delegation)), nullptr);
}

TEST_F(Delegated, ActIsHeldAgainstBothJobs) {
  const Reading inside = world.read(call("files/read").parent("desk-1"));
  EXPECT_EQ(inside.cls, 0);
  EXPECT_THAT(inside.breaches, IsEmpty());
  const Reading parents = world.read(call("files/write").parent("desk-1"));
  EXPECT_EQ(parents.cls, 1);
  EXPECT_THAT(World::uids(parents), ElementsAre("delegation.excess"));
  const Reading own = world.read(call("bank/pay").parent("desk-1"));
  EXPECT_EQ(own.cls, 2) << "the scope channel names it";
  EXPECT_THAT(own.breaches, IsEmpty());
}

TEST_F(Delegated, AnyoneAboveNarrowsNotOnlyTheNearest) {
  const Reading reading = world.read(call("files/write").chain({"agent-1", "unknown-2", "desk-1"}));
  EXPECT_EQ(reading.cls, 1);
}

TEST_F(Delegated, DestinationThatTheParentBarsIsOutsideItsJob) {
  world.job.destinations = {.declared = true, .external = External::Any};
  EXPECT_THAT(world.breaks(call("files/read").host("mail.elsewhere.example")), IsEmpty());
  const Reading reading = world.read(call("files/read").host("mail.elsewhere.example").parent("desk-1"));
  EXPECT_EQ(reading.cls, 1);
  EXPECT_THAT(World::uids(reading), ElementsAre("delegation.excess"));
  EXPECT_THAT(reading.breaches.front().what, HasSubstr("destination.host"));
}

TEST_F(Delegated, LeastDepthAlongTheChainCounts) {
  EXPECT_EQ(world.read(call("files/read").chain({"agent-1", "desk-2", "desk-1"})).cls, 0);
  const Reading reading = world.read(call("files/read").chain({"agent-1", "desk-3", "desk-2", "desk-1"}));
  EXPECT_EQ(reading.cls, 3);
  EXPECT_THAT(reading.breaches.front().what, HasSubstr("depth 3"));
}

TEST_F(Delegated, TwoAgentsAboveOfOneJobAreToldOfOnce) {
  const auto told = [&](const char* tool) {
    std::vector<std::string> clauses;
    for (const Breach& breach : world.read(call(tool).chain({"agent-1", "desk-3", "desk-2", "desk-1"})).breaches)
      clauses.push_back(breach.what);
    return clauses;
  };
  const std::string deep = "it acts at delegation depth 3, the job desk@1 it was delegated from allows 2";
  EXPECT_THAT(told("files/read"), ElementsAre(deep));
  EXPECT_THAT(told("files/write"), ElementsAre(deep, "tool files/write is outside the job desk@1 it was delegated from"));
}

TEST_F(Delegated, ParentThatDoesNotNameItIsTold) {
  world.other_jobs.front().delegation.to = GlobSet({"other-*"});
  EXPECT_THAT(world.breaks(call("files/read").parent("desk-1")), ElementsAre("delegation.excess"));
}

TEST_F(Delegated, ChildrenAreCountedOnceASessionAndOverARestart) {
  world.job.delegation.declared = true;
  world.job.delegation.max_children = 2;
  EXPECT_EQ(world.read(call("agents/ask").account("a")).cls, 0);
  EXPECT_EQ(world.read(call("agents/ask").account("b")).cls, 0);
  world.restart();
  EXPECT_EQ(world.read(call("agents/ask").account("a")).cls, 0);
  const Reading third = world.read(call("agents/ask").account("c"));
  EXPECT_EQ(third.context, 1);
  EXPECT_EQ(third.cls, 4);
  EXPECT_THAT(World::uids(third), ElementsAre("delegation.excess"));
  EXPECT_EQ(world.read(call("agents/ask").account("c").session("s2")).cls, 0);
}

TEST_F(Delegated, AsManyChildrenAsMayBeDeclaredAreCounted) {
  world.job.delegation.declared = true;
  world.job.delegation.max_children = 256;
  for (int i = 0; i < 256; ++i) EXPECT_THAT(world.breaks(call("agents/ask").account("child-" + std::to_string(i))), IsEmpty()) << i;
  world.restart();
  EXPECT_THAT(world.breaks(call("agents/ask").account("child-0")), IsEmpty());
  const Reading more = world.read(call("agents/ask").account("child-256"));
  ASSERT_THAT(World::uids(more), ElementsAre("delegation.excess"));
  EXPECT_EQ(more.breaches.front().what, "it delegates to another child in this session, declared are at most 256");
}

struct Delegating : Delegated {
  Delegating() {
    world.job.delegation.declared = true;
    world.job.delegation.max_children = 2;
  }
  static Made act(std::string id, Phase phase, Outcome status) {
    Made made = call("agents/ask");
    made.event().id = made.own(std::move(id));
    made.event().phase = phase;
    made.event().outcome.status = status;
    return made;
  }
  std::vector<std::string> request(std::string child, std::string id) {
    return world.breaks(act(std::move(id), Phase::Request, Outcome::Unknown).account(std::move(child)));
  }
  /// It repeats nothing of the request.
  void completes(std::string id, Outcome status) { world.outcome(act(std::move(id), Phase::Complete, status)); }
};

TEST_F(Delegating, ChildThatWasRefusedIsNone) {
  for (const char* id : {"a", "b", "c", "d"}) {
    EXPECT_THAT(request(std::string("helper-") + id, id), IsEmpty());
    world.restart();
    completes(id, Outcome::Denied);
  }
  EXPECT_THAT(request("helper-1", "e"), IsEmpty());
  EXPECT_THAT(request("helper-2", "f"), IsEmpty());
  EXPECT_THAT(request("helper-3", "g"), ElementsAre("delegation.excess")) << "nothing is known of the first two yet";
  completes("e", Outcome::Denied);
  completes("f", Outcome::Ok);
  EXPECT_THAT(request("helper-3", "h"), IsEmpty());
  EXPECT_THAT(request("helper-4", "i"), ElementsAre("delegation.excess"));
}

TEST_F(Delegating, ChildWhoseDelegationFailedIsNone) {
  for (const char* id : {"a", "b", "c"}) {
    EXPECT_THAT(request(std::string("helper-") + id, id), IsEmpty());
    completes(id, Outcome::Error);
  }
  for (const char* id : {"d", "e", "f"}) {
    const Reading whole = world.read(act(id, Phase::Complete, Outcome::Error).account(std::string("helper-") + id));
    EXPECT_EQ(whole.cls, 0);
    EXPECT_THAT(whole.breaches, IsEmpty());
  }
  for (const char* id : {"g", "h"})
    EXPECT_THAT(world.breaks(act(id, Phase::Complete, Outcome::Ok).account(std::string("helper-") + id)), IsEmpty());
  EXPECT_THAT(world.breaks(act("i", Phase::Complete, Outcome::Ok).account("helper-i")), ElementsAre("delegation.excess"));
}

TEST_F(Delegating, RefusalTakesNoChildBackThatAnotherActHasOrAsksFor) {
  EXPECT_THAT(request("helper-1", "a"), IsEmpty());
  completes("a", Outcome::Ok);
  EXPECT_THAT(request("helper-1", "b"), IsEmpty());
  completes("b", Outcome::Denied);
  EXPECT_THAT(request("helper-2", "c"), IsEmpty());
  EXPECT_THAT(request("helper-2", "d"), IsEmpty());
  completes("c", Outcome::Denied);
  EXPECT_THAT(request("helper-3", "e"), ElementsAre("delegation.excess"));
  completes("d", Outcome::Denied);
  EXPECT_THAT(request("helper-3", "f"), IsEmpty());
}

TEST_F(Delegating, StateOfVersionOneKeepsItsChildren) {
  (void)request("helper-1", "a");
  Writer old;
  old.u8(1);
  old.u64(0);
  old.varint(2);
  for (const std::uint64_t child : {std::min(hash64("helper-1"), hash64("helper-2")), std::max(hash64("helper-1"), hash64("helper-2"))})
    old.u64(child);
  Reader in(old.bytes());
  auto& memory = world.session("s1").memory.at(static_cast<std::size_t>(ChannelId::Delegation));
  memory = delegation_channel().decode_memory(MemoryScope::Session, in);
  ASSERT_NE(memory, nullptr);
  EXPECT_THAT(request("helper-2", "b"), IsEmpty());
  completes("b", Outcome::Denied);
  EXPECT_THAT(request("helper-3", "c"), ElementsAre("delegation.excess"));
}

TEST_F(Delegated, RootSessionIsToldHowManyChildrenItsRootDeclares) {
  world.other_jobs.front().delegation.max_children = 2;
  const Reading reading = world.read(call("files/read").parent("desk-1").but([](Event& e) { e.delegation.root = "desk-1"; }));
  ASSERT_FALSE(reading.links.empty());
  EXPECT_EQ(reading.links.front().kind, SubjectKind::RootSession);
  EXPECT_EQ(reading.links.front().most_members, 2U);
  EXPECT_THAT(world.read(call("files/read").parent("desk-1")).links, IsEmpty());
  const Reading chained = world.read(call("files/read").chain({"agent-1", "somebody", "desk-1"}));
  ASSERT_FALSE(chained.links.empty());
  EXPECT_EQ(chained.links.front().most_members, 2U) << "the root is the last of the chain";
}

TEST_F(Delegated, WhereTheRootAloneIsToldNobodySaysWhoTheParentIs) {
  const auto by_root = [](Made made) { return std::move(made).but([](Event& e) { e.delegation.root = "desk-1"; }); };
  world.other_jobs.front().delegation.to = GlobSet({"middle-*"});
  const Reading inside = world.read(by_root(call("files/read")));
  EXPECT_EQ(inside.cls, 0);
  EXPECT_THAT(inside.breaches, IsEmpty());
  EXPECT_TRUE(lacks(inside, Lacking::Delegation));
  const Reading outside = world.read(by_root(call("files/write")));
  EXPECT_EQ(outside.cls, 1) << "the root's job holds for all below it";
  EXPECT_THAT(World::uids(outside), ElementsAre("delegation.excess"));
  EXPECT_FALSE(lacks(world.read(call("files/read").chain({"agent-1", "middle-1", "desk-1"})), Lacking::Delegation));
  EXPECT_TRUE(lacks(world.read(by_root(call("files/read").parent("middle-1"))), Lacking::Delegation)) << "who else is between them";
  EXPECT_FALSE(lacks(world.read(by_root(call("files/read").parent("desk-1"))), Lacking::Delegation)) << "the parent began it";
}

/// `join desk-1`, as its trees are told of an act.
std::vector<std::string> told(const Reading& reading) {
  std::vector<std::string> out;
  for (const LinkNote& note : reading.links)
    if (note.kind == SubjectKind::Tree) out.push_back((note.deed == Deed::Join ? "join " : "leave ") + note.subject);
  return out;
}

Made at_minute(std::int64_t minute) {
  return call("files/read").but([&](Event& e) { e.time = e.time + minutes(minute); });
}

TEST_F(Delegated, TreesAreToldOfWhoComesOnceADayAndOfWhoHasLeftAfterAnHour) {
  EXPECT_THAT(told(world.read(at_minute(0).chain({"agent-1", "desk-2", "desk-1"}))), ElementsAre("join desk-2", "join desk-1"));
  EXPECT_THAT(told(world.read(at_minute(30).parent("desk-1"))), IsEmpty());
  world.restart();
  EXPECT_THAT(told(world.read(at_minute(84).parent("desk-1"))), ElementsAre("leave desk-2"));
  EXPECT_THAT(told(world.read(at_minute(138).parent("desk-1"))), IsEmpty());
  for (int hour = 3; hour < 24; ++hour)
    EXPECT_THAT(told(world.read(at_minute(std::int64_t{60} * hour).parent("desk-1"))), IsEmpty()) << hour;
  EXPECT_THAT(told(world.read(at_minute(std::int64_t{24} * 60).parent("desk-1"))), ElementsAre("join desk-1"))
      << "neither memory outlives the other";
  EXPECT_THAT(told(world.read(at_minute(24 * 60 + 54))), IsEmpty()) << "alone for a while";
  EXPECT_THAT(told(world.read(at_minute(25 * 60 + 6))), ElementsAre("leave desk-1"));
}

TEST_F(Delegated, ABorrowedNameTellsNoTree) {
  world.session("s1").borrowed = true;
  EXPECT_THAT(told(world.read(call("files/read").parent("desk-1"))), IsEmpty());
}

TEST_F(Delegated, OfMoreThanSixteenTreesTheOneLongestAgoIsLeft) {
  for (int i = 1; i <= 16; ++i) (void)world.read(at_minute(i).parent("desk-" + std::to_string(i)));
  EXPECT_THAT(told(world.read(at_minute(17).parent("desk-17"))), ElementsAre("leave desk-1", "join desk-17"));
}

TEST_F(Delegated, TokenServesTheDelegationItWasIssuedFor) {
  const auto with_token = [](Made made) { return std::move(made).but([](Event& e) { e.session.kind = "token"; }); };
  EXPECT_THAT(world.breaks(with_token(call("files/read").parent("desk-1"))), IsEmpty());
  EXPECT_THAT(world.breaks(with_token(call("files/read").parent("desk-1"))), IsEmpty());
  EXPECT_THAT(world.breaks(with_token(call("files/read").parent("desk-2"))), ElementsAre("delegation.excess"));
  EXPECT_THAT(world.breaks(with_token(call("files/read"))), ElementsAre("delegation.excess"));
}

TEST_F(Delegated, WordsAreOfWhatTheEvidenceIsOf) {
  const auto words = [&](std::vector<std::uint8_t> classes, Made made) {
    world.agent.ledger = std::make_unique<Ledger>();
    world.agent.ledger->rows.push_back({.id = {ChannelId::Scope, 0, 4}, .count = 1});
    for (const std::uint8_t cls : classes) world.agent.ledger->rows.push_back({.id = {ChannelId::Delegation, 0, cls}, .count = 2});
    world.words_for = Threat::DelegationExcess;
    world.read(std::move(made));
    return world.told.sentence;
  };
  EXPECT_EQ(words({0, 1}, call("files/read")), "It acts outside the job it was delegated from.") << "a root session, which has no parent";
  EXPECT_EQ(words({4}, call("files/read")), "It delegates to more children than its job declares.");
  EXPECT_EQ(
      words({1, 3}, call("files/read").parent("desk-1")),
      "It acts on behalf of agent desk-1, at depth 1 or more. It acts outside the job it was delegated from, and acts deeper than was "
      "delegated.");
}

TEST(DelegationFalseAlarms, StayUnderTheBoundExactlyOnTheCaps) {
  constexpr int kCalls = 2'000'000;
  constexpr double kThreshold = 1e3;
  const Persona persona;
  const std::array<const Channel*, 1> alone{&delegation_channel()};
  const Tables tables(persona, alone);
  std::mt19937_64 rng(3);
  for (const Null null : {Null::Alert, Null::Declared}) {
    for (const std::uint8_t context : {std::uint8_t{0}, std::uint8_t{1}}) {
      std::array<double, 5> p{1};
      for (std::uint8_t cls = 1; cls < 5; ++cls) p[0] -= p.at(cls) = tables.cap(null, {ChannelId::Delegation, context, cls});
      std::discrete_distribution<int> draw(p.begin(), p.end());
      const double weight = static_cast<double>(tables.prior(null)[static_cast<std::size_t>(Threat::DelegationExcess)]);
      Evidence evidence;
      int alarms = 0;
      bool up = false;
      for (int n = 0; n < kCalls; ++n) {
        const std::array<RowId, 1> marks{RowId{ChannelId::Delegation, context, static_cast<std::uint8_t>(draw(rng))}};
        update(evidence, tables, marks);
        const double score = scope_score(evidence, tables, null) / weight;
        if (up) up = score >= kThreshold / 100;
        if (!up && score >= kThreshold) up = ++alarms > 0;
      }
      EXPECT_THAT(alarms, Le(1.011 * kCalls / kThreshold));
      EXPECT_GT(alarms, 0) << "a channel that never speaks would pass";
    }
  }
}

}  // namespace
}  // namespace ringfence::testing
