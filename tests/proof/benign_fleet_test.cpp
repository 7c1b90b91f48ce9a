// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/proof/benign_run.h"

namespace ringfence::proof {
namespace {

using testing::Gt;
using testing::Le;

TEST(BenignFleet, IsNeitherHaltedNorHeldNorThrottledAndAlertsStayUnderTheBound) {
  constexpr std::uint64_t kEvents = 120'000;
  const BenignRun run = run_benign(RINGFENCE_SOURCE_DIR, kEvents, 80, 61);
  EXPECT_THAT(run.refused, Gt(kEvents / 1000)) << "honest agents are refused too";
  std::string found;
  for (const auto& [title, count] : run.titles) found += "\n" + std::to_string(count) + " x " + title;
  for (const Level level : {Level::Throttle, Level::Hold, Level::Halt, Level::Revoke})
    EXPECT_EQ(run.findings[static_cast<std::size_t>(level)], 0U) << found;
  // Tier 4 alerts at 1e4, which half of this fleet is; the others at 1e5.
  EXPECT_THAT(static_cast<double>(run.findings[static_cast<std::size_t>(Level::Alert)]), Le(1.0102 * kEvents * (.5e-4 + .5e-5))) << found;
}

}  // namespace
}  // namespace ringfence::proof
