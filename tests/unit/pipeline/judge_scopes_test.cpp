// SPDX-License-Identifier: Apache-2.0
// Whom a level falls on: the agent, one session, nobody under a borrowed name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/verdict/contain.h"
#include "tests/unit/pipeline/watch.h"

namespace ringfence {
namespace {

using testing::Call;
using testing::undeclared;
using testing::Watch;

const std::string kHalting = "mode: enforce, undeclared: {read: alert, write: hold, default: halt}";

TEST(BorrowedName, ItsEvidenceNeverTouchesTheRightfulAgent) {
  Watch watch(kHalting);
  (void)watch.see({});
  const Judgement halted = watch.guess(7, {.session = "stolen", .trust = "asserted"});
  EXPECT_EQ(halted.verdict.level, Level::Halt);
  ASSERT_EQ(watch.agent().containments.size(), 1U);
  EXPECT_EQ(watch.agent().containments[0].scope, "session:default/clerk-1/stolen");
  EXPECT_FALSE(watch.agent().standing.held || watch.agent().standing.alert || watch.agent().standing.throttle);

  const Judgement rightful = watch.see({.outcome = "denied", .ref = "4c1d00aa55de90b3c1d8e6f7a2b4c5d6e7f81234"});
  EXPECT_TRUE(rightful.containments.empty());
  EXPECT_LT(rightful.verdict.score, 100);
}

TEST(BorrowedName, IsKeptApartInASessionOfTheSameId) {
  Watch watch(kHalting);
  (void)watch.see({});
  (void)watch.guess(7, {.trust = "asserted"});
  EXPECT_EQ(watch.agent().sessions.size(), 2U);
  EXPECT_LT(watch.see({}).verdict.score, 1);
}

TEST(BorrowedName, ADeclaredBreachHoldsTheSession) {
  Watch watch(kHalting);
  (void)watch.see({});
  Call call = undeclared("transfer");
  call.trust = "asserted";
  call.session = "stolen";
  call.more = R"(,"credential":{"fingerprint":"shared-key"})";
  const Judgement seen = watch.see(call);
  ASSERT_EQ(seen.containments.size(), 1U);
  EXPECT_EQ(seen.containments[0].scope, "session:default/clerk-1/stolen");
  ASSERT_EQ(seen.containments[0].select.size(), 1U) << "any entry matches, and the agent may use the same credential";
  EXPECT_EQ(seen.containments[0].select[0].field, "session.id");
}

TEST(BorrowedName, ItsLevelsNeverStandOverTheRightfulAgentsActs) {
  for (const char* session : {"stolen", ""}) {
    for (const char* credential : {"", R"(,"credential":{"fingerprint":"stolen-key"})"}) {
      Watch watch(kHalting);
      (void)watch.see({});
      Call call = undeclared("transfer");
      call.trust = "asserted";
      call.session = session;
      call.more = credential;
      EXPECT_EQ(watch.see(call).verdict.applied, Level::Halt);
      const Judgement rightful = watch.see({});
      EXPECT_EQ(rightful.verdict.level, Level::Observe);
      EXPECT_EQ(rightful.verdict.applied, Level::Observe) << "a gate that asks goes by this";
    }
  }
}

TEST(BorrowedName, WithoutASessionIsContainedByEachCredentialThatEarnsIt) {
  Watch watch(kHalting);
  (void)watch.see({});
  const auto shows = [](Call call, const std::string& credential) {
    call.trust = "asserted";
    call.session = "";
    call.more = R"(,"credential":{"fingerprint":")" + credential + "\"}";
    return call;
  };
  for (const char* credential : {"stolen-1", "stolen-2"}) {
    const Judgement seen = watch.see(shows(undeclared("transfer"), credential));
    ASSERT_EQ(seen.containments.size(), 1U);
    EXPECT_EQ(seen.containments[0].scope, std::string("borrowed:default/clerk-1/") + credential);
    ASSERT_EQ(seen.containments[0].select.size(), 1U);
    EXPECT_EQ(seen.containments[0].select[0].field, "credential.fingerprint");
    EXPECT_EQ(seen.containments[0].select[0].equals, credential);
    EXPECT_TRUE(seen.containments[0].session_id.empty());
    EXPECT_TRUE(watch.see(shows(undeclared("transfer"), credential)).containments.empty()) << "it stands already";
  }
  const Judgement other = watch.see(shows({}, "own-key"));
  EXPECT_TRUE(other.containments.empty()) << "it has done nothing";
  EXPECT_EQ(other.verdict.applied, Level::Observe);
}

TEST(BorrowedName, InAnyNumberOfSessionsContainsSoManyAndSaysOnceThatItIsEnough) {
  Watch watch(kHalting);
  (void)watch.see({});
  std::size_t contained = 0, told = 0;
  for (std::size_t i = 0; i < kContainedSessionsMost + 10; ++i) {
    Call call = undeclared("write");
    call.trust = "asserted";
    call.session = "stolen-" + std::to_string(i);
    const Judgement seen = watch.see(call);
    contained += seen.containments.size();
    told += static_cast<std::size_t>(std::ranges::count(seen.findings, Analytic::ContainmentBlastRadius, &FindingRecord::analytic));
    EXPECT_GE(seen.verdict.level, Level::Hold) << "it is judged all the same";
  }
  EXPECT_EQ(contained, kContainedSessionsMost);
  EXPECT_EQ(told, 1U);
  Call again = undeclared("transfer");
  again.trust = "asserted";
  again.session = "stolen-3";
  EXPECT_EQ(watch.see(again).containments.size(), 1U) << "one that is known may rise further";
}

TEST(SessionScope, AHaltStopsTheSessionThatEarnedItAndNoOther) {
  Watch watch("mode: enforce, scope: session");
  (void)watch.see({.session = "quiet"});
  ASSERT_EQ(watch.guess(7, {.session = "loud"}).verdict.level, Level::Halt);
  EXPECT_TRUE(watch.see({.session = "quiet"}).containments.empty());
  for (const SessionState& session : watch.agent().sessions)
    EXPECT_EQ(session.standing.held.has_value(), session.id == "loud") << session.id;
}

TEST(SessionScope, AHaltIsAppliedInItsSessionAlone) {
  Watch watch("mode: enforce, scope: session");
  ASSERT_EQ(watch.guess(7, {.session = "loud"}).verdict.applied, Level::Halt);
  const Judgement quiet = watch.see({.session = "quiet"});
  EXPECT_EQ(quiet.verdict.level, Level::Halt) << "of the agent's scopes the highest";
  EXPECT_LT(quiet.verdict.applied, Level::Hold);
  EXPECT_EQ(watch.see({.session = "loud"}).verdict.applied, Level::Halt);
}

TEST(SessionScope, AnActThatNamesNoSessionStopsTheAgentWhichAGateCanTell) {
  Watch watch(kHalting + ", scope: session");
  Call held = undeclared("write");
  held.session = "";
  const Judgement seen = watch.see(held);
  ASSERT_EQ(seen.containments.size(), 1U);
  EXPECT_EQ(seen.containments[0].scope, "agent:default/clerk-1");
  ASSERT_EQ(seen.containments[0].select.size(), 1U);
  EXPECT_EQ(seen.containments[0].select[0].field, "agent.id");
  EXPECT_TRUE(watch.agent().standing.held);
  held.session = "named";
  EXPECT_EQ(watch.see(held).containments.at(0).scope, "session:default/clerk-1/named");
}

TEST(BorrowedName, ThatShowsNeitherSessionNorCredentialIsJudgedAndNotContained) {
  Watch watch(kHalting);
  (void)watch.see({});
  Call held = undeclared("write");
  held.trust = "asserted";
  held.session = "";
  const Judgement seen = watch.see(held);
  EXPECT_EQ(seen.verdict.level, Level::Hold);
  EXPECT_TRUE(seen.containments.empty()) << "a confirmation of what no call can meet would be untrue";
  held.more = R"(,"credential":{"fingerprint":"stolen-key"})";
  EXPECT_EQ(watch.see(held).containments.at(0).select.at(0).field, "credential.fingerprint");
}

TEST(SessionScope, AThrottleOfASessionEndsByItself) {
  Watch watch("mode: enforce, scope: session");
  Judgement seen = watch.guess(4, {.session = "loud"});
  ASSERT_EQ(seen.containments.size(), 1U);
  ASSERT_EQ(seen.containments[0].scope, "session:default/clerk-1/loud");
  std::vector<std::pair<std::string, bool>> said;
  for (int i = 0; i < 2000 && watch.agent().contained(); ++i) {
    for (const char* session : {"quiet", "loud"}) {
      for (const ContainmentRecord& record : watch.see({.session = session}).containments)
        said.emplace_back(record.scope, record.contained);
    }
  }
  EXPECT_THAT(said, ::testing::ElementsAre(std::pair{std::string("session:default/clerk-1/loud"), false}));
}

TEST(SessionScope, ASessionThatComesBackFindsItsContainment) {
  Watch watch(kHalting + ", scope: session");
  Call held = undeclared("write");
  held.session = "held";
  ASSERT_EQ(watch.see(held).verdict.level, Level::Hold);
  for (int i = 0; i < 70; ++i) (void)watch.see({.session = "other-" + std::to_string(i)});
  EXPECT_EQ(watch.agent().sessions.size(), limits::kSessionsPerAgent);
  EXPECT_EQ(watch.see({}).verdict.level, Level::Observe) << "evicted";
  const Judgement back = watch.see({.session = "held"});
  EXPECT_EQ(back.verdict.level, Level::Hold);
  EXPECT_TRUE(back.containments.empty()) << "it stands already";
}

TEST(SessionScope, EachContainmentNamesTheFindingItGoesBackTo) {
  Watch watch(kHalting + ", scope: session");
  std::string uid;
  for (const char* session : {"a", "b"}) {
    Call held = undeclared("write");
    held.session = session;
    const Judgement seen = watch.see(held);
    ASSERT_EQ(seen.containments.size(), 1U);
    if (uid.empty()) uid = seen.findings.at(0).uid;
    EXPECT_EQ(seen.containments[0].finding_uid, uid) << "the second is only counted, and yet the cause";
  }
}

TEST(AgentScope, AContainmentNamesItsKeyEncodedAndItsCause) {
  Watch watch(kHalting);
  Call held = undeclared("write");
  held.agent = "clerk-ä 1";
  const Judgement seen = watch.see(held);
  ASSERT_EQ(seen.containments.size(), 1U);
  const ContainmentRecord& record = seen.containments[0];
  EXPECT_EQ(record.scope, "agent:default/clerk-%C3%A4%201");
  EXPECT_EQ(record.epoch, 1U);
  EXPECT_EQ(record.cause_event_id, seen.verdict.event_id);
  EXPECT_FALSE(record.release_auto);
}

TEST(Sessions, ATaskThatEndsDoesNotEndItsSession) {
  Watch watch("mode: enforce");
  (void)watch.guess(2);
  const Evidence before = watch.agent().sessions[0].evidence;
  (void)watch.see({.kind = "task_end", .more = R"(,"task":{"id":"t","claim":"done"})"});
  ASSERT_EQ(watch.agent().sessions.size(), 1U);
  EXPECT_EQ(watch.agent().sessions[0].evidence.declared, before.declared) << "no mark of its own either";
}

TEST(Sessions, EndAfterADayWithoutAnEventOfTheAgentsOwnTime) {
  Watch watch("mode: enforce");
  (void)watch.see({.session = "old"});
  (void)watch.see({.session = "young", .at = 24 * 3600});
  EXPECT_EQ(watch.agent().sessions.size(), 2U);
  (void)watch.see({.session = "young", .at = 25 * 3600});
  EXPECT_EQ(watch.agent().sessions.size(), 1U);
}

TEST(Sessions, LateEventsKeepTheirSessionAlive) {
  Watch watch("mode: enforce");
  (void)watch.see({.session = "now", .at = 90 * 3600});
  for (int i = 0; i < 3; ++i) (void)watch.see({.session = "late", .outcome = "denied", .ref = testing::near_miss(i), .at = 10 + i});
  EXPECT_GT(watch.agent().sessions.at(1).evidence.declared[static_cast<std::size_t>(Threat::Guess)], 100);
}

}  // namespace
}  // namespace ringfence
