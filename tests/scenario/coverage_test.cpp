// SPDX-License-Identifier: Apache-2.0
// What the engine can find (docs/contracts/topics.md) is found in a story, or lives where no story of acts reaches.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <string>

#include "engine/event/analytic.h"
#include "tests/scenario/scenario.h"

namespace ringfence::scenario {
namespace {

/// Raised on the wall clock, by a gate's answers or by whoever publishes: not by judging an act.
constexpr std::array kElsewhere{
    Analytic::ContainmentUnacked,      // acknowledgements that do not come: unit/connectors, integration
    Analytic::ContainmentBlastRadius,  // what the writer of containments keeps back: unit/connectors
    Analytic::GateStale,               // heartbeats that are not answered: unit/connectors
    Analytic::AgentUnattributed,
    Analytic::FeedSilent,
    Analytic::FeedLag,
    Analytic::FeedGap,
    Analytic::FeedFieldVanished,
};

std::set<std::string> found_in_stories() {
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(RINGFENCE_SOURCE_DIR "/tests/scenario")) {
    if (entry.path().extension() != ".scenario") continue;
    const auto story = load(entry.path());
    EXPECT_TRUE(story) << (story ? "" : story.error());
    if (!story) continue;
    for (const Expectation& expected : story->expectations)
      if (expected.kind == Expectation::Kind::Finding && !expected.aim) found.insert(expected.text);
  }
  return found;
}

TEST(Coverage, EachAnalyticOfAnActIsFoundInAStory) {
  const std::set<std::string> found = found_in_stories();
  for (std::size_t i = 0; i < kAnalytics; ++i) {
    const auto analytic = static_cast<Analytic>(i);
    const bool elsewhere = std::ranges::find(kElsewhere, analytic) != kElsewhere.end();
    EXPECT_NE(found.contains(std::string(uid_of(analytic))), elsewhere)
        << uid_of(analytic) << (elsewhere ? " is found in a story: take it off the list" : " is found in no story");
  }
}

}  // namespace
}  // namespace ringfence::scenario
