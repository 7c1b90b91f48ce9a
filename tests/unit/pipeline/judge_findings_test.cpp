// SPDX-License-Identifier: Apache-2.0
// What the reader gets: one open finding per family, counts that add up, facts about the feed and the gate.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/unit/pipeline/watch.h"

namespace ringfence {
namespace {

using testing::Call;
using testing::undeclared;
using testing::Watch;
using Activity = FindingRecord::Activity;

constexpr std::int64_t kDay = 86'400;

TEST(Findings, OneIsOpenPerFamilyAndSpeaksAtTenfoldCounts) {
  Watch watch("mode: alert, undeclared: {default: alert}");
  std::vector<std::pair<Activity, std::uint64_t>> records;
  for (int i = 0; i < 250; ++i) {
    for (const FindingRecord& record : watch.see(undeclared("read")).findings) records.emplace_back(record.activity, record.count);
  }
  EXPECT_THAT(records,
              ::testing::ElementsAre(std::pair{Activity::Create, 1U}, std::pair{Activity::Update, 10U}, std::pair{Activity::Update, 100U}));
  EXPECT_EQ(watch.agent().findings.at(0).count, 250U);
}

TEST(Findings, ARiseOfLevelIsToldAtOnceUnderTheSameUid) {
  Watch watch("mode: enforce, undeclared: {read: alert, default: hold}");
  const auto first = watch.see(undeclared("read")).findings.at(0);
  const auto second = watch.see(undeclared("write")).findings.at(0);
  EXPECT_EQ(second.activity, Activity::Update);
  EXPECT_EQ(second.uid, first.uid);
  EXPECT_EQ(second.number, 2U);
  EXPECT_EQ(second.level, Level::Hold);
  EXPECT_EQ(second.first_seen, first.first_seen);
}

/// A SOC must not read "undeclared" over a halt for what is forbidden.
TEST(Findings, AreAboutWhatRaisedThemLast) {
  Watch watch("mode: enforce, undeclared: {default: alert}}\nnever: [{tools: [\"mail/drop\"], severity: critical}]\nbarriers: {retries: 2");
  const auto first = watch.see(undeclared("read")).findings.at(0);
  const auto second = watch.see({.tool = "mail/drop", .effect = "write"}).findings.at(0);
  EXPECT_EQ(first.analytic, Analytic::ScopeUndeclared);
  EXPECT_EQ(second.uid, first.uid);
  EXPECT_EQ(second.analytic, Analytic::ScopeNever);
  (void)watch.see(undeclared("read"));
  EXPECT_EQ(watch.agent().findings.at(0).analytic, Analytic::ScopeNever) << "what comes after and is less changes nothing";
}

/// Nor "undeclared" over what is forbidden because nine acts of the other kind came after.
TEST(Findings, AreEntitledAfterWhatTheyAreAbout) {
  Watch watch("mode: enforce, undeclared: {default: alert}}\nnever: [{tools: [\"mail/drop\"]}]\nbarriers: {retries: 2");
  const auto first = watch.see({.tool = "mail/drop", .effect = "write"}).findings.at(0);
  EXPECT_EQ(first.analytic, Analytic::ScopeNever);
  std::vector<FindingRecord> tenth;
  for (int i = 0; i < 9 && tenth.empty(); ++i) tenth = watch.see(undeclared("read")).findings;
  ASSERT_EQ(tenth.size(), 1U);
  EXPECT_EQ(tenth[0].count, 10U);
  EXPECT_EQ(tenth[0].analytic, Analytic::ScopeNever);
  EXPECT_EQ(tenth[0].title, first.title);
}

/// What is done about a forbidden act is the level's; how bad it is, its rule may say.
TEST(Findings, HaveTheSeverityOfTheRuleThatForbids) {
  const std::string rules =
      R"(never: [{tools: ["mail/peek"], severity: low}, {tools: ["mail/drop"]}, {tools: ["mail/skim"], severity: medium}])";
  const auto told = [](const FindingRecord& record) { return std::pair{record.level, record.severity}; };
  Watch watch("mode: alert}\n" + rules + "\nbarriers: {retries: 2");
  const auto forbidden = [&](const char* tool) { return watch.see({.tool = tool, .effect = "write"}).findings; };

  EXPECT_EQ(told(forbidden("mail/peek").at(0)), std::pair(Level::Halt, std::optional(Severity::Low))) << "undeclared as it is, too";
  EXPECT_TRUE(forbidden("mail/peek").empty()) << "no worse than what was told";
  const auto worse = forbidden("mail/skim").at(0);
  EXPECT_EQ(told(worse), std::pair(Level::Halt, std::optional(Severity::Medium)));
  EXPECT_EQ(worse.activity, Activity::Update);
  EXPECT_EQ(told(forbidden("mail/drop").at(0)), std::pair(Level::Halt, std::optional<Severity>())) << "without a word, that of the level";
  EXPECT_TRUE(forbidden("mail/peek").empty()) << "it only rises";
}

TEST(Findings, KeepTheSeverityOfTheirRuleToTheEnd) {
  Watch watch("mode: observe, never: alert}\nnever: [{tools: [\"mail/drop\"], severity: critical}]\nbarriers: {retries: 2");
  EXPECT_EQ(watch.see({.tool = "mail/drop", .effect = "read"}).findings.at(0).severity, Severity::Critical);
  const auto closed = watch.see({.at = kDay + 9}).findings.at(0);
  ASSERT_EQ(closed.activity, Activity::Close);
  EXPECT_EQ(closed.level, Level::Alert);
  EXPECT_EQ(closed.severity, Severity::Critical);
}

TEST(Findings, AHaltByTheNumberOfHeldActsHasTheSeverityOfAHalt) {
  Watch watch(
      "mode: alert, never: hold, undeclared: {default: alert}}\nnever: [{tools: [\"mail/drop\"], severity: low}]\nbarriers: {retries: 2");
  std::vector<FindingRecord> last;
  for (int i = 0; i < 3; ++i) last = watch.see({.tool = "mail/drop", .effect = "write"}).findings;
  ASSERT_EQ(last.size(), 1U);
  EXPECT_EQ(last[0].level, Level::Halt);
  EXPECT_EQ(last[0].severity, std::nullopt);
}

TEST(Findings, OfWhatWasBrokenSayWhatTheEvidenceIsAt) {
  Watch watch("mode: alert");
  (void)watch.guess(2);
  const Judgement seen = watch.see(undeclared("read"));
  ASSERT_EQ(seen.findings.size(), 1U);
  EXPECT_FALSE(seen.findings[0].explanation);
  EXPECT_GT(seen.verdict.score, 1);
  EXPECT_EQ(seen.findings[0].score, seen.verdict.score);
}

TEST(Findings, AnActThatBreaksALimitAndSpeaksForAThreatCountsOnce) {
  Watch watch("mode: alert}\ncredentials: {fingerprints: [\"k1\"]}\nbarriers: {retries: 2");
  std::size_t named = 0;
  for (int i = 0; i < 7; ++i) {
    const Judgement seen = watch.see({.more = R"(,"credential":{"kind":"jwt","fingerprint":"k9"})"});
    for (const Analytic raised : seen.verdict.raised) named += raised == Analytic::CredentialNew ? 1U : 0U;
  }
  EXPECT_EQ(watch.agent().findings.at(0).count, 7U);
  EXPECT_EQ(named, 7U) << "each verdict names it once";
}

TEST(Findings, CloseADayAfterTheLastContributionAtTheAgentsNextEvent) {
  Watch watch("mode: observe, undeclared: {default: halt}");
  (void)watch.see(undeclared("read"));
  EXPECT_TRUE(watch.see({.at = kDay}).findings.empty());
  const auto closed = watch.see({.at = kDay + 1}).findings;
  ASSERT_EQ(closed.size(), 1U);
  EXPECT_EQ(closed[0].activity, Activity::Close);
  EXPECT_EQ(closed[0].number, 2U);
  EXPECT_EQ(closed[0].count, 1U);
  EXPECT_EQ(closed[0].applied, Level::Observe) << "its mode holds for the last record too";
  EXPECT_EQ(closed[0].persona_id, "clerk");
}

TEST(Findings, AClosedOneIsNotTheCauseOfTheNextContainment) {
  Watch watch("mode: enforce, undeclared: {read: alert, write: hold, default: halt}, scope: session");
  (void)watch.see({.tool = "mail/post", .session = "old", .effect = "transfer"});
  const Judgement seen = watch.see({.tool = "mail/post", .session = "new", .effect = "write", .at = 2 * kDay});
  ASSERT_EQ(seen.findings.size(), 2U);
  ASSERT_EQ(seen.containments.size(), 1U);
  EXPECT_EQ(seen.containments[0].finding_uid, seen.findings[1].uid);
}

TEST(Findings, AMissedDeadlineIsNamedByTheActThatOwedItWhicheverEventShowsIt) {
  const std::string job = "mode: enforce}\nworkflow: {after: {write: {do: read, within: 10m}}";
  const auto shown_by = [&](Call owing, Call late) {
    Watch watch(job);
    (void)watch.see(std::move(owing));
    const auto found = watch.see(std::move(late)).findings;
    EXPECT_EQ(found.size(), 1U);
    EXPECT_EQ(found.at(0).analytic, Analytic::WorkflowOrder);
    EXPECT_EQ(found.at(0).level, Level::Alert);
    return found.at(0).uid;
  };
  const Call owing{.id = "w-1", .tool = "files/write"};
  const std::string uid = shown_by(owing, {.id = "x", .at = 700});
  EXPECT_EQ(shown_by(owing, {.id = "y", .session = "s2", .kind = "task_end", .more = R"(,"task":{"id":"t"})", .at = 5000}), uid);
  EXPECT_NE(shown_by({.id = "w-2", .tool = "files/write"}, {.id = "x", .at = 700}), uid);
}

TEST(Findings, EvidenceThatStandsIsToldAgainAfterAQuietDay) {
  Watch watch("mode: alert");
  ASSERT_EQ(watch.guess(4).verdict.level, Level::Throttle);
  ASSERT_EQ(watch.see({.at = 2 * kDay}).findings.at(0).activity, Activity::Close);
  const auto again = watch.see({.outcome = "denied", .ref = testing::near_miss(9)}).findings;
  ASSERT_EQ(again.size(), 1U) << "no level is new, and yet the agent goes on";
  EXPECT_EQ(again[0].activity, Activity::Create);
  EXPECT_EQ(again[0].count, 1U) << "what came before stands in the closed one";
}

TEST(Findings, TwoFamiliesOnOneEventAreTwoFindings) {
  Watch watch("mode: alert, undeclared: {default: alert}");
  (void)watch.guess(2);
  const auto records = watch.see({.tool = "git/get", .outcome = "denied", .ref = testing::near_miss(3)}).findings;
  std::vector<std::string_view> families;
  for (const FindingRecord& record : records) families.push_back(family_of(record.analytic));
  EXPECT_THAT(families, ::testing::Contains("scope"));
}

TEST(Findings, CountsOfAFamilyAddUpToItsEventsOverManyDays) {
  Watch watch("mode: alert, undeclared: {default: alert}");
  std::map<std::string, std::uint64_t> told;  // by uid
  std::uint64_t acts = 0;
  for (int day = 0; day < 9; ++day) {
    for (int i = 0; i <= day * 3 % 14; ++i, ++acts) {
      Call call = undeclared("read");
      if (i == 0) call.at = 2 * kDay * day + 10;
      for (const FindingRecord& record : watch.see(call).findings) told[record.uid] = record.count;
    }
  }
  for (const OpenFinding& open : watch.agent().findings) told[open.uid] = open.count;
  std::uint64_t sum = 0;
  for (const auto& [uid, count] : told) sum += count;
  EXPECT_EQ(sum, acts);
  EXPECT_EQ(told.size(), 9U);
}

TEST(Findings, ALateContributionDoesNotCloseAtOnce) {
  Watch watch("mode: alert, undeclared: {default: alert}");
  (void)watch.see({.at = 5 * kDay});
  Call late = undeclared("read");
  late.at = 10;
  ASSERT_EQ(watch.see(late).findings.size(), 1U);
  EXPECT_TRUE(watch.see({.at = 5 * kDay + 60}).findings.empty());
}

TEST(Findings, AnAgentWithoutAJobIsRolledUp) {
  Watch watch("mode: alert");
  std::size_t records = 0;
  for (int i = 0; i < 50; ++i) {
    const Judgement seen = watch.see({.agent = "stranger"});
    EXPECT_EQ(seen.verdict.level, Level::Alert);
    records += seen.findings.size();
  }
  EXPECT_EQ(records, 2U);
}

TEST(Findings, ARefusedRecordOfAnAgentIsOneTooAndKeepsToTheMode) {
  Watch watch("mode: observe");
  (void)watch.see({});
  AgentState agent;
  agent.tenant = "default";
  agent.id = "clerk-1";
  agent.persona = watch.agent().persona;
  const Facts facts;
  const Refusal refusal{.reason = RefusalReason::IdConflict,
                        .stage = "admit",
                        .detail = "id: other args under a known id",
                        .agent_id = "clerk-1",
                        .tenant = "default"};
  std::vector<std::uint64_t> counts;
  for (std::int64_t i = 0; i < 12; ++i) {
    const Judgement seen = judge_refused(refusal, EventTime{1}, agent, {watch.rules(), facts, "events", {Partition{0}, Offset{i}}});
    EXPECT_THAT(seen.verdict.raised, ::testing::ElementsAre(Analytic::FeedRefused));
    for (const FindingRecord& record : seen.findings) {
      counts.push_back(record.count);
      EXPECT_EQ(record.applied, Level::Observe);
    }
  }
  EXPECT_THAT(counts, ::testing::ElementsAre(1U, 10U));
}

TEST(Findings, OfRefusedRecordsAtOnePlaceOfTwoFilesAreTwo) {
  Watch watch("mode: enforce");
  const Facts facts;
  const Refusal refusal{
      .reason = RefusalReason::InvalidJson, .stage = "parse", .detail = "no JSON", .agent_id = "clerk-1", .tenant = "default"};
  const auto uid_at = [&](std::int64_t lsn) {
    AgentState agent;
    agent.id = "clerk-1";
    agent.tenant = "default";
    return judge_refused(refusal, EventTime{1}, agent, {watch.rules(), facts, "feed", {Partition{0}, Offset{2}}, lsn}).findings.front().uid;
  };
  EXPECT_EQ(uid_at(2), uid_at(2));
  EXPECT_NE(uid_at(2), uid_at((std::int64_t{1} << 40) + 2));
}

TEST(Findings, OfRefusedRecordsStandAsHighAsThePersonaSays) {
  const auto refused = [](const std::string& response, AgentState& agent) {
    Watch watch(response);
    const Facts facts;
    const Refusal refusal{
        .reason = RefusalReason::IdConflict, .stage = "admit", .detail = "id: other args", .agent_id = "clerk-1", .tenant = "default"};
    return judge_refused(refusal, EventTime{1}, agent, {watch.rules(), facts, "events", {Partition{0}, Offset{1}}});
  };
  const auto clerk = [] {
    AgentState agent;
    agent.id = "clerk-1";
    agent.tenant = "default";
    return agent;
  };
  AgentState held = clerk(), told = clerk(), noted = clerk();
  const Judgement hold = refused("mode: enforce, scope: session, analytics: {feed.refused: hold}", held);
  EXPECT_EQ(hold.verdict.level, Level::Hold);
  ASSERT_EQ(hold.findings.size(), 1U);
  EXPECT_EQ(hold.findings.front().level, Level::Hold);
  ASSERT_EQ(hold.containments.size(), 1U);
  EXPECT_EQ(hold.containments.front().scope, "agent:default/clerk-1") << "whichever session it was";
  EXPECT_EQ(standing_level(held), Level::Hold);
  EXPECT_TRUE(refused("mode: enforce, analytics: {feed.refused: hold}", held).containments.empty()) << "it stands";

  const Judgement alert = refused("mode: enforce", told), observe = refused("mode: enforce, analytics: {feed.refused: observe}", noted);
  EXPECT_EQ(alert.verdict.level, Level::Alert);
  EXPECT_TRUE(alert.containments.empty());
  EXPECT_EQ(observe.verdict.level, Level::Observe);
}

TEST(Stopped, OnlyWhatStartedAfterTheContainment) {
  Watch watch("mode: enforce, undeclared: {default: halt}", /*assume_gate=*/true);
  (void)watch.see({.id = "asked", .phase = "request", .at = 1});
  ASSERT_EQ(watch.see({.tool = "mail/post", .effect = "write", .at = 5}).verdict.level, Level::Halt);
  EXPECT_FALSE(watch.see({.id = "asked", .phase = "complete", .at = 9}).stopped) << "it had been let through";
  EXPECT_FALSE(watch.see({.more = R"(,"duration_ms":6000)", .at = 10}).stopped);
  const Judgement violated = watch.see({.more = R"(,"duration_ms":4000)", .at = 10});
  EXPECT_TRUE(violated.stopped);
  EXPECT_THAT(violated.verdict.raised, ::testing::Contains(Analytic::ContainmentViolated));
}

TEST(Rulebooks, AnotherSetInTheSamePlaceIsReadAfresh) {
  std::optional<Rulebook> rules(
      testing::rulebook({testing::clerk("mode: enforce", "clerk-*", "a"), testing::clerk("mode: enforce", "nobody", "b")}));
  AgentState agent;
  agent.tenant = "default";
  agent.id = "clerk-1";
  const Facts facts;
  EventDecoder decoder;
  EventArena arena;
  const auto judged_under = [&](const std::string& id) {
    Call call = undeclared("write");
    call.id = id;
    const std::string text = Watch::json(call, *parse_rfc3339("2026-11-20T08:00:00Z"));
    const auto event = decoder.decode(text, std::nullopt, arena);
    const auto admitted = admit(agent, *event);
    const Judgement seen = judge(*event, *admitted, agent, {*rules, facts, "events", {}});
    return seen.findings.empty() ? std::string("none") : seen.findings.back().persona_id;
  };
  EXPECT_EQ(judged_under("1"), "a");
  agent.findings.clear();
  rules.emplace(testing::rulebook({testing::clerk("mode: enforce", "nobody", "a"), testing::clerk("mode: enforce", "clerk-*", "b")}));
  EXPECT_EQ(judged_under("2"), "b");
}

}  // namespace
}  // namespace ringfence
