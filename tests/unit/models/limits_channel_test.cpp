// SPDX-License-Identifier: Apache-2.0
#include "models/limits_channel.h"

#include <gmock/gmock.h>

#include "models/limits_totals.h"
#include "tests/unit/models/limits_world.h"

namespace ringfence::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(Limits, ARequestIsHeldToWhatItsArgumentsShowAndAddsNothing) {
  mark_identifier("customer", "customer");
  world.job.per_session.entities = at_most(1);
  world.job.per_session.records = at_most(10);
  world.job.calls_per_minute = at_most(3);
  holds(call("files/read").with("customer", "a").records(10));
  const auto asked = [](const char* customer) {
    return call("files/read").with("customer", customer).but([](Event& event) { event.source.product = kAskingProduct; });
  };
  EXPECT_THAT(world.foresee(asked("a").records(50)), IsEmpty()) << "what it takes in is known when it is done";
  for (int i = 0; i < 3; ++i) EXPECT_THAT(world.foresee(asked("b")), ElementsAre("limit.hard")) << "nothing is added up";
  EXPECT_THAT(world.foresee(call("files/read").with("customer", "b")), IsEmpty()) << "nobody waits for an answer: it may still be refused";
  holds(call("files/read").with("customer", "a"));
  holds(call("files/read").with("customer", "a"));
  EXPECT_THAT(world.foresee(asked("a")), ElementsAre("limit.hard")) << "the fourth call of the minute";
}

TEST_F(Limits, WhatTheRequestBrokeIsNotSaidAgainAtItsCompletion) {
  mark_identifier("customer", "customer");
  world.job.per_session.entities = at_most(1);
  world.job.per_call.records = at_most(10);
  holds(call("files/read").with("customer", "a").records(1));
  world.limits_foreseen = true;
  holds(call("files/read").with("customer", "b").records(1));
  EXPECT_EQ(broken(call("files/read").with("customer", "c").records(11)), "11 records in one call, declared are at most 10");
}

TEST_F(Limits, MaximumOfACallIsPassedOnlyByAGreaterValue) {
  world.job.per_call.records = at_most(500);
  holds(call("files/read").records(500));
  EXPECT_EQ(broken(call("files/read").records(501)), "501 records in one call, declared are at most 500");
}

TEST_F(Limits, EachUnitHasItsOwnMaximum) {
  world.job.per_call = {std::nullopt, at_most(100), at_most(10), at_most(0.5), std::nullopt, {}};
  holds(call("files/read").bytes(40, 60).but([](Event& event) {
    event.tokens = {4.0, 6.0};
    event.cost_usd = 0.5;
  }));
  broken(call("files/read").bytes(41, 60));
  broken(call("files/read").but([](Event& event) { event.tokens = {4.0, 7.0}; }));
  EXPECT_EQ(broken(call("files/read").but([](Event& event) { event.cost_usd = 0.75; })),
            "0.75 cost_usd in one call, declared are at most 0.5");
}

TEST_F(Limits, UnreportedQuantityIsNotEvaluableAndZeroIsNotAbsent) {
  world.job.per_call.records = at_most(0);
  const Reading absent = world.read(call("files/read"));
  EXPECT_THAT(absent.breaches, IsEmpty());
  EXPECT_TRUE(lacks(absent, Lacking::Quantity));
  EXPECT_FALSE(lacks(world.read(call("files/read").records(0)), Lacking::Quantity));
}

TEST_F(Limits, OneDirectionOfBytesIsEnoughToJudge) {
  world.job.per_call.bytes = at_most(100);
  broken(call("files/read").bytes(std::nullopt, 101));
  broken(call("files/read").bytes(101, std::nullopt));
}

TEST_F(Limits, OfHalfAnAmountOnlyWhatIsAboveTheMaximumIsKnown) {
  world.job.per_session.bytes = at_most(100);
  const Reading half = world.read(call("files/read").bytes(60, std::nullopt));
  EXPECT_THAT(half.breaches, IsEmpty());
  EXPECT_TRUE(lacks(half, Lacking::Quantity));
  EXPECT_FALSE(lacks(world.read(call("files/read").bytes(20, 20)), Lacking::Quantity));
  EXPECT_EQ(broken(call("files/read").bytes(std::nullopt, 1)), "101 bytes in this session, declared are at most 100");
}

TEST_F(Limits, SessionTotalBreaksOnTheVeryRecordThatPassesIt) {
  world.job.per_session.records = at_most(10);
  holds(call("files/read").session("s1").records(6));
  holds(call("files/read").session("s2").records(6));
  world.restart();
  holds(call("files/read").session("s1").records(4));
  EXPECT_EQ(broken(call("files/read").session("s1").records(1)), "11 records in this session, declared are at most 10");
  holds(call("files/read").session("s1").records(0));
  broken(call("files/read").session("s1").records(1));
}

TEST_F(Limits, CostsAreHeldToTheirMaximumAsADecimalNumber) {
  world.job.per_session.cost_usd = at_most(0.3);
  const auto costs = [](double usd) { return call("files/read").but([usd](Event& event) { event.cost_usd = usd; }); };
  for (int i = 0; i < 3; ++i) holds(costs(0.1));
  for (int i = 3; i < 7; ++i) broken(costs(0.1));
  EXPECT_EQ(broken(costs(0.1)), "0.8 cost_usd in this session, declared are at most 0.3") << "0.7999999999999999 as it adds up";
  EXPECT_EQ(broken(costs(0.000001)), "0.800001 cost_usd in this session, declared are at most 0.3");
}

TEST_F(Limits, WithoutASessionWhatIsDeclaredPerSessionIsNotEvaluable) {
  world.job.per_session.records = at_most(10);
  const Reading reading = world.read(call("files/read").session(std::nullopt).records(100));
  EXPECT_THAT(reading.breaches, IsEmpty());
  EXPECT_TRUE(lacks(reading, Lacking::Session));
}

TEST_F(Limits, DayTotalAddsUpOverSessionsAndInstances) {
  world.job.per_day.records = at_most(10);
  for (int i = 0; i < 10; ++i) {
    holds(call("files/read").session("s" + std::to_string(i)).records(1).but([](Event& event) { event.agent.instance = "run"; }));
    if (i == 5) world.restart();
  }
  EXPECT_EQ(broken(call("files/read").session("s77").records(1)), "11 records today, declared are at most 10");
  holds(call("files/read").records(10).after(hours(14)));
}

TEST_F(Limits, DayIsThatOfThePersonasTimeZone) {
  world.job.per_day.records = at_most(10);
  world.job.schedule.timezone = "Asia/Tokyo";
  holds(call("files/read").records(10));
  holds(call("files/read").records(10).after(hours(5)));  // 15:00 UTC is midnight in Tokyo
  broken(call("files/read").records(1).after(hours(4)));
}

TEST_F(Limits, LateEventCountsInItsOwnDay) {
  world.job.per_day.records = at_most(10);
  holds(call("files/read").records(9));
  holds(call("files/read").records(9).after(days(1)));
  broken(call("files/read").records(2));
  holds(call("files/read").records(1).after(days(1)));
}

TEST_F(Limits, WhatComesLaterThanAnyKeptDayIsCountedInNone) {
  world.job.per_day.records = at_most(10);
  for (int day = 1; day <= 3; ++day) holds(call("files/read").records(9).after(days(day)));
  world.restart();
  for (int i = 0; i < 3; ++i) is_too_late(call("files/read").records(9));
  const Reading kept = world.read(call("files/read").records(1).after(days(1)));
  EXPECT_FALSE(lacks(kept, Lacking::Past));
  EXPECT_EQ(broken(call("files/read").records(1).after(days(1))), "11 records today, declared are at most 10");
}

TEST_F(Limits, ActionWithItsOwnLadderCountsThereInsteadOfInThePersonas) {
  world.job.actions.push_back(action("export", {"files/export"}));
  world.job.actions.back().per_call = Envelope{};
  world.job.actions.back().per_call->records = at_most(1000);
  world.job.actions.back().per_day = Envelope{};
  world.job.actions.back().per_day->records = at_most(1500);
  world.job.per_call.records = at_most(10);
  world.job.per_call.bytes = at_most(100);
  world.job.per_day.records = at_most(15);
  holds(call("files/export").records(1000).bytes(1, 1));
  holds(call("files/read").records(10).bytes(1, 1));
  EXPECT_EQ(broken(call("files/export").records(501).bytes(1, 1)), "1501 records today by action export, declared are at most 1500");
  broken(call("files/read").records(6).bytes(1, 1));
  EXPECT_EQ(broken(call("files/export").records(0).bytes(100, 1)), "101 bytes in one call, declared are at most 100")
      << "a unit not named stays in the persona's";
}

TEST_F(Limits, ActionLadderWithoutMaximumTakesTheUnitOutOfThePersonas) {
  world.job.actions.front().per_call = Envelope{};
  world.job.actions.front().per_call->records = Ladder{3.0, 40.0, std::nullopt};
  world.job.per_call.records = at_most(10);
  holds(call("files/read").records(1000));
}

TEST_F(Limits, DistinctEntitiesOfASessionAreCountedOnce) {
  mark_identifier("invoice_id", "invoice");
  world.job.per_session.entities_by_kind["invoice"] = at_most(2);
  holds(call("files/read").with("invoice_id", "i1"));
  holds(call("files/read").with("invoice_id", "i2"));
  world.restart();
  holds(call("files/read").with("invoice_id", "i1"));
  EXPECT_EQ(broken(call("files/read").with("invoice_id", "i3")), "more than the declared 2 distinct values of invoice in this session");
  broken(call("files/read").with("invoice_id", "i3"));
  holds(call("files/read").with("invoice_id", "i2"));
  holds(call("files/read").with("invoice_id", "i3").session("s2"));
}

TEST_F(Limits, EntitiesOfTwoKindsDoNotMeetAndOneKindOfTwoArgumentsDoes) {
  mark_identifier("a", "customer");
  mark_identifier("b", "customer");
  mark_identifier("c", "order");
  world.job.per_call.entities = at_most(2);
  holds(call("files/read").with("a", "1").with("b", "2").with("c", "3"));
  holds(call("files/read").with("a", "1").with("b", "1").with("c", "3"));
  broken(call("files/read").with("a/0", "1").with("a/1", "2").with("b", "3").with("c", "3"));
}

TEST_F(Limits, EntitiesOfADayAddUpOverSessions) {
  mark_identifier("id", "id");
  world.job.per_day.entities = at_most(100);
  for (int i = 0; i < 100; ++i) holds(call("files/read").session("s" + std::to_string(i)).with("id", std::to_string(i)));
  world.restart();
  broken(call("files/read").session("s-new").with("id", "100"));
  holds(call("files/read").with("id", "100").after(days(1)));
}

TEST_F(Limits, ReportedIdentifiersCountWhereNoValuesAreSent) {
  mark_identifier("id", "id");
  world.job.per_session.entities = at_most(1);
  holds(call("files/read").ids({"id=word:0123456789abcdef"}));
  holds(call("files/read").ids({"id=word:0123456789abcdef", "other=word:0000000000000000"}));
  broken(call("files/read").ids({"id=word:0123456789abcde0"}));
  EXPECT_TRUE(lacks(world.read(call("files/read")), Lacking::Identifier));
}

TEST_F(Limits, ShareOfThePopulationInOneCallIsLimited) {
  world.job.coverage = Ladder{std::nullopt, 0.01, 0.2};
  holds(call("files/read").records(20, 100));
  EXPECT_EQ(broken(call("files/read").records(21, 100)),
            "one call returned 21 of 100 records there are, declared is a share of at most 0.2");
  const Reading unknown = world.read(call("files/read").records(21));
  EXPECT_THAT(unknown.breaches, IsEmpty());
  EXPECT_TRUE(lacks(unknown, Lacking::Population));
  holds(call("files/read").records(5, 0));
}

TEST_F(Limits, ACallThatDidNotTakePlaceReturnedNoShareOfAnything) {
  world.job.coverage = Ladder{std::nullopt, std::nullopt, 0.2};
  for (const Outcome status : {Outcome::Denied, Outcome::Error}) {
    const auto ended = [status](Event& event) { event.outcome.status = status; };
    holds(call("files/read").records(90, 100).but(ended));
    EXPECT_FALSE(lacks(world.read(call("files/read").but(ended)), Lacking::Population)) << "nothing was to be counted";
  }
  broken(call("files/read").records(90, 100).but([](Event& event) { event.outcome.status = Outcome::Unknown; }));
}

TEST_F(Limits, CallsOfAMinuteAddUpOverSessions) {
  world.job.calls_per_minute = at_most(3);
  holds(call("files/read").session("s1"));
  holds(call("files/read").session("s2").after(seconds(20)));
  world.restart();
  holds(call("files/read").session("s3").after(seconds(59)));
  EXPECT_EQ(broken(call("files/read").after(seconds(59))), "4 calls in this minute, declared are at most 3");
  holds(call("files/read").after(seconds(60)));
  broken(call("files/read").after(seconds(1)));
}

TEST_F(Limits, ACallCountsInTheMinuteItWasAskedForIn) {
  world.job.calls_per_minute = at_most(3);
  int asked = 0, answered = 0;
  const auto numbered = [&](int number, Nanos at) {
    Made made = call("files/read").after(at);
    const std::string_view id = made.own("act-" + std::to_string(number));
    return std::move(made).but([&](Event& event) { event.id = id; });
  };
  const auto ask = [&](Nanos at) { world.ask(numbered(asked++, at)); };
  const auto answer = [&](Nanos at) { return numbered(answered++, at); };
  for (int i = 0; i < 3; ++i) ask(seconds(10));
  for (int i = 0; i < 4; ++i) ask(seconds(61));
  for (int i = 0; i < 6; ++i) holds(answer(seconds(62)));
  EXPECT_EQ(broken(answer(seconds(121))), "4 calls in this minute, declared are at most 3") << "in the minute of the four requests";
  ask(seconds(20));
  EXPECT_EQ(broken(answer(seconds(21))), "4 calls in this minute, declared are at most 3") << "a request that comes late keeps its minute";
}

TEST_F(Limits, CallsOfAGatewayThatComesLateAreCountedInTheirOwnMinuteOrNone) {
  world.job.calls_per_minute = at_most(3);
  for (int minute = 100; minute < 116; ++minute) holds(call("files/read").after(minutes(minute)));
  for (int minute = 0; minute < 100; ++minute) is_too_late(call("files/read").after(minutes(minute)));
  for (int i = 0; i < 2; ++i) holds(call("files/read").after(minutes(100)));
  EXPECT_EQ(broken(call("files/read").after(minutes(100))), "4 calls in this minute, declared are at most 3")
      << "a quarter of an hour late";
}

TEST_F(Limits, BytesThatAFailedActIsReportedToHaveMovedCount) {
  world.job.per_session.bytes = at_most(100);
  const auto ended = [](Outcome status) { return [status](Event& event) { event.outcome.status = status; }; };
  holds(call("files/read").bytes(1, 60).but(ended(Outcome::Error)));
  holds(call("files/read").bytes(1000, 1000).but(ended(Outcome::Denied)));
  EXPECT_FALSE(lacks(world.read(call("files/read").but(ended(Outcome::Error))), Lacking::Quantity)) << "it may have moved nothing";
  EXPECT_EQ(broken(call("files/read").bytes(std::nullopt, 40).but(ended(Outcome::Error))),
            "101 bytes in this session, declared are at most 100");
}

TEST_F(Limits, RefusedAndFailedActsCarryNoRecordsButTheirCost) {
  world.job.per_day.records = at_most(10);
  world.job.per_day.cost_usd = at_most(1);
  for (const Outcome outcome : {Outcome::Denied, Outcome::Error})
    holds(call("files/read").records(100).but([&](Event& event) {
      event.outcome.status = outcome;
      event.cost_usd = 0.5;
    }));
  holds(call("files/read").records(10).but([](Event& event) { event.cost_usd = 0; }));
  broken(call("files/read").records(0).but([](Event& event) {
    event.outcome.status = Outcome::Denied;
    event.cost_usd = 0.25;
  }));
}

TEST_F(Limits, OneUserRefusedAtASecondCustomerHasTouchedOne) {
  mark_identifier("customer", "customer");
  world.job.per_session.entities = at_most(1);
  holds(call("files/read").with("customer", "ann"));
  holds(call("files/read").with("customer", "bob").but([](Event& event) { event.outcome.status = Outcome::Denied; }));
  broken(call("files/read").with("customer", "bob"));
}

TEST_F(Limits, TotalsAreKeptForRungsWithoutAMaximumAndBreakNothing) {
  mark_identifier("id", "id");
  world.job.per_day.records = Ladder{1.0, 2.0, std::nullopt};
  world.job.per_session.entities = Ladder{1.0, 2.0, std::nullopt};
  for (const char* id : {"a", "b", "c", "d"}) holds(call("files/read").records(100).with("id", id));
  world.restart();
  const auto& session =
      static_cast<const totals::SessionTotals&>(*world.session("s1").memory.at(static_cast<std::size_t>(ChannelId::Limits)));
  EXPECT_EQ(session.totals.distinct(envelope::kind_key("id", 0)), 3U) << "exact up to the greatest declared value plus one";
  EXPECT_TRUE(session.totals.knows(envelope::kind_key("id", 0), hash64("b")));
  EXPECT_FALSE(session.totals.knows(envelope::kind_key("id", 0), hash64("d")));
}

TEST_F(Limits, NothingIsRememberedWhereNoRungAsksForIt) {
  world.job.per_call.records = at_most(10);
  holds(call("files/read").records(5));
  const auto slot = static_cast<std::size_t>(ChannelId::Limits);
  EXPECT_EQ(world.agent.memory.at(slot), nullptr);
  EXPECT_EQ(world.session("s1").memory.at(slot), nullptr);
}

TEST_F(Limits, GreatestNumbersDoNotOverflow) {
  world.job.per_day.bytes = at_most(1e18);
  broken(call("files/read").bytes(INT64_MAX, INT64_MAX));
  broken(call("files/read").bytes(INT64_MAX, INT64_MAX));
}

TEST_F(Limits, DatesFarAwayDoNotResetTheDay) {
  world.job.per_day.records = at_most(10);
  holds(call("files/read").records(10));
  for (const int far : {4000, 5000}) holds(call("files/read").records(1).after(days(far)));
  broken(call("files/read").records(1));
}

}  // namespace
}  // namespace ringfence::testing
