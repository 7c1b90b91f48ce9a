// SPDX-License-Identifier: Apache-2.0
// Containments of other writers over an agent: a person's, of any scope, and those that links led to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "engine/verdict/act_scopes.h"
#include "tests/unit/pipeline/watch.h"

namespace ringfence {
namespace {

using testing::Call;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::Watch;

const std::string kUser = scope_key("user", "default", "u-1");
const std::string kTenant = scope_key("tenant", "default", "default");

EventTime at(double second) { return *parse_rfc3339("2026-11-20T08:00:00Z") + Nanos{static_cast<std::int64_t>(second * 1e9)}; }

/// Two gates have it since; clocks may differ by two seconds.
Enforcement confirmed(const std::string& scope, double second, const std::string& writer = "operator") {
  return {.scope = scope,
          .effective_at = at(second - 1),
          .gates = {{"edge", at(second - 0.5)}, {"inner", at(second)}},
          .skew = seconds(2),
          .writer = writer,
          .finding_uid = "op-1"};
}
Enforcement lifted(const std::string& scope, double second, const std::string& writer = "operator") {
  return {.scope = scope, .level = Level::Observe, .effective_at = at(second), .gates = {}, .writer = writer, .finding_uid = "op-1"};
}
Command command(const std::string& word, const std::string& scope) { return {word, scope, "a test", "ada", "grace", ""}; }

Call of_user(const std::string& user, std::int64_t second, const std::string& outcome = "ok") {
  return {.outcome = outcome, .code = outcome == "ok" ? "" : "403", .more = R"(,"user":{"id":")" + user + "\"}", .at = second};
}

class OverAgents : public ::testing::Test {
 protected:
  std::vector<FindingRecord> violations(const Call& call) {
    auto found = watch.see(call).findings;
    std::erase_if(found, [](const FindingRecord& f) { return f.analytic != Analytic::ContainmentViolated; });
    return found;
  }
  Watch watch{"mode: enforce"};
};

TEST_F(OverAgents, TheFindingNamesTheScopeTheCallTheGatesAndTheTimes) {
  (void)watch.enforce(confirmed(kUser, 10));
  Call call = of_user("u-1", 20);
  call.id = "call-20";
  const auto found = violations(call);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].activity, FindingRecord::Activity::Create);
  EXPECT_EQ(found[0].level, Level::Halt);
  EXPECT_EQ(found[0].event_id, "call-20");
  for (const char* const named : {"user:default/u-1", "by operator", "op-1", "call-20 started at 2026-11-20T08:00:20",
                                  "edge since 2026-11-20T08:00:09.5", "inner since 2026-11-20T08:00:10", "passed at 2026-11-20T08:00:12"})
    EXPECT_THAT(found[0].sentence, HasSubstr(named));
}

TEST_F(OverAgents, NothingBeforeEveryGateHadItAndTheAllowanceForClocksHadPassed) {
  (void)watch.enforce(confirmed(kUser, 10));
  EXPECT_THAT(violations(of_user("u-1", 12)), IsEmpty());
  Call under_way = of_user("u-1", 40);
  under_way.more += R"(,"duration_ms":29000)";
  EXPECT_THAT(violations(under_way), IsEmpty()) << "it had started at second 11";
  EXPECT_THAT(violations(of_user("u-1", 41, "denied")), IsEmpty());
  EXPECT_THAT(violations(of_user("u-2", 42)), IsEmpty()) << "another user's";
  EXPECT_THAT(violations(of_user("u-1", 43)), SizeIs(1));
}

TEST_F(OverAgents, OneFindingForEachContainmentAndAgentAndLaterCallsAreCounted) {
  (void)watch.enforce(confirmed(kUser, 10));
  const auto first = violations(of_user("u-1", 20));
  ASSERT_THAT(first, SizeIs(1));
  for (int i = 21; i < 29; ++i) EXPECT_THAT(violations(of_user("u-1", i)), IsEmpty());
  const auto tenth = violations(of_user("u-1", 29));
  ASSERT_THAT(tenth, SizeIs(1));
  EXPECT_EQ(tenth[0].activity, FindingRecord::Activity::Update);
  EXPECT_EQ(tenth[0].uid, first[0].uid);
  EXPECT_EQ(tenth[0].count, 10U);

  (void)watch.enforce(confirmed(kTenant, 30));
  const auto tenant = violations(of_user("u-1", 40));
  ASSERT_THAT(tenant, SizeIs(1)) << "the user's is counted";
  EXPECT_EQ(tenant[0].activity, FindingRecord::Activity::Create);
  EXPECT_NE(tenant[0].uid, first[0].uid);
  EXPECT_THAT(tenant[0].sentence, HasSubstr("tenant:default/default"));
  Call other = of_user("u-1", 41);
  other.agent = "clerk-2";
  EXPECT_THAT(violations(other), SizeIs(2)) << "another agent's findings are its own";
}

TEST_F(OverAgents, ReleasedItsFindingIsClosedAndTheNextContainmentHasItsOwn) {
  (void)watch.operate(command("halt", kUser));
  (void)watch.enforce(confirmed(kUser, 10));
  const auto first = violations(of_user("u-1", 20));
  ASSERT_THAT(first, SizeIs(1));
  const Operated released = watch.operate(command("release", kUser));
  EXPECT_EQ(released.answer, CommandAnswer::Done);
  ASSERT_TRUE(released.judgement);
  const auto& closed = released.judgement->findings;
  ASSERT_THAT(closed, SizeIs(1)) << "at once: the agent may never call again";
  EXPECT_EQ(closed[0].activity, FindingRecord::Activity::Close);
  EXPECT_EQ(closed[0].close_reason, "released");
  EXPECT_EQ(closed[0].sentence, "Released by ada, approved by grace: a test");
  EXPECT_EQ(closed[0].uid, first[0].uid);
  EXPECT_THAT(violations(of_user("u-1", 30)), IsEmpty());
  (void)watch.enforce(confirmed(kUser, 10));
  EXPECT_THAT(violations(of_user("u-1", 31)), IsEmpty()) << "that was the one before";
  (void)watch.operate(command("halt", kUser));
  EXPECT_THAT(violations(of_user("u-1", 32)), IsEmpty()) << "no gate has said that it is in force";
  (void)watch.enforce(confirmed(kUser, 34));
  EXPECT_THAT(violations(of_user("u-1", 40)), SizeIs(1));
  (void)watch.enforce(lifted(kUser, 41));
  EXPECT_THAT(violations(of_user("u-1", 50)), SizeIs(1)) << "closed";
  EXPECT_THAT(violations(of_user("u-1", 51)), IsEmpty());
}

TEST_F(OverAgents, OfAllItsAgentsTheFindingsAreClosedAndNoOthers) {
  (void)watch.enforce(confirmed(kUser, 10));
  (void)watch.enforce(confirmed(kTenant, 10));
  Call other = of_user("u-1", 21);
  other.agent = "clerk-2";
  EXPECT_THAT(violations(of_user("u-1", 20)), SizeIs(2));
  EXPECT_THAT(violations(other), SizeIs(2));
  (void)watch.operate(command("halt", kUser));
  const Operated released = watch.operate(command("release", kUser));
  ASSERT_TRUE(released.judgement);
  std::set<std::string> agents;
  for (const FindingRecord& closed : released.judgement->findings) agents.insert(closed.agent_id);
  EXPECT_THAT(released.judgement->findings, SizeIs(2)) << "the tenant's stand";
  EXPECT_THAT(agents, SizeIs(2));
}

TEST_F(OverAgents, ACallUnderSeveralContainmentsPassedOnce) {
  (void)watch.enforce(confirmed(kUser, 10));
  (void)watch.enforce(confirmed(kTenant, 10));
  EXPECT_EQ(watch.see(of_user("u-1", 20)).passed, 1U);
  EXPECT_EQ(watch.see(of_user("u-1", 21)).passed, 2U);
}

TEST_F(OverAgents, ACallThatPassedBeforeTheGatesWereHeardIsFoundAtTheNext) {
  (void)watch.operate(command("halt", kUser));
  Call passing = of_user("u-1", 20);
  passing.id = "early-one";
  EXPECT_THAT(violations(passing), IsEmpty());
  (void)watch.enforce(confirmed(kUser, 10));
  const auto found = violations(of_user("u-1", 21, "denied"));
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].event_id, "early-one");
}

TEST_F(OverAgents, EveryKindOfScopeIsSeen) {
  Call call = of_user("u-1", 20);
  call.more += R"(,"credential":{"fingerprint":"f-1"})";
  call.session = "s-9";
  call.instance = "i-1";
  for (const std::string& scope :
       {kUser, kTenant, std::string("global:"), scope_key("instance", "default", "i-1"), scope_key("agent", "default", "clerk-1"),
        scope_key("subtree", "default", "clerk-1"), scope_key("credential", "default", "f-1"),
        session_scope_key("default", "clerk-1", "s-9"), borrowed_scope_key("default", "clerk-1", "f-1")}) {
    Watch fresh("mode: enforce");
    (void)fresh.enforce(confirmed(scope, 10, "operator"));
    EXPECT_THAT(fresh.see(call).verdict.raised, ::testing::Contains(Analytic::ContainmentViolated)) << scope;
  }
  for (const std::string& scope :
       {scope_key("user", "default", "u-2"), scope_key("instance", "default", "i-2"), scope_key("tenant", "corp", "corp"),
        scope_key("agent", "default", "clerk-2"), scope_key("agent", "corp", "clerk-1"), scope_key("credential", "default", "f-2"),
        session_scope_key("default", "clerk-1", "s-8"), borrowed_scope_key("default", "clerk-1", "f-2")}) {
    Watch fresh("mode: enforce");
    (void)fresh.enforce(confirmed(scope, 10, "operator"));
    EXPECT_THAT(fresh.see(call).findings, IsEmpty()) << scope;
  }
}

TEST_F(OverAgents, ARefusalOfTheirsIsNoBarrier) {
  (void)watch.operate(command("halt", kUser));
  for (int i = 1; i < 40; ++i) {
    Call refused = of_user("u-1", i, "denied");
    refused.ref = testing::near_miss(i % 30);
    EXPECT_THAT(watch.see(refused).findings, IsEmpty());
  }
}

class Trees : public OverAgents {
 protected:
  static Call below(const std::string& agent, std::int64_t second, const std::string& root = "chief") {
    return {.agent = agent, .more = R"(,"delegation":{"parent":")" + root + R"(","root":")" + root + "\"}", .at = second};
  }
  const std::string tree = scope_key("subtree", "default", "chief");
};

TEST_F(Trees, AMemberIsStoppedByNameInTheNameOfThePerson) {
  (void)watch.operate(command("halt", tree));
  const Judgement seen = watch.see(below("clerk-1", 10));
  ASSERT_THAT(seen.containments, SizeIs(1));
  const ContainmentRecord& record = seen.containments[0];
  EXPECT_EQ(record.scope, scope_key("agent", "default", "clerk-1"));
  EXPECT_EQ(record.level, Level::Halt);
  EXPECT_EQ(record.finding_uid, halted_by("ada"));
  EXPECT_EQ(record.approver, "grace") << "nothing holds back what a person has decided";
  EXPECT_THAT(record.reason, HasSubstr(tree));
  EXPECT_EQ(seen.verdict.level, Level::Halt);
  EXPECT_THAT(watch.see(below("clerk-1", 11)).containments, IsEmpty()) << "said once";
  EXPECT_THAT(watch.see(below("clerk-2", 12, "other")).containments, IsEmpty()) << "a sibling";
  EXPECT_THAT(watch.see(below("clerk-3", 13)).containments, SizeIs(1)) << "who appears later";
}

TEST_F(Trees, MembersAreFreedWithTheTreeAndNotAlone) {
  (void)watch.operate(command("halt", tree));
  (void)watch.see(below("clerk-1", 10));
  (void)watch.see(below("clerk-2", 11));
  EXPECT_EQ(watch.operate(command("release", scope_key("agent", "default", "clerk-1"))).answer, CommandAnswer::WiderScope);
  const Operated freed = watch.operate(command("release", tree));
  EXPECT_EQ(freed.answer, CommandAnswer::Done);
  ASSERT_TRUE(freed.judgement);
  EXPECT_THAT(freed.judgement->containments, SizeIs(2));
  for (const ContainmentRecord& record : freed.judgement->containments) EXPECT_FALSE(record.contained);
  EXPECT_EQ(watch.see({.agent = "clerk-1", .at = 12}).verdict.level, Level::Observe);
  EXPECT_EQ(watch.operate(command("release", tree)).answer, CommandAnswer::UnknownAgent) << "nothing is left of it";
}

TEST_F(Trees, WhoBorrowsANameWithoutASessionIsStoppedByItsCredentialAlone) {
  (void)watch.see({.agent = "clerk-1", .at = 1});
  (void)watch.operate(command("halt", tree));
  Call borrowed = below("clerk-1", 10);
  borrowed.trust = "asserted";
  borrowed.session = "";
  EXPECT_THAT(watch.see(borrowed).containments, IsEmpty()) << "no gate could tell its calls";
  borrowed.at = 11;
  borrowed.more += R"(,"credential":{"fingerprint":"f-1"})";
  const Judgement seen = watch.see(borrowed);
  ASSERT_THAT(seen.containments, SizeIs(1));
  EXPECT_EQ(seen.containments[0].scope, borrowed_scope_key("default", "clerk-1", "f-1"));
  EXPECT_EQ(seen.containments[0].select.at(0).field, "credential.fingerprint");
  EXPECT_EQ(watch.operate(command("release", tree)).answer, CommandAnswer::Done);
  EXPECT_FALSE(watch.agent("clerk-1").contained());
}

TEST_F(Trees, WhoBorrowsANameIsStoppedInItsSessionAlone) {
  (void)watch.see({.agent = "clerk-1", .at = 1});
  (void)watch.operate(command("halt", tree));
  Call borrowed = below("clerk-1", 10);
  borrowed.trust = "asserted";
  borrowed.session = "s-borrowed";
  const Judgement seen = watch.see(borrowed);
  ASSERT_THAT(seen.containments, SizeIs(1));
  EXPECT_EQ(seen.containments[0].scope, session_scope_key("default", "clerk-1", "s-borrowed"));
  EXPECT_THAT(watch.see({.agent = "clerk-1", .at = 11}).containments, IsEmpty());
  EXPECT_FALSE(watch.agent("clerk-1").standing.held) << "the rightful one is not";
}

TEST_F(OverAgents, AReleaseIsDoneThoughTheControlLogToldOfItFirst) {
  (void)watch.operate(command("halt", kUser));
  (void)watch.enforce(confirmed(kUser, 10));
  (void)watch.enforce(lifted(kUser, 20));
  EXPECT_EQ(watch.operate(command("release", kUser)).answer, CommandAnswer::Done);
  EXPECT_EQ(watch.operate(command("release", kUser)).answer, CommandAnswer::NothingStands) << "once";
  (void)watch.operate(command("halt", kUser));
  EXPECT_EQ(watch.operate(command("release", kUser)).answer, CommandAnswer::Done);
  EXPECT_EQ(watch.operate(command("release", kUser)).answer, CommandAnswer::NothingStands);
}

TEST(ForeignContainmentsKept, WhatWasLiftedIsReleasedAfterARestartToo) {
  ForeignContainments foreign;
  const Command release = command("release", kUser);
  ASSERT_TRUE(foreign.take(confirmed(kUser, 10)));
  ASSERT_TRUE(foreign.take(lifted(kUser, 11)));
  ForeignContainments back;
  back.restore(foreign.encode());
  EXPECT_TRUE(back.obey(release, *parse_scope(kUser)));
  EXPECT_TRUE(back.take_changed());
  EXPECT_FALSE(back.obey(release, *parse_scope(kUser)));
}

TEST(ForeignContainmentsKept, WhatTheFormBeforeHeldIsReadBack) {
  ForeignContainments foreign;
  ASSERT_TRUE(foreign.take(confirmed(kUser, 10)));
  ASSERT_TRUE(foreign.take(confirmed(kTenant, 10)));
  const Command release = command("release", kTenant);
  ASSERT_TRUE(foreign.obey(release, *parse_scope(kTenant)));
  const std::string bytes = foreign.encode();
  std::string before = bytes;
  before[0] = 1;  // which knew no third way to be gone
  ForeignContainments back;
  back.restore(before);
  EXPECT_EQ(back.encode(), bytes);
  EXPECT_FALSE(back.obey(release, *parse_scope(kTenant)));
  before[0] = 3;
  back.restore(before);
  EXPECT_EQ(back.encode(), bytes) << "of a later version nothing is taken";
}

TEST(ForeignContainmentsKept, WhatStandsIsReadBackAndDamageChangesNothing) {
  ForeignContainments foreign;
  const Command halt = command("halt", scope_key("subtree", "default", "chief"));
  ASSERT_TRUE(foreign.obey(halt, *parse_scope(halt.scope)));
  ASSERT_TRUE(foreign.take(confirmed(kUser, 10)));
  foreign.join(halt.scope + "#operator", AgentKey{{1, 2}});
  EXPECT_TRUE(foreign.take_changed());
  EXPECT_FALSE(foreign.take_changed());
  const std::string bytes = foreign.encode();
  ForeignContainments back;
  back.restore(bytes);
  EXPECT_EQ(back.encode(), bytes);
  EXPECT_FALSE(back.empty());
  ASSERT_THAT(back.with_members(halt.scope), SizeIs(1));
  EXPECT_TRUE(back.with_members(halt.scope)[0]->members.contains(AgentKey{{1, 2}}));
  EXPECT_EQ(back.look_at(confirmed(kUser, 10)), EnforcementIs::Known);
  EXPECT_EQ(back.look_at(confirmed(kTenant, 10)), EnforcementIs::News);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    back.restore(std::string_view(bytes).substr(0, cut));
    EXPECT_EQ(back.encode(), bytes) << cut;
  }
}

TEST(ForeignContainmentsKept, MembersAreRememberedUntilWhatFreedThemIsStoredAndAreBounded) {
  ForeignContainments foreign;
  const Command one = command("halt", scope_key("subtree", "default", "one")),
                two = command("halt", scope_key("subtree", "default", "two"));
  const auto release = [](Command halt) { return halt.command = "release", halt; };
  ASSERT_TRUE(foreign.obey(one, *parse_scope(one.scope)));
  ASSERT_TRUE(foreign.obey(two, *parse_scope(two.scope)));
  for (std::uint64_t i = 0; foreign.room_for_member(); ++i) foreign.join(one.scope + "#operator", AgentKey{{1, i}});
  ASSERT_THAT(foreign.with_members(one.scope), SizeIs(1));
  EXPECT_EQ(foreign.with_members(one.scope)[0]->members.size(), ForeignContainments::kMembersMost);
  foreign.join(two.scope + "#operator", AgentKey{{2, 1}});
  EXPECT_THAT(foreign.with_members(two.scope), IsEmpty()) << "beyond what fits";
  ASSERT_TRUE(foreign.obey(release(one), *parse_scope(one.scope)));
  EXPECT_THAT(foreign.with_members(one.scope), SizeIs(1)) << "they may have to be freed once more";
  EXPECT_LT(foreign.encode().size(), std::size_t{2} << 20U);
  ASSERT_TRUE(foreign.obey(release(two), *parse_scope(two.scope)));
  EXPECT_THAT(foreign.with_members(one.scope), IsEmpty());
  EXPECT_TRUE(foreign.room_for_member());
}

TEST(ForeignContainmentsKept, WhatIsGoneMakesRoomAndNothingElseDoes) {
  ForeignContainments foreign;
  for (std::size_t i = 0; i < ForeignContainments::kMost; ++i)
    ASSERT_TRUE(foreign.take(confirmed(scope_key("user", "default", "u-" + std::to_string(i)), 10)));
  EXPECT_FALSE(foreign.take(confirmed(scope_key("user", "default", "one-more"), 10)));
  ASSERT_TRUE(foreign.take(lifted(scope_key("user", "default", "u-7"), 11)));
  EXPECT_TRUE(foreign.take(confirmed(scope_key("user", "default", "one-more"), 10)));
}

}  // namespace
}  // namespace ringfence
