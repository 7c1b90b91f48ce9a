// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "models/shadow.h"
#include "tests/unit/pipeline/watch.h"

namespace ringfence::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const ShadowProfile* profile_of(const AgentState& agent) {
  return static_cast<const ShadowProfile*>(agent.memory[static_cast<std::size_t>(ChannelId::Shadow)].get());
}

Call stranger(std::string tool = "files/read") { return {.tool = std::move(tool), .agent = "stranger-1", .ref = "a"}; }

TEST(Shadow, RefusalsLoopsAndSweepsOfAnAgentWithoutAJobAreNeverMoreThanAnAlert) {
  Watch watch("mode: enforce");
  Level highest = Level::Observe;
  for (int i = 0; i < 60; ++i) {
    Call call = stranger(i % 2 == 0 ? "files/read" : "files/delete_all");
    call.effect = i % 2 == 0 ? "" : "delete";
    call.outcome = i % 3 == 0 ? "denied" : "ok";
    const Judgement judgement = watch.see(call);
    highest = std::max(highest, judgement.verdict.level);
    EXPECT_THAT(judgement.containments, IsEmpty());
  }
  EXPECT_EQ(highest, Level::Alert);
}

TEST(Shadow, FindingSaysTheJobOnceThereIsEnoughToSay) {
  Watch watch("mode: enforce");
  std::vector<std::string> sentences;
  for (int i = 0; i < 120; ++i)
    for (const FindingRecord& record : watch.see(stranger()).findings) sentences.push_back(record.sentence);
  ASSERT_EQ(sentences.size(), 3U) << "created, at tenfold, at a hundredfold";
  EXPECT_THAT(sentences.back(), HasSubstr("files/read (100 %)"));
  EXPECT_THAT(sentences.back(), HasSubstr("That is the job clerk@1"));
}

/// Refused once and then by guesses of what was refused; findings of evidence, and how much was contained.
struct Guesses {
  std::vector<FindingRecord> found;
  std::size_t contained = 0;
  Level highest = Level::Observe;
};

Guesses guess(Watch& watch, int times) {
  Guesses out;
  for (int i = 0; i < times; ++i) {
    Call call = stranger();
    call.outcome = "denied";
    call.ref = near_miss(i);
    const Judgement judgement = watch.see(call);
    for (const FindingRecord& record : judgement.findings)
      if (family_of(record.analytic) == "barrier") out.found.push_back(record);
    out.contained += judgement.containments.size();
    out.highest = std::max(out.highest, judgement.verdict.level);
  }
  return out;
}

void work(Watch& watch, int calls, const std::string& tool = "files/read") {
  for (int i = 0; i < calls; ++i) {
    Call call = stranger(tool);
    call.more = R"(,"result":"nothing of the kind")";
    (void)watch.see(call);
  }
}

TEST(Shadow, EvidenceAgainstTheJobThatFitsIsAnAlertAndStopsNothing) {
  Watch watch("mode: enforce");
  work(watch, 30);
  const Guesses guesses = guess(watch, 40);
  ASSERT_FALSE(guesses.found.empty());
  EXPECT_THAT(guesses.found.front().sentence, HasSubstr("against twice the caps of clerk@1, the job that its calls fit"));
  for (const FindingRecord& record : guesses.found) EXPECT_LE(record.applied, Level::Alert);
  EXPECT_EQ(guesses.contained, 0U);
  EXPECT_EQ(guesses.highest, Level::Alert);
}

TEST(Shadow, BeforeThirtyCallsNoJobIsAdopted) {
  Watch watch("mode: enforce");
  work(watch, 5);
  EXPECT_THAT(guess(watch, 24).found, IsEmpty());
}

TEST(Shadow, WhereNoJobFitsNoneIsAdopted) {
  Watch watch("mode: enforce");
  work(watch, 30, "pipes/open");
  EXPECT_EQ(watch.agent("stranger-1").persona, 0U);
  EXPECT_THAT(guess(watch, 20).found, IsEmpty());
}

TEST(Shadow, AdoptedJobIsGivenUpWhereTheCallsNoLongerFit) {
  Watch watch("mode: enforce");
  work(watch, 30);
  EXPECT_NE(watch.agent("stranger-1").persona, 0U);
  work(watch, 30, "pipes/open");
  EXPECT_EQ(watch.agent("stranger-1").persona, 0U);
}

TEST(Shadow, WhatItDoesOutsideTheAdoptedJobIsNoBreach) {
  Watch watch("mode: enforce");
  work(watch, 30);
  const Judgement judgement = watch.see(stranger("files/delete_all"));
  EXPECT_THAT(judgement.findings, IsEmpty());
  EXPECT_THAT(judgement.links, IsEmpty());
}

TEST(Shadow, RequestAndItsCompletionCountOnce) {
  Watch watch("mode: enforce");
  for (const char* phase : {"request", "complete"}) {
    Call call = stranger();
    call.id = "same";
    call.phase = phase;
    (void)watch.see(call);
  }
  EXPECT_EQ(profile_of(watch.agent("stranger-1"))->calls, 1U);
}

TEST(Shadow, AgentWithAJobIsNotCounted) {
  Watch watch("mode: enforce");
  (void)watch.see({});
  EXPECT_EQ(profile_of(watch.agent()), nullptr);
}

TEST(Shadow, IsComparedWithTheJobsOfItsTenant) {
  std::string theirs = clerk("mode: enforce");
  theirs.insert(theirs.find("]}\n") + 1, ", tenants: [acme]");
  const Rulebook rules = rulebook({theirs});
  ShadowProfile profile;
  Event event;
  event.tool.server = "files";
  event.tool.name = "read";
  for (int i = 0; i < 40; ++i) profile.note(event);
  EXPECT_TRUE(fit_shadow(profile, rules.set(), "acme").fits());
  EXPECT_EQ(fit_shadow(profile, rules.set(), "corp").persona, nullptr) << "tenants never meet";

  Rehearsal rehearsal(rules, "events", false);
  std::string words;
  for (int i = 0; i < 400; ++i) {
    Call call = stranger();
    call.id = "c" + std::to_string(i);
    const auto judged = rehearsal.feed(Watch::json(call, *parse_rfc3339("2026-11-20T08:00:00Z") + seconds(i)));
    ASSERT_TRUE(judged);
    for (const FindingRecord& record : judged->findings) words = record.sentence;
  }
  EXPECT_THAT(words, HasSubstr("No known job explains it."));
  EXPECT_EQ(rehearsal.agent("default", "stranger-1")->persona, 0U) << "none is adopted";
}

TEST(Shadow, ProfileIsBoundedAndReadsBackAsItWasWritten) {
  ShadowProfile profile;
  for (int i = 0; i < 5000; ++i) {
    const std::string name = std::string(static_cast<std::size_t>(i % 300), 'x') + std::to_string(i), host = "h" + name + ".example";
    const std::array<std::string_view, 1> hosts{host};
    Event event;
    event.tool.name = name;
    event.destination.hosts = hosts;
    event.destination.accounts = hosts;
    event.credential.fingerprint = name;
    event.delegation.parent = name;
    event.time = EventTime{(i - 2500) * hours(1).value};
    profile.note(event);
  }
  EXPECT_LT(profile.bytes(), 64'000U);
  Writer out, again;
  profile.encode(out);
  Reader in(out.bytes());
  const auto decoded = ShadowProfile::decode(in);
  ASSERT_NE(decoded, nullptr);
  EXPECT_TRUE(in.at_end());
  decoded->encode(again);
  EXPECT_EQ(again.bytes(), out.bytes());
  for (std::size_t cut = 0; cut < out.bytes().size(); cut += 7) {
    Reader part(std::string_view(out.bytes()).substr(0, cut));
    EXPECT_EQ(ShadowProfile::decode(part), nullptr) << cut;
  }
}

/// Where the encoding of a profile of one tool `get` says how often it was refused.
constexpr std::size_t kRefusedOfFirstTool = 13;

std::unique_ptr<const ShadowProfile> read_back(const std::string& bytes) {
  Reader in(bytes);
  auto decoded = ShadowProfile::decode(in);
  EXPECT_TRUE(in.at_end());
  return std::unique_ptr<const ShadowProfile>(static_cast<const ShadowProfile*>(decoded.release()));
}

TEST(Shadow, ProfileWrittenBeforeRefusalsWereKeptByToolIsStillRead) {
  Event event;
  event.tool.server = "";
  event.tool.name = "get";
  event.outcome.status = Outcome::Denied;
  ShadowProfile profile;
  profile.note(event);
  Writer out;
  profile.encode(out);
  std::string before(out.bytes());
  ASSERT_EQ(before.at(kRefusedOfFirstTool), 1);
  before.front() = 2;
  before.erase(kRefusedOfFirstTool, 1);
  const auto read = read_back(before);
  ASSERT_NE(read, nullptr);
  EXPECT_EQ(read->refused, 1U);
  EXPECT_EQ(read->tools.at(0).refused, 0U) << "of which tool is not known";
}

TEST(Shadow, ProfileWrittenBeforeUnsaidPlacesWereKeptApartIsStillRead) {
  const std::array<std::string_view, 1> host{"h.example"};
  Event event;
  event.tool.name = "get";
  event.destination.hosts = host;
  ShadowProfile profile;
  profile.note(event);
  for (const bool whole : {true, false}) {
    profile.hosts.whole = whole;
    Writer out;
    profile.encode(out);
    std::string before(out.bytes());
    before.front() = 1;
    before.erase(kRefusedOfFirstTool, 1);
    const auto read = read_back(before);
    ASSERT_NE(read, nullptr);
    EXPECT_EQ(read->hosts.whole, whole);
    EXPECT_FALSE(read->hosts.unsaid);
    EXPECT_THAT(draft_persona(*read, "default", "stranger-1"), HasSubstr(whole ? "external: listed" : "external: any"));
  }
}

TEST(Shadow, HostThatNoListCanSayDoesNotFillTheList) {
  const std::array<std::string_view, 3> hosts{"ERP:8443", "*", "https://erp.corp.example\\@evil.example/"};
  Event event;
  event.destination.hosts = hosts;
  ShadowProfile profile;
  profile.note(event);
  ASSERT_EQ(profile.hosts.seen.size(), 1U);
  EXPECT_EQ(profile.hosts.seen.front().text, "erp");
  EXPECT_TRUE(profile.hosts.whole);
  EXPECT_TRUE(profile.hosts.unsaid);
}

}  // namespace
}  // namespace ringfence::testing
