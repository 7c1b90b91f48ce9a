// SPDX-License-Identifier: Apache-2.0
// The promise of detection.md §2.2 through the whole path of a judgement: real events, no shortcut past the channels.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/pipeline/watch.h"

namespace ringfence {
namespace {

using testing::Call;
using testing::Watch;

/// A lower-case word of up to six letters, a new one for each number: a plausible target, and far from every other.
std::string word(std::uint64_t n) {
  std::string text;
  for (; text.empty() || n > 0; n /= 26) text += static_cast<char>('a' + n % 26);
  return text;
}

/// Refused as often as the job allows in either context: .02 the refused target again and .05 another after a success, .60 and .15 after a
/// refusal.
TEST(FalseAlarms, AnAgentOnItsCapsIsNeverThrottledOrHaltedIn200000Calls) {
  Watch watch("mode: enforce");
  std::mt19937_64 dice(20261121);
  std::uniform_real_distribution<double> share(0, 1);
  bool refused = false;
  std::uint64_t targets = 0, refusals = 0, alerts = 0;
  bool alerted = false;
  std::string last = word(0);
  for (int i = 0; i < 200'000; ++i) {
    const double u = share(dice), again = refused ? .60 : .02, other = refused ? .15 : .05;
    Call call;
    if (u < again) {
      call.ref = last;
    } else {
      call.ref = word(++targets);
    }
    refused = u < again + other;
    if (refused) {
      call.outcome = "denied";
      last = call.ref;
      ++refusals;
    }
    const Judgement seen = watch.see(call);
    ASSERT_LT(seen.verdict.level, Level::Throttle) << "call " << i << ", S " << seen.verdict.score;
    ASSERT_LT(seen.verdict.score, 1e7);
    alerts += seen.verdict.level == Level::Alert && !alerted ? 1 : 0;
    alerted = seen.verdict.level == Level::Alert;
  }
  EXPECT_GT(refusals, 30'000U) << "the story keeps away from the caps";
  EXPECT_LE(alerts, 6U) << "expected are at most 2.02 at 1e5 under the caps without tolerance";
}

}  // namespace
}  // namespace ringfence
