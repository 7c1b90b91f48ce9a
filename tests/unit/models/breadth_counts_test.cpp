// SPDX-License-Identifier: Apache-2.0
// What breadth makes of the counts an event reports: shares of a population, and predicates that matched all there is.
#include <gmock/gmock.h>

#include <random>

#include "models/breadth.h"
#include "models/numeraire.h"
#include "tests/unit/models/amounts_world.h"

namespace ringfence::testing {
namespace {

struct Coverage : ::testing::Test {
  Amounts world;
  void SetUp() override {
    world.job.actions.push_back(action("list", {"files/list"}));
    world.job.coverage = Ladder{std::nullopt, std::nullopt, std::nullopt};
  }
  std::optional<Wager> share(std::int64_t returned, std::int64_t population) {
    return Amounts::wager(world.read(call("files/list").records(returned, population)), Threat::Coverage);
  }
};

TEST_F(Coverage, ClassesAreSharesOfThePopulation) {
  const std::pair<std::int64_t, int> shares[] = {{0, 0},    {99, 0},   {100, 1},  {999, 1},  {1000, 2},
                                                 {4999, 2}, {5000, 3}, {9499, 3}, {9500, 4}, {20000, 4}};
  for (const auto& [returned, cls] : shares) {
    const auto made = share(returned, 10'000);
    ASSERT_TRUE(made) << returned;
    EXPECT_EQ(made->cls, 5 + cls) << returned;
  }
  const auto cap = [&](std::uint8_t cls) { return world.tables().cap(Null::Alert, {ChannelId::Breadth, 3, cls}); };
  EXPECT_DOUBLE_EQ(cap(6), .2);
  EXPECT_DOUBLE_EQ(cap(7), .05);
  EXPECT_DOUBLE_EQ(cap(8), .01);
  EXPECT_DOUBLE_EQ(cap(9), .002);
}

TEST_F(Coverage, TheDeclaredP99IsWithinTheJobAndNothingAboveItIsLikelierThanOneInAHundred) {
  world.job.coverage->p99 = .30;
  EXPECT_EQ(share(3000, 10'000)->cls, 5);
  EXPECT_EQ(share(3001, 10'000)->cls, 7);
  EXPECT_DOUBLE_EQ(world.tables().cap(Null::Alert, {ChannelId::Breadth, 3, 7}), .01);
}

TEST_F(Coverage, FactorsAreALawfulBet) {
  std::vector<double> v, alert(5), declared(5), wide;
  for (const std::int64_t returned : {0, 200, 2000, 6000, 10000}) {
    const auto made = share(returned, 10'000);
    ASSERT_TRUE(made);
    alert.at(made->cls - 5U) = static_cast<double>(made->alert);
    declared.at(made->cls - 5U) = static_cast<double>(made->declared);
  }
  EXPECT_LE(worst_case_mean(widened({1, .2, .05, .01, .002}, 1), alert), 1 + 1e-6);
  EXPECT_EQ(declared, std::vector<double>(5, 1)) << "no p99 is declared";
  EXPECT_EQ(alert[4], 20);
  EXPECT_LT(alert[0], 1);
}

TEST_F(Coverage, BelowADeclaredMaximumAloneNothingIsHeldAgainstTheAgentButInAlerts) {
  world.job.coverage->max = .2;
  for (int i = 0; i < 100; ++i) share(1500, 10'000);
  EXPECT_GT(world.score(Null::Alert), 1e10);
  EXPECT_EQ(world.score(Null::Declared), 0);
}

TEST_F(Coverage, WhateverLiesAboveADeclaredP99IsOneClassOfOneInAHundred) {
  world.job.coverage->p99 = .30;
  std::mt19937_64 rng(30);
  std::uniform_real_distribution<double> chance;
  double most = 0;
  for (int i = 0; i < 20'000; ++i) {
    share(chance(rng) < .01 ? 10'000 : 3000, 10'000);
    most = std::max(most, world.score(Null::Declared));
  }
  EXPECT_LT(most, 1e4);
  const auto all = share(10'000, 10'000), less = share(3001, 10'000);
  ASSERT_TRUE(all && less);
  EXPECT_EQ(all->declared, less->declared);
  int calls = 0;
  while (world.score(Null::Declared) < 1e10 && calls < 50) {
    share(10'000, 10'000);
    ++calls;
  }
  EXPECT_LE(calls, 12);
}

TEST_F(Coverage, WithoutAPopulationItIsNotEvaluable) {
  const Reading reading = world.read(call("files/list").records(50)).at(ChannelId::Breadth);
  EXPECT_TRUE(reading.wagers.empty());
  EXPECT_TRUE(lacks(reading, Lacking::Population));
}

TEST_F(Coverage, SixCallsThatTakeEverythingAreFound) {
  int calls = 0;
  while (world.score(Null::Alert) < 1e5 && calls < 50) {
    share(10'000, 10'000);
    ++calls;
  }
  EXPECT_LE(calls, 6);
}

struct Predicate : ::testing::Test {
  Amounts world;
  void SetUp() override {
    world.job.actions.front().arguments.push_back(rule("pattern"));
    world.job.actions.front().arguments.back().selective = true;
  }
  std::vector<std::string> counts(Count matched, Count population) {
    return World::uids(world
                           .read(call("files/read").but([=](Event& e) {
                             e.records.matched = matched;
                             e.records.population = population;
                           }))
                           .at(ChannelId::Breadth));
  }
};

TEST_F(Predicate, ThatMatchedAllThereIsIsFoundFromCountsWhereArgumentsAreAbsent) {
  EXPECT_THAT(counts(48210, 48210), ::testing::ElementsAre("breadth.predicate"));
  EXPECT_THAT(counts(48209, 48210), ::testing::IsEmpty());
  EXPECT_THAT(counts(std::nullopt, 48210), ::testing::IsEmpty());
  EXPECT_THAT(counts(3, 3), ::testing::IsEmpty()) << "of three a search that selects may well match all";
}

TEST_F(Predicate, WithArgumentsIsJudgedByThemAtTheRequest) {
  const auto readings = world.read(call("files/read").with("pattern", ".*").but([](Event& e) {
    e.records.matched = 48210;
    e.records.population = 48210;
  }));
  EXPECT_THAT(World::uids(readings.at(ChannelId::Breadth)), ::testing::IsEmpty());
}

TEST_F(Predicate, ThatIsLeftOutIsFoundFromCountsWhateverElseIsAsked) {
  world.job.actions.front().arguments.push_back(rule("where/by~1name"));
  world.job.actions.front().arguments.back().selective = true;
  const auto asking = [&](Made made, std::int64_t matched) {
    return World::uids(world
                           .read(std::move(made).but([=](Event& e) {
                             e.records.matched = matched;
                             e.records.population = 50'000;
                           }))
                           .at(ChannelId::Breadth));
  };
  const auto page = [] { return call("files/read").number("page", "1"); };
  EXPECT_THAT(asking(page(), 50'000), ::testing::ElementsAre("breadth.predicate"));
  EXPECT_THAT(asking(page(), 49'999), ::testing::IsEmpty()) << "a limit of its own";
  EXPECT_THAT(asking(page().with("pattern", "a"), 50'000), ::testing::IsEmpty()) << "by its form it selects";
  EXPECT_THAT(asking(page().with("where/by~1name", "a"), 50'000), ::testing::IsEmpty()) << "the other one selects";
  EXPECT_THAT(asking(page().empty("pattern"), 50'000), ::testing::IsEmpty()) << "judged at the request";
  EXPECT_THAT(asking(page().null("pattern"), 50'000), ::testing::IsEmpty()) << "judged at the request";
}

}  // namespace
}  // namespace ringfence::testing
