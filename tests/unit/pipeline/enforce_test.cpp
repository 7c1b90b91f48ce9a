// SPDX-License-Identifier: Apache-2.0
// What gates have confirmed, and calls that succeed in spite of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/verdict/act_scopes.h"
#include "tests/unit/pipeline/watch.h"

namespace ringfence {
namespace {

using testing::Call;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using testing::undeclared;
using testing::Watch;

const std::string kAgent = scope_key("agent", "default", "clerk-1");

EventTime at(double second) { return *parse_rfc3339("2026-11-20T08:00:00Z") + Nanos{static_cast<std::int64_t>(second * 1e9)}; }

/// All gates say since when; clocks may differ by two seconds.
Enforcement confirmed(double second, Level level = Level::Halt) {
  return {.scope = kAgent,
          .level = level,
          .effective_at = at(1),
          .gates = {{"nginx-eu-1", at(second - 0.5)}, {"nginx-us-1", at(second)}},
          .skew = seconds(2)};
}

Call write_at(std::int64_t second, const std::string& more = {}) { return {.tool = "files/write", .more = more, .at = second}; }
Call read_at(std::int64_t second) { return {.at = second}; }

/// A clerk that is contained at second 1.
class Contained : public ::testing::Test {
 protected:
  void contain(const std::string& level) {
    watch = std::make_unique<Watch>("mode: enforce, undeclared: {default: " + level + "}");
    ASSERT_THAT(watch->see(undeclared("write")).containments, SizeIs(1));
  }
  bool violates(const Call& call) {
    const Judgement judged = watch->see(call);
    const auto of_gates = [](const FindingRecord& f) { return f.analytic == Analytic::ContainmentViolated; };
    const auto& raised = judged.verdict.raised;
    const bool said = std::ranges::find(raised, Analytic::ContainmentViolated) != raised.end();
    EXPECT_EQ(said, std::ranges::any_of(judged.findings, of_gates) || watch->agent().findings.size() > 1) << "the verdict names it";
    return said;
  }
  std::unique_ptr<Watch> watch;
};

TEST(ContainedCredential, IsBrokenByCallsThatShowItAndByNoOthers) {
  Watch watch("mode: enforce, undeclared: {default: halt}");
  (void)watch.see({});
  const auto calls = [&](const std::string& trust, const std::string& credential) {
    const std::string shown = credential.empty() ? "" : R"(,"credential":{"fingerprint":")" + credential + "\"}";
    const auto& raised = watch.see({.tool = "files/write", .session = "", .trust = trust, .more = shown}).verdict.raised;
    return std::ranges::find(raised, Analytic::ContainmentViolated) != raised.end();
  };
  Call stolen = undeclared("write");
  stolen.trust = "asserted";
  stolen.session = "";
  stolen.more = R"(,"credential":{"fingerprint":"stolen-1"})";
  ASSERT_THAT(watch.see(stolen).containments, SizeIs(1));
  Enforcement confirmed_at_once = confirmed(2);
  confirmed_at_once.scope = borrowed_scope_key("default", "clerk-1", "stolen-1");
  confirmed_at_once.effective_at = at(2);
  ASSERT_THAT(watch.enforce(confirmed_at_once), SizeIs(1));
  (void)watch.see({.at = 20});
  for (const char* credential : {"stolen-2", "own", ""}) EXPECT_FALSE(calls("asserted", credential)) << credential;
  EXPECT_FALSE(calls("verified", "own"));
  EXPECT_TRUE(calls("asserted", "stolen-1"));
  EXPECT_TRUE(calls("verified", "stolen-1")) << "gates deny whoever shows it";
}

TEST_F(Contained, TheFindingSaysWhichGatesRefuseItsCallsSinceWhen) {
  contain("halt");
  const std::string uid = watch->agent().findings.at(0).uid;
  const auto records = watch->enforce(confirmed(1.25));
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(records[0].activity, FindingRecord::Activity::Update);
  EXPECT_EQ(records[0].uid, uid);
  EXPECT_EQ(records[0].number, 2U);
  EXPECT_TRUE(records[0].enforced);
  ASSERT_THAT(records[0].gates, SizeIs(2));
  EXPECT_EQ(records[0].gates[1].name, "nginx-us-1");
  EXPECT_THAT(records[0].sentence, HasSubstr("nginx-us-1 since 2026-11-20T08:00:01.25"));
  EXPECT_EQ(records[0].time, at(1.25)) << "when the last gate had it";
  EXPECT_THAT(watch->enforce(confirmed(1.25)), IsEmpty()) << "said once";
  EXPECT_THAT(watch->enforce(confirmed(7)), IsEmpty()) << "a gate that repeats it later changes nothing";
}

TEST_F(Contained, ACallOfWhichNobodyKnowsWhetherItWentThroughIsCounted) {
  contain("halt");
  const auto untold = [&](const std::string& outcome) {
    return (watch->see({.outcome = outcome}).lacking & bit_of(Lacking::Outcome)) != 0;
  };
  EXPECT_TRUE(untold("unknown"));
  EXPECT_FALSE(untold("ok"));
  EXPECT_FALSE(untold("denied"));
  EXPECT_FALSE(untold("error"));
}

TEST_F(Contained, ACallThatStartedAfterEveryGateHadItIsAViolation) {
  contain("halt");
  (void)watch->enforce(confirmed(1.25));
  EXPECT_FALSE(violates(read_at(3))) << "within the allowance for clocks";
  const Judgement judged = watch->see(read_at(4));
  ASSERT_THAT(judged.findings, SizeIs(1));
  EXPECT_EQ(judged.findings[0].analytic, Analytic::ContainmentViolated);
  EXPECT_EQ(judged.findings[0].level, Level::Halt);
  EXPECT_FALSE(judged.findings[0].enforced) << "it was not";
}

TEST_F(Contained, ACallUnderWayWhenItCameIsNone) {
  contain("halt");
  (void)watch->enforce(confirmed(1.25));
  EXPECT_FALSE(violates(write_at(30, R"(,"duration_ms":29000)"))) << "started at second 1";
  EXPECT_TRUE(violates(write_at(31, R"(,"duration_ms":27000)"))) << "started at second 4";
  EXPECT_EQ(watch->agent().containments.at(0).passed.count, 2U);
}

TEST_F(Contained, ARefusedCallIsNoneAndNeitherIsAnyBeforeTheGatesSpoke) {
  contain("halt");
  EXPECT_FALSE(violates(write_at(100)));
  (void)watch->enforce(confirmed(100.5));
  EXPECT_FALSE(violates({.tool = "files/write", .outcome = "denied", .code = "403", .at = 200}));
  EXPECT_TRUE(violates(write_at(201)));
}

TEST_F(Contained, UnderAHoldReadsMayPass) {
  contain("hold");
  (void)watch->enforce(confirmed(1.25, Level::Hold));
  EXPECT_FALSE(violates(read_at(100)));
  EXPECT_TRUE(violates(write_at(101)));
}

TEST_F(Contained, AThrottleIsNeverViolated) {
  watch = std::make_unique<Watch>("mode: enforce");
  Judgement last = watch->guess(3);
  for (int i = 4; last.verdict.level < Level::Throttle; ++i) last = watch->see({.outcome = "denied", .ref = testing::near_miss(i)});
  ASSERT_EQ(last.verdict.level, Level::Throttle);
  Enforcement throttled = confirmed(20, Level::Throttle);
  throttled.effective_at = at(19);
  ASSERT_THAT(watch->enforce(throttled), SizeIs(1));
  EXPECT_FALSE(violates(write_at(100)));
}

TEST_F(Contained, AHaltThatWaitsForApprovalIsJudgedAsTheHoldThatGatesHave) {
  contain("halt");
  (void)watch->enforce(confirmed(1.25, Level::Hold));
  EXPECT_FALSE(violates(read_at(100)));
  EXPECT_TRUE(violates(write_at(101)));
  EXPECT_THAT(watch->enforce(confirmed(110)), Not(IsEmpty())) << "approved";
  EXPECT_TRUE(violates(read_at(120)));
}

TEST_F(Contained, CallsThatPassedBeforeTheGatesWereHeardAreJudgedWhenTheyAre) {
  contain("halt");
  (void)watch->see(read_at(2));
  (void)watch->see({.id = "late-one", .at = 9});
  const auto records = watch->enforce(confirmed(1.25));
  ASSERT_THAT(records, SizeIs(2));
  EXPECT_EQ(records[1].analytic, Analytic::ContainmentViolated);
  EXPECT_EQ(records[1].event_id, "late-one");
}

TEST_F(Contained, WhatGatesSayOfSomethingElseIsNotTaken) {
  contain("halt");
  Enforcement older = confirmed(1.25);
  older.effective_at = at(0.5);
  EXPECT_THAT(watch->enforce(older), IsEmpty()) << "of a containment before this one";
  Enforcement other = confirmed(1.25);
  other.scope = scope_key("agent", "default", "clerk-2");
  EXPECT_THAT(watch->enforce(other), IsEmpty());
  EXPECT_FALSE(violates(read_at(100)));
}

TEST_F(Contained, ReleasedItViolatesNothingAndContainedAgainItWaitsForTheGatesAnew) {
  contain("halt");
  (void)watch->enforce(confirmed(1.25));
  const Operated released = watch->operate({"release", kAgent, "a test", "ada", "", ""});
  ASSERT_EQ(released.answer, CommandAnswer::Done);
  EXPECT_THAT(watch->enforce(confirmed(1.25)), IsEmpty());
  EXPECT_FALSE(violates(write_at(100)));
  Call again = undeclared("write");
  again.at = 101;
  ASSERT_THAT(watch->see(again).containments, SizeIs(1));
  EXPECT_FALSE(violates(write_at(110)));
  EXPECT_EQ(watch->agent().containments.at(0).passed.count, 1U);
  EXPECT_THAT(watch->enforce(confirmed(1.25)), IsEmpty()) << "that was the one before";
  Enforcement second = confirmed(103);
  second.effective_at = at(101);
  EXPECT_THAT(watch->enforce(second), SizeIs(2));
}

}  // namespace
}  // namespace ringfence
