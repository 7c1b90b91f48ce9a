// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <map>
#include <set>

#include "tests/proof/alarm_rate.h"

namespace ringfence::proof {
namespace {

using testing::Gt;
using testing::Le;
using testing::Lt;

Persona shipped(std::string_view id) {
  for (Persona& persona : shipped_personas(RINGFENCE_SOURCE_DIR))
    if (persona.id == id) return std::move(persona);
  throw std::runtime_error("no such persona");
}

constexpr std::array kCounted{1e2, 1e3};
constexpr std::array kRare{1e4, 1e7, 1e10};

TEST(WholeTables, EveryRowOfEveryChannelIsALawfulBetAgainstTheCapsItPrints) {
  for (const Persona& persona : shipped_personas(RINGFENCE_SOURCE_DIR)) {
    const Tables tables(persona, all_channels());
    for (const Channel* channel : all_channels()) {
      const auto caps = channel->caps(persona);
      for (const Bet& bet : channel->bets()) {
        for (std::size_t context = 0; context < caps.size() && !bet.q.empty(); ++context) {
          for (const Null null : kBothNulls) {
            const Row v = simulation::bounds_of(tables, *channel, persona, null, context);
            Row g;
            for (std::size_t cls = 0; cls < caps[context].size(); ++cls) {
              const RowId row{channel->info().id, static_cast<std::uint8_t>(context), static_cast<std::uint8_t>(cls)};
              g.push_back(static_cast<double>(tables.row(null, row)[static_cast<std::size_t>(bet.threat)]));
            }
            EXPECT_THAT(worst_case_mean(v, g), Le(1 + 1e-6)) << persona.id << " " << channel->info().name << " "
                                                             << kThreats[static_cast<std::size_t>(bet.threat)].id << " context " << context;
          }
        }
      }
    }
  }
}

TEST(WholeTables, AThreatThatSeveralChannelsBetOnByTableIsLoosenedInAllButOne) {
  // The product of their factors is lawful only along a chain of conditional caps (docs/design/detection.md §4).
  std::map<Threat, int> strict;
  for (const Channel* channel : all_channels())
    for (const Bet& bet : channel->bets())
      if (!bet.q.empty() && bet.loosen <= 1) ++strict[bet.threat];
  for (const auto& [threat, channels] : strict) EXPECT_THAT(channels, Le(1)) << kThreats[static_cast<std::size_t>(threat)].id;
}

TEST(WholeFalseAlarms, OfEveryConductInsideTheCapsStayUnderTheBound) {
  const Persona persona = shipped("ap-invoice");
  for (const Null null : kBothNulls) {
    const ClassWorld world(persona, null, all_channels());
    ASSERT_THAT(world.stages().size(), Gt(5U)) << "this persona feeds the channels";
    for (const Conduct conduct : kConducts)
      for (const AlarmRate& rate : alarm_rates(world, conduct, conduct == Conduct::Adaptive ? 800'000 : 200'000, kCounted, 41))
        EXPECT_THAT(rate.upper / rate.bound, Le(1)) << name_of(conduct) << ", " << name_of(null) << " null, c = " << rate.threshold << ": "
                                                    << rate.alarms << " alarms, bound " << rate.bound;
  }
}

TEST(WholeFalseAlarms, OfEachChannelAloneStayUnderTheBound) {
  const Persona persona = shipped("support-desk");
  for (const Channel* channel : all_channels()) {
    const std::array<const Channel*, 1> alone{channel};
    for (const Null null : kBothNulls) {
      const ClassWorld world(persona, null, alone);
      if (world.stages().empty()) continue;
      for (const Conduct conduct : kConducts)
        for (const AlarmRate& rate : alarm_rates(world, conduct, conduct == Conduct::Adaptive ? 400'000 : 100'000, kCounted, 42))
          EXPECT_THAT(rate.upper / rate.bound, Le(1)) << channel->info().name << ", " << name_of(conduct) << ", " << name_of(null)
                                                      << " null, c = " << rate.threshold << ": " << rate.alarms << " alarms";
    }
  }
}

TEST(WholeFalseAlarms, OnTheHardestConductTheBoundIsNotEmpty) {
  const ClassWorld world(shipped("ap-invoice"), Null::Declared, all_channels());
  EXPECT_THAT(alarm_rates(world, Conduct::Adaptive, 400'000, std::array{1e2}, 43).front().ratio(), Gt(.03))
      << "an engine that never alarms would pass the other tests";
}

TEST(WholeFalseAlarms, BeyondWhatCanBeWaitedForStayUnderTheBoundByImportanceSampling) {
  for (const Null null : kBothNulls) {
    const ClassWorld world(shipped("ap-invoice"), null, all_channels());
    for (const Conduct conduct : {Conduct::OnEveryCap, Conduct::Adaptive, Conduct::Regimes})
      for (const RareAlarm& rate : rare_alarms(world, conduct, 2000, 500, kRare, 44)) {
        EXPECT_THAT(rate.hits, Gt(100)) << name_of(conduct) << " c = " << rate.threshold;
        EXPECT_THAT(rate.ratio + 3.29 * rate.error, Le(1)) << name_of(conduct) << ", " << name_of(null) << " null, c = " << rate.threshold;
        EXPECT_THAT(rate.error, Lt(.1 * rate.ratio + .01)) << "as good as some hundred alarms waited for";
      }
  }
}

TEST(WholeFalseAlarms, ImportanceSamplingAgreesWithWaiting) {
  const ClassWorld world(shipped("ap-invoice"), Null::Declared, all_channels());
  const AlarmRate waited = alarm_rates(world, Conduct::Adaptive, 2'000'000, std::array{1e3}, 45).front();
  // The first alarm in a short life only: later ones are rare next to it.
  const RareAlarm sampled = rare_alarms(world, Conduct::Adaptive, 2000, 2000, std::array{1e3}, 46).front();
  EXPECT_NEAR(sampled.ratio, waited.ratio(), .25 * waited.ratio() + 3.29 * sampled.error) << waited.alarms << " alarms waited for";
}

}  // namespace
}  // namespace ringfence::proof
