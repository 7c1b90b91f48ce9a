// SPDX-License-Identifier: Apache-2.0
// The order of work where requests are reported, and what is remembered of it.
#include <gmock/gmock.h>

#include <string>

#include "models/workflow.h"
#include "models/workflow_memory.h"
#include "tests/unit/models/scope_world.h"

namespace ringfence::testing {
namespace {

constexpr int kInOrder = 0, kOutOfOrder = 1, kNoMark = 99;

/// look → ask → pay → look.
struct WorkflowRequests : ::testing::Test {
  WorkflowRequests() {
    world.job.actions.clear();
    for (const char* id : {"look", "ask", "pay"}) world.job.actions.push_back(action(id, {std::string("w/") + id}));
    world.job.workflow.declared = true;
    world.job.workflow.start = 1;
    world.job.workflow.next = {{0, 2}, {1, 4}, {2, 1}};
  }
  /// `name` is the tool and, behind a hyphen, which of its calls.
  Made named(std::string name, Outcome outcome = Outcome::Ok) {
    Made made = call("w/" + name.substr(0, name.find('-')));
    const std::string_view id = made.own(std::move(name));
    return std::move(made).session(session).but([&](Event& event) {
      event.id = id;
      event.outcome.status = outcome;
    });
  }
  void ask(std::string name) { world.ask(named(std::move(name))); }
  int end(std::string name, Outcome outcome = Outcome::Ok) {
    const Reading reading = world.read(named(std::move(name), outcome));
    return reading.kind == Reading::Kind::Marked ? reading.cls : kNoMark;
  }
  int both(const std::string& name, Outcome outcome = Outcome::Ok) {
    ask(name);
    return end(name, outcome);
  }
  World world{workflow_channel()};
  std::string session = "s1";
};

TEST_F(WorkflowRequests, StepsAskedForInTurnAreInOrderHoweverTheyEnd) {
  for (int i = 0; i < 100; ++i) {
    const std::string n = "-" + std::to_string(i);
    for (const char* step : {"look", "ask", "pay"}) ask(step + n);
    if (i == 50) world.restart();
    for (const char* step : {"pay", "ask", "look"}) ASSERT_EQ(end(step + n), kInOrder) << step << n;
  }
}

TEST_F(WorkflowRequests, StepsThatFailedCarryNothingWhenTheyAreAskedForTogether) {
  EXPECT_EQ(both("look-1"), kInOrder);
  EXPECT_EQ(both("ask-1"), kInOrder);
  EXPECT_EQ(both("pay-1"), kInOrder);
  for (const char* step : {"look-2", "ask-2", "pay-2"}) ask(step);
  EXPECT_EQ(end("look-2", Outcome::Error), kInOrder);
  EXPECT_EQ(end("ask-2", Outcome::Error), kOutOfOrder) << "nothing was looked at";
  EXPECT_EQ(end("pay-2"), kOutOfOrder);
}

TEST_F(WorkflowRequests, StepsThatNeverEndCarryTheFirstSixteenActsOfAnAgentOverAllItsSessions) {
  int in_order = 0;
  for (int i = 0; i < 60; ++i) {
    const std::string n = "-" + std::to_string(i);
    session = "s" + n;
    for (const char* step : {"look", "ask", "pay"}) ask(step + n);
    if (i == 10) world.restart();
    in_order += end("pay" + n) == kInOrder ? 1 : 0;
  }
  EXPECT_EQ(in_order, 16);
}

TEST_F(WorkflowRequests, OneMoreActOfEverySessionThatIsKeptMayWait) {
  const int kept = 40;
  world.agent.sessions.resize(kept);
  for (int i = 0; i < 16 + kept; ++i) {
    const std::string n = "-" + std::to_string(i);
    session = "s" + n;
    EXPECT_EQ(both("look" + n), kInOrder);
    for (const char* step : {"ask", "pay"}) ask(step + n);
    EXPECT_EQ(end("pay" + n), kInOrder);
  }
  for (int i = 0; i < 16 + kept; ++i) {
    const std::string n = "-" + std::to_string(i);
    session = "s" + n;
    EXPECT_EQ(end("ask" + n), kInOrder);
  }
}

TEST_F(WorkflowRequests, WhatCameAfterAllMakesUpForOneInTenThatDidNot) {
  int in_order = 0;
  const int rounds = 2'000;
  for (int i = 0; i < rounds; ++i) {
    const std::string n = "-" + std::to_string(i);
    session = "s" + n;
    EXPECT_EQ(both("look" + n), kInOrder);
    for (const char* step : {"ask", "pay"}) ask(step + n);
    in_order += end("pay" + n) == kInOrder ? 1 : 0;
    if (i % 11 == 0) continue;  // one in eleven is lost
    EXPECT_EQ(end("ask" + n), kInOrder);
  }
  EXPECT_EQ(in_order, rounds);
}

TEST_F(WorkflowRequests, ARetryBehindARequestThatNobodyAnsweredIsNoStepBack) {
  for (int i = 0; i < 100; ++i) {
    const std::string n = "-" + std::to_string(i);
    for (const std::string step : {"look", "ask", "pay"}) {
      ask(step + n);
      ASSERT_EQ(both(step + "-again" + n), kInOrder) << step << n;
      if (i % 3 != 0) continue;
      ASSERT_EQ(end(step + n, Outcome::Error), kInOrder) << "and where it is told late that the first failed";
    }
  }
}

TEST_F(WorkflowRequests, ARetryThatIsOvertakenIsWaitedForBehindItsOwnRequest) {
  EXPECT_EQ(both("look-1"), kInOrder);
  ask("ask-1");
  ask("pay-1");
  EXPECT_EQ(both("pay-2"), kInOrder) << "behind the ask that is open, not behind the first pay";
  EXPECT_EQ(end("ask-1"), kInOrder);
}

TEST_F(WorkflowRequests, WhatIsDoneTwiceIsOutOfOrderWhicheverEndsFirst) {
  for (const char* step : {"look-1", "ask-1"}) EXPECT_EQ(both(step), kInOrder);
  ask("pay-1");
  ask("pay-2");
  EXPECT_EQ(end("pay-2"), kInOrder);
  EXPECT_EQ(end("pay-1"), kOutOfOrder) << "one ask, two pays";
  EXPECT_EQ(both("look-2"), kInOrder) << "the work stands where it stood";
}

TEST_F(WorkflowRequests, OneStepThatIsOpenCarriesOneActOfAKindWhicheverEndsFirst) {
  EXPECT_EQ(both("look-1"), kInOrder);
  for (const char* step : {"ask-1", "pay-1", "pay-2", "pay-3"}) ask(step);
  EXPECT_EQ(end("pay-3"), kInOrder);
  EXPECT_EQ(end("pay-2"), kOutOfOrder);
  EXPECT_EQ(end("pay-1"), kOutOfOrder);
  EXPECT_EQ(end("ask-1"), kInOrder);
}

TEST_F(WorkflowRequests, WhoAsksInAnotherOrderIsOutOfOrderWhateverEndsFirst) {
  EXPECT_EQ(both("look-1"), kInOrder);
  for (const char* step : {"pay-1", "ask-1"}) ask(step);
  EXPECT_EQ(end("ask-1"), kInOrder);
  EXPECT_EQ(end("pay-1"), kOutOfOrder);
}

TEST_F(WorkflowRequests, UnderABorrowedNameNothingIsTakenOnTheTrustOfItsOwner) {
  const auto pays_behind_what_never_ends = [&](const std::string& n) {
    for (const char* step : {"look", "ask", "pay"}) ask(step + n);
    return end("pay" + n);
  };
  session = "theirs";
  world.session(session).borrowed = true;
  for (int i = 0; i < 40; ++i) EXPECT_EQ(pays_behind_what_never_ends("-" + std::to_string(i)), i < 17 ? kInOrder : kOutOfOrder);
  session = "own";
  EXPECT_EQ(pays_behind_what_never_ends("-own"), kInOrder);
}

/// The front of a session's memory of a version before, up to its steps.
void encode_front(Writer& out, std::uint8_t version) {
  out.u8(version);
  out.u64(9);
}
/// The rest: no refusal, some counts, nothing done.
void encode_rest(Writer& out) {
  out.u8(0);
  for (std::size_t cls = 0; cls < WorkflowSession::kClasses; ++cls) out.varint(cls);
  out.varint(0);
}

TEST(WorkflowMemory, ReadsASessionOfTheVersionBeforeWhichKnewNoRequests) {
  Writer out;
  encode_front(out, 1);
  encode_rest(out);
  Reader in(out.bytes());
  const auto memory = workflow_channel().decode_memory(MemoryScope::Session, in);
  ASSERT_NE(memory, nullptr);
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(static_cast<const WorkflowSession&>(*memory).latest(), 9U);
}

TEST(WorkflowMemory, ReadsASessionOfTheVersionBeforeWhichHeldActsAtTheirRequest) {
  Writer out;
  encode_front(out, 2);
  encode_moment(out, {kFriday, 1});
  out.varint(1);
  for (const std::uint64_t hash : {5U, 6U, 9U}) out.u64(hash);  // event, action, behind
  encode_moment(out, {kFriday, 2});
  out.u8(1);
  encode_rest(out);
  Reader in(out.bytes());
  const auto memory = workflow_channel().decode_memory(MemoryScope::Session, in);
  ASSERT_NE(memory, nullptr);
  EXPECT_TRUE(in.at_end());
  auto& session = static_cast<WorkflowSession&>(*memory);
  EXPECT_EQ(session.latest(), 6U);
  EXPECT_EQ(session.before({kFriday, 2}), 9U);
  const auto step = session.take(5);
  ASSERT_TRUE(step);
  EXPECT_EQ(step->asked, (Moment{kFriday, 2}));
}

TEST(WorkflowMemory, ReadsAnAgentOfTheVersionBeforeWhichTookNothingOnTrust) {
  Writer out;
  out.u8(1);
  out.varint(0);
  Reader in(out.bytes());
  EXPECT_NE(workflow_channel().decode_memory(MemoryScope::Agent, in), nullptr);
  EXPECT_TRUE(in.at_end());
}

TEST(WorkflowMemory, KeepsTheLastSixteenActsUnderWayAndHandsEachOutOnce) {
  WorkflowSession session;
  for (std::uint64_t i = 1; i <= 17; ++i) session.ask({.event = i, .action = 100 + i, .asked = {kFriday, i}, .moves = i < 17});
  EXPECT_EQ(session.latest(), 116U) << "the last that moves the workflow";
  EXPECT_FALSE(session.take(1)) << "the oldest leaves";
  ASSERT_TRUE(session.take(16));
  EXPECT_FALSE(session.take(16));
  EXPECT_EQ(session.latest(), 115U);
  session.move_to(7, {kFriday, 18});
  EXPECT_EQ(session.latest(), 7U) << "done, and asked for later";
}

TEST(WorkflowMemory, StaysBoundedBehindActsThatNeverEnd) {
  WorkflowSession session;
  for (std::uint64_t i = 1; i <= 1'000; ++i) {
    if (i % 10 == 0) session.ask({.event = i, .action = i, .asked = {kFriday, i}, .moves = true});
    session.move_to(i, {kFriday, i});
  }
  EXPECT_LE(session.bytes(), 8'000U);
  EXPECT_EQ(session.before({kFriday, 1'000}), 1'000U);
  Writer out, again;
  session.encode(out);
  Reader in(out.bytes());
  const auto back = workflow_channel().decode_memory(MemoryScope::Session, in);
  ASSERT_NE(back, nullptr);
  back->encode(again);
  EXPECT_EQ(again.bytes(), out.bytes());
}

TEST(WorkflowMemory, HostileBytesAreRefused) {
  WorkflowSession session;
  session.book(7, kFriday);
  session.ask({.event = 1, .action = 2, .asked = {kFriday, 4}, .moves = true, .lent = 3});
  session.move_to(3, {kFriday, 5});
  Writer out;
  session.encode(out);
  for (std::size_t cut = 0; cut < out.bytes().size(); ++cut) {
    Reader in(std::string_view(out.bytes()).substr(0, cut));
    EXPECT_EQ(workflow_channel().decode_memory(MemoryScope::Session, in), nullptr) << cut;
  }
}

}  // namespace
}  // namespace ringfence::testing
