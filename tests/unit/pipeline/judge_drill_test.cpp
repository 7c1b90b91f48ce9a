// SPDX-License-Identifier: Apache-2.0
// Agents that drills play: judged by the built-in job, whatever personas there are, and gone with the drill.
#include <gmock/gmock.h>

#include "engine/event/drill.h"
#include "engine/pipeline/drill_rules.h"
#include "tests/unit/pipeline/watch.h"

namespace ringfence {
namespace {

using testing::clerk;
using ::testing::IsEmpty;
using testing::rulebook;
using ::testing::SizeIs;

std::string drill_event(const std::string& id, const std::string& kind) {
  std::string text =
      R"({"v":1,"kind":")" + kind + R"(","id":")" + id +
      R"(","time":"2026-11-20T08:00:00Z","tenant":"ringfence-drill","agent":{"id":"urn:ringfence:drill:a","trust":"verified"},)";
  return text + (kind == "tool_call" ? R"("tool":{"server":"ringfence-drill","name":"forbidden"},"outcome":{"status":"ok"}})"
                                     : R"("task":{"id":"drill","claim":"done"}})");
}

/// An installation whose only persona claims every agent of every tenant, and lets all it does pass.
class DrillJudged : public ::testing::Test {
 protected:
  Judgement see(const std::string& id, const std::string& kind) {
    auto judgement = rehearsal_.feed(drill_event(id, kind));
    EXPECT_TRUE(judgement);
    return judgement.value_or(Judgement());
  }
  const AgentState& agent() { return *rehearsal_.agent(kDrillTenant, "urn:ringfence:drill:a"); }

  Rulebook greedy_ = rulebook({clerk("mode: observe", "**", "greedy")});
  Rehearsal rehearsal_{greedy_};
};

TEST_F(DrillJudged, HaltsByTheBuiltInJobThatNoPersonaTakesThePlaceOf) {
  const Judgement halted = see("1", "tool_call");
  EXPECT_EQ(halted.verdict.applied, Level::Halt);
  ASSERT_THAT(halted.containments, SizeIs(1));
  EXPECT_EQ(halted.containments[0].scope, scope_key("agent", kDrillTenant, "urn:ringfence:drill:a"));
  EXPECT_EQ(halted.containments[0].persona, "ringfence-drill@1.0.0");
  EXPECT_THAT(halted.links, IsEmpty());
}

TEST_F(DrillJudged, IsReleasedWithoutAPersonWhenTheDrillEndsAndNothingIsKeptButItsEpochs) {
  for (std::uint64_t round = 0; round < 3; ++round) {
    const std::string number = std::to_string(round);
    EXPECT_EQ(see(number, "tool_call").containments.at(0).epoch, 2 * round + 1);
    const Judgement ended = see(number + "-end", "task_end");
    ASSERT_THAT(ended.containments, SizeIs(1));
    EXPECT_FALSE(ended.containments[0].contained);
    EXPECT_EQ(ended.containments[0].epoch, 2 * round + 2);
    ASSERT_THAT(ended.findings, SizeIs(1));
    EXPECT_EQ(ended.findings[0].activity, FindingRecord::Activity::Close);
    EXPECT_FALSE(agent().contained());
    EXPECT_THAT(agent().sessions, IsEmpty());
  }
}

TEST_F(DrillJudged, AnEndWithoutABeginningChangesNothing) {
  const Judgement ended = see("end", "task_end");
  EXPECT_THAT(ended.containments, IsEmpty());
  EXPECT_THAT(ended.findings, IsEmpty());
}

TEST(DrillRules, AreForDrillsAlone) {
  const Rulebook others = rulebook({clerk("mode: enforce")});
  EXPECT_EQ(&rules_of("corp", others), &others);
  EXPECT_EQ(&rules_of("ringfence-drill-2", others), &others);
  EXPECT_EQ(&rules_of(kDrillTenant, others), &drill_rules());
}

}  // namespace
}  // namespace ringfence
