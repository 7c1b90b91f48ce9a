// SPDX-License-Identifier: Apache-2.0
#include "engine/verdict/blind_spots.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "models/barrier.h"
#include "models/breadth.h"
#include "models/totals_channel.h"

namespace ringfence {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// One context, "fine" and "odd" with cap .10; a threat that does the odd thing every other time.
class OddChannel : public Channel {
 public:
  explicit OddChannel(Threat threat, bool by_table = true, bool alert_only = false) {
    bets_.push_back({.threat = threat, .q = {}, .alert_only = alert_only});
    if (by_table) bets_.front().q = {{.5, .5}};
  }
  [[nodiscard]] const ChannelInfo& info() const override { return info_; }
  [[nodiscard]] std::vector<std::vector<double>> caps(const Persona&) const override { return {{1, .1}}; }
  [[nodiscard]] std::span<const Bet> bets() const override { return bets_; }
  [[nodiscard]] std::unique_ptr<ChannelMemory> decode_memory(MemoryScope, Reader&) const override { return nullptr; }
  [[nodiscard]] Reading read(const Act&) const override { return {}; }
  [[nodiscard]] Description describe(const Act&, Threat) const override { return {}; }

 private:
  ChannelInfo info_{ChannelId::Volume, "odd", {"always"}, {"fine", "odd"}, {20, 20}, false};
  std::vector<Bet> bets_;
};

Persona reviewed() {
  Persona persona;
  persona.id = "clerk";
  persona.confidence = Confidence::Reviewed;
  return persona;
}

BlindSpots spots_of(const Persona& persona, const Channel& channel) {
  const std::array<const Channel*, 1> channels{&channel};
  return blind_spots(persona, Tables(persona, channels), channels);
}

const BlindSpot& of(const BlindSpots& spots, Threat threat) {
  const auto at = std::ranges::find(spots.spots, threat, &BlindSpot::threat);
  if (at == spots.spots.end()) throw std::runtime_error("no such threat");
  return *at;
}

// By hand. Alert null, caps 1 and .1, q .5 and .5: tau = .9 / .5, so g is 1/1.8 and 5; D = .5 ln(5/1.8) = .51083; ln(1e5 / .05) / D.
// Declared, caps 1 and .15: tau = 1.7, g is 1/1.7 and 10/3; D = .33667; ln(1e7 / .05) / D and ln(1e10 / .05) / D.
TEST(BlindSpots, AreWhatAHandComputes) {
  const OddChannel odd(Threat::Guess);
  const BlindSpots spots = spots_of(reviewed(), odd);
  ASSERT_EQ(spots.spots.size(), 1U);
  const BlindSpot& guess = of(spots, Threat::Guess);
  EXPECT_TRUE(guess.by_table);
  EXPECT_NEAR(guess.growth[0], .51083, 1e-4);
  EXPECT_NEAR(guess.growth[1], .33667, 1e-4);
  EXPECT_NEAR(guess.alert.value(), 28.402, .01);
  EXPECT_NEAR(guess.throttle.value(), 56.773, .01);
  EXPECT_NEAR(guess.halt.value(), 77.291, .01);
  EXPECT_NEAR(guess.unseen_share, .58779 / (.51083 + .58779), 1e-4);
  EXPECT_NEAR(guess.unhalted_share, .53063 / (.33667 + .53063), 1e-4);
  EXPECT_THAT(guess.contexts[1], ElementsAre("odd: always"));
  EXPECT_EQ(spots.not_judged.size(), kThreats.size() - 1) << "all that no channel holds is named";
}

TEST(BlindSpots, CountADayByTheDeclaredRateAndSchedule) {
  const OddChannel odd(Threat::Guess);
  Persona persona = reviewed();
  EXPECT_FALSE(spots_of(persona, odd).rate_declared);
  EXPECT_EQ(spots_of(persona, odd).calls_per_day, 1000);
  persona.calls_per_minute = Ladder{.p50 = 2, .p99 = 9};
  EXPECT_EQ(spots_of(persona, odd).calls_per_day, 2 * 24 * 60);
  constexpr std::size_t kHour = 60;
  persona.schedule.active_minutes.assign(kHour * 24 * 7, false);
  for (std::size_t minute = 8 * kHour; minute < 18 * kHour; ++minute) persona.schedule.active_minutes[minute] = true;  // Monday
  for (std::size_t minute = 30 * kHour; minute < 31 * kHour; ++minute)
    persona.schedule.active_minutes[minute] = true;  // an hour of Tuesday
  const BlindSpots spots = spots_of(persona, odd);
  EXPECT_TRUE(spots.rate_declared);
  EXPECT_EQ(spots.calls_per_day, 2 * 600) << "the busiest day";
}

TEST(BlindSpots, WhatMayNotHaltNeverDoes) {
  const OddChannel drift(Threat::RoleDrift);
  const BlindSpots spots = spots_of(reviewed(), drift);
  EXPECT_TRUE(of(spots, Threat::RoleDrift).throttle);
  EXPECT_FALSE(of(spots, Threat::RoleDrift).halt);
  EXPECT_EQ(of(spots, Threat::RoleDrift).unhalted_share, 1);

  const OddChannel alone(Threat::Guess, true, /*alert_only=*/true);
  const BlindSpots alerted = spots_of(reviewed(), alone);
  EXPECT_TRUE(of(alerted, Threat::Guess).alert);
  EXPECT_FALSE(of(alerted, Threat::Guess).throttle);
  EXPECT_FALSE(of(alerted, Threat::Guess).halt);
  EXPECT_EQ(of(alerted, Threat::Guess).unhalted_share, 1);
  EXPECT_TRUE(of(alerted, Threat::Guess).alert_only);
  EXPECT_FALSE(of(spots, Threat::RoleDrift).alert_only);
}

TEST(BlindSpots, OfAWagerSayWhatThePersonaDeclares) {
  const OddChannel drip(Threat::DripDay, /*by_table=*/false);
  Persona persona = reviewed();
  persona.per_day.records = Ladder{.p99 = 200, .max = 400};
  const BlindSpots spots = spots_of(persona, drip);
  EXPECT_FALSE(of(spots, Threat::DripDay).by_table);
  EXPECT_FALSE(of(spots, Threat::DripDay).halt);
  EXPECT_THAT(of(spots, Threat::DripDay).declared, ElementsAre("records a day: p99 200, max 400"));
  EXPECT_THAT(spots_of(reviewed(), drip).spots, IsEmpty()) << "without rungs there is nothing to stake on";
  EXPECT_EQ(spots_of(reviewed(), drip).not_judged.size(), kThreats.size());
  persona.actions = {{.id = "export", .per_day = Envelope{.bytes = Ladder{.max = 9}}}};
  EXPECT_THAT(of(spots_of(persona, drip), Threat::DripDay).declared.back(), testing::StrEq("bytes a day of export: max 9"));
  persona.calls_per_minute = Ladder{.p50 = 2};
  EXPECT_THAT(of(spots_of(persona, OddChannel(Threat::Overuse)), Threat::Overuse).declared, testing::Contains("calls a minute: p50 2"));
  EXPECT_THAT(of(spots_of(persona, OddChannel(Threat::Guess)), Threat::Guess).declared, IsEmpty())
      << "records are not what guessing is about";
}

// By hand, a ladder with p99 alone. Alert null: .2 of the stake lies on p99 (20 times its cap .01), .8 on honest days, so a day is worth .8
// or 20 (.8 + .2 / .01, at most 20); ln(1e5 / .015) / ln 20 days. Declared, cap .015: .7 or 20; ln(1e7 / .015) / ln 20.
TEST(BlindSpots, OfDaysCountDays) {
  Persona persona = reviewed();
  persona.per_day.records = Ladder{.p99 = 200};
  const BlindSpots spots = spots_of(persona, totals_channel());
  const BlindSpot& drip = of(spots, Threat::DripDay);
  EXPECT_FALSE(drip.by_table);
  ASSERT_EQ(drip.steps.size(), 1U);
  const StepSpot& days = drip.steps.front();
  EXPECT_EQ(days.law.steps, "days");
  EXPECT_NEAR(days.alert.value(), 5.245, .001);
  EXPECT_NEAR(days.throttle.value(), 6.782, .001);
  EXPECT_NEAR(days.halt.value(), 9.088, .001);
  EXPECT_NEAR(days.unseen_share, .0693, 1e-4);
  EXPECT_NEAR(days.unhalted_share, .1064, 1e-4);
}

/// Medians of the golden delay table (detection.md §3.1): alert, throttle, halt at tolerance 1.5.
TEST(BlindSpots, OfTheBarrierAgreeWithTheGoldenDelays) {
  struct Golden {
    Threat threat;
    double alert, throttle, halt;
  };
  const BlindSpots spots = spots_of(reviewed(), barrier_channel());
  for (const Golden& golden :
       {Golden{Threat::Guess, 7, 11, 15}, Golden{Threat::Enumerate, 20, 45, 64}, Golden{Threat::Route, 24, 47, 67},
        Golden{Threat::Escalate, 22, 37, 53}, Golden{Threat::DeadEnd, 18, 29, 40}, Golden{Threat::Slow, 206, 663, 1004}}) {
    const BlindSpot& spot = of(spots, golden.threat);
    const auto within = [&](double computed, double simulated, const char* level) {
      EXPECT_LT(std::abs(std::log(computed / simulated)), std::log(1.7))
          << kThreats[static_cast<std::size_t>(golden.threat)].id << " " << level;
    };
    within(spot.alert.value(), golden.alert, "alert");
    within(spot.throttle.value(), golden.throttle, "throttle");
    within(spot.halt.value(), golden.halt, "halt");
  }
}

/// §3.1: an agent of which every fifth call is a guess is found at call 56; it cannot be called unseen.
TEST(BlindSpots, OfGuessingAreNarrowerThanTheStealthyGuesser) {
  const double without_fine = .2 / (1 - .22);  // as a share of whole draws from the guesser's row
  EXPECT_LT(of(spots_of(reviewed(), barrier_channel()), Threat::Guess).unseen_share, without_fine);
}

TEST(BlindSpots, ALooserCapNeverShortensDetection) {
  std::vector<BlindSpots> looser;
  for (const double denials : {.02, .05, .10, .20, .40}) {
    Persona persona = reviewed();
    persona.barriers.denials = denials;
    looser.push_back(spots_of(persona, barrier_channel()));
  }
  for (std::size_t i = 1; i < looser.size(); ++i) {
    for (const BlindSpot& spot : looser[i].spots) {
      const BlindSpot& before = of(looser[i - 1], spot.threat);
      const auto* id = kThreats[static_cast<std::size_t>(spot.threat)].id.data();
      const auto later = [&](const std::optional<double>& now, const std::optional<double>& then) { return !now || *now >= then.value(); };
      EXPECT_TRUE(later(spot.alert, before.alert)) << id;
      EXPECT_TRUE(later(spot.throttle, before.throttle)) << id;
      EXPECT_TRUE(later(spot.halt, before.halt)) << id;
      EXPECT_LE(spot.unseen_share, spot.unhalted_share) << id;
    }
  }
}

TEST(BlindSpots, WhatNobodyDeclaredIsNeverHalted) {
  Persona persona = reviewed();
  persona.actions.emplace_back();
  persona.actions.front().arguments.emplace_back();
  persona.actions.front().arguments.front().identifier = true;
  persona.actions.front().arguments.front().identifier_kind = "customer";
  persona.coverage = Ladder{std::nullopt, std::nullopt, .2};
  const auto halt = [&](Threat threat) {
    const BlindSpots spots = spots_of(persona, breadth_channel());
    const BlindSpot& spot = of(spots, threat);
    EXPECT_TRUE(spot.by_table ? spot.alert : spot.steps.front().alert);
    return spot.by_table ? spot.halt : spot.steps.front().halt;
  };
  EXPECT_EQ(halt(Threat::Scrape), std::nullopt);
  EXPECT_EQ(halt(Threat::Coverage), std::nullopt);
  persona.per_session.entities = Ladder{std::nullopt, 5, std::nullopt};
  persona.coverage->p99 = .1;
  EXPECT_NE(halt(Threat::Scrape), std::nullopt);
  EXPECT_NE(halt(Threat::Coverage), std::nullopt);
}

}  // namespace
}  // namespace ringfence
