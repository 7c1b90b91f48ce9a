// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/judge_link.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "tests/unit/pipeline/watch.h"

namespace ringfence {
namespace {

using testing::Call;
using testing::command_on;
using testing::near_miss;
using testing::Watch;

constexpr auto kEnforced = "mode: enforce";

std::string delegated(const std::string& session = "root-run") {
  return R"(,"delegation":{"root":"chief","parent":"chief","session":")" + session + "\"}";
}

/// Findings that speak of a subject: their explanation is of its evidence.
std::vector<FindingRecord> of_scope(const Judgement& judgement, const std::string& scope) {
  std::vector<FindingRecord> found;
  for (const FindingRecord& record : judgement.findings)
    if (record.explanation && record.explanation->scope == scope) found.push_back(record);
  return found;
}

/// Each of `agents` is refused one near-miss of the commit that was refused first, all in one root session or for one user.
std::vector<Judgement> probe(Watch& watch, int agents, const std::string& more, int first = 0) {
  std::vector<Judgement> all;
  for (int i = 0; i < agents; ++i) {
    Call call{.session = "own-" + std::to_string(first + i), .agent = "clerk-" + std::to_string(first + i)};
    for (int attempt = 0; attempt < 2; ++attempt) {
      call.outcome = "denied";
      call.ref = near_miss(2 * i + attempt);
      call.more = more;
      all.push_back(watch.see(call));
    }
  }
  return all;
}

TEST(Subjects, ProbingSpreadOverTenSubAgentsAddsUpInTheRootSession) {
  Watch watch(kEnforced);
  const std::vector<Judgement> seen = probe(watch, 10, delegated());
  const auto alone = std::ranges::max_element(seen, {}, [](const Judgement& j) { return j.verdict.score; });
  EXPECT_LT(alone->verdict.score, 1e5) << "no agent alone is worth an alert";
  std::vector<FindingRecord> found;
  std::vector<std::string> stopped;
  for (const Judgement& judgement : seen) {
    for (FindingRecord& record : of_scope(judgement, "root_session")) found.push_back(std::move(record));
    for (const ContainmentRecord& record : judgement.containments) stopped.push_back(record.scope);
  }
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.front().level, Level::Alert);
  EXPECT_EQ(found.back().level, Level::Halt);
  EXPECT_THAT(found.back().sentence, ::testing::HasSubstr("root session default/chief/root-run"));
  EXPECT_THAT(found.back().sentence,
              ::testing::HasSubstr(" acts of class \"denied, near-miss\", after a refusal; the last call is files/read"));
  EXPECT_THAT(stopped, ::testing::Contains("subtree:default/chief"));
  EXPECT_THAT(stopped, ::testing::Contains("agent:default/clerk-0"));
  EXPECT_EQ(watch.agent("clerk-0").standing.held, std::nullopt) << "a link never changes an agent's own evidence";
}

TEST(Subjects, AHaltedRootSessionStopsByNameWhoJoinsItLaterAndNobodyOfAnother) {
  Watch watch(kEnforced);
  (void)probe(watch, 10, delegated());
  const auto stopped_at_first_call = [&](const std::string& agent, const std::string& more) {
    Call call{.session = "own-of-" + agent, .agent = agent};
    call.more = more;
    std::vector<std::string> stopped;
    for (const ContainmentRecord& record : watch.see(call).containments) stopped.push_back(record.scope);
    return stopped;
  };
  EXPECT_THAT(stopped_at_first_call("clerk-late", delegated()), ::testing::ElementsAre("agent:default/clerk-late"));
  EXPECT_THAT(stopped_at_first_call("clerk-else", delegated("another-run")), ::testing::IsEmpty());
}

TEST(Subjects, TheSameAgentsInRootSessionsOfTheirOwnStayBelow) {
  Watch watch(kEnforced);
  for (int i = 0; i < 10; ++i) {
    Call call{.session = "own", .agent = "clerk-" + std::to_string(i), .outcome = "denied", .ref = near_miss(i)};
    call.more = delegated("run-" + std::to_string(i));
    EXPECT_TRUE(of_scope(watch.see(call), "root_session").empty());
  }
}

TEST(Subjects, EvidenceForOneUserAddsUpOverAgentsAndIsAFindingForPeople) {
  Watch watch(kEnforced);
  std::vector<FindingRecord> found;
  std::size_t contained = 0;
  for (const Judgement& judgement : probe(watch, 10, R"(,"user":{"id":"u-7"})")) {
    for (FindingRecord& record : of_scope(judgement, "user")) found.push_back(std::move(record));
    contained += judgement.containments.size();
  }
  ASSERT_FALSE(found.empty());
  EXPECT_THAT(found.front().sentence, ::testing::HasSubstr("of user default/u-7"));
  EXPECT_EQ(contained, 0U);
}

constexpr auto kWithKey = R"(,"credential":{"fingerprint":"k-7"})";

TEST(Subjects, EvidenceUnderOneKeyAddsUpOverAgentsAndIsAFindingForPeople) {
  Watch watch(kEnforced);
  std::vector<FindingRecord> found;
  std::size_t contained = 0;
  for (const Judgement& judgement : probe(watch, 10, kWithKey)) {
    EXPECT_LT(judgement.verdict.score, 1e5) << "no agent alone is worth an alert";
    for (FindingRecord& record : of_scope(judgement, "credential")) found.push_back(std::move(record));
    contained += judgement.containments.size();
  }
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.back().level, Level::Alert);
  EXPECT_THAT(found.front().sentence, ::testing::HasSubstr("of credential default/k-7"));
  EXPECT_EQ(contained, 0U);
}

TEST(Subjects, AKeyThatItsJobListsOrThatABorrowerShowsIsNoSubject) {
  const auto keys_of = [](Watch& watch, const Call& call) {
    const Judgement seen = watch.see(call);
    return std::ranges::count(seen.links, SubjectKind::Credential, &Link::kind);
  };
  Watch watch(kEnforced), listed("mode: enforce}\ncredentials: {fingerprints: [\"k-7\"]");
  Call call{.agent = "clerk-1"};
  call.more = kWithKey;
  EXPECT_EQ(keys_of(watch, call), 1);
  EXPECT_EQ(keys_of(listed, call), 0);
  call.trust = "asserted";
  EXPECT_EQ(keys_of(watch, call), 0);
  call.trust = "verified";
  call.more = R"(,"credential":{"fingerprint":"k-8"})";
  EXPECT_EQ(keys_of(listed, call), 1) << "one of somebody else's";
}

TEST(Subjects, WhoStandsAtAlertByItselfIsAMemberOfItsRootSessionAllTheSame) {
  Watch watch("mode: alert");
  (void)watch.guess(6);
  ASSERT_TRUE(watch.agent().standing.alert);
  Call call;
  call.more = delegated();
  const Judgement seen = watch.see(call);
  ASSERT_FALSE(seen.links.empty());
  EXPECT_EQ(seen.links.front().kind, SubjectKind::RootSession);
  EXPECT_THAT(seen.links.front().marks, ::testing::IsEmpty()) << "what it stands accused of is not held against the others";
  EXPECT_THAT(seen.marks, ::testing::Not(::testing::IsEmpty()));
}

TEST(Subjects, TheRootIsTheLastOfTheChainWhereItIsNotNamed) {
  Watch watch(kEnforced);
  Call call{.agent = "clerk-1"};
  call.more = R"(,"delegation":{"chain":["clerk-1","clerk-2","chief"],"session":"root-run"})";
  const Judgement seen = watch.see(call);
  ASSERT_FALSE(seen.links.empty());
  EXPECT_EQ(seen.links.front().kind, SubjectKind::RootSession);
  EXPECT_EQ(seen.links.front().subject, "chief/root-run");
  EXPECT_EQ(seen.links.front().root, "chief");
}

TEST(Subjects, AnExplanationOfASubjectAddsUpToItsScore) {
  Watch watch(kEnforced);
  std::size_t explained = 0;
  for (const Judgement& judgement : probe(watch, 10, delegated())) {
    for (const FindingRecord& record : of_scope(judgement, "root_session")) {
      ASSERT_TRUE(record.explanation);
      ++explained;
      const Explanation& e = *record.explanation;
      const double rows = std::accumulate(e.rows.begin(), e.rows.end(), 0.0, [](double sum, const EvidenceRow& r) { return sum + r.nats; });
      EXPECT_NEAR(e.prior + e.start + rows + e.late_starts + e.others, e.ln_score, 1e-9);
    }
  }
  EXPECT_GT(explained, 0U);
}

TEST(Subjects, ALinkThatWasHereBeforeChangesNothing) {
  Watch watch(kEnforced);
  Call call{.agent = "clerk-1", .outcome = "denied", .ref = near_miss(0)};
  call.more = delegated();
  const Judgement first = watch.see(call);
  ASSERT_EQ(first.links.front().kind, SubjectKind::RootSession);
  AgentState subject;
  const Position at{kLinksPartition, Offset{0}};
  EXPECT_TRUE(judge_link(first.links.front(), subject, watch.rules(), at, kLinksTopic));
  const Evidence once = subject.evidence;
  EXPECT_FALSE(judge_link(first.links.front(), subject, watch.rules(), at, kLinksTopic));
  EXPECT_EQ(subject.evidence.declared, once.declared);
}

TEST(Subjects, MoreChildrenThanDeclaredIsAFindingOnTheOneTooMany) {
  Watch watch(kEnforced);
  AgentState subject;
  std::vector<Analytic> raised;
  for (int i = 0; i < 4; ++i) {
    Call call{.agent = "clerk-" + std::to_string(i)};
    call.more = delegated();
    Judgement judgement = watch.see(call);
    Link link = judgement.links.at(0);
    link.lsn = i;
    link.most_members = 2;
    const auto found = judge_link(link, subject, watch.rules(), {kLinksPartition, Offset{i}}, kLinksTopic);
    ASSERT_TRUE(found);
    raised.insert(raised.end(), found->verdict.raised.begin(), found->verdict.raised.end());
    EXPECT_EQ(raised.size(), i < 2 ? 0U : 1U) << "agent " << i;
  }
  EXPECT_EQ(raised.front(), Analytic::DelegationExcess);
}

Link artefact_link(const Watch& /*watch*/, const Judgement& judgement, Deed deed, std::int64_t lsn) {
  Link link = judgement.links.at(0);
  link.kind = SubjectKind::Artefact;
  link.subject = "file://share/plan.txt";
  link.marks.clear();
  link.deed = deed;
  link.labels = {"confidential"};
  link.what = "to an external host";
  link.lsn = lsn;
  return link;
}

TEST(Subjects, ConfidentialContentLeftInAFileIsHeldWhenAnotherAgentSendsItOut) {
  Watch watch(kEnforced);
  Call call{.agent = "clerk-1"};
  call.more = delegated();
  const Judgement wrote = watch.see(call);
  call.agent = "clerk-2";
  const Judgement sent = watch.see(call);
  AgentState artefact;
  const Position at{kLinksPartition, Offset{0}};
  EXPECT_TRUE(judge_link(artefact_link(watch, sent, Deed::Send, 1), artefact, watch.rules(), at, kLinksTopic)->findings.empty())
      << "nothing confidential lies there yet";
  EXPECT_TRUE(judge_link(artefact_link(watch, wrote, Deed::Store, 2), artefact, watch.rules(), at, kLinksTopic)->findings.empty());
  const auto held = judge_link(artefact_link(watch, sent, Deed::Send, 3), artefact, watch.rules(), at, kLinksTopic);
  ASSERT_EQ(held->findings.size(), 1U);
  EXPECT_EQ(held->findings.front().analytic, Analytic::FlowToxic);
  EXPECT_EQ(held->findings.front().level, Level::Hold);
  ASSERT_EQ(held->containments.size(), 1U);
  EXPECT_EQ(held->containments.front().scope, "agent:default/clerk-2");
}

/// One act's links at their subjects, and those they lead to.
struct Subjects3 {
  Watch watch{kEnforced};
  std::map<std::string, AgentState> states;
  std::int64_t offset = 0;
  std::vector<FindingRecord> findings;

  Link link(const std::string& agent, SubjectKind kind, const std::string& subject, Deed deed) {
    Call call{.agent = agent};
    call.more = delegated();
    Link made = watch.see(call).links.at(0);
    made.kind = kind;
    made.subject = subject;
    made.deed = deed;
    made.marks.clear();
    made.lsn = ++offset;
    return made;
  }
  void judge(Link first) {
    Judgement act;
    act.links.push_back(std::move(first));
    const auto done = judge_at_once(act, [&](const Link& each, bool) -> std::expected<std::optional<Judgement>, Refusal> {
      return judge_link(each, states[subject_name(each)], watch.rules(), {kLinksPartition, Offset{offset}}, kLinksTopic);
    });
    ASSERT_TRUE(done);
    std::ranges::move(act.findings, std::back_inserter(findings));
  }
  void stores(const std::string& agent, const std::string& file) {
    Link made = link(agent, SubjectKind::Artefact, file, Deed::Store);
    made.labels = {"confidential"};
    judge(std::move(made));
  }
  void reads(const std::string& agent, const std::string& file) { judge(link(agent, SubjectKind::Artefact, file, Deed::Read)); }
  void writes(const std::string& agent, const std::string& file) {
    Link made = link(agent, SubjectKind::Reader, agent, Deed::Pass);
    made.what = file;
    judge(std::move(made));
  }
  void sends(const std::string& agent) {
    Link made = link(agent, SubjectKind::Reader, agent, Deed::Send);
    made.labels = {"confidential"};
    made.what = "to an external host";
    judge(std::move(made));
  }
};

TEST(Subjects, LabelsGoFromFileToFileOverWhoeverReadsAndWrites) {
  Subjects3 chain;
  chain.stores("clerk-1", "plan");
  chain.reads("clerk-2", "plan");
  chain.writes("clerk-2", "summary");
  for (int i = 0; i < 500; ++i) chain.reads("clerk-3", "other-" + std::to_string(i));
  chain.reads("clerk-3", "summary");
  chain.writes("clerk-3", "digest");
  for (int i = 0; i < 500; ++i) chain.reads("clerk-4", "other-" + std::to_string(i));
  chain.sends("clerk-4");
  EXPECT_THAT(chain.findings, ::testing::IsEmpty()) << "it has read none of them";
  chain.reads("clerk-4", "digest");
  for (int i = 0; i < 500; ++i) chain.reads("clerk-4", "more-" + std::to_string(i));
  chain.sends("clerk-4");
  ASSERT_EQ(chain.findings.size(), 1U);
  EXPECT_EQ(chain.findings.front().analytic, Analytic::FlowToxic);
  EXPECT_EQ(chain.findings.front().level, Level::Hold);
  EXPECT_EQ(chain.findings.front().agent_id, "clerk-4");
  EXPECT_THAT(chain.findings.front().sentence, ::testing::HasSubstr("read in digest"));
}

TEST(Subjects, WhatWasReadBeforeItWasConfidentialIsNot) {
  Subjects3 chain;
  chain.reads("clerk-2", "plan");
  chain.stores("clerk-1", "plan");
  chain.writes("clerk-2", "summary");
  chain.reads("clerk-3", "summary");
  chain.sends("clerk-3");
  chain.sends("clerk-2");
  EXPECT_THAT(chain.findings, ::testing::IsEmpty());
}

/// Over the topic an artefact's answer may come after what its reader did next.
TEST(Subjects, LabelsThatComeLateCountFromWhenTheyWereRead) {
  Subjects3 chain;
  Link read = chain.link("clerk-2", SubjectKind::Reader, "clerk-2", Deed::Store);
  read.labels = {"confidential"};
  read.what = "plan";
  chain.writes("clerk-2", "summary");
  chain.sends("clerk-2");
  read.lsn = ++chain.offset;
  chain.judge(std::move(read));
  ASSERT_EQ(chain.findings.size(), 1U);
  EXPECT_EQ(chain.findings.front().analytic, Analytic::FlowToxic);
  chain.reads("clerk-3", "summary");
  chain.sends("clerk-3");
  EXPECT_EQ(chain.findings.size(), 2U) << "it lay in the summary too";
}

TEST(Subjects, AReleaseOfTheTreeFreesTheRootSessionWithEveryMember) {
  Watch watch(kEnforced);
  std::map<std::string, std::uint64_t> stopped;
  for (const Judgement& judgement : probe(watch, 10, delegated()))
    for (const ContainmentRecord& record : judgement.containments) stopped[record.scope] = record.epoch;
  ASSERT_THAT(stopped, ::testing::Contains(::testing::Key("subtree:default/chief")));
  const std::string member = scope_key("agent", "default", "clerk-3");
  const Operated of_member = watch.operate(command_on("release", member));
  EXPECT_TRUE(!of_member.judgement || of_member.judgement->containments.empty()) << "the tree would be stopped all the same";

  const Operated done = watch.operate(command_on("release", scope_key("subtree", "default", "chief")));
  EXPECT_EQ(done.answer, CommandAnswer::Done);
  ASSERT_TRUE(done.judgement);
  std::map<std::string, std::uint64_t> freed;
  for (const ContainmentRecord& record : done.judgement->containments) {
    EXPECT_FALSE(record.contained);
    EXPECT_EQ(record.approver, "grace");
    freed[record.scope] = record.epoch - 1;
  }
  EXPECT_EQ(freed, stopped);
  EXPECT_THAT(done.judgement->findings, ::testing::Not(::testing::IsEmpty()));
  EXPECT_EQ(done.judgement->findings.front().close_reason, "released");

  Call call{.session = "own-1", .agent = "clerk-1"};
  call.more = delegated();
  EXPECT_TRUE(watch.see(call).containments.empty()) << "it works on";
  std::size_t again = 0;
  for (const Judgement& judgement : probe(watch, 10, delegated(), 10)) again += judgement.containments.size();
  EXPECT_GT(again, 0U) << "until there is fresh evidence";
}

TEST(Subjects, AnApprovalOfTheTreeSaysEveryHaltAgainUnderItsNextEpoch) {
  Watch watch(kEnforced);
  std::size_t stopped = 0;
  for (const Judgement& judgement : probe(watch, 10, delegated())) stopped += judgement.containments.size();
  const Operated done = watch.operate(command_on("approve", scope_key("subtree", "default", "chief")));
  ASSERT_TRUE(done.judgement);
  EXPECT_EQ(done.judgement->containments.size(), stopped);
  for (const ContainmentRecord& record : done.judgement->containments) {
    EXPECT_TRUE(record.contained);
    EXPECT_EQ(record.epoch, 2U);
    EXPECT_EQ(record.approver, "grace");
  }
  EXPECT_EQ(watch.operate(command_on("approve", scope_key("subtree", "default", "nobody"))).answer, CommandAnswer::UnknownAgent);
}

}  // namespace
}  // namespace ringfence
