// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/models/evidence_delay.h"

#include <gmock/gmock.h>

namespace ringfence {
namespace {

using namespace simulation;

void expect_within_tenth(const std::vector<Delay>& measured, const std::vector<double>& golden, const std::string& who) {
  ASSERT_EQ(measured.size(), golden.size());
  for (std::size_t i = 0; i < golden.size(); ++i) EXPECT_NEAR(measured[i].median, golden[i], .1 * golden[i]) << who << ", column " << i;
}

TEST(DetectionDelay, AfterOneDenialIsTheGoldenTable) {
  const Tables reviewed = tables_of(persona_of(Confidence::Reviewed)), sketch = tables_of(persona_of(Confidence::Sketch));
  for (const Attack& attack : attempts_after_one_denial()) {
    const std::vector<double> golden(attack.golden.begin(), attack.golden.end() - 1);
    expect_within_tenth(calls_until(reviewed, settled(reviewed), attack, kReviewedBars, 5), golden, attack.who);
    expect_within_tenth(calls_until(sketch, settled(sketch), attack, kSketchBars, 6), {attack.golden.back()}, attack.who + " (sketch)");
  }
}

TEST(DetectionDelay, OfAttackersDrawnFromTheThreatsIsTheGoldenTable) {
  const Tables tables = tables_of(persona_of(Confidence::Reviewed));
  for (const Attack& attack : attackers_drawn_from_the_threats())
    expect_within_tenth(calls_until(tables, at_work(tables), attack, kReviewedBars, 7), attack.golden, attack.who);
}

}  // namespace
}  // namespace ringfence
