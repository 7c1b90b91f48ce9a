// SPDX-License-Identifier: Apache-2.0
#include "models/scope.h"

#include <gmock/gmock.h>

#include <array>

#include "models/scope_ruling.h"
#include "tests/unit/models/scope_world.h"

namespace ringfence::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct Scope : ::testing::Test {
  World world{scope_channel()};
};

TEST_F(Scope, ChannelJudgesRequestsAndGivesNoMarks) {
  EXPECT_TRUE(scope_channel().info().judges_requests);
  EXPECT_THAT(scope_channel().info().contexts, IsEmpty());
  EXPECT_THAT(scope_channel().bets(), IsEmpty());
  EXPECT_EQ(world.read(call("mail/send")).kind, Reading::Kind::Silent);
}

// scope.undeclared

TEST_F(Scope, DeclaredToolIsSilent) { EXPECT_THAT(world.breaks(call("files/read")), IsEmpty()); }

TEST_F(Scope, ToolOutsideTheJobIsUndeclared) {
  const Reading reading = world.read(call("mail/send"));
  EXPECT_THAT(World::uids(reading), ElementsAre("scope.undeclared"));
  EXPECT_EQ(reading.breaches.front().what, "tool mail/send is not among the declared actions");
}

TEST_F(Scope, ResourceOutsideTheActionIsUndeclared) {
  world.job.actions.front().resources = GlobSet({"reports/**"});
  EXPECT_THAT(world.breaks(call("files/read").on("reports/2026/may")), IsEmpty());
  const Reading reading = world.read(call("files/read").on("payroll/2026"));
  EXPECT_THAT(World::uids(reading), ElementsAre("scope.undeclared"));
  EXPECT_THAT(reading.breaches.front().what, Not(HasSubstr("payroll")));
}

TEST_F(Scope, ResourceThatClimbsOutOfTheActionIsUndeclared) {
  world.job.actions.front().resources = GlobSet({"reports/**"});
  EXPECT_THAT(world.breaks(call("files/read").on("reports/../payroll/2026")), ElementsAre("scope.undeclared"));
  EXPECT_THAT(world.breaks(call("files/read").on("reports/%2e%2E/payroll/2026")), ElementsAre("scope.undeclared"));
  EXPECT_THAT(world.breaks(call("files/read").on("reports/old/../2026")), IsEmpty());
}

TEST_F(Scope, ResourceThatClimbsOutInAnotherSpellingIsUndeclaredToo) {
  world.job.actions.front().resources = GlobSet({"reports/**"});
  for (const char* spelling : {"reports/%252e%252e/payroll", "reports/..\\payroll", "reports/..%5cpayroll",
                               "reports/x/..%252f../../payroll", "reports//../payroll", "reports/.%2e/payroll"})
    EXPECT_THAT(world.breaks(call("files/read").on(spelling)), ElementsAre("scope.undeclared")) << spelling;
}

TEST_F(Scope, APermissionGoesOnMatchingWhatItIsWrittenFor) {
  world.job.actions.front().resources =
      GlobSet({"https://wiki.corp.example/**", "s3://bucket/**", "/srv/**", "C:\\data\\*", "db//table/*", "q?id=*", "100%25/*"});
  for (const char* spelling :
       {"https://wiki.corp.example/a%20b?x=1#y", "https://wiki.corp.example/a/../b", "https://wiki.corp.example/a%252Fb",
        "s3://bucket/a//b", "/srv/./x", "C:\\data\\may", "db//table/7", "q?id=7", "100%25/x"})
    EXPECT_THAT(world.breaks(call("files/read").on(spelling)), IsEmpty()) << spelling;
}

TEST_F(Scope, AbsentResourceLetsTheToolAloneDecideAndIsCounted) {
  world.job.actions.front().resources = GlobSet({"reports/**"});
  const Reading reading = world.read(call("files/read"));
  EXPECT_THAT(reading.breaches, IsEmpty());
  EXPECT_TRUE(lacks(reading, Lacking::Resource));
}

TEST_F(Scope, HostileToolNameNeverReachesTheWordsRaw) {
  const Reading reading = world.read(call("ma\x1b[2Jil/se\nnd" + std::string(500, 'x')));
  ASSERT_EQ(reading.breaches.size(), 1U);
  EXPECT_THAT(reading.breaches.front().what, AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\n"))));
  EXPECT_LT(reading.breaches.front().what.size(), 250U);
}

TEST_F(Scope, OtherKindsOfEventsAreNotJudged) {
  world.job.schedule.active_minutes.assign(std::size_t{7} * 24 * 60, false);
  for (const EventKind kind : {EventKind::TaskStart, EventKind::TaskEnd, EventKind::ToolDefinition, EventKind::Signal}) {
    EXPECT_THAT(world.breaks(Made(kind).tool("mail/send")), IsEmpty());
  }
}

// scope.never

TEST_F(Scope, ForbiddenToolIsNeverAllowedThoughDeclared) {
  world.job.actions.push_back(action("any", {"**", "*/*"}));
  world.job.never.push_back({GlobSet({"*/iam.*"}), {}, {}, Severity::Critical});
  const Reading reading = world.read(call("erp/iam.grant"));
  EXPECT_THAT(World::uids(reading), ElementsAre("scope.never"));
  EXPECT_EQ(reading.breaches.front().severity, Severity::Critical);
  EXPECT_THAT(world.breaks(call("erp/invoice.get")), IsEmpty());
}

TEST_F(Scope, AFeedThatNeverTellsTheServerIsJudgedByNames) {
  world.job.actions.push_back(action("query", {"test/query"}));
  world.job.never.push_back({GlobSet({"iam/**", "prod/query", "git/force_push"}), {}, {}, Severity::Critical});
  const Reading permitted = world.read(call("read"));
  EXPECT_THAT(permitted.breaches, IsEmpty());
  EXPECT_TRUE(lacks(permitted, Lacking::Server));
  const Reading query = world.read(call("query"));
  EXPECT_THAT(query.breaches, IsEmpty()) << "nothing says that it is the forbidden one";
  EXPECT_TRUE(lacks(query, Lacking::Server));
  EXPECT_THAT(world.breaks(call("force_push")), ElementsAre("scope.never", "scope.undeclared"));
  EXPECT_THAT(world.breaks(call("delete_role")), ElementsAre("scope.undeclared"));
  EXPECT_THAT(world.breaks(call("prod/query")), ElementsAre("scope.never", "scope.undeclared"));
  EXPECT_FALSE(lacks(world.read(call("test/query")), Lacking::Server));
}

TEST_F(Scope, AnyOfToolsEffectsAndResourcesForbids) {
  world.job.actions.push_back(action("any", {"db/*"}, std::nullopt));
  NeverRule never{GlobSet({"db/drop"}), GlobSet({"secrets/**"}), {}, {}};
  never.effects[static_cast<std::size_t>(Effect::Delete)] = true;
  world.job.never.push_back(never);
  EXPECT_THAT(world.breaks(call("db/drop")), ElementsAre("scope.never"));
  EXPECT_THAT(world.breaks(call("db/get").on("secrets/key")), ElementsAre("scope.never"));
  EXPECT_THAT(world.breaks(call("db/get").on("public/../secrets/key")), ElementsAre("scope.never"));
  EXPECT_THAT(world.breaks(call("db/purge").effect(Effect::Delete)), ElementsAre("scope.never"));
  EXPECT_THAT(world.breaks(call("db/get").effect(Effect::Read).on("public/x")), IsEmpty());
}

constexpr std::array kSpellingsOfTheVault{
    "vault/root",
    "vault//root",
    "//vault/root",
    "/vault/root",
    "./vault/root",
    "x/../vault/root",
    "va%75lt/root",
    "va%2575lt/root",
    "vault%2froot",
    "vault\\root",
    "x\\..\\vault\\root",
    "x%5c..%5cvault/root",
    "vault/root?dl=1",
    "vault/root#page",
    "file:///vault/root",
    "FILE:/vault/root",
    "vault/x/%252e%252e/root",
    "x//../vault/root",
};

TEST_F(Scope, WhatIsForbiddenIsForbiddenInEverySpelling) {
  world.job.actions.push_back(action("any", {"db/*"}, std::nullopt));
  world.job.never.push_back({GlobSet(), GlobSet({"vault/root"}), {}, {}});
  for (const char* spelling : kSpellingsOfTheVault)
    EXPECT_THAT(world.breaks(call("db/get").on(spelling)), ElementsAre("scope.never")) << spelling;
  for (const char* other :
       {"vault/rooted", "vaults/root", "vault/root/x", "x/vault/root", "vault/ro%6ft%2fx", "https://corp.example/vault/root",
        "notes/vault?see=vault/root", "100%", "a%zz//b", "vault", "", "/", "?", "c:/vaults/root"})
    EXPECT_THAT(world.breaks(call("db/get").on(other)), IsEmpty()) << other;
}

TEST_F(Scope, AProhibitionMayBeWrittenLikeAnAddress) {
  world.job.actions.push_back(action("any", {"db/*"}, std::nullopt));
  world.job.never.push_back({GlobSet(), GlobSet({"https://corp.example/keys/**", "/etc/**"}), {}, {}});
  for (const char* spelling : {"https://corp.example/keys/a", "https://corp.example//keys/a?x=1", "https://corp.example/x/../keys/a",
                               "https://corp.example/k%65ys/a", "/etc/passwd", "//etc//passwd", "file:///etc/passwd", "/tmp/../etc/passwd"})
    EXPECT_THAT(world.breaks(call("db/get").on(spelling)), ElementsAre("scope.never")) << spelling;
}

TEST_F(Scope, ForbiddenEffectOfAnActWithoutEffectIsNotEvaluable) {
  world.job.actions.push_back(action("any", {"db/*"}, std::nullopt));
  NeverRule never;
  never.effects[static_cast<std::size_t>(Effect::Delete)] = true;
  world.job.never.push_back(never);
  const Reading reading = world.read(call("db/get"));
  EXPECT_THAT(reading.breaches, IsEmpty());
  EXPECT_TRUE(lacks(reading, Lacking::Effect));
}

TEST_F(Scope, WhatTheDelegatingAgentMayNeverDoItsDelegateMayNotEither) {
  Persona lead;
  lead.id = "lead";
  lead.version = "1";
  lead.agents = GlobSet({"lead-*"});
  lead.never.push_back({GlobSet({"files/read"}), {}, {}, {}});
  world.other_jobs.push_back(std::move(lead));
  world.job.delegation.declared = true;
  world.job.delegation.from = GlobSet({"lead-*", "mid-*"});
  EXPECT_THAT(world.breaks(call("files/read").parent("lead-1")), ElementsAre("scope.never"));
  EXPECT_THAT(world.breaks(call("files/read").chain({"agent-1", "mid-1", "lead-1"})), ElementsAre("scope.never"));
  EXPECT_THAT(world.breaks(call("files/read").parent("mid-1")), IsEmpty());
  EXPECT_THAT(world.breaks(call("files/read")), IsEmpty());
}

// Entitlements

TEST_F(Scope, UsersEntitlementsNarrowTheJob) {
  world.entitlements["u-1"] = {GlobSet({"mail/*"}), {}, false, true};
  world.entitlements["u-2"] = {GlobSet({"files/*"}), GlobSet({"public/**"}), true, true};
  EXPECT_THAT(world.breaks(call("files/read").user("u-1")), ElementsAre("scope.undeclared"));
  EXPECT_THAT(world.breaks(call("files/read").user("u-2").on("public/a")), IsEmpty());
  EXPECT_THAT(world.breaks(call("files/read").user("u-2").on("private/a")), ElementsAre("scope.undeclared"));
  EXPECT_THAT(world.breaks(call("mail/send").user("u-1")), ElementsAre("scope.undeclared")) << "an entitlement never widens the job";
}

TEST_F(Scope, AUsersEntitlementToAToolOfAServerThatIsNotSaidIsCounted) {
  world.job.actions.push_back(action("any", {"read"}));
  world.entitlements["u-1"] = {GlobSet({"files/*"}), {}, false, true};
  const Reading reading = world.read(call("read").user("u-1"));
  EXPECT_THAT(reading.breaches, IsEmpty());
  EXPECT_TRUE(lacks(reading, Lacking::Server));
}

TEST_F(Scope, UserWithoutEntryHasAnEmptyScopeOnlyWhereEntitlementsAreRequired) {
  world.entitlements["u-1"] = {GlobSet({"**"}), {}, false, true};
  EXPECT_THAT(world.breaks(call("files/read").user("u-9")), IsEmpty());
  World strict{scope_channel()};
  strict.require_entitlements = true;
  EXPECT_THAT(strict.breaks(call("files/read").user("u-9")), ElementsAre("scope.undeclared"));
}

TEST_F(Scope, ActWithoutUserIsNotEvaluableAgainstEntitlements) {
  world.require_entitlements = true;
  const Reading reading = world.read(call("files/read"));
  EXPECT_THAT(reading.breaches, IsEmpty());
  EXPECT_TRUE(lacks(reading, Lacking::User));
}

// scope.approval

TEST_F(Scope, ActionThatAsksForApprovalNeedsOneOfTheLast24Hours) {
  world.job.actions.front().approval = true;
  const auto approved = [](EventTime at) { return call("files/read").but([at](Event& event) { event.approval.at = at; }); };
  EXPECT_THAT(world.breaks(call("files/read")), ElementsAre("scope.approval"));
  EXPECT_THAT(world.breaks(approved(kFriday - hours(24))), IsEmpty());
  EXPECT_THAT(world.read(approved(kFriday - hours(24) - Nanos{1})).breaches.front().what,
              HasSubstr("asks for approval at most 24 h before the act, it was given 1441 m before"));
  EXPECT_THAT(world.breaks(approved(kFriday)), IsEmpty());
  EXPECT_THAT(world.breaks(approved(kFriday + Nanos{1})), ElementsAre("scope.approval")) << "given after the act";
  EXPECT_THAT(world.breaks(approved(EventTime{INT64_MIN})), ElementsAre("scope.approval"));
  EXPECT_THAT(world.breaks(call("files/read").but([](Event& event) { event.approval.by = "boss"; })), ElementsAre("scope.approval"));
}

TEST_F(Scope, InternNeedsApprovalForEveryEffectButRead) {
  world.job.maturity = Maturity::Intern;
  world.job.actions.push_back(action("write", {"files/write"}, Effect::Write));
  world.job.actions.push_back(action("odd", {"files/odd"}, std::nullopt));
  EXPECT_THAT(world.breaks(call("files/read")), IsEmpty());
  EXPECT_THAT(world.breaks(call("files/write")), ElementsAre("scope.approval"));
  EXPECT_THAT(world.breaks(call("files/odd")), ElementsAre("scope.approval")) << "what it does is not known to be a read";
  EXPECT_THAT(world.breaks(call("files/write").but([](Event& event) { event.approval.at = kFriday - hours(1); })), IsEmpty());
}

TEST_F(Scope, JuniorWritesWithoutApproval) {
  world.job.actions.push_back(action("write", {"files/write"}, Effect::Write));
  EXPECT_THAT(world.breaks(call("files/write")), IsEmpty());
}

// scope.delegation

TEST_F(Scope, JobWithoutDelegationActsForNoOtherAgent) {
  EXPECT_THAT(world.breaks(call("files/read").parent("lead-1")), ElementsAre("scope.delegation"));
  EXPECT_THAT(world.breaks(call("files/read").chain({"agent-1", "lead-1"})), ElementsAre("scope.delegation"));
  EXPECT_THAT(world.breaks(call("files/read").but([](Event& event) { event.delegation.root = "lead-1"; })),
              ElementsAre("scope.delegation"));
  EXPECT_THAT(world.breaks(call("files/read").parent("agent-1")), IsEmpty()) << "itself";
}

TEST_F(Scope, DelegateActsOnlyForDeclaredParentsAndNoDeeperThanDeclared) {
  world.job.delegation = {true, {}, GlobSet({"lead-*"}), 2, std::nullopt};
  EXPECT_THAT(world.breaks(call("files/read").parent("lead-1")), IsEmpty());
  EXPECT_THAT(world.breaks(call("files/read").parent("stranger")), ElementsAre("scope.delegation"));
  EXPECT_THAT(world.breaks(call("files/read").chain({"agent-1", "lead-1", "root"})), IsEmpty());
  EXPECT_THAT(world.breaks(call("files/read").chain({"agent-1", "lead-1", "mid", "root"})), ElementsAre("scope.delegation"));
}

TEST_F(Scope, RootAloneSaysNeitherWhoTheParentIsNorHowDeep) {
  world.job.delegation = {true, {}, GlobSet({"lead-*"}), 2, std::nullopt};
  const auto by_root = [](Made made) { return std::move(made).but([](Event& event) { event.delegation.root = "chief"; }); };
  const Reading reading = world.read(by_root(call("files/read")));
  EXPECT_THAT(reading.breaches, IsEmpty());
  EXPECT_TRUE(lacks(reading, Lacking::Delegation));
  EXPECT_FALSE(lacks(world.read(call("files/read").chain({"agent-1", "lead-1", "chief"})), Lacking::Delegation));
  const Reading deep = world.read(by_root(call("files/read").chain({"agent-1", "lead-1", "mid"})));
  ASSERT_THAT(World::uids(deep), ElementsAre("scope.delegation")) << "three are named, whoever stands between them";
  EXPECT_EQ(deep.breaches.front().what, "it acts at delegation depth 3 or more, declared is at most 2");
  World nobodys{scope_channel()};
  nobodys.job.delegation = {true, GlobSet({"lead-*"}), {}, 2, std::nullopt};
  EXPECT_THAT(nobodys.breaks(by_root(call("files/read"))), ElementsAre("scope.delegation")) << "whoever the parent is";
}

TEST_F(Scope, JobDelegatesOnlyWhereAndToWhomItDeclares) {
  world.job.actions.push_back(action("hand_over", {"hub/hand_over"}, Effect::Delegate));
  world.job.actions.back().arguments.push_back(rule("to"));
  world.job.actions.back().arguments.back().destination = true;
  world.job.delegation = {true, GlobSet({"worker-*"}), {}, 1, 3};
  EXPECT_THAT(world.breaks(call("hub/hand_over").with("to", "worker-7")), IsEmpty());
  EXPECT_THAT(world.breaks(call("hub/hand_over").with("to", "stranger")), ElementsAre("scope.delegation"));
  EXPECT_TRUE(lacks(world.read(call("hub/hand_over")), Lacking::Destination));
}

TEST_F(Scope, JobWithoutChildrenOrDepthDelegatesNothing) {
  world.job.actions.push_back(action("hand_over", {"hub/hand_over"}, Effect::Delegate));
  World shallow{scope_channel()};
  shallow.job = world.job;
  world.job.delegation = {true, {}, {}, std::nullopt, 0};
  shallow.job.delegation = {true, {}, {}, 0, std::nullopt};
  EXPECT_THAT(world.breaks(call("hub/hand_over")), ElementsAre("scope.delegation"));
  EXPECT_THAT(shallow.breaks(call("hub/hand_over")), ElementsAre("scope.delegation"));
}

TEST_F(Scope, HandingOverThatTheJobNamesAsAnActionIsSilentWithoutADelegationBlock) {
  world.job.actions.push_back(action("hand_over", {"hub/to_human"}, Effect::Delegate));
  EXPECT_THAT(world.breaks(call("hub/to_human")), IsEmpty());
}

// scope.schedule, scope.expired, agent.charter_changed, decoy.touched

TEST_F(Scope, ActOutsideTheDeclaredHoursBreaksTheSchedule) {
  std::vector<bool>& week = world.job.schedule.active_minutes;
  week.assign(std::size_t{7} * 24 * 60, false);
  for (std::size_t day = 0; day < 5; ++day) {
    for (std::size_t minute = 420; minute < 1140; ++minute) week.at(day * 24 * 60 + minute) = true;
  }
  world.job.schedule.active_text = {"Mon-Fri 07:00-19:00"};
  EXPECT_THAT(world.breaks(call("files/read")), IsEmpty());
  const Reading night = world.read(call("files/read").after(hours(12)));
  EXPECT_THAT(World::uids(night), ElementsAre("scope.schedule"));
  EXPECT_THAT(night.breaches.front().what, HasSubstr("Mon-Fri 07:00-19:00 UTC"));
  EXPECT_THAT(world.breaks(call("files/read").after(hours(24))), ElementsAre("scope.schedule")) << "Saturday";
}

TEST_F(Scope, AgentOlderThanItsLifetimeIsExpired) {
  world.job.max_age = days(30);
  EXPECT_THAT(world.breaks(call("files/read")), IsEmpty());
  EXPECT_THAT(world.breaks(call("files/read").after(days(30))), IsEmpty());
  const Reading late = world.read(call("files/read").after(days(31)));
  EXPECT_THAT(World::uids(late), ElementsAre("scope.expired"));
  EXPECT_EQ(late.breaches.front().what, "the agent is 31 d old, declared is a max_age of 30 d");
}

TEST_F(Scope, AHairOverALimitIsToldSoThatItCanBeSeen) {
  world.job.max_idle = hours(12);
  world.breaks(call("files/read"));
  EXPECT_EQ(world.read(call("files/read").after(Nanos{hours(12).value + 1})).breaches.front().what,
            "the agent was idle for 721 m, declared is a max_idle of 12 h");
  EXPECT_EQ(scope::over_words(Nanos{hours(24).value + 1}, hours(24)), "1441 m");
  EXPECT_EQ(scope::over_words(hours(36), hours(24)), "36 h");
  EXPECT_EQ(scope::over_words(Nanos{days(30).value + minutes(1).value}, days(30)), "721 h");
  EXPECT_EQ(scope::over_words(Nanos{seconds(90).value + 1}, seconds(90)), "90001 ms");
  EXPECT_EQ(scope::over_words(Nanos{milliseconds(5).value + 1}, milliseconds(5)), "6 ms");
}

TEST_F(Scope, AgentThatWokeAfterTooLongAPauseIsExpired) {
  world.job.max_idle = days(7);
  EXPECT_THAT(world.breaks(call("files/read")), IsEmpty());
  EXPECT_THAT(world.breaks(call("files/read").after(days(7))), IsEmpty());
  world.restart();
  EXPECT_THAT(world.breaks(call("files/read").after(days(15))), ElementsAre("scope.expired"));
  EXPECT_THAT(world.breaks(call("files/read").after(days(16))), IsEmpty());
  EXPECT_THAT(world.breaks(call("files/read").after(days(2))), IsEmpty()) << "a late event is no pause";
  EXPECT_THAT(world.breaks(call("files/read").after(days(17))), IsEmpty());
}

TEST_F(Scope, TaskEventsKeepAnAgentFromBeingIdle) {
  world.job.max_idle = days(7);
  EXPECT_THAT(world.breaks(call("files/read")), IsEmpty());
  EXPECT_THAT(world.breaks(task_start("t").after(days(6))), IsEmpty());
  EXPECT_THAT(world.breaks(call("files/read").after(days(12))), IsEmpty());
}

TEST_F(Scope, ChangedCharterIsAFindingAndTheSameInCapitalsIsNot) {
  world.job.charter_sha256 = "ab12";
  const auto runs_with = [](std::string_view hash) {
    return call("files/read").but([hash](Event& event) { event.agent.charter_sha256 = hash; });
  };
  EXPECT_THAT(world.breaks(runs_with("AB12")), IsEmpty());
  EXPECT_THAT(world.breaks(runs_with("ab13")), ElementsAre("agent.charter_changed"));
  EXPECT_THAT(world.breaks(call("files/read")), IsEmpty()) << "absent is not different";
  EXPECT_TRUE(lacks(world.read(call("files/read")), Lacking::Charter)) << "and not the same";
  EXPECT_FALSE(lacks(world.read(runs_with("ab12")), Lacking::Charter));
}

TEST_F(Scope, DecoyIsTouchedWhenAllItsPartsMatchAlsoByARefusedAct) {
  world.job.decoys.push_back({GlobSet({"files/*"}), GlobSet({"vault/**"})});
  EXPECT_THAT(world.breaks(call("files/read").on("vault/master.key")), ElementsAre("decoy.touched"));
  EXPECT_THAT(world.breaks(call("files/read").on("vault/master.key").but([](Event& event) { event.outcome.status = Outcome::Denied; })),
              ElementsAre("decoy.touched"));
  for (const char* spelling : {"vault//master.key", "va%75lt/master.key", "/vault/master.key?dl=1"})
    EXPECT_THAT(world.breaks(call("files/read").on(spelling)), ElementsAre("decoy.touched")) << spelling;
  EXPECT_THAT(world.breaks(call("files/read").on("reports/may")), IsEmpty());
  EXPECT_THAT(world.breaks(call("mail/send").on("vault/master.key")), ElementsAre("scope.undeclared"));
  const Reading unnamed = world.read(call("files/read"));
  EXPECT_THAT(unnamed.breaches, IsEmpty()) << "without its resource an act touches no decoy";
  EXPECT_TRUE(lacks(unnamed, Lacking::Resource));
}

}  // namespace
}  // namespace ringfence::testing
