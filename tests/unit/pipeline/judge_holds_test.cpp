// SPDX-License-Identifier: Apache-2.0
// Levels by declaration: what one act gets, what stands, and when holds become a halt.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/pipeline/watch.h"

namespace ringfence {
namespace {

using testing::Call;
using testing::undeclared;
using testing::Watch;

const std::string kEnforce = "mode: enforce, undeclared: {read: alert, write: hold, send: throttle, default: halt}";

TEST(Holds, ALevelBelowHoldBelongsToItsEventAlone) {
  Watch watch(kEnforce);
  const Judgement sent = watch.see(undeclared("send"));
  EXPECT_EQ(sent.verdict.level, Level::Throttle);
  EXPECT_TRUE(sent.containments.empty()) << "no evidence stands behind it";
  EXPECT_EQ(watch.see({}).verdict.level, Level::Observe);
}

TEST(Holds, AHoldStandsAndTheThirdHeldActOfASessionIsAHalt) {
  Watch watch(kEnforce);
  EXPECT_EQ(watch.see(undeclared("write")).verdict.level, Level::Hold);
  EXPECT_EQ(watch.see({}).verdict.level, Level::Hold) << "until a release";
  EXPECT_EQ(watch.see(undeclared("write")).verdict.level, Level::Hold);
  const Judgement third = watch.see(undeclared("write"));
  EXPECT_EQ(third.verdict.level, Level::Halt);
  ASSERT_EQ(third.containments.size(), 1U);
  EXPECT_EQ(third.containments[0].level, Level::Halt);
  EXPECT_EQ(third.containments[0].epoch, 2U);
}

TEST(Holds, ActsUnderAStandingHoldAndCopiesAreNotCounted) {
  Watch watch(kEnforce);
  Call held = undeclared("write");
  held.id = "once";
  for (int i = 0; i < 5; ++i) (void)watch.see(held);
  for (int i = 0; i < 5; ++i) (void)watch.see({.tool = "files/write"});
  EXPECT_EQ(watch.agent().sessions[0].held_acts, 1U);
  EXPECT_EQ(watch.see({}).verdict.level, Level::Hold);
}

TEST(Holds, AskedForAndCarriedOutIsOneAct) {
  Watch watch(kEnforce + ", hard_limit: hold");
  for (int act = 0; act < 2; ++act) {
    Call call = undeclared("write");
    call.id = "act-" + std::to_string(act);
    call.phase = "request";
    (void)watch.see(call);
    call.phase = "complete";
    (void)watch.see(call);
  }
  EXPECT_EQ(watch.agent().sessions[0].held_acts, 2U);
}

TEST(Holds, OurOwnRefusalsAreNotCounted) {
  Watch watch(kEnforce);
  (void)watch.see(undeclared("write"));
  Call refused = undeclared("write");
  refused.outcome = "denied";
  for (int i = 0; i < 6; ++i) EXPECT_EQ(watch.see(refused).verdict.level, Level::Hold);
}

TEST(Holds, WhatWasAskedForAndThenRefusedIsNotCounted) {
  Watch watch(kEnforce);
  Call call = undeclared("write");
  for (int act = 0; act < 5; ++act) {
    call.id = "act-" + std::to_string(act);
    call.phase = "request";
    call.outcome = "unknown";
    EXPECT_EQ(watch.see(call).verdict.level, Level::Hold);
    call.phase = "complete";
    call.outcome = "denied";
    EXPECT_EQ(watch.see(call).verdict.level, Level::Hold);
    EXPECT_EQ(watch.agent().sessions[0].held_acts, 0U);
  }
  for (int act = 0; act < 2; ++act) EXPECT_EQ(watch.see(undeclared("write")).verdict.level, Level::Hold);
  EXPECT_EQ(watch.see(undeclared("write")).verdict.level, Level::Halt);
}

TEST(Holds, WhatWasRefusedFromTheStartTakesNothingBack) {
  Watch watch(kEnforce);
  (void)watch.see(undeclared("write"));
  Call call = undeclared("write");
  call.id = "refused twice";
  call.outcome = "denied";
  for (const char* const phase : {"request", "complete"}) {
    call.phase = phase;
    (void)watch.see(call);
  }
  EXPECT_EQ(watch.agent().sessions[0].held_acts, 1U);
}

TEST(Holds, ARequestThatNobodyAnswersCounts) {
  Watch watch(kEnforce);
  Call call = undeclared("write");
  call.phase = "request";
  call.outcome = "unknown";
  for (int act = 0; act < 2; ++act) EXPECT_EQ(watch.see(call).verdict.level, Level::Hold);
  EXPECT_EQ(watch.see(call).verdict.level, Level::Halt);
}

TEST(Holds, EachSessionCountsItsOwn) {
  Watch watch(kEnforce);
  for (const char* session : {"a", "b", "c", "d"}) {
    Call call = undeclared("write");
    call.session = session;
    EXPECT_EQ(watch.see(call).verdict.level, Level::Hold);
  }
}

TEST(Holds, ZeroMeansNever) {
  Watch watch(kEnforce + ", holds_to_halt: 0");
  for (int i = 0; i < 9; ++i) EXPECT_EQ(watch.see(undeclared("write")).verdict.level, Level::Hold);
}

TEST(Modes, ObserveAppliesNothingAndAlertNoMoreThanAnAlert) {
  Watch observing("mode: observe, undeclared: {default: halt}");
  Judgement seen = observing.see(undeclared("write"));
  EXPECT_EQ(seen.verdict.level, Level::Halt);
  EXPECT_EQ(seen.verdict.applied, Level::Observe);
  ASSERT_EQ(seen.findings.size(), 1U);
  EXPECT_EQ(seen.findings[0].applied, Level::Observe);
  EXPECT_TRUE(seen.containments.empty());

  Watch alerting("mode: alert, undeclared: {default: halt}");
  seen = alerting.see(undeclared("write"));
  EXPECT_EQ(seen.verdict.level, Level::Halt);
  EXPECT_EQ(seen.verdict.applied, Level::Alert);
  EXPECT_TRUE(seen.containments.empty());
}

TEST(Modes, EvidenceStandsStillOnlyWhileAHaltIsEnforced) {
  for (const auto& [mode, moves] : {std::pair{"alert", true}, {"enforce", false}}) {
    Watch watch(std::string("mode: ") + mode + ", undeclared: {default: halt}");
    (void)watch.see(undeclared("write"));
    const auto before = watch.agent().evidence.declared;
    Call missed{.outcome = "error", .code = "404", .ref = "4c1d00aa55de90b3c1d8e6f7a2b4c5d6e7f81234a"};
    (void)watch.see(missed);
    EXPECT_EQ(watch.agent().evidence.declared != before, moves) << mode;
  }
}

TEST(Levels, EvidenceReachesAHaltByItsOwnThresholds) {
  Watch watch("mode: enforce");
  EXPECT_EQ(watch.guess(2).verdict.level, Level::Observe);
  Judgement last;
  std::vector<Level> levels;
  for (int i = 3; i < 9; ++i) {
    last = watch.see({.outcome = "denied", .ref = testing::near_miss(i)});
    levels.push_back(last.verdict.level);
  }
  EXPECT_THAT(levels, ::testing::ElementsAre(Level::Alert, Level::Throttle, Level::Halt, Level::Halt, Level::Halt, Level::Halt));
  EXPECT_EQ(last.verdict.threat, "guess");
}

TEST(Levels, AlertAndThrottleEndUnderAHundredthOfTheirThreshold) {
  Watch watch("mode: enforce");
  Judgement seen = watch.guess(4);
  ASSERT_EQ(seen.verdict.level, Level::Throttle);
  ASSERT_EQ(seen.containments.size(), 1U);
  EXPECT_EQ(seen.containments[0].level, Level::Throttle);
  while (seen.verdict.level == Level::Throttle) seen = watch.see({});
  EXPECT_LT(seen.verdict.score, 1e5);
  ASSERT_EQ(seen.containments.size(), 1U);
  EXPECT_FALSE(seen.containments[0].contained);
  EXPECT_TRUE(seen.containments[0].release_auto);
  EXPECT_EQ(seen.containments[0].epoch, 2U);
  EXPECT_TRUE(seen.containments[0].approver.empty());
  ASSERT_EQ(seen.verdict.level, Level::Alert);
  while (seen.verdict.level == Level::Alert) seen = watch.see({});
  EXPECT_LT(seen.verdict.score, 1e3);
}

}  // namespace
}  // namespace ringfence
