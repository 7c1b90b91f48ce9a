// SPDX-License-Identifier: Apache-2.0
// What an operator's command does to what stands.
#include "engine/pipeline/operate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/verdict/act_scopes.h"
#include "tests/unit/pipeline/watch.h"

namespace ringfence {
namespace {

using ::testing::AllOf;
using testing::Call;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::undeclared;
using testing::Watch;

const std::string kEnforce = "mode: enforce, undeclared: {write: hold}";
const std::string kAgent = scope_key("agent", "default", "clerk-1");

Command release_of(const std::string& scope) {
  return {.command = "release", .scope = scope, .reason = "a mistyped id, not guessing", .by = "ada", .approver = "", .ticket = "SOC-7"};
}
Command halt_of(const std::string& scope, const std::string& by = "ada") {
  return {.command = "halt", .scope = scope, .reason = "strange payments", .by = by, .approver = "", .ticket = ""};
}
std::string session_scope(const std::string& session) { return session_scope_key("default", "clerk-1", session); }

TEST(Release, LetsTheNextCallBeJudgedFromZero) {
  Watch watch(kEnforce);
  ASSERT_EQ(watch.guess(12).verdict.level, Level::Halt);
  ASSERT_EQ(watch.see({}).verdict.level, Level::Halt) << "only a release ends it";

  const Operated done = watch.operate(release_of(kAgent));
  EXPECT_EQ(done.answer, CommandAnswer::Done);
  const AgentState& agent = watch.agent();
  EXPECT_EQ(agent.ledger, nullptr);
  EXPECT_THAT(agent.evidence.declared, Each(0.0F));
  EXPECT_THAT(agent.evidence.alert, Each(0.0F));
  EXPECT_THAT(agent.sessions.front().evidence.declared, Each(0.0F));
  EXPECT_FALSE(agent.contained());

  const Judgement next = watch.see({});
  EXPECT_EQ(next.verdict.level, Level::Observe);
  EXPECT_LT(next.verdict.score, 1.0);
  EXPECT_THAT(next.containments, IsEmpty());
  EXPECT_EQ(watch.guess(12).verdict.level, Level::Halt) << "who guesses again is halted again";
}

TEST(Release, FreesTheContainmentWithTheNextEpochAndNamesTheApprover) {
  Watch watch(kEnforce);
  const Judgement held = watch.see(undeclared("write"));
  ASSERT_THAT(held.containments, SizeIs(1));
  Command command = release_of(kAgent);
  command.approver = "grace";
  const Operated done = watch.operate(command);
  ASSERT_TRUE(done.judgement);
  ASSERT_THAT(done.judgement->containments, SizeIs(1));
  const ContainmentRecord& record = done.judgement->containments[0];
  EXPECT_EQ(record.scope, kAgent);
  EXPECT_EQ(record.epoch, held.containments[0].epoch + 1);
  EXPECT_FALSE(record.contained);
  EXPECT_FALSE(record.release_auto);
  EXPECT_EQ(record.approver, "grace");
  EXPECT_EQ(record.reason, command.reason);
  EXPECT_EQ(record.finding_uid, held.containments[0].finding_uid);
}

TEST(Release, ClosesTheFindingsSayingWhoAndWhy) {
  Watch watch(kEnforce);
  const Judgement held = watch.see(undeclared("write"));
  ASSERT_THAT(held.findings, SizeIs(1));
  Command command = release_of(kAgent);
  command.reason = "agreed \x1b[2J with desk";
  const Operated done = watch.operate(command);
  ASSERT_TRUE(done.judgement);
  ASSERT_THAT(done.judgement->findings, SizeIs(1));
  const FindingRecord& close = done.judgement->findings[0];
  EXPECT_EQ(close.activity, FindingRecord::Activity::Close);
  EXPECT_EQ(close.uid, held.findings[0].uid);
  EXPECT_EQ(close.number, held.findings[0].number + 1);
  EXPECT_EQ(close.close_reason, "released");
  EXPECT_THAT(close.sentence, AllOf(HasSubstr("ada"), HasSubstr("agreed"), HasSubstr("SOC-7")));
  EXPECT_EQ(close.sentence.find('\x1b'), std::string::npos);
  EXPECT_THAT(watch.agent().findings, IsEmpty());
}

TEST(Release, OfOneSessionLeavesTheOthersHeld) {
  Watch watch(kEnforce + ", scope: session");
  for (const char* session : {"a", "b"}) {
    Call call = undeclared("write");
    call.session = session;
    ASSERT_EQ(watch.see(call).verdict.level, Level::Hold);
  }
  const Operated done = watch.operate(release_of(session_scope("a")));
  EXPECT_EQ(done.answer, CommandAnswer::Done);
  ASSERT_THAT(done.judgement->containments, SizeIs(1));
  EXPECT_EQ(done.judgement->containments[0].session_id, "a");
  for (const SessionState& session : watch.agent().sessions) {
    EXPECT_EQ(session.standing.held.has_value(), session.id == "b");
    EXPECT_EQ(session.held_acts, session.id == "b" ? 1U : 0U);
  }
}

TEST(Release, OfAnAgentReachesItsSessions) {
  Watch watch(kEnforce + ", scope: session");
  (void)watch.see(undeclared("write"));
  EXPECT_THAT(watch.operate(release_of(kAgent)).judgement->containments, SizeIs(1));
  EXPECT_EQ(watch.see({}).verdict.level, Level::Observe);
}

TEST(Release, NamesTheScopeThatStands) {
  Watch tree(kEnforce + ", scope: subtree");
  (void)tree.see(undeclared("write"));
  EXPECT_EQ(tree.operate(release_of(kAgent)).answer, CommandAnswer::WiderScope);
  EXPECT_EQ(tree.operate(release_of(session_scope("s1"))).answer, CommandAnswer::WiderScope);
  EXPECT_TRUE(tree.agent().contained());
  EXPECT_EQ(tree.operate(release_of(scope_key("subtree", "default", "clerk-1"))).answer, CommandAnswer::Done);
  EXPECT_EQ(tree.see({}).verdict.level, Level::Observe);
}

TEST(Release, OfWhatIsNotContainedOrNotKnownChangesNothing) {
  Watch watch(kEnforce);
  (void)watch.see({});
  const Operated nothing = watch.operate(release_of(kAgent));
  EXPECT_EQ(nothing.answer, CommandAnswer::NothingStands);
  EXPECT_FALSE(nothing.judgement);
  EXPECT_EQ(watch.operate(release_of(scope_key("agent", "default", "nobody"))).answer, CommandAnswer::UnknownAgent);
  EXPECT_EQ(watch.operate(release_of(scope_key("agent", "other", "clerk-1"))).answer, CommandAnswer::UnknownAgent);
  (void)watch.see(undeclared("write"));
  EXPECT_EQ(watch.operate(release_of(kAgent)).answer, CommandAnswer::Done);
  const std::uint64_t epoch = watch.agent().containments[0].epoch;
  EXPECT_EQ(watch.operate(release_of(kAgent)).answer, CommandAnswer::NothingStands) << "once is enough";
  EXPECT_EQ(watch.agent().containments[0].epoch, epoch);
}

TEST(Release, OfWhatOnlyStandsInModeAlertPublishesNothing) {
  Watch watch("mode: alert, undeclared: {write: hold}");
  ASSERT_EQ(watch.see(undeclared("write")).verdict.level, Level::Hold);
  const Operated done = watch.operate(release_of(kAgent));
  EXPECT_EQ(done.answer, CommandAnswer::Done);
  EXPECT_THAT(done.judgement->containments, IsEmpty());
  EXPECT_THAT(done.judgement->findings, SizeIs(1));
  EXPECT_EQ(watch.see({}).verdict.level, Level::Observe);
}

TEST(Release, OfTierFourNeedsAnApproverOtherThanWhoReleasesOrHalted) {
  std::string persona = testing::clerk(kEnforce);
  persona.insert(persona.find("confidence:"), "tier: 4\n");
  const Rulebook rules = testing::rulebook({persona});
  Rehearsal rehearsal(rules);
  ASSERT_TRUE(rehearsal.feed(Watch::json({.id = "c1"}, *parse_rfc3339("2026-11-20T08:00:00Z"))));
  ASSERT_EQ(rehearsal.operate(halt_of(kAgent, "grace")).answer, CommandAnswer::Done);

  Command command = release_of(kAgent);
  EXPECT_EQ(rehearsal.operate(command).answer, CommandAnswer::NeedsApprover);
  command.approver = "ada";
  EXPECT_EQ(rehearsal.operate(command).answer, CommandAnswer::NeedsApprover);
  command.approver = "grace";
  EXPECT_EQ(rehearsal.operate(command).answer, CommandAnswer::OwnHalt);
  EXPECT_TRUE(rehearsal.agent("default", "clerk-1")->contained());
  command.approver = "edsger";
  EXPECT_EQ(rehearsal.operate(command).answer, CommandAnswer::Done);
}

TEST(Halt, StandsWithoutEvidenceUntilARelease) {
  Watch watch(kEnforce);
  (void)watch.see({});
  EXPECT_EQ(watch.operate(halt_of(kAgent)).answer, CommandAnswer::Done);
  EXPECT_EQ(watch.operate(halt_of(kAgent)).answer, CommandAnswer::NothingStands) << "halted already";
  const Judgement next = watch.see({});
  EXPECT_EQ(next.verdict.level, Level::Halt);
  EXPECT_TRUE(next.stopped);
  EXPECT_THAT(next.containments, IsEmpty()) << "the operator's own writer has said so";
  EXPECT_EQ(watch.operate(release_of(kAgent)).answer, CommandAnswer::Done);
  EXPECT_EQ(watch.see({}).verdict.level, Level::Observe);
}

TEST(Approve, IsNotForWhoHalted) {
  Watch watch(kEnforce);
  (void)watch.see({});
  ASSERT_EQ(watch.operate(halt_of(kAgent)).answer, CommandAnswer::Done);
  Command command = halt_of(kAgent);
  command.command = "approve";
  EXPECT_EQ(watch.operate(command).answer, CommandAnswer::OwnHalt);
  command.approver = "grace";
  EXPECT_EQ(watch.operate(command).answer, CommandAnswer::Done);
}

TEST(Approve, SaysTheHaltAgainWithTheApproverUnderTheNextEpoch) {
  Watch watch(kEnforce);
  (void)watch.guess(12);
  const std::uint64_t epoch = watch.agent().containments[0].epoch;
  Command command = release_of(kAgent);
  command.command = "approve";
  const Operated done = watch.operate(command);
  ASSERT_EQ(done.answer, CommandAnswer::Done);
  ASSERT_THAT(done.judgement->containments, SizeIs(1));
  const ContainmentRecord& record = done.judgement->containments[0];
  EXPECT_TRUE(record.contained);
  EXPECT_EQ(record.level, Level::Halt);
  EXPECT_EQ(record.epoch, epoch + 1);
  EXPECT_EQ(record.approver, "ada");
  EXPECT_EQ(watch.see({}).verdict.level, Level::Halt) << "approved is not released";
  EXPECT_EQ(watch.operate(release_of(kAgent)).judgement->containments[0].epoch, epoch + 2);
}

TEST(Approve, OfWhatIsNotHaltedIsNothing) {
  Watch watch(kEnforce);
  (void)watch.see(undeclared("write"));
  Command command = release_of(kAgent);
  command.command = "approve";
  EXPECT_EQ(watch.operate(command).answer, CommandAnswer::NothingStands) << "a hold waits for nobody's approval";
}

TEST(Purge, ForgetsAnAgentThatIsNotContained) {
  Watch watch("mode: alert, undeclared: {write: hold}");
  ASSERT_EQ(watch.see(undeclared("write")).verdict.level, Level::Hold);
  Command command = release_of(kAgent);
  command.command = "purge";
  const Operated done = watch.operate(command);
  ASSERT_EQ(done.answer, CommandAnswer::Done);
  ASSERT_THAT(done.judgement->findings, SizeIs(1));
  EXPECT_EQ(done.judgement->findings[0].close_reason, "purged");
  EXPECT_THAT(watch.agent().sessions, IsEmpty());
  EXPECT_EQ(watch.see({}).verdict.level, Level::Observe);

  Watch contained(kEnforce);
  (void)contained.see(undeclared("write"));
  EXPECT_EQ(contained.operate(command).answer, CommandAnswer::StillContained);
}

TEST(Release, FreesACredentialThatBorrowedTheNameByItsScopeAndWithTheAgent) {
  Watch watch(kEnforce);
  (void)watch.see({});
  const auto stolen = [&](const std::string& credential) {
    testing::Call call = undeclared("write");
    call.trust = "asserted";
    call.session = "";
    call.more = R"(,"credential":{"fingerprint":")" + credential + "\"}";
    return watch.see(call);
  };
  const std::string one = borrowed_scope_key("default", "clerk-1", "k-1");
  ASSERT_THAT(stolen("k-1").containments, SizeIs(1));
  ASSERT_THAT(stolen("k-2").containments, SizeIs(1));
  const Operated done = watch.operate(release_of(one));
  ASSERT_EQ(done.answer, CommandAnswer::Done);
  ASSERT_THAT(done.judgement->containments, SizeIs(1));
  EXPECT_EQ(done.judgement->containments[0].scope, one);
  EXPECT_EQ(done.judgement->containments[0].select.at(0).field, "credential.fingerprint");
  EXPECT_EQ(stolen("k-1").containments.at(0).epoch, 3U) << "its evidence began anew";
  EXPECT_THAT(watch.operate(release_of(kAgent)).judgement->containments, SizeIs(2));
  EXPECT_FALSE(watch.agent().contained());

  Command halt = halt_of(one);
  EXPECT_THAT(check_command(halt).error(), HasSubstr("credential:"));
  halt.scope = "borrowed:default/clerk-1";
  EXPECT_THAT(check_command(halt).error(), HasSubstr("borrowed:TENANT/AGENT/FINGERPRINT"));
}

TEST(Commands, NeedAKnownWordAScopeAReasonAndAName) {
  EXPECT_TRUE(check_command(release_of(kAgent)));
  const auto fault = [](auto change) {
    Command command = release_of(kAgent);
    change(command);
    const auto checked = check_command(command);
    return checked ? std::string("none") : checked.error();
  };
  EXPECT_THAT(fault([](Command& c) { c.command = "free"; }), HasSubstr("command"));
  EXPECT_THAT(fault([](Command& c) { c.scope = "agent:clerk-1"; }), HasSubstr("scope"));
  EXPECT_THAT(fault([](Command& c) { c.reason = " \t"; }), HasSubstr("reason"));
  EXPECT_THAT(fault([](Command& c) { c.by = ""; }), HasSubstr("by"));
  EXPECT_THAT(fault([](Command& c) { c.reason = std::string(1025, 'x'); }), HasSubstr("reason"));
  EXPECT_THAT(fault([](Command& c) { c.approver = std::string(257, 'x'); }), HasSubstr("approver"));
  EXPECT_THAT(fault([](Command& c) { c.approver = c.by + " "; }), HasSubstr("approver")) << "to whoever reads it the same name twice";
}

TEST(Commands, KnowAPersonInWhateverCase) {
  EXPECT_TRUE(same_person("ada@corp", "Ada@CORP"));
  EXPECT_FALSE(same_person("ada", "adam"));
  EXPECT_EQ(halted_by("Ada"), halted_by("ada"));
  EXPECT_NE(halted_by("ada"), halted_by("bob"));
}

TEST(Commands, OnScopesWiderThanAnAgentAreAnsweredAsSuch) {
  Watch watch(kEnforce);
  (void)watch.see({});
  // Under the id of an agent that is known: a tenant's scope names no agent.
  for (const char* type : {"user", "credential", "instance"})
    EXPECT_EQ(watch.operate(release_of(scope_key(type, "default", "clerk-1"))).answer, CommandAnswer::NotInState) << type;
}

}  // namespace
}  // namespace ringfence
