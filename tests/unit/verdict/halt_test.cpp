// SPDX-License-Identifier: Apache-2.0
// What a statistical halt takes (docs/design/detection.md §4): the threshold, four fifths of S in one threat's family, and a dangerous one.
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "engine/verdict/policy.h"

namespace ringfence {
namespace {

struct Halts : ::testing::Test {
  Persona job = [] {
    Persona made;
    made.id = "p";
    made.version = "1";
    made.response.mode = Mode::Enforce;
    made.response.scores = {1e5, 1e7, 1e10};
    made.per_call.bytes = Ladder{4000, 40000, {}};
    return made;
  }();

  /// The level of an agent whose S is made up like this.
  Level level_at(double score, const std::vector<std::pair<Threat, double>>& shares, bool alert_stands = false) const {
    const Tables tables(job, all_channels());
    AgentState agent;
    agent.sessions.emplace_back();
    agent.standing.alert = alert_stands;
    for (const auto& [threat, share] : shares) {
      const auto slot = static_cast<std::size_t>(threat);
      const double weight = static_cast<double>(tables.prior(Null::Declared)[slot]);
      EXPECT_GT(weight, 0) << kThreats[slot].id;
      agent.evidence.declared[slot] = agent.evidence.alert[slot] = static_cast<float>(2 * score * share / weight);
    }
    Event event;
    event.kind = EventKind::ToolCall;
    const PersonaSet set;
    const Act act{.event = event, .persona = job, .set = set, .match = {}, .effect = {}, .agent = agent, .session = agent.sessions.front()};
    return decide(act, {}, tables, true).level;
  }
};

TEST_F(Halts, TakeTheThreshold) {
  EXPECT_EQ(level_at(2e10, {{Threat::Guess, 1}}), Level::Halt);
  EXPECT_EQ(level_at(5e9, {{Threat::Guess, 1}}), Level::Throttle);
}

TEST_F(Halts, ThatTheOwnerDeclaresForAnAnalyticComeAlsoWhileAnAlertForSomethingElseStands) {
  const std::vector<std::pair<Threat, double>> mixed{{Threat::Guess, .2}, {Threat::Bulk, .8}};
  EXPECT_EQ(level_at(1e6, mixed, true), Level::Alert);
  job.response.analytics = {{"barrier.guessing", Level::Halt}};
  EXPECT_EQ(level_at(1e6, mixed, true), Level::Halt);
  EXPECT_EQ(level_at(1e6, mixed), Level::Halt) << "or at the same act";
  EXPECT_EQ(level_at(4e5, mixed, true), Level::Alert) << "its own part is worth no alert yet";
  EXPECT_EQ(level_at(4e5, {{Threat::Guess, 1}}), Level::Halt);
  job.response.analytics = {{"barrier.guessing", Level::Hold}, {"volume.bulk", Level::Observe}};
  EXPECT_EQ(level_at(1e6, mixed, true), Level::Hold);
}

TEST_F(Halts, TakeFourFifthsInOneFamily) {
  EXPECT_EQ(level_at(2e10, {{Threat::Guess, .7}, {Threat::Bulk, .3}}), Level::Throttle);
  EXPECT_EQ(level_at(2e10, {{Threat::Guess, .85}, {Threat::Bulk, .15}}), Level::Halt);
  EXPECT_EQ(level_at(2e10, {{Threat::Guess, .45}, {Threat::Enumerate, .45}, {Threat::Bulk, .1}}), Level::Halt) << "the family counts";
}

TEST_F(Halts, AreNeverOfAThreatThatIsNotDangerous) {
  // Those that are not have no bet at all in the null that halts.
  job.actions.emplace_back();
  job.actions.back().id = "a";
  job.actions.back().tools = GlobSet({"x/a"});
  job.actions.back().share = .01;
  const Tables tables(job, all_channels());
  for (const ThreatInfo& threat : kThreats) {
    const auto slot = static_cast<std::size_t>(threat.threat);
    if (threat.dangerous) continue;
    EXPECT_EQ(tables.prior(Null::Declared)[slot], 0) << threat.id;
  }
}

TEST_F(Halts, AreNeverOfDriftWhichHasNoPlaceInTheNullThatHalts) {
  job.actions.emplace_back();
  job.actions.back().id = "a";
  job.actions.back().tools = GlobSet({"x/a"});
  job.actions.back().share = .01;
  const Tables tables(job, all_channels());
  for (const Threat threat : {Threat::RoleDrift, Threat::OffRole}) {
    const auto slot = static_cast<std::size_t>(threat);
    EXPECT_GT(tables.prior(Null::Alert)[slot], 0) << kThreats[slot].id;
    EXPECT_EQ(tables.prior(Null::Declared)[slot], 0) << kThreats[slot].id;
    EXPECT_FALSE(kThreats[slot].dangerous);
  }
}

}  // namespace
}  // namespace ringfence
