// SPDX-License-Identifier: Apache-2.0
#include "models/totals_channel.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "models/totals_stakes.h"
#include "tests/unit/models/amounts_world.h"
#include "tests/unit/models/evidence_alarms.h"

namespace ringfence::testing {
namespace {

using simulation::Hysteresis;
using simulation::poisson_upper;

constexpr Nanos both(Nanos a, Nanos b) { return Nanos{a.value + b.value}; }

struct Totals : ::testing::Test {
  Amounts world;
  std::optional<Wager> judged_minute;  // of a minute's calls

  std::optional<Wager> drip(Made made, Threat threat = Threat::DripDay) { return Amounts::wager(world.read(std::move(made)), threat); }
  static Made take(int records, Nanos after, std::string session = "s1") {
    return call("files/read").records(records).after(after).session(std::move(session));
  }
  float evidence(Threat threat, Null null = Null::Alert) const {
    const Evidence& e = world.agent.evidence;
    return (null == Null::Alert ? e.alert : e.declared)[static_cast<std::size_t>(threat)];
  }
};

TEST_F(Totals, TheFirstActOfADayTicksAndEachRungPassedMultipliesByWhatItAdds) {
  world.job.per_day.records = ladder(100, 1000);
  const auto first = drip(take(10, hours(0)));
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->ticks);
  EXPECT_TRUE(first->agent_only);
  EXPECT_NEAR(first->alert, .4, 1e-6);  // half of what p99 leaves
  EXPECT_FALSE(drip(take(80, minutes(1))));
  const auto p50 = drip(take(11, minutes(2)));
  ASSERT_TRUE(p50);
  EXPECT_FALSE(p50->ticks);
  EXPECT_EQ(p50->cls, 1);
  EXPECT_NEAR(p50->alert, (.4 + .4 / .5) / .4, 1e-5);
  EXPECT_FALSE(drip(take(899, minutes(3)))) << "1,000 is not passed by 1,000";
  const auto p99 = drip(take(1, minutes(4)));
  ASSERT_TRUE(p99);
  EXPECT_EQ(p99->cls, 2);
  const auto rest = drip(take(1, minutes(5)));
  ASSERT_TRUE(rest) << "from .82 to 20 under the wider caps is more than one step may be";
  EXPECT_EQ(rest->alert, 1);
  EXPECT_FALSE(drip(take(100'000, minutes(6)))) << "the day is worth no more";
  EXPECT_NEAR(evidence(Threat::DripDay), 20, 1e-3);
}

TEST_F(Totals, WhatIsKnownToBePassedIsPassedAndWhatIsNotKnownSpeaksForTheAgent) {
  world.job.per_day.bytes = ladder(100, 1000);
  const auto half = [](std::int64_t bytes, Nanos after) { return call("files/read").bytes(std::nullopt, bytes).after(after); };
  const auto readings = world.read(half(60, hours(0)));
  EXPECT_TRUE(lacks(readings.at(ChannelId::Limits), Lacking::Quantity));
  const auto first = Amounts::wager(readings, Threat::DripDay);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->cls, 0);
  EXPECT_LT(first->alert, 1);
  const auto p50 = drip(half(60, minutes(1)));
  ASSERT_TRUE(p50);
  EXPECT_EQ(p50->cls, 1);
  EXPECT_NEAR(p50->alert, (.4 + .4 / .5) / .4, 1e-5) << "as of whole amounts that come to as much";
}

TEST_F(Totals, APeriodIsWorthAtMostTwentyAlsoWhereOneActPassesAllRungs) {
  world.job.per_day.records = ladder(100, 1000);
  drip(take(5000, hours(0)));
  for (int i = 1; i < 5; ++i) drip(take(5000, minutes(i)));
  EXPECT_NEAR(evidence(Threat::DripDay), 20, 1e-3);
  drip(take(1, days(1)));
  const float before = evidence(Threat::DripDay);
  for (int i = 1; i < 5; ++i) drip(take(5000, both(days(1), minutes(i))));
  EXPECT_NEAR(evidence(Threat::DripDay), before / .4F * 20, 5) << "a jump from .4 to 20 takes two acts at 20 a step";
}

TEST_F(Totals, ADripOverSeveralDaysIsFoundThoughEachCallIsSmall) {
  world.job.per_call.records = ladder(50, 500);
  world.job.per_day.records = ladder(200, 1000);
  int day = 0;
  for (; day < 30 && world.score(Null::Alert) < 1e5; ++day) {
    for (int i = 0; i < 30; ++i) world.read(take(40, both(days(day), minutes(std::int64_t{10} * i)), "s" + std::to_string(day)));
    if (day % 2 == 0) world.restart();
  }
  EXPECT_GT(day, 3);
  EXPECT_LE(day, 8);
  EXPECT_GT(evidence(Threat::DripDay), 100 * evidence(Threat::Bulk));
}

/// What a persona's owner is told beforehand (engine/verdict/blind_spots.h) is what is staked.
TEST_F(Totals, TheLawOfDaysIsWhatADayBeyondItsP99AndAnHonestOneAreWorth) {
  world.job.per_day.records = ladder(200, 1000);
  world.job.per_session.records = ladder(std::nullopt, 9);
  const std::vector<StepLaw> laws = totals_channel().step_laws(world.job);
  ASSERT_EQ(laws.size(), 2U);
  EXPECT_EQ(laws[0].steps, "sessions");
  const StepLaw& of_days = laws[1];
  EXPECT_EQ(of_days.steps, "days");
  EXPECT_EQ(of_days.abuse, "each beyond one declared p99");
  for (int day = 0; day < 6; ++day) {
    const float before = evidence(Threat::DripDay), halting = evidence(Threat::DripDay, Null::Declared);
    const bool honest = day >= 4;
    drip(take(honest ? 10 : 2000, days(day)));
    drip(take(1, both(days(day), minutes(1))));  // from its base to 20 takes two acts, at 20 a step
    const auto& nats = honest ? of_days.clean : of_days.abused;
    EXPECT_NEAR(std::log(evidence(Threat::DripDay) / (before + 1)), nats[0], 1e-3) << "day " << day;
    EXPECT_NEAR(std::log(evidence(Threat::DripDay, Null::Declared) / (halting + 1)), nats[1], 1e-3) << "day " << day;
  }
}

TEST_F(Totals, DaysWithinTheDeclarationStaySilent) {
  world.job.per_day.records = ladder(200, 1000);
  for (int day = 0; day < 200; ++day) {
    const int calls = day % 28 == 27 ? 9 : day % 2 == 0 ? 4 : 6;  // every second day above p50, the month's end near p99
    for (int i = 0; i < calls; ++i) world.read(take(day % 28 == 27 ? 110 : 40, both(days(day), minutes(std::int64_t{10} * i))));
    ASSERT_LT(world.score(Null::Alert), 10) << "day " << day;
  }
}

TEST_F(Totals, InstancesAndSessionsAddUpToOneDay) {
  world.job.per_day.records = ladder(std::nullopt, 100);
  for (int i = 0; i < 10; ++i) {
    const auto made = drip(take(10, minutes(i), "s" + std::to_string(i)).but([&](Event& e) { e.agent.instance = i % 2 ? "a" : "b"; }));
    EXPECT_EQ(made.has_value(), i == 0) << i;
  }
  EXPECT_EQ(drip(take(1, minutes(20), "s-new"))->cls, 2);
}

TEST_F(Totals, TheDayIsThatOfThePersonasTimeZone) {
  world.job.per_day.records = ladder(100, 1000);
  world.job.schedule.timezone = "Asia/Tokyo";
  EXPECT_TRUE(drip(take(1, hours(0)))->ticks);
  EXPECT_FALSE(drip(take(1, hours(4))));
  EXPECT_TRUE(drip(take(1, hours(5)))->ticks);  // 15:00 UTC is midnight there
}

TEST_F(Totals, ADayThatIsOverIsNotStakedOnAgain) {
  world.job.per_day.records = ladder(100, 1000);
  drip(take(1, hours(0)));
  drip(take(1, days(1)));
  EXPECT_FALSE(drip(take(5000, hours(1)))) << "a late event counts in its day, but what runs at once is not multiplied";
  EXPECT_FALSE(drip(take(1, hours(2))));
  EXPECT_TRUE(drip(take(1, days(2)))->ticks);
}

TEST_F(Totals, SessionsAreStakedOnOneAtATime) {
  world.job.per_session.records = ladder(10, 100);
  EXPECT_TRUE(drip(take(1, hours(0), "a"), Threat::DripSession)->ticks);
  EXPECT_TRUE(drip(take(1, hours(0), "b"), Threat::DripSession)->ticks);
  EXPECT_FALSE(drip(take(5000, hours(1), "a"), Threat::DripSession)) << "the one that began last has the stake";
  const auto rise = drip(take(5000, hours(1), "b"), Threat::DripSession);
  ASSERT_TRUE(rise);
  EXPECT_FALSE(rise->agent_only);
  EXPECT_EQ(rise->cls, 2);
}

TEST_F(Totals, ASecondCustomerInAOneCustomerJobIsEvidence) {
  world.job.per_session.entities_by_kind["customer"] = ladder(std::nullopt, 1);
  world.job.actions.front().arguments.push_back(rule("customer_id"));
  world.job.actions.front().arguments.back().identifier = true;
  world.job.actions.front().arguments.back().identifier_kind = "customer";
  const auto look = [&](const std::string& id, const std::string& session) {
    return drip(call("files/read").with("customer_id", id).session(session), Threat::DripSession);
  };
  EXPECT_TRUE(look("C-17", "s1")->ticks);
  EXPECT_FALSE(look("C-17", "s1"));
  world.restart();
  const auto second = look("C-98", "s1");
  ASSERT_TRUE(second);
  EXPECT_EQ(second->cls, 2);
  EXPECT_GT(second->alert, 5);
}

TEST_F(Totals, WithoutASessionNothingPerSessionIsEvaluable) {
  world.job.per_session.records = ladder(10, 100);
  const Reading reading = world.read(call("files/read").records(5000).session(std::nullopt)).at(ChannelId::Totals);
  EXPECT_TRUE(reading.wagers.empty());
  EXPECT_TRUE(lacks(reading, Lacking::Session));
  EXPECT_FALSE(lacks(reading, Lacking::Quantity)) << "the records are there";
}

TEST_F(Totals, WhatIsNotReportedBeginsNoPeriod) {
  world.job.per_day.records = ladder(10, 100);
  const Reading reading = world.read(call("files/read")).at(ChannelId::Totals);
  EXPECT_EQ(reading.kind, Reading::Kind::NotEvaluable);
  EXPECT_TRUE(lacks(reading, Lacking::Quantity));
  EXPECT_TRUE(drip(take(0, hours(1)))->ticks) << "zero is a report";
}

TEST_F(Totals, RefusedAndFailedActsAddNothing) {
  world.job.per_day.records = ladder(10, 100);
  for (const Outcome outcome : {Outcome::Denied, Outcome::Error})
    EXPECT_FALSE(drip(call("files/read").records(5000).but([&](Event& e) { e.outcome.status = outcome; })));
  const auto first = drip(take(1, hours(0)));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->cls, 0);
}

TEST_F(Totals, AReplacedPersonaStakesNothingOnADayThatBeganUnderAnother) {
  world.job.per_day.records = ladder(10, 100);
  world.agent.persona = 1;
  drip(take(1, hours(0)));
  world.agent.persona = 2;
  EXPECT_FALSE(drip(take(5000, hours(1))));
}

TEST_F(Totals, AMinuteIsJudgedByTheFirstCallOfAnother) {
  world.job.calls_per_minute = ladder(3, 5);
  const auto calls = [&](Nanos at, int n) {
    std::optional<Wager> last;
    for (int i = 0; i < n; ++i) {
      last = drip(call("files/read").after(both(at, seconds(i))).session("s" + std::to_string(i)), Threat::Overuse);
      EXPECT_TRUE(i == 0 || !last);
      if (i == 0 && last) judged_minute = last;
    }
  };
  calls(minutes(0), 3);
  EXPECT_FALSE(judged_minute);
  calls(minutes(1), 4);
  ASSERT_TRUE(judged_minute);
  EXPECT_EQ(judged_minute->cls, 0);
  EXPECT_LT(judged_minute->alert, 1);
  EXPECT_TRUE(judged_minute->ticks);
  EXPECT_TRUE(judged_minute->agent_only);
  world.restart();
  calls(minutes(7), 9);  // minutes without a call do not count
  EXPECT_EQ(judged_minute->cls, 1);
  calls(minutes(8), 1);
  EXPECT_EQ(judged_minute->cls, 2);
  EXPECT_EQ(judged_minute->alert, 20);
}

TEST_F(Totals, ALateCallDoesNotJudgeAMinuteTwice) {
  world.job.calls_per_minute = ladder(1, 2);
  const auto at = [&](Nanos time) { return drip(call("files/read").after(time), Threat::Overuse); };
  EXPECT_FALSE(at(minutes(0)));
  EXPECT_TRUE(at(minutes(1)));
  EXPECT_FALSE(at(both(minutes(0), seconds(30))));
  EXPECT_TRUE(at(minutes(2)));
  EXPECT_FALSE(at(both(minutes(1), seconds(30))));
}

TEST_F(Totals, EveryCutOfWhatIsRememberedIsRefused) {
  totals::AgentStakes memory;
  *memory.days.at(20'000) = {.begun = true, .persona = 7, .given = {2, 3}};
  memory.staked_session = 9;
  memory.minute = 77;
  Writer out;
  memory.encode(out);
  const auto decoded = [](std::string_view bytes) {
    Reader in(bytes);
    return totals_channel().decode_memory(MemoryScope::Agent, in);
  };
  const auto again = decoded(out.bytes());
  ASSERT_NE(again, nullptr);
  Writer twice;
  again->encode(twice);
  EXPECT_EQ(twice.bytes(), out.bytes());
  for (std::size_t length = 0; length < out.bytes().size(); ++length) EXPECT_EQ(decoded(out.bytes().substr(0, length)), nullptr) << length;
}

/// Periods whose total ends above p50 and p99 exactly as often as the caps allow, under each null.
void expect_bound(Confidence confidence, const std::vector<bool>& ladders, std::uint64_t seed) {
  for (const Null null : {Null::Alert, Null::Declared}) {
    Amounts world;
    world.job.confidence = confidence;
    world.job.per_day.records = ladder(10, 100);
    if (ladders.size() > 1) world.job.per_day.bytes = ladder(10, 100);
    const double tolerance = null == Null::Alert ? 1 : world.job.tolerance();
    const double alpha50 = std::min(1., .5 * tolerance), alpha99 = .01 * tolerance;
    std::mt19937_64 rng(seed);
    std::uniform_real_distribution<double> chance;
    constexpr int kDays = 60'000;
    std::vector<Hysteresis> levels{{1e1}, {1e2}};
    std::vector<std::int64_t> alarms(2);
    const double weight = static_cast<double>(world.tables().prior(null)[static_cast<std::size_t>(Threat::DripDay)]);
    for (int day = 0; day < kDays; ++day) {
      const double u = chance(rng);
      const int records = u < alpha99 ? 200 : u < alpha50 ? 50 : 5;  // both units alike: the worst dependence
      for (int i = 0; i < 2; ++i) {
        Made act = call("files/read").records(records / 2).bytes(0, records / 2).after(both(days(day), minutes(i)));
        world.read(std::move(act));
        const double score = scope_score(world.agent.evidence, world.tables(), null) / weight;
        for (std::size_t c = 0; c < levels.size(); ++c) alarms[c] += levels[c].counts(score) ? 1 : 0;
      }
    }
    for (std::size_t c = 0; c < levels.size(); ++c)
      EXPECT_LE(poisson_upper(alarms[c], .9995), 1.0102 * kDays / levels[c].threshold) << "c " << levels[c].threshold << ": " << alarms[c];
    EXPECT_GT(alarms[0], 0) << "a bet that never wins would pass";
  }
}

TEST_F(Totals, AnAgentExactlyOnTheDeclaredQuantilesStaysUnderTheBound) {
  expect_bound(Confidence::Reviewed, {true}, 5);
  expect_bound(Confidence::Sketch, {true, true}, 6);
}

}  // namespace
}  // namespace ringfence::testing
