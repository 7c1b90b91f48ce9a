// SPDX-License-Identifier: Apache-2.0
#include "models/opinion.h"

#include <gmock/gmock.h>

#include "models/detector.h"
#include "tests/unit/models/scope_world.h"

namespace ringfence::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;

Made signal(std::optional<double> score, std::string name = "anomaly") {
  Made made(EventKind::Signal);
  made.event().signal.name = made.own(std::move(name));
  made.event().signal.score = score;
  return made;
}

struct Opinion : ::testing::Test {
  World world{opinion_channel()};
};

TEST_F(Opinion, HalfAndMoreIsAFindingAndAbsentIsNotZero) {
  EXPECT_THAT(world.breaks(signal(.49)), IsEmpty());
  EXPECT_THAT(world.breaks(signal(.5)), ElementsAre("signal.external"));
  EXPECT_EQ(world.read(signal(std::nullopt)).kind, Reading::Kind::NotEvaluable);
}

TEST_F(Opinion, DetectorsNameIsEscaped) {
  const Reading reading = world.read(signal(1, "x\x1b[2J"));
  ASSERT_EQ(reading.breaches.size(), 1U);
  EXPECT_THAT(reading.breaches.front().what, Not(HasSubstr("\x1b")));
}

TEST_F(Opinion, HasNoPlaceInTheDeclaredNull) {
  const Persona persona;
  const std::array<const Channel*, 1> alone{&opinion_channel()};
  EXPECT_EQ(Tables(persona, alone).applies(Null::Declared, ChannelId::Opinion), 0U);
}

TEST_F(Opinion, WeightIsBoundedHoweverOftenItIsSaid) {
  const Persona persona;
  const std::array<const Channel*, 1> alone{&opinion_channel()};
  const Tables tables(persona, alone);
  for (const std::vector<double>& scores : {std::vector<double>{1.}, {1., .05}, {.09, .04}, {.6, 0., 1.}}) {
    World said(opinion_channel());
    Evidence evidence;
    double most = 0;
    for (int i = 0; i < 20000; ++i) {
      const Reading reading = said.read(signal(scores[static_cast<std::size_t>(i) % scores.size()]));
      std::vector<Wagered> wagers;
      for (const Wager& wager : reading.wagers) wagers.push_back({ChannelId::Opinion, wager});
      update(evidence, tables, {}, wagers);
      if (i % 1000 == 0) said.restart();
      most = std::max(most, scope_score(evidence, tables, Null::Alert));
    }
    EXPECT_THAT(most, Le(122));
  }
}

/// Signals whose mean score is exactly the assumed one: the factor's mean is at most 1, whatever their distribution.
TEST_F(Opinion, MeanOfTheFactorIsAtMostOne) {
  for (const double high : {.05, .08, .2, .5, 1.}) {
    const double share = .05 / high;
    World fresh(opinion_channel());
    const auto factor = [&](double score) {
      const Reading reading = fresh.read(signal(score));
      return reading.wagers.empty() ? 1. : static_cast<double>(reading.wagers.front().alert);
    };
    const double at_high = factor(high), at_zero = factor(0);
    EXPECT_LE(share * at_high + (1 - share) * at_zero, 1 + 1e-6) << high;
  }
}

}  // namespace
}  // namespace ringfence::testing
