// SPDX-License-Identifier: Apache-2.0
#include "models/volume.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "models/numeraire.h"
#include "tests/unit/models/amounts_world.h"
#include "tests/unit/models/table_bounds.h"

namespace ringfence::testing {
namespace {

using simulation::bounds_of;

struct Volume : ::testing::Test {
  Amounts world;
  Reading read(Made made) { return world.read(std::move(made)).at(ChannelId::Volume); }
  void expect_class(int cls, int context, Made made) {
    const Reading reading = read(std::move(made));
    EXPECT_EQ(reading.kind, Reading::Kind::Marked);
    EXPECT_EQ(reading.cls, cls);
    EXPECT_EQ(reading.context, context);
  }
};

TEST_F(Volume, TheClassIsTheRungThatIsPassedByAGreaterValue) {
  world.job.per_call.records = ladder(10, 100);
  expect_class(0, 0, call("files/read").records(10));
  expect_class(1, 0, call("files/read").records(11));
  expect_class(1, 0, call("files/read").records(35));  // p90 of the log-normal is 35.6
  expect_class(2, 0, call("files/read").records(36));
  expect_class(2, 0, call("files/read").records(100));
  expect_class(3, 0, call("files/read").records(101));
  expect_class(3, 0, call("files/read").records(212));  // p99.9 is 212.9
  expect_class(4, 0, call("files/read").records(213));
  expect_class(4, 0, call("files/read").records(INT64_MAX));
}

TEST_F(Volume, ADeclaredP90StandsInForTheOneOfTheLogNormal) {
  world.job.per_call.records = ladder(10, 100);
  world.job.per_call.records->p90 = 20;
  expect_class(1, 0, call("files/read").records(20));
  expect_class(2, 0, call("files/read").records(21));
  expect_class(2, 0, call("files/read").records(100));
  expect_class(3, 0, call("files/read").records(212));
}

TEST_F(Volume, AP90CanBeDeclaredAlone) {
  world.job.per_call.records = Ladder{.p50 = {}, .p99 = {}, .max = {}, .p90 = 20};
  expect_class(0, 0, call("files/read").records(20));
  expect_class(2, 0, call("files/read").records(1'000'000));
}

TEST_F(Volume, OnlyDeclaredRungsExist) {
  world.job.per_call.records = ladder(std::nullopt, 100);
  expect_class(0, 0, call("files/read").records(100));
  expect_class(3, 0, call("files/read").records(1'000'000));
}

TEST_F(Volume, SeveralLaddersGiveTheWorstRungUnderCapsWidenedByTheirNumber) {
  world.job.per_call.records = ladder(10, 100);
  world.job.per_call.bytes = ladder(1000, 10000);
  expect_class(4, 1, call("files/read").records(1).bytes(0, 1'000'000));
  expect_class(3, 1, call("files/read").records(150).bytes(0, 10));
  EXPECT_DOUBLE_EQ(world.tables().cap(Null::Alert, {ChannelId::Volume, 1, 3}), .02);
  EXPECT_DOUBLE_EQ(world.tables().cap(Null::Declared, {ChannelId::Volume, 1, 3}), .03);
}

TEST_F(Volume, CapsAreWidenedByTheMostLaddersOfAnyCallWhateverTheAction) {
  world.job.per_call.records = ladder(10, 100);
  world.job.per_call.entities = ladder(1, 3);
  world.job.actions.push_back(action("look", {"files/look"}));
  world.job.actions.back().arguments.push_back(rule("id"));
  world.job.actions.back().arguments.back().identifier = true;
  world.job.actions.back().arguments.back().identifier_kind = "id";
  expect_class(3, 1, call("files/read").records(150));
  expect_class(0, 1, call("files/look").records(5).with("id", "a"));
  EXPECT_DOUBLE_EQ(world.tables().cap(Null::Alert, {ChannelId::Volume, 1, 3}), .02);
}

TEST_F(Volume, AnActionsOwnLadderCountsInsteadOfThePersonas) {
  world.job.per_call.records = ladder(10, 100);
  world.job.actions.push_back(action("export", {"files/export"}));
  world.job.actions.back().per_call = Envelope{};
  world.job.actions.back().per_call->records = ladder(1000, 50000);
  expect_class(0, 0, call("files/export").records(900));
  expect_class(4, 0, call("files/read").records(900));
}

TEST_F(Volume, DistinctIdentifiersOfACallAreALadderToo) {
  world.job.per_call.entities_by_kind["customer"] = ladder(1, 3);
  world.job.actions.front().arguments.push_back(rule("ids"));
  world.job.actions.front().arguments.back().identifier = true;
  world.job.actions.front().arguments.back().identifier_kind = "customer";
  expect_class(0, 0, call("files/read").with("ids/0", "a").with("ids/1", "a"));
  EXPECT_GE(read(call("files/read").with("ids/0", "a").with("ids/1", "b").with("ids/2", "c").with("ids/3", "d")).cls, 3);
}

TEST_F(Volume, RefusedAndFailedActsCarryNothing) {
  world.job.per_call.records = ladder(10, 100);
  for (const Outcome outcome : {Outcome::Denied, Outcome::Error}) {
    const Reading reading = read(call("files/read").records(100'000).but([&](Event& event) { event.outcome.status = outcome; }));
    EXPECT_EQ(reading.kind, Reading::Kind::Silent);
  }
}

TEST_F(Volume, AbsentIsNotZero) {
  world.job.per_call.records = ladder(10, 100);
  const Reading absent = read(call("files/read"));
  EXPECT_EQ(absent.kind, Reading::Kind::NotEvaluable);
  EXPECT_TRUE(lacks(absent, Lacking::Quantity));
  expect_class(0, 0, call("files/read").records(0));
}

TEST_F(Volume, HalfAnAmountIsNoSmallOne) {
  world.job.per_call.bytes = ladder(1000, 10000);
  for (const std::int64_t known : {10, 1'000'000}) {
    const Reading half = read(call("files/read").bytes(known, std::nullopt));
    EXPECT_EQ(half.kind, Reading::Kind::NotEvaluable);
    EXPECT_TRUE(lacks(half, Lacking::Quantity));
  }
  expect_class(0, 0, call("files/read").bytes(10, 0));
}

TEST_F(Volume, OneUnitOfTwoIsJudgedAndTheOtherCountedAsLacking) {
  world.job.per_call.records = ladder(10, 100);
  world.job.per_call.bytes = ladder(1000, 10000);
  const Reading reading = read(call("files/read").records(500));
  EXPECT_EQ(reading.kind, Reading::Kind::Marked);
  EXPECT_EQ(reading.cls, 4);
  EXPECT_TRUE(lacks(reading, Lacking::Quantity));
}

TEST_F(Volume, NothingDeclaredIsSilentAndRemembersNothing) {
  EXPECT_EQ(read(call("files/read").records(1'000'000)).kind, Reading::Kind::Silent);
  EXPECT_EQ(world.tables().prior(Null::Declared)[static_cast<std::size_t>(Threat::Bulk)], 0);
  for (const ChannelId channel : kAmountChannels) {
    EXPECT_EQ(world.agent.memory.at(static_cast<std::size_t>(channel)), nullptr);
    EXPECT_EQ(world.sessions["s1"].memory.at(static_cast<std::size_t>(channel)), nullptr);
  }
}

TEST_F(Volume, HalfTheCallsJustUnderTheDeclaredP99AreNeverThrottled) {
  world.job.confidence = Confidence::Measured;
  world.job.per_call.records = ladder(3, 40);
  world.job.per_call.cost_usd = ladder(.01, .1);
  BetweenTheRungs amounts;
  double most = 0;
  for (int i = 0; i < 20'000; ++i) {
    world.read(call("files/read").records(static_cast<std::int64_t>(amounts.draw(3, 40))).but([&](Event& event) {
      event.cost_usd = amounts.draw(.01, .1);
    }));
    most = std::max(most, world.score(Null::Declared));
  }
  EXPECT_LT(most, 1e5);
  EXPECT_GT(world.score(Null::Alert), 1e5) << "what lies between the rungs is told to people";
}

TEST_F(Volume, BetweenTheDeclaredRungsThrottlesAndHaltsTellNothingApart) {
  world.job.per_call.records = ladder(10, 100);
  const auto factor = [&](Null null, std::uint8_t cls) {
    return world.tables().row(null, {ChannelId::Volume, 0, cls})[static_cast<std::size_t>(Threat::Bulk)];
  };
  const auto cap = [&](Null null, std::uint8_t cls) { return world.tables().cap(null, {ChannelId::Volume, 0, cls}); };
  EXPECT_EQ(factor(Null::Declared, 1), factor(Null::Declared, 2));
  EXPECT_EQ(factor(Null::Declared, 3), factor(Null::Declared, 4));
  EXPECT_LT(factor(Null::Alert, 1), factor(Null::Alert, 2));
  EXPECT_DOUBLE_EQ(cap(Null::Declared, 2), .75);
  EXPECT_DOUBLE_EQ(cap(Null::Declared, 4), .015);
  EXPECT_DOUBLE_EQ(cap(Null::Alert, 4), .001);
}

TEST_F(Volume, DearCallsAreOveruse) {
  world.job.per_call.cost_usd = ladder(.01, .1);
  const auto cost = [](double usd) { return call("files/read").but([=](Event& event) { event.cost_usd = usd; }); };
  const auto cheap = Amounts::wager(world.read(cost(.01)), Threat::Overuse);
  ASSERT_TRUE(cheap);
  EXPECT_LT(cheap->alert, 1);
  EXPECT_TRUE(cheap->ticks);
  const auto dear = Amounts::wager(world.read(cost(5)), Threat::Overuse);
  ASSERT_TRUE(dear);
  EXPECT_EQ(dear->alert, 20);
  EXPECT_GT(dear->declared, 10);
  EXPECT_EQ(dear->cls, 4);
  int calls = 0;
  while (world.score(Null::Alert) < 1e5 && calls < 100) {
    EXPECT_TRUE(Amounts::wager(world.read(cost(5)), Threat::Overuse));
    ++calls;
  }
  EXPECT_LE(calls, 8);
}

TEST_F(Volume, CostOfAFailedCallWasSpent) {
  world.job.per_call.tokens = ladder(100, 1000);
  const auto readings = world.read(call("files/read").but([](Event& event) {
    event.outcome.status = Outcome::Error;
    event.tokens = {100'000.0, 1.0};
  }));
  ASSERT_TRUE(Amounts::wager(readings, Threat::Overuse));
  EXPECT_EQ(Amounts::wager(readings, Threat::Overuse)->cls, 4);
}

TEST_F(Volume, AFailedCallThatSaysWhatItCostIsOneThatReportsIt) {
  world.job.per_call.tokens = ladder(100, 1000);
  world.job.per_call.cost_usd = ladder(.01, .1);
  const auto failed = [&](std::optional<double> usd) {
    return Amounts::wager(world.read(call("files/read").but([=](Event& event) {
      event.outcome.status = Outcome::Error;
      event.cost_usd = usd;
    })),
                          Threat::Overuse);
  };
  ASSERT_TRUE(failed(0));
  EXPECT_LT(failed(0)->declared, 1) << "within, as declared";
  EXPECT_TRUE(failed(.005));
  EXPECT_FALSE(failed(std::nullopt));
}

TEST_F(Volume, CostFactorsAreALawfulBet) {
  world.job.per_call.cost_usd = ladder(.01, .1);
  world.job.per_call.tokens = ladder(100, 1000);
  std::vector<double> alert(5), declared(5);
  for (const double usd : {.001, .02, .05, .15, 9.}) {
    const auto made = Amounts::wager(world.read(call("files/read").but([=](Event& event) {
      event.cost_usd = usd;
      event.tokens = {1.0, 1.0};
    })),
                                     Threat::Overuse);
    ASSERT_TRUE(made);
    alert.at(made->cls) = static_cast<double>(made->alert);
    declared.at(made->cls) = static_cast<double>(made->declared);
  }
  const auto bounds = [&](Null null) { return bounds_of(world.tables(), volume_channel(), world.job, null, 5); };
  const std::vector<double> v_alert = bounds(Null::Alert), v_declared = bounds(Null::Declared);
  EXPECT_DOUBLE_EQ(v_alert[3], .02) << "two ladders";
  EXPECT_LE(worst_case_mean(v_alert, alert), 1 + 1e-6);
  EXPECT_GT(worst_case_mean(v_alert, alert), .9) << "a bet that stakes nothing would be lawful too";
  EXPECT_LE(worst_case_mean(v_declared, declared), 1 + 1e-6);
}

}  // namespace
}  // namespace ringfence::testing
