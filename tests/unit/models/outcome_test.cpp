// SPDX-License-Identifier: Apache-2.0
#include "models/outcome.h"

#include <gmock/gmock.h>

#include <random>

#include "models/detector.h"
#include "tests/unit/models/scope_world.h"

namespace ringfence::testing {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;
using ::testing::Pair;

struct Outcomes : ::testing::Test {
  World world{outcome_channel()};
  Outcomes() {
    world.job.actions.push_back(action("pay", {"bank/pay", "bank/transfer"}, Effect::Transfer));
    world.job.actions.push_back(action("note", {"bank/note"}, Effect::Write));
  }
  Reading read(const std::string& of, Nanos after = {}, Outcome status = Outcome::Ok) {
    return world.read(call("files/read").on(of).result("text").after(after).but([&](Event& e) { e.outcome.status = status; }));
  }
  std::vector<std::string> act(std::string_view tool, Outcome status, std::string task = "t1") {
    return world.breaks(call(tool).with("n", "1").task(std::move(task)).but([&](Event& e) { e.outcome.status = status; }));
  }
  std::vector<std::string> claims(TaskClaim claim, std::string task = "t1") {
    return world.breaks(task_end(std::move(task)).but([&](Event& e) { e.task.claim = claim; }));
  }
};

TEST_F(Outcomes, DoneAfterARefusedActContradictsTheRecord) {
  act("bank/pay", Outcome::Denied);
  world.restart();
  EXPECT_THAT(claims(TaskClaim::Done), ElementsAre("outcome.contradiction"));
  EXPECT_THAT(claims(TaskClaim::Done), IsEmpty()) << "said once";
}

TEST_F(Outcomes, LaterSuccessOfTheSameActionTakesItBack) {
  act("bank/pay", Outcome::Error);
  act("bank/transfer", Outcome::Ok);
  EXPECT_THAT(claims(TaskClaim::Done), IsEmpty());
}

TEST_F(Outcomes, SuccessOfAnotherActionDoesNot) {
  act("bank/pay", Outcome::Denied);
  act("bank/note", Outcome::Ok);
  EXPECT_THAT(claims(TaskClaim::Done), ElementsAre("outcome.contradiction"));
}

TEST_F(Outcomes, HonestClaimsReadsAndOtherTasksAreSilent) {
  act("bank/pay", Outcome::Denied, "t0");
  EXPECT_THAT(claims(TaskClaim::Refused, "t0"), IsEmpty());
  act("files/read", Outcome::Denied);
  EXPECT_THAT(claims(TaskClaim::Done), IsEmpty());
  act("bank/pay", Outcome::Denied, "t2");
  EXPECT_THAT(claims(TaskClaim::Done), IsEmpty());
}

TEST_F(Outcomes, WhatWasReportedFailedFirstIsNotDoneForThat) {
  act("bank/pay", Outcome::Denied);
  EXPECT_THAT(claims(TaskClaim::Failed), IsEmpty());
  EXPECT_THAT(claims(TaskClaim::Done, "t9"), IsEmpty());
  EXPECT_THAT(world.breaks(task_end("t1")), IsEmpty()) << "it claims nothing";
  EXPECT_THAT(claims(TaskClaim::Done), ElementsAre("outcome.contradiction"));
}

TEST_F(Outcomes, WhatNamesNoTaskMayBeOfTheOneThatWasReportedFailed) {
  const auto refused = [&] { world.breaks(call("bank/pay").with("n", "1").but([](Event& e) { e.outcome.status = Outcome::Denied; })); };
  refused();
  EXPECT_THAT(claims(TaskClaim::Failed, "t1"), IsEmpty());
  EXPECT_THAT(claims(TaskClaim::Done, "t2"), IsEmpty());
  refused();
  EXPECT_THAT(claims(TaskClaim::Done, "t2"), ElementsAre("outcome.contradiction"));
}

TEST_F(Outcomes, EveryActionThatFailedIsToldOnceAndIsWhatAnExceptionIsAbout) {
  act("bank/pay", Outcome::Denied);
  act("bank/note", Outcome::Error);
  act("bank/transfer", Outcome::Denied);
  world.read(call("bank/odd").with("n", "1").task("t1").effect(Effect::Write).but([](Event& e) { e.outcome.status = Outcome::Denied; }));
  const Reading reading = world.read(task_end("t1").but([](Event& e) { e.task.claim = TaskClaim::Done; }));
  std::vector<std::pair<std::string, std::optional<ActionIndex>>> told;
  for (const Breach& breach : reading.breaches) told.emplace_back(breach.what.substr(breach.what.find("bank/"), 9), breach.earlier);
  EXPECT_THAT(told, ElementsAre(Pair("bank/odd ", std::nullopt), Pair("bank/tran", ActionIndex{1}), Pair("bank/note", ActionIndex{2})));
}

TEST_F(Outcomes, FailureWhoseEffectNobodyStatesIsNotEvaluable) {
  const auto odd = [&](Outcome status) {
    return world.read(call("bank/odd").with("n", "1").task("t1").but([&](Event& e) { e.outcome.status = status; }));
  };
  EXPECT_TRUE(lacks(odd(Outcome::Denied), Lacking::Effect));
  EXPECT_FALSE(lacks(odd(Outcome::Ok), Lacking::Effect));
  EXPECT_THAT(claims(TaskClaim::Done), IsEmpty());
}

TEST_F(Outcomes, BorrowedNameSpeaksForItsSessionAlone) {
  act("bank/pay", Outcome::Denied);
  const auto& mine = world.session("s1").memory[static_cast<std::size_t>(ChannelId::Outcome)];
  const auto elsewhere = [&](bool borrowed) {
    world.agent.sessions.clear();
    SessionState& other = world.agent.sessions.emplace_back();
    other.borrowed = borrowed;
    Writer out;
    mine->encode(out);
    Reader in(out.bytes());
    other.memory[static_cast<std::size_t>(ChannelId::Outcome)] = outcome_channel().decode_memory(MemoryScope::Session, in);
    return world.breaks(task_end("t1").session("s2").but([](Event& e) { e.task.claim = TaskClaim::Done; }));
  };
  EXPECT_THAT(elsewhere(true), IsEmpty());
  world.session("s2").borrowed = true;
  EXPECT_THAT(elsewhere(false), IsEmpty());
  world.session("s2").borrowed = false;
  EXPECT_THAT(elsewhere(false), ElementsAre("outcome.contradiction"));
}

TEST_F(Outcomes, SameActWithTheSameResultIsARepetition) {
  EXPECT_EQ(read("a").cls, 0);
  EXPECT_EQ(read("a").cls, 1);
  EXPECT_EQ(read("b").context, 1) << "after a repetition";
  EXPECT_EQ(read("a").cls, 1) << "one of the last four";
  for (const char* path : {"c", "d", "e", "f"}) EXPECT_EQ(read(path).cls, 0);
  EXPECT_EQ(read("a").cls, 0) << "five acts ago";
}

TEST_F(Outcomes, AnotherResultIsProgress) {
  EXPECT_EQ(world.read(call("files/read").with("path", "a").result("1 of 9")).cls, 0);
  EXPECT_EQ(world.read(call("files/read").with("path", "a").bytes(std::nullopt, 9)).cls, 0);
  EXPECT_EQ(world.read(call("files/read").with("path", "a").bytes(std::nullopt, 8)).cls, 0);
}

TEST_F(Outcomes, RetriesThatTheJobToleratesAreNone) {
  world.job.barriers.retries = 2;
  EXPECT_EQ(read("a", {}, Outcome::Error).cls, 0);
  EXPECT_EQ(read("a", {}, Outcome::Error).cls, 0);
  EXPECT_EQ(read("a", {}, Outcome::Error).cls, 0);
  EXPECT_EQ(read("a", {}, Outcome::Error).cls, 1);
}

TEST_F(Outcomes, PollAtTheDeclaredMedianPaceIsNone) {
  world.job.calls_per_minute = Ladder{1, 10, 20};
  for (int i = 0; i < 50; ++i) EXPECT_EQ(read("a", minutes(i)).cls, 0);
  EXPECT_EQ(read("a", Nanos{minutes(49).value + seconds(20).value}).cls, 1) << "faster than a poll";
}

TEST_F(Outcomes, ActWithoutArgumentsAndResourceIsNotEvaluable) {
  EXPECT_EQ(world.read(call("files/read")).kind, Reading::Kind::NotEvaluable);
}

TEST_F(Outcomes, RequestSaysWhatItsCompletionLeavesOut) {
  int n = 0;
  const auto asks = [&](const std::string& path) {
    const std::string id = "a-" + std::to_string(++n);
    const auto named = [&](Made made) { return std::move(made).but([&](Event& e) { e.id = made.own(id); }); };
    world.ask(named(call("files/read").ids({path}).on("share")));
    if (n % 2 == 0) world.restart();
    return world.read(named(call("files/read").on("share")));
  };
  for (const char* path : {"a", "b", "c", "d", "e"}) EXPECT_EQ(asks(path).cls, 0) << path;
  EXPECT_EQ(asks("e").cls, 1);
}

TEST_F(Outcomes, OfMoreThanEightRequestsUnderWayTheFirstAreNotEvaluable) {
  const auto named = [](Made made, int n) {
    made.event().id = made.own("a-" + std::to_string(n));
    return made;
  };
  for (int n = 0; n < 9; ++n) world.ask(named(call("files/read").ids({std::to_string(n)}).on("share"), n));
  EXPECT_EQ(world.read(named(call("files/read").on("share"), 0)).kind, Reading::Kind::NotEvaluable);
  for (int n = 1; n < 9; ++n) EXPECT_EQ(world.read(named(call("files/read").on("share"), n)).cls, 0) << n;
}

TEST_F(Outcomes, StateOfVersionOneKeepsItsFailures) {
  act("bank/pay", Outcome::Denied);
  auto& memory = world.session("s1").memory[static_cast<std::size_t>(ChannelId::Outcome)];
  Writer now;
  memory->encode(now);
  std::string former(now.bytes());
  former.front() = 1;
  former.resize(former.size() - 3);  // nothing was asked for, no spree ended
  Reader in(former);
  memory = outcome_channel().decode_memory(MemoryScope::Session, in);
  ASSERT_NE(memory, nullptr);
  EXPECT_THAT(claims(TaskClaim::Done), ElementsAre("outcome.contradiction"));
}

TEST_F(Outcomes, HostileToolNamesAreEscaped) {
  world.read(call("bank/pay").with("n", "1").task("t1").but([](Event& e) {
    e.outcome.status = Outcome::Denied;
    e.tool.effect = Effect::Transfer;
    e.tool.name = "pay\x1b[2J";
  }));
  const Reading reading = world.read(task_end("t1").but([](Event& e) { e.task.claim = TaskClaim::Done; }));
  ASSERT_EQ(reading.breaches.size(), 1U);
  EXPECT_THAT(reading.breaches.front().what, Not(HasSubstr("\x1b")));
}

struct Sweeps : Outcomes {
  Sweeps() {
    const auto shared = [&](Action made, double share) {
      made.share = share;
      world.job.actions.push_back(std::move(made));
    };
    shared(action("manage", {"port/booking.*"}, Effect::Write), .3);
    shared(action("cancel", {"port/order*", "port/cancel*"}, std::nullopt), .01);
    shared(action("clear", {"port/drafts.purge"}, Effect::Delete), .01);
    world.job.actions.push_back(action("file", {"drop-box/file.put"}, Effect::Write));
  }
  /// 1: destructive, 0: not; nothing where no sweep is judged.
  std::optional<int> destroys(Made made) {
    const Reading reading = world.read(std::move(made).with("n", std::to_string(++n_)));
    if (reading.wagers.empty()) return std::nullopt;
    return reading.wagers.front().cls - 2;
  }
  int n_ = 0;
};

TEST_F(Sweeps, ActCountsWhereTheShareOfItsActionIsInTheCap) {
  EXPECT_EQ(destroys(call("port/drafts.purge")), 1);
  EXPECT_EQ(destroys(call("port/cancel_order")), 1) << "the glob names it";
  EXPECT_EQ(destroys(call("port/order_move")), 0);
  EXPECT_EQ(destroys(call("port/booking.cancel")), 0) << "managing bookings is declared as often";
  EXPECT_EQ(destroys(call("port/booking.delete").effect(Effect::Delete)), 0) << "what the event says of it is no share either";
  EXPECT_EQ(destroys(call("drop-box/file.put")), 0) << "the server's name says nothing";
  EXPECT_EQ(destroys(call("port/yard.wipe").effect(Effect::Write)), 1) << "no action declares it, so it has no share";
}

TEST_F(Sweeps, WordsInANameBeginWithCapitalsToo) {
  for (const char* name : {"port/deleteYard", "port/yardDelete", "port/HTTPDelete", "port/DELETE_YARD", "port/v2Delete", "port/wipeAll"})
    EXPECT_EQ(destroys(call(name).effect(Effect::Write)), 1) << name;
  for (const char* name : {"port/undeleted", "port/Backdrop", "port/canceled"})
    EXPECT_EQ(destroys(call(name).effect(Effect::Write)), 0) << name;
}

TEST_F(Sweeps, ActsThatFailOrOfWhichNobodyKnowsAreOtherActs) {
  const auto ended = [](const char* tool, Outcome outcome) {
    return call(tool).but([&](Event& event) { event.outcome.status = outcome; });
  };
  const auto context = [&](Made made) { return world.read(std::move(made).with("n", std::to_string(++n_))).wagers.front().context; };
  for (const Outcome outcome : {Outcome::Unknown, Outcome::Error, Outcome::Denied}) {
    EXPECT_EQ(destroys(ended("port/drafts.purge", outcome)), 0);
    EXPECT_EQ(context(call("port/drafts.purge")), 3) << "behind one that tried";
    EXPECT_EQ(context(ended("port/order_move", outcome)), 3);
    EXPECT_EQ(context(ended("port/order_move", outcome)), 2) << "another act came between";
  }
}

TEST_F(Sweeps, WhatWasAskedForBehindADestructiveActIsHeldAgainstThatHoweverLateItsAnswer) {
  const auto numbered = [](const char* tool, std::string id) {
    Made made = call(tool).with("n", id);
    const std::string_view own = made.own(std::move(id));
    return std::move(made).but([&](Event& event) { event.id = own; });
  };
  const auto context = [&](Made made) { return world.read(std::move(made)).wagers.front().context; };
  EXPECT_EQ(context(numbered("port/drafts.purge", "1")), 2);
  world.ask(numbered("port/drafts.purge", "2"));
  EXPECT_EQ(context(numbered("port/order_move", "3")), 3);
  world.restart();
  EXPECT_EQ(context(numbered("port/drafts.purge", "2")), 3);
  EXPECT_EQ(context(numbered("port/order_move", "4")), 3);
  world.ask(numbered("port/drafts.purge", "5"));
  EXPECT_EQ(context(numbered("port/drafts.purge", "5")), 2);
}

TEST_F(Sweeps, AreNotJudgedWhereADestructiveActionHasNoShare) {
  world.job.actions.push_back(action("revoke", {"keys/revoke"}, Effect::Write));
  EXPECT_EQ(destroys(call("port/drafts.purge")), std::nullopt);
}

TEST_F(Sweeps, ShareThatIsGreaterHoldsAfterADestructiveActToo) {
  const std::array<const Channel*, 1> alone{&outcome_channel()};
  const auto caps_of = [&](double share) {
    for (Action& made : world.job.actions)
      if (made.id == "cancel" || made.id == "clear") made.share = share / 2;
    const Tables tables(world.job, alone);
    return std::pair{tables.cap(Null::Alert, {ChannelId::Outcome, 2, 3}), tables.cap(Null::Alert, {ChannelId::Outcome, 3, 3})};
  };
  EXPECT_THAT(caps_of(.1), Pair(DoubleNear(.32, 1e-9), .5));
  EXPECT_THAT(caps_of(.2), Pair(DoubleNear(.62, 1e-9), DoubleNear(.62, 1e-9)));
  EXPECT_THAT(caps_of(.5), Pair(1, 1));
  EXPECT_EQ(destroys(call("port/drafts.purge")), std::nullopt) << "a job that destroys half of the time has no sweep";
}

TEST_F(Sweeps, AreExplainedByTheCapsThatTheyAreHeldAgainst) {
  const std::array<const Channel*, 1> alone{&outcome_channel()};
  const auto caps = [&](Null null) {
    const Tables tables(world.job, alone);
    return std::pair{tables.cap(null, {ChannelId::Outcome, 2, 3}), tables.cap(null, {ChannelId::Outcome, 3, 3})};
  };
  world.job.confidence = Confidence::Measured;
  EXPECT_THAT(caps(Null::Alert), Pair(DoubleNear(.08, 1e-9), .5));
  EXPECT_THAT(caps(Null::Declared), Pair(DoubleNear(.096, 1e-9), DoubleNear(.6, 1e-9))) << "1.2 times";
  world.job.actions.push_back(action("revoke", {"keys/revoke"}, Effect::Write));
  EXPECT_THAT(caps(Null::Alert), Pair(1, 1)) << "none is declared";
}

TEST(Loops, AreWorthWhatTheirOwnCapsSay) {
  const std::array<const Channel*, 1> alone{&outcome_channel()};
  const Tables tables(Persona{}, alone);
  const auto slot = static_cast<std::size_t>(Threat::NoProgress);
  const auto factors = [&](std::uint8_t context) {
    const auto of = [&](std::uint8_t cls) { return tables.row(Null::Alert, {ChannelId::Outcome, context, cls})[slot]; };
    return std::pair{of(0), of(1)};
  };
  EXPECT_THAT(factors(0), Pair(.125F, 4.5F));
  EXPECT_THAT(factors(1), Pair(.1F, 1.9F));
}

/// Both bets against an agent exactly on their caps: repetitions by the table, destruction by the wagers.
TEST(OutcomeFalseAlarms, StayUnderTheBoundExactlyOnTheCaps) {
  constexpr int kCalls = 1'000'000;
  constexpr double kThreshold = 1e3;
  Persona persona;
  persona.confidence = Confidence::Reviewed;
  persona.actions.push_back(action("drop", {"db/drop"}, Effect::Delete));
  persona.actions.back().share = .01;
  const PersonaSet set;
  const std::array<const Channel*, 1> alone{&outcome_channel()};
  const Tables tables(persona, alone);
  std::vector<std::unique_ptr<const ChannelPlan>> plans(kChannels);
  plans[static_cast<std::size_t>(ChannelId::Outcome)] = outcome_channel().prepare(persona, set);
  const std::array tolerance{1., 1.5};
  const std::array<std::array<double, 2>, 2> caps{{{.05, .5}, {.2, .5}}};  // sweep, loop: by context
  std::mt19937_64 rng(5);
  std::uniform_real_distribution<double> uniform;
  for (const Null null : {Null::Alert, Null::Declared}) {
    const double times = tolerance.at(null == Null::Alert ? 0 : 1);
    AgentState agent;
    SessionState session;
    Evidence evidence;
    bool destroyed = false, repeated = false, up = false;
    int alarms = 0, next = 0;
    const auto weight = static_cast<double>(tables.prior(null)[static_cast<std::size_t>(Threat::DestructiveSweep)]) +
                        static_cast<double>(tables.prior(null)[static_cast<std::size_t>(Threat::NoProgress)]);
    for (int n = 0; n < kCalls; ++n) {
      destroyed = uniform(rng) < caps[0][destroyed ? 1 : 0] * times;
      Made made =
          call(destroyed ? "db/drop" : "db/get").effect(destroyed ? Effect::Delete : Effect::Read).with("n", std::to_string(next++));
      const Act act{.event = made.done(),
                    .persona = persona,
                    .set = set,
                    .match = {},
                    .effect = made.event().tool.effect,
                    .agent = agent,
                    .session = session,
                    .plans = plans};
      const Reading reading = outcome_channel().read(act);
      const std::uint8_t context = repeated ? 1 : 0;
      repeated = uniform(rng) < caps[1][context] * times;
      const std::array<RowId, 1> marks{RowId{ChannelId::Outcome, context, static_cast<std::uint8_t>(repeated ? 1 : 0)}};
      std::vector<Wagered> wagers;
      for (const Wager& wager : reading.wagers) wagers.push_back({ChannelId::Outcome, wager});
      ASSERT_EQ(wagers.size(), 1U);
      update(evidence, tables, marks, wagers);
      const double score = scope_score(evidence, tables, null) / weight;
      if (up) up = score >= kThreshold / 100;
      if (!up && score >= kThreshold) up = ++alarms > 0;
    }
    EXPECT_THAT(alarms, Le(1.011 * kCalls / kThreshold));
    EXPECT_GT(alarms, 0) << "a channel that never speaks would pass";
  }
}

}  // namespace
}  // namespace ringfence::testing
