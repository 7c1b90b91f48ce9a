// SPDX-License-Identifier: Apache-2.0
// What the classes of volume weigh: delays, false alarms, and that every row is a lawful bet.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "models/numeraire.h"
#include "models/volume.h"
#include "tests/unit/models/amounts_world.h"
#include "tests/unit/models/evidence_alarms.h"
#include "tests/unit/models/table_bounds.h"

namespace ringfence::testing {
namespace {

using simulation::bounds_of;
using simulation::Hysteresis;
using simulation::poisson_upper;

constexpr double kZ99 = 2.3263478740408408;

/// A job of 4 KB as a rule and 40 KB in 99 of 100 calls.
Persona declared_bytes(Confidence confidence = Confidence::Reviewed) {
  Persona persona;
  persona.id = "golden";
  persona.version = "1";
  persona.confidence = confidence;
  persona.per_call.bytes = ladder(4000, 40000);
  return persona;
}

Tables tables_of(const Persona& persona) {
  static const std::array<const Channel*, 1> kVolumeAlone{&volume_channel()};
  return Tables(persona, kVolumeAlone);
}

/// Sizes as the declaration says, times a factor, as the class the channel gives them.
struct Sizes {
  std::mt19937_64 rng;
  std::normal_distribution<double> normal;
  std::uint8_t draw(double times) {
    const double size = 4000 * times * std::exp(std::log(10.) / kZ99 * normal(rng));
    const double spread = std::log(10.) / kZ99;
    const std::array<double, 4> rungs{0, 1.2815515655446004, kZ99, 3.090232306167813};
    return static_cast<std::uint8_t>(std::ranges::count_if(rungs, [&](double z) { return size > 4000 * std::exp(z * spread); }));
  }
};

/// Weights as the declaration's own threats alone, adding up to 1: how the figures of the specification were made.
double score_alone(const Evidence& evidence, const Tables& tables, Null null) {
  const auto weight = [&](Threat threat) { return static_cast<double>(tables.prior(null)[static_cast<std::size_t>(threat)]); };
  const auto& a = null == Null::Alert ? evidence.alert : evidence.declared;
  double sum = 0;
  for (const Threat threat : {Threat::Bulk, Threat::BulkHeavy})
    sum += weight(threat) * static_cast<double>(a[static_cast<std::size_t>(threat)]);
  return sum / (weight(Threat::Bulk) + weight(Threat::BulkHeavy));
}

double median_calls(const Tables& tables, double times, double threshold, int runs, auto score) {
  Sizes sizes{.rng = std::mt19937_64(41)};
  std::vector<int> calls;
  for (int run = 0; run < runs; ++run) {
    Evidence evidence;
    const auto step = [&](double factor) {
      const std::array<RowId, 1> marks{RowId{ChannelId::Volume, 0, sizes.draw(factor)}};
      update(evidence, tables, marks);
    };
    for (int i = 0; i < 50; ++i) step(1);
    int n = 0;
    while (score(evidence) < threshold && n < 3000) {
      step(times);
      ++n;
    }
    calls.push_back(n);
  }
  std::ranges::nth_element(calls, calls.begin() + runs / 2);
  return calls[static_cast<std::size_t>(runs / 2)];
}

/// Alerts know the rungs between the declared ones and are no later than the prototype; what throttles and halts does not, and pays for it.
TEST(VolumeDelay, IsThatOfTheSpecificationForAlertsAndItsPriceForHalts) {
  const Tables tables = tables_of(declared_bytes());
  const auto alone = [&](Null null) { return [&tables, null](const Evidence& e) { return score_alone(e, tables, null); }; };
  const auto in_force = [&](Null null) { return [&tables, null](const Evidence& e) { return scope_score(e, tables, null); }; };
  const auto median = [&](double times, double threshold, auto score) { return median_calls(tables, times, threshold, 2001, score); };
  struct Row {
    double times, golden_1e5, golden_1e7, alone_1e5, alone_1e7, in_force_1e5, in_force_1e7;
  };
  for (const Row& row :
       {Row{2, 175, 267, 275, 479, 394, 617}, Row{4, 25, 36, 33, 51, 44, 63}, Row{10, 8, 11, 8, 12, 11, 14}, Row{100, 4, 6, 4, 6, 5, 7}}) {
    SCOPED_TRACE(row.times);
    EXPECT_LE(median(row.times, 1e5, in_force(Null::Alert)), 1.25 * row.golden_1e5);
    EXPECT_LE(median(row.times, 1e7, in_force(Null::Alert)), 1.25 * row.golden_1e7);
    EXPECT_NEAR(median(row.times, 1e5, alone(Null::Declared)), row.alone_1e5, .25 * row.alone_1e5);
    EXPECT_NEAR(median(row.times, 1e7, alone(Null::Declared)), row.alone_1e7, .25 * row.alone_1e7);
    EXPECT_NEAR(median(row.times, 1e5, in_force(Null::Declared)), row.in_force_1e5, .25 * row.in_force_1e5);
    EXPECT_NEAR(median(row.times, 1e7, in_force(Null::Declared)), row.in_force_1e7, .25 * row.in_force_1e7);
  }
}

TEST(VolumeDelay, TenTimesTheRecordsIsSeenWithinTwelveCallsAtTheWeightsInForce) {
  const Tables tables = tables_of(declared_bytes());
  for (const Null null : {Null::Alert, Null::Declared})
    EXPECT_LE(median_calls(tables, 10, 1e5, 1001, [&](const Evidence& e) { return scope_score(e, tables, null); }), 12);
}

/// False alarms per million calls of an agent that draws classes from `cls`.
std::int64_t alarms_of(const Tables& tables, Null null, double threshold, std::int64_t calls, std::uint8_t context, auto draw_class) {
  Evidence evidence;
  Hysteresis level{threshold};
  std::int64_t alarms = 0;
  for (std::int64_t n = 0; n < calls; ++n) {
    const std::array<RowId, 1> marks{RowId{ChannelId::Volume, context, draw_class()}};
    update(evidence, tables, marks);
    alarms += level.counts(score_alone(evidence, tables, null)) ? 1 : 0;
  }
  return alarms;
}

TEST(VolumeFalseAlarms, OfSizesAsDeclaredAndOfAHeavyTailStayUnderTheBound) {
  constexpr std::int64_t kCalls = 3'000'000;
  constexpr double kThreshold = 1e5, kBound = 1.0102 * kCalls / kThreshold;
  const Tables tables = tables_of(declared_bytes());
  for (const Null null : {Null::Alert, Null::Declared}) {
    Sizes sizes{.rng = std::mt19937_64(43)};
    std::uniform_real_distribution<double> chance;
    const auto heavy = [&] { return sizes.draw(chance(sizes.rng) < .01 ? 30 : 1); };
    EXPECT_LE(poisson_upper(alarms_of(tables, null, kThreshold, kCalls, 0, [&] { return sizes.draw(1); }), .9995), kBound) << "as declared";
    // One call in a hundred thirty times as large is outside the declaration: no promise holds, and it stays under the bound all the same.
    EXPECT_LE(static_cast<double>(alarms_of(tables, null, kThreshold, kCalls, 0, heavy)), kBound) << "heavy tail";
  }
}

TEST(VolumeFalseAlarms, OfAnAgentExactlyOnEveryCapStayUnderTheBound) {
  constexpr std::int64_t kCalls = 2'000'000;
  const Tables tables = tables_of(declared_bytes());
  for (std::uint8_t context = 0; context < 3; ++context) {
    for (const Null null : {Null::Alert, Null::Declared}) {
      const std::vector<double> bounds = bounds_of(tables, volume_channel(), declared_bytes(), null, context);
      std::array<double, 5> p{};
      double left = 1;
      for (std::uint8_t cls = 4; cls > 0; --cls) left -= p.at(cls) = std::min(left, bounds[cls]);
      p[0] = left;
      std::mt19937_64 rng(47);
      std::discrete_distribution<int> draw(p.begin(), p.end());
      for (const double c : {1e2, 1e3, 1e4}) {
        const std::int64_t alarms = alarms_of(tables, null, c, kCalls, context, [&] { return static_cast<std::uint8_t>(draw(rng)); });
        EXPECT_LE(poisson_upper(alarms, .9995), 1.0102 * kCalls / c) << "context " << int(context) << ", c " << c << ", " << alarms;
      }
    }
  }
}

TEST(VolumeTables, EveryRowIsALawfulBetAgainstTheCapsItPrints) {
  for (const Confidence confidence : {Confidence::Sketch, Confidence::Reviewed, Confidence::Measured}) {
    const Tables tables = tables_of(declared_bytes(confidence));
    for (const Null null : {Null::Alert, Null::Declared})
      for (std::uint8_t context = 0; context < 5; ++context)
        for (const Threat threat : {Threat::Bulk, Threat::BulkHeavy, Threat::Exfiltration}) {
          std::vector<double> g;
          for (std::uint8_t cls = 0; cls < 5; ++cls)
            g.push_back(static_cast<double>(tables.row(null, {ChannelId::Volume, context, cls})[static_cast<std::size_t>(threat)]));
          EXPECT_LE(worst_case_mean(bounds_of(tables, volume_channel(), declared_bytes(confidence), null, context), g), 1 + 1e-6);
        }
  }
}

TEST(VolumeFalseAlarms, OfHalfTheCallsJustUnderTheDeclaredP99StayUnderTheBoundOfHalts) {
  constexpr std::int64_t kCalls = 2'000'000;
  const Tables tables = tables_of(declared_bytes(Confidence::Measured));
  BetweenTheRungs sizes;
  const auto draw = [&] {
    const double size = sizes.draw(4000, 40000);
    return static_cast<std::uint8_t>(size > 40000 ? 4 : size > 4000 ? 2 : 0);
  };
  for (const double c : {1e2, 1e3, 1e4})
    EXPECT_LE(poisson_upper(alarms_of(tables, Null::Declared, c, kCalls, 0, draw), .9995), 1.0102 * kCalls / c) << c;
}

TEST(VolumeFalseAlarms, OfATenthOfTheCallsAboveTheDeclaredP90StayUnderTheBoundOfHalts) {
  constexpr std::int64_t kCalls = 2'000'000;
  Persona persona = declared_bytes(Confidence::Measured);
  persona.per_call.bytes->p90 = 12'000;
  const Tables tables = tables_of(persona);
  std::mt19937_64 rng(27);
  const auto draw = [&] {  // .01 above p99, .09 above p90, .40 above p50
    const double u = std::uniform_real_distribution<double>()(rng);
    return static_cast<std::uint8_t>(u < .01 ? 4 : u < .1 ? 2 : u < .5 ? 1 : 0);
  };
  for (const double c : {1e2, 1e3, 1e4})
    EXPECT_LE(poisson_upper(alarms_of(tables, Null::Declared, c, kCalls, 0, draw), .9995), 1.0102 * kCalls / c) << c;
}

TEST(VolumeTables, WhoDeclaresP90IsHaltedByIt) {
  const auto between_p90_and_p99 = [](const Persona& persona) {
    const Tables tables = tables_of(persona);
    return tables.row(Null::Declared, {ChannelId::Volume, 0, 2})[static_cast<std::size_t>(Threat::BulkHeavy)];
  };
  Persona persona = declared_bytes(Confidence::Reviewed);
  EXPECT_LE(between_p90_and_p99(persona), 1) << "nobody said how often";
  persona.per_call.bytes->p90 = 12'000;
  EXPECT_GT(between_p90_and_p99(persona), 2);
  persona.per_call.records = ladder(1, 10);
  EXPECT_LE(between_p90_and_p99(persona), 1) << "a mark does not say which ladder it is of, and one of them declares none";
  persona.per_call.records->p90 = 3;
  EXPECT_GT(between_p90_and_p99(persona), 2);
}

}  // namespace
}  // namespace ringfence::testing
