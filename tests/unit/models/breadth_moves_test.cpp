// SPDX-License-Identifier: Apache-2.0
// Acts that name many identifiers, and what is known ahead of them.
#include <gmock/gmock.h>

#include <array>
#include <random>

#include "models/breadth.h"
#include "models/limits_totals.h"
#include "models/numeraire.h"
#include "tests/unit/models/amounts_world.h"
#include "tests/unit/models/evidence_alarms.h"

namespace ringfence::testing {
namespace {

using simulation::Hysteresis;
using simulation::poisson_upper;

enum : std::uint8_t { Elsewhere, Another, Listed, CountedSomewhere, CountedUngiven };
enum : std::uint8_t { Within, Beyond, Undeclared };
constexpr auto kScrape = static_cast<std::size_t>(Threat::Scrape);

/// Checks parcels, some at a time; all results are shown, so that what gave a number is known.
struct Batches : ::testing::Test {
  Amounts world;
  int session = 1;
  void SetUp() override {
    ArgumentRule parcels = rule("parcels");
    parcels.identifier = true;
    parcels.identifier_kind = "parcel";
    world.job.actions.front().arguments.push_back(parcels);
    world.job.per_session.entities_by_kind["parcel"] = ladder(std::nullopt, 4000);
  }
  Reading read(const std::vector<std::string>& parcels) {
    Made made = call("files/read");
    std::move(made).session("s" + std::to_string(session)).result("L-7");
    for (std::size_t i = 0; i < parcels.size(); ++i) std::move(made).with("parcels/" + std::to_string(i), parcels[i]);
    return world.read(std::move(made)).at(ChannelId::Breadth);
  }
  static std::vector<std::string> counted(int from, int count) {
    std::vector<std::string> all;
    for (int i = 0; i < count; ++i) all.push_back("P" + std::to_string(from + i));
    return all;
  }
  static std::vector<std::string> apart(int from, int count) {
    std::vector<std::string> all;
    for (int i = 0; i < count; ++i) all.push_back("P" + std::to_string(from + 7 * i));
    return all;
  }
  static std::vector<int> classes(const Reading& reading) {
    std::vector<int> all;
    if (reading.kind == Reading::Kind::Marked) all.push_back(reading.cls);
    for (const Reading::Mark& next : reading.further) all.push_back(next.cls);
    return all;
  }
  double factor(const Reading& reading, Null null) {
    double product = static_cast<double>(world.tables().row(null, {ChannelId::Breadth, reading.context, reading.cls})[kScrape]);
    for (const Reading::Mark& next : reading.further)
      product *= static_cast<double>(world.tables().row(null, {ChannelId::Breadth, next.context, next.cls})[kScrape]);
    return product;
  }
};

TEST_F(Batches, AreJudgedWhereARunMayGoOnUntilOneMoveSpeaks) {
  using ::testing::ElementsAre;
  read({"L-7"});
  EXPECT_THAT(classes(read(apart(1000, 40))), ElementsAre(Elsewhere)) << "no run of three can be among them";
  EXPECT_THAT(classes(read({"P1", "P2", "P3", "P4", "P5"})), ElementsAre(Elsewhere, CountedUngiven));
  EXPECT_THAT(classes(read({"P6", "P7"})), ElementsAre(CountedUngiven)) << "the run goes on";
  EXPECT_THAT(classes(read({"P20", "P21", "P80", "P81", "P30"})), ElementsAre(Elsewhere, Elsewhere, Elsewhere));
  EXPECT_THAT(classes(read({"P30", "P30"})), ElementsAre()) << "no move";
}

TEST_F(Batches, CountForNoMoreThanOneMoveMayAndAreFoundAllTheSame) {
  read({"L-7"});
  for (const Null null : {Null::Alert, Null::Declared}) EXPECT_LE(factor(read(counted(1'000'000, 200)), null), 20);
  int acts = 0;
  while (world.score(Null::Declared) < 1e10 && acts < 100) {
    std::vector<std::string> batch = apart(1000 * ++acts, 30);
    std::ranges::copy(counted(500'000 + 1000 * acts, 10), std::back_inserter(batch));
    read(batch);
  }
  EXPECT_LE(acts, 30) << "what stands before does not hide it";
}

TEST_F(Batches, OfManyRunsOfTwoAreJudgedUpToABound) {
  read({"L-7"});
  std::vector<std::string> batch;
  for (int i = 0; i < 80; ++i) batch.push_back("P" + std::to_string(100 * i)), batch.push_back("P" + std::to_string(100 * i + 1));
  EXPECT_EQ(read(batch).further.size(), kFurtherMost);
}

/// Every move behind a run of two is counted with the chance of the cap, whatever came before, in acts of one to forty moves.
TEST_F(Batches, OfAnAgentWhoseMovesAreOnTheCapStayUnderTheBoundOfFalseAlarms) {
  constexpr int kActs = 10'000;
  for (const Null null : {Null::Alert, Null::Declared}) {
    world.agent = AgentState{};
    world.sessions.clear();
    const double cap = world.tables().cap(null, {ChannelId::Breadth, Within, CountedUngiven});
    std::mt19937_64 rng(53);
    std::uniform_real_distribution<double> unit;
    std::array<Hysteresis, 2> levels{Hysteresis{1e1}, Hysteresis{1e2}};
    std::array<std::int64_t, 2> alarms{};
    int last = 0, run = 0;
    for (int act = 0; act < kActs; ++act) {
      session = 1 + act / 100;
      std::vector<std::string> batch;
      for (std::uint64_t left = 1 + rng() % 40; left > 0; --left) {
        const bool on = run == 1 ? unit(rng) < .9 : run >= 2 && unit(rng) < cap;
        last = on ? last + 1 : 1000 + static_cast<int>(rng() % 100'000'000);
        run = on ? run + 1 : 1;
        batch.push_back("P" + std::to_string(last));
      }
      if (act % 100 == 0) read({"L-7"}), run = 1, batch = {"P" + std::to_string(last = 7)};
      read(batch);
      const Evidence& evidence = world.agent.evidence;
      const double score = static_cast<double>((null == Null::Alert ? evidence.alert : evidence.declared)[kScrape]);
      for (std::size_t i = 0; i < levels.size(); ++i) alarms.at(i) += levels.at(i).counts(score) ? 1 : 0;
    }
    for (std::size_t i = 0; i < levels.size(); ++i)
      EXPECT_LE(poisson_upper(alarms.at(i), .9995), 1.0102 * kActs / levels.at(i).threshold) << i;
  }
}

TEST_F(Batches, AreWithinWhereTheSessionWas) {
  world.job.per_session.entities_by_kind["parcel"] = ladder(std::nullopt, 10, 100);
  const Reading first = read(apart(1000, 40));
  EXPECT_EQ(first.context, Within) << "none was there before it";
  EXPECT_EQ(read({"P9", "P1000"}).context, Beyond);
}

TEST_F(Batches, NameSomethingNewOnlyWhereThatIsSure) {
  world.job.per_session.entities_by_kind["parcel"] = ladder(std::nullopt, 10, 100);
  read(apart(1000, 40));
  EXPECT_EQ(read({"P9"}).cls, Another);
  EXPECT_EQ(read({"P5", "P6"}).cls, Another) << "both are";
  EXPECT_EQ(read({"P1000", "P8"}).cls, Elsewhere) << "one of them is, and it is not said which";
}

TEST_F(Batches, WhatOnlyARequestNamedIsKnownAheadOfTheNextAct) {
  world.job.per_session.entities_by_kind["parcel"] = ladder(std::nullopt, 2, 100);
  for (const char* parcel : {"P1", "P5", "P9"}) read({parcel});
  auto& totals = static_cast<totals::SessionTotals&>(*world.sessions["s1"].memory.at(static_cast<std::size_t>(ChannelId::Limits)));
  totals.keep({.event = hash64("act-1"), .ids = {{hash64("parcel"), hash64("P50")}}});
  world.read(call("files/read").session("s1"));
  const Reading back = read({"P1"});
  EXPECT_EQ(back.context, Beyond);
  EXPECT_EQ(back.cls, Elsewhere) << "the new one came with the act before";
}

TEST(BreadthFalseAlarms, OfASessionOfExactlyTheDeclaredP99SayNothing) {
  Amounts world;
  world.job.actions.front().arguments.push_back(rule("machine"));
  world.job.actions.front().arguments.back().identifier = true;
  world.job.actions.front().arguments.back().identifier_kind = "machine";
  world.job.per_session.entities_by_kind["machine"] = ladder(std::nullopt, 10, 10);
  double most = 0;
  for (int i = 0; i < 400; ++i) {
    world.read(call("files/read").with("machine", "node-" + std::to_string(1 + i % 10)));
    most = std::max(most, world.score(Null::Declared));
  }
  EXPECT_LT(most, 10);
}

}  // namespace
}  // namespace ringfence::testing
