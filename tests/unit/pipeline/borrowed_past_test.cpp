// SPDX-License-Identifier: Apache-2.0
// What is done under a borrowed name is judged by itself and teaches nothing about the agent whose name it is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/state/borrowed_session.h"
#include "tests/unit/pipeline/watch.h"

namespace ringfence {
namespace {

using testing::Call;
using ::testing::Contains;
using ::testing::IsEmpty;

/// A job that has something of every kind that is kept of an agent.
std::string job() {
  std::string text =
      testing::clerk("mode: enforce, undeclared: {default: halt}, analytics: {tool.unregistered: halt, identity.clone: halt}");
  text +=
      "data: {per_day: {records: {p50: 10, p99: 500, max: 1000}}, rate: {per_minute: {max: 100}}}\n"
      "lifetime: {max_idle: 60d}\n"
      "credentials: {fingerprints: [key-a], rotation: 2h}\n"
      "workflow: {next: {read: [write], write: [read]}, before: {write: [read]}, after: {write: {do: read, within: 1h}}}\n";
  const std::string any = "destinations: {external: any}";
  text.replace(text.find(any), any.size(), "destinations: {external: any, new_per_day: 1}");
  return text;
}

class Feed {
 public:
  Judgement see(Call call, const std::string& more = {}) {
    call.id = "c" + std::to_string(++calls_);
    call.more += more;
    auto judged = rehearsal_.feed(testing::Watch::json(call, *parse_rfc3339("2026-11-20T08:00:00Z") + seconds(calls_)));
    if (!judged) throw std::runtime_error("refused: " + judged.error().detail);
    return std::move(*judged);
  }
  Judgement thief(Call call, const std::string& more = {}) {
    call.trust = "asserted";
    if (call.session == "s1") call.session = "thief";
    return see(std::move(call), more);
  }
  const AgentState& agent() { return *rehearsal_.agent("default", "clerk-1"); }

  /// What is kept of the agent beyond its sessions.
  std::string past() {
    Writer out;
    for (const auto& memory : agent().memory) {
      out.u8(memory ? 1 : 0);
      if (memory) memory->encode(out);
    }
    for (const TaskScope& task : agent().tasks) out.text(task.id);
    return out.take();
  }

 private:
  Rulebook rules_ = testing::rulebook({job()});
  Rehearsal rehearsal_{rules_, "events", false};
  int calls_ = 0;
};

std::string records(int count) { return R"(,"records":{"returned":)" + std::to_string(count) + "}"; }
std::string host(const std::string& name) { return R"(,"destination":{"host":")" + name + "\"}"; }
std::string from(const std::string& client) { return R"(,"client":{"fingerprint":")" + client + "\"}"; }

TEST(BorrowedPast, NothingThatIsDoneUnderTheNameIsKeptOfTheAgent) {
  Feed feed;
  (void)feed.see({.instance = "run-1"}, from("desk") + R"(,"credential":{"fingerprint":"key-a"})");
  (void)feed.see({.kind = "tool_definition"}, R"(,"tool":{"server":"files","name":"read","definition_sha256":"aa"})");
  (void)feed.see({.kind = "task_start"}, R"(,"task":{"id":"t-1","actions":["read","write"]})");
  const std::string before = feed.past();
  for (const char* session : {"thief", "other", ""}) {
    const Call as{.session = session, .instance = "run-1"};
    (void)feed.thief(as, from("else") + records(900) + host("new.example") + R"(,"credential":{"fingerprint":"key-b"})");
    Call refused = as;
    refused.outcome = "denied";
    refused.ref = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b";
    (void)feed.thief(refused, from("else"));
    (void)feed.thief(as,
                     R"(,"data":{"classes":["secret"],"untrusted":true},"result":{"to":"ann@evil.example"},"resource":{"uri":"box/1"})");
    Call request = as;
    request.phase = "request";
    (void)feed.thief(request, R"(,"resource":{"uri":"box/2"})");
    for (const char* kind : {"task_start", "task_end", "tool_definition", "signal"}) {
      Call fact = as;
      fact.kind = kind;
      (void)feed.thief(fact, R"(,"task":{"id":"t-1","actions":[]},"tool":{"server":"files","name":"read","definition_sha256":"bb"})"
                             R"(,"signal":{"name":"scanner","score":0.9})");
    }
    Call write = as;
    write.tool = "files/write";
    (void)feed.thief(write);
  }
  EXPECT_EQ(feed.past(), before);
}

TEST(BorrowedPast, IsHeldAgainstItsOwnTotalsAndTheAgentAgainstTheAgents) {
  Feed feed;
  (void)feed.see({}, records(600));
  EXPECT_LT(feed.thief({}, records(900)).verdict.applied, Level::Hold);
  EXPECT_LT(feed.see({}, records(300)).verdict.applied, Level::Hold) << "900 of its own";
  EXPECT_THAT(feed.thief({}, records(200)).verdict.raised, Contains(Analytic::LimitHard)) << "1,100 of the thief's";
  EXPECT_THAT(feed.see({}, records(200)).verdict.raised, Contains(Analytic::LimitHard)) << "1,100 of its own";
}

TEST(BorrowedPast, KnowsWhomTheAgentHasContactedAndUsesUpNothing) {
  Feed feed;
  (void)feed.see({}, host("known.example"));
  EXPECT_THAT(feed.thief({}, host("known.example")).verdict.raised, IsEmpty());
  (void)feed.thief({}, host("a.example"));
  EXPECT_THAT(feed.thief({}, host("b.example")).verdict.raised, Contains(Analytic::ScopeDestination));
  EXPECT_THAT(feed.see({}, host("known.example")).verdict.raised, IsEmpty());
}

TEST(BorrowedPast, TasksBindTheNameThatBeganThemAndTheAgentsAlsoWhoBorrowsIt) {
  Feed feed;
  const std::string of_task = R"(,"task":{"id":"t-1"})";
  (void)feed.see({.kind = "task_start"}, R"(,"task":{"id":"t-1","actions":["read"]})");
  (void)feed.thief({.kind = "task_end"}, of_task);
  EXPECT_THAT(feed.thief({.tool = "files/write"}, of_task).verdict.raised, Contains(Analytic::ScopeTask));
  (void)feed.thief({.kind = "task_start"}, R"(,"task":{"id":"t-2","actions":[]})");
  EXPECT_THAT(feed.thief({}).verdict.raised, Contains(Analytic::ScopeTask));
  EXPECT_THAT(feed.see({}, R"(,"task":{"id":"t-2"})").verdict.raised, IsEmpty());
  EXPECT_THAT(feed.see({.tool = "files/write"}, of_task).verdict.raised, Contains(Analytic::ScopeTask)) << "nobody else ended it";
}

TEST(BorrowedPast, WhatItDefinesHoldsForItAlone) {
  Feed feed;
  (void)feed.see({.kind = "tool_definition"}, R"(,"tool":{"server":"files","name":"read"})");
  EXPECT_THAT(feed.thief({.tool = "files/write"}).verdict.raised, Contains(Analytic::ToolUnregistered));
  (void)feed.thief({.kind = "tool_definition"}, R"(,"tool":{"server":"files","name":"write"})");
  EXPECT_THAT(feed.thief({}).verdict.raised, IsEmpty());
  EXPECT_THAT(feed.see({.tool = "files/write"}).verdict.raised, Contains(Analytic::ToolUnregistered));
}

TEST(BorrowedPast, ARunThatActsBesideTheAgentIsAClonedOneWithWhoBorrowsTheName) {
  Feed feed;
  std::size_t of_thief = 0;
  for (int i = 0; i < 4; ++i) {
    EXPECT_THAT(feed.see({.instance = "run-1"}, from("desk")).verdict.raised, IsEmpty());
    const Judgement seen = feed.thief({.instance = "run-1"}, from("else"));
    of_thief += static_cast<std::size_t>(std::ranges::count(seen.verdict.raised, Analytic::IdentityClone));
  }
  EXPECT_EQ(of_thief, 1U);
  EXPECT_FALSE(feed.agent().standing.held);
}

TEST(BorrowedPast, ManySessionsOfABorrowedNameMakeRoomForOneAnotherAlone) {
  Feed feed;
  (void)feed.see({});
  for (int i = 0; i < 200; ++i) (void)feed.thief({.session = "thief-" + std::to_string(i)});
  const auto& sessions = feed.agent().sessions;
  EXPECT_EQ(std::ranges::count(sessions, true, &SessionState::borrowed), static_cast<std::ptrdiff_t>(kBorrowedSessionsMost));
  EXPECT_EQ(std::ranges::count(sessions, false, &SessionState::borrowed), 1);
  EXPECT_EQ(sessions.back().id, "thief-199");
  EXPECT_THAT(feed.see({.tool = "files/write"}).verdict.raised, IsEmpty()) << "it has read in this session";
}

TEST(BorrowedPast, WhereNothingIsVerifiedNothingIsBorrowed) {
  Feed feed;
  Call asserted{.trust = "asserted"};
  (void)feed.see(asserted, records(900));
  EXPECT_THAT(feed.see(asserted, records(200)).verdict.raised, Contains(Analytic::LimitHard));
  EXPECT_TRUE(feed.agent().standing.held);
  EXPECT_EQ(feed.agent().sessions.front().apart, nullptr);
}

}  // namespace
}  // namespace ringfence
