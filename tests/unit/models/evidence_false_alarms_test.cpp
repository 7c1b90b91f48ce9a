// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cmath>
#include <random>

#include "tests/unit/models/evidence_alarms.h"

namespace ringfence {
namespace {

using namespace simulation;
using testing::Le;

/// On every cap as many calls as the bound allows 400 alarms at c = 1e4; the quieter agents need fewer to show the same.
constexpr std::int64_t kCalls = 4'000'000;

TEST(FalseAlarms, StayUnderTheBoundForAgentsExactlyOnEveryCapAtHalfAndInBursts) {
  for (const Conduct conduct : {Conduct::OnEveryCap, Conduct::AtHalf, Conduct::Bursty}) {
    const std::vector<AlarmCount> counts =
        count_alarms(Confidence::Reviewed, conduct, conduct == Conduct::OnEveryCap ? kCalls : kCalls / 4, 17);
    for (const AlarmCount& count : counts)
      EXPECT_THAT(poisson_upper(count.alarms, .9995) / count.bound, Le(1))
          << name_of(conduct) << ", " << (count.null == Null::Alert ? "alert" : "declared") << " null, c = " << count.threshold << ": "
          << count.alarms << " alarms, bound " << count.bound;
  }
}

TEST(FalseAlarms, OnEveryCapTheBoundIsNotEmpty) {
  const std::vector<AlarmCount> counts = count_alarms(Confidence::Reviewed, Conduct::OnEveryCap, kCalls / 4, 18);
  double most = 0;
  for (const AlarmCount& count : counts) most = std::max(most, static_cast<double>(count.alarms) / count.bound);
  EXPECT_GT(most, .2) << "an engine that never alarms would pass the other test";
}

TEST(FalseAlarms, ALevelIsLeftOnlyBelowAHundredthOfItsThreshold) {
  // The accounting behind the factor 1.011: an alarm is counted at c and the next only after S has been below c/100.
  Hysteresis level{1000};
  EXPECT_TRUE(level.counts(1000));
  EXPECT_FALSE(level.counts(5000));
  EXPECT_FALSE(level.counts(11));
  EXPECT_FALSE(level.counts(1000)) << "eleven is more than a hundredth";
  EXPECT_FALSE(level.counts(9));
  EXPECT_TRUE(level.counts(1000));
}

TEST(PoissonUpper, IsTheExactLimit) {
  EXPECT_NEAR(poisson_upper(0, .95), 2.9957, 1e-3);
  EXPECT_NEAR(poisson_upper(10, .975), 18.3904, 1e-3);
  EXPECT_NEAR(poisson_upper(400, .9995), 470.0, 1.5);
}

}  // namespace
}  // namespace ringfence
