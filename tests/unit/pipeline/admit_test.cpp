// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/admit.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <string>
#include <vector>

#include "engine/event/decode.h"
#include "tests/unit/persona/persona_fixture.h"

namespace ringfence {
namespace {

using testing_persona::Call;
using testing_persona::Loaded;
using testing_persona::persona_text;

constexpr EventTime kStart{1'700'000'000'000'000'000};

struct Agent {
  AgentState state;

  std::expected<Admission, Refusal> sees(std::string_view id, EventTime time = kStart, Phase phase = Phase::Complete,
                                         std::string_view tool = "read", std::uint64_t args = 0) {
    Event event;
    event.kind = EventKind::ToolCall;
    event.id = id;
    event.time = time;
    event.phase = phase;
    event.tool.name = tool;
    const std::string text = std::to_string(args);
    const JsonLeaf leaf{"/n", text, JsonLeaf::Kind::Number};
    if (args != 0) event.args = JsonValue{"{}", {&leaf, 1}, {0, args}};
    auto admitted = admit(state, event);
    state.last_time = std::max(state.last_time, time);
    return admitted;
  }
  Sighting sighting(std::string_view id, EventTime time = kStart, Phase phase = Phase::Complete) { return sees(id, time, phase)->sighting; }
};

TEST(Admit, AnActIsAskedForAndCompletedOnce) {
  Agent agent;
  EXPECT_EQ(agent.sighting("a", kStart, Phase::Request), Sighting::Request);
  EXPECT_EQ(agent.sighting("a", kStart, Phase::Request), Sighting::Copy);
  EXPECT_EQ(agent.sighting("a"), Sighting::Outcome);
  EXPECT_EQ(agent.sighting("a"), Sighting::Copy);
  EXPECT_EQ(agent.sighting("a", kStart, Phase::Request), Sighting::Copy);
  EXPECT_EQ(agent.sighting("b"), Sighting::Whole);
  EXPECT_EQ(agent.sighting("b", kStart, Phase::Request), Sighting::Copy) << "what is complete needs no asking";
}

TEST(Admit, OnlyAnotherToolOrOtherArgsConflict) {
  Agent agent;
  ASSERT_TRUE(agent.sees("a", kStart, Phase::Request, "read", 7));
  EXPECT_TRUE(agent.sees("a", kStart, Phase::Complete, "read", 0)) << "absent args are none";
  EXPECT_EQ(agent.sees("a", kStart, Phase::Complete, "read", 9).error().reason, RefusalReason::IdConflict);
  EXPECT_EQ(agent.sees("a", kStart, Phase::Complete, "write", 7).error().reason, RefusalReason::IdConflict);
  ASSERT_TRUE(agent.sees("b", kStart, Phase::Request));
  ASSERT_TRUE(agent.sees("b", kStart, Phase::Complete, "read", 3)) << "args that come late are remembered";
  EXPECT_FALSE(agent.sees("b", kStart, Phase::Complete, "read", 4));
}

/// The same call as its gateway's proxy and its client write it down.
TEST(Admit, TheSpellingOfArgsIsNotTheirContent) {
  const auto sees = [](Agent& agent, const std::string& phase, const std::string& args) {
    EventDecoder decoder;
    EventArena arena;
    const auto event = decoder.decode(R"({"v":1,"kind":"tool_call","phase":")" + phase +
                                          R"(","id":"a","time":"2026-11-18T08:00:00Z","agent":{"id":"x"},"tool":{"name":"t"},)" +
                                          R"("outcome":{"status":"ok"},"args":)" + args + "}",
                                      std::nullopt, arena);
    EXPECT_TRUE(event) << args;
    return admit(agent.state, *event);
  };
  const auto same = [&](const std::string& asked, const std::string& done) {
    Agent agent;
    EXPECT_EQ(sees(agent, "request", asked)->sighting, Sighting::Request);
    const auto seen = sees(agent, "complete", done);
    return seen && seen->sighting == Sighting::Outcome;
  };
  EXPECT_TRUE(same(R"({"to":"ann","n":[1,2],"o":{}})", R"({"o":{},"n":[1,2],"to":"ann"})")) << "order of members";
  EXPECT_TRUE(same(R"({"to":"ann","n":[1,2]})", "{ \"to\" : \"ann\",\t\"n\": [ 1, 2 ] }")) << "white space";
  EXPECT_TRUE(same(R"({"to":"ann","path":"a/b"})", R"({"to":"\u0061nn","path":"a\/b"})")) << "escapes";
  EXPECT_TRUE(same(R"({"to":"ann"})", R"({"to":"bob","to":"ann"})")) << "of two members of one name the last counts";
  for (const char* const other :
       {R"({"to":"bob","cc":"ann"})", R"({"to":"ann"})", R"({"to":"ann","cc":"bob","n":1})", R"({"to":"bob","cc":"ann "})",
        R"({"cc":"bob","to":["ann"]})", R"({"to":"ann","cc":null})", R"({"to":"bob","cc":["bob","ann"]})", "{}"})
    EXPECT_FALSE(same(R"({"to":"ann","cc":"bob"})", other)) << other;
  EXPECT_FALSE(same(R"({"n":[1,2]})", R"({"n":[2,1]})")) << "order within an array is content";
  EXPECT_FALSE(same(R"({"n":1})", R"({"n":"1"})"));
  EXPECT_FALSE(same(R"({"a":{}})", R"({})"));
  EXPECT_TRUE(same(R"({"a":{}})", R"({"a":[]})")) << "what is empty says nothing, whatever it is";
  EXPECT_TRUE(same(R"({"a":[1]})", R"({"a":[1,{}]})"));
  EXPECT_FALSE(same(R"({"n":[1,1]})", R"({"n":[2,2]})"));
}

/// States of the release before hold a hash of the bytes as they came.
TEST(Admit, WhatWasRememberedInAnotherWayIsNoConflict) {
  Agent agent;
  ASSERT_TRUE(agent.sees("a", kStart, Phase::Request, "read", 7));
  agent.state.acts.front().args = 0x1234567 | 1U;
  EXPECT_EQ(agent.sees("a", kStart, Phase::Complete, "read", 7)->sighting, Sighting::Outcome);
  EXPECT_EQ(agent.sees("a", kStart, Phase::Complete, "read", 8).error().reason, RefusalReason::IdConflict) << "from here on it is known";
}

/// Two actions of one tool, told apart by an argument and by a resource.
struct ToldApart : ::testing::Test {
  static std::string text(const std::string& second) {
    return "actions:\n  - {id: one, tools: [t], effect: read, arguments: {n: {one_of: [\"1\"]}}}\n  - {id: " + second +
           ", tools: [t], effect: read, arguments: {n: {one_of: [\"2\"]}}}\n  - {id: near, tools: [u], effect: read, resources: "
           "[\"a/**\"]}\n  - {id: far, tools: [u], effect: read, resources: [\"b/**\"]}\n";
  }
  /// What the act's next event is held against: `-` for no action.
  std::string action(Call& call, Phase phase, const Persona& job) {
    call.event.id = "a";
    call.event.phase = phase;
    call.event.time = kStart;
    const auto admitted = admit(state, call.event);
    if (!admitted) return "refused";
    const ActionMatch match = match_known(job, call.event, admitted->sighting, state.acts.at(admitted->act));
    return match.action ? job.actions[*match.action].id : "-";
  }
  AgentState state;
  const Loaded clerk{persona_text(text("two"))};
};

TEST_F(ToldApart, ACompletionWithoutArgumentsIsWhatItsRequestWas) {
  EXPECT_EQ(action(Call("t").with("/n", "2"), Phase::Request, clerk.persona()), "two");
  Call done("t");
  EXPECT_EQ(action(done, Phase::Complete, clerk.persona()), "two");
  EXPECT_EQ(state.acts[0].action, 0U) << "nothing is kept beyond it";
}

TEST_F(ToldApart, ACompletionWithoutAResourceIsWhatItsRequestWas) {
  EXPECT_EQ(action(Call("u").on("b/1"), Phase::Request, clerk.persona()), "far");
  EXPECT_EQ(action(Call("u").with("/n", "2"), Phase::Complete, clerk.persona()), "far");
}

TEST_F(ToldApart, WhatItsRequestWasNoActionOfIsNone) {
  EXPECT_EQ(action(Call("u").on("c/1"), Phase::Request, clerk.persona()), "-");
  Call done("u");
  EXPECT_EQ(action(done, Phase::Complete, clerk.persona()), "-");
}

TEST_F(ToldApart, ACompletionThatSaysMoreThanItsRequestSpeaksForItself) {
  Call asked("t");
  EXPECT_EQ(action(asked, Phase::Request, clerk.persona()), "one");
  EXPECT_EQ(action(Call("t").with("/n", "2"), Phase::Complete, clerk.persona()), "two");
}

TEST_F(ToldApart, AnActionThatTheJobHasNoMoreIsLookedForAgain) {
  EXPECT_EQ(action(Call("t").with("/n", "2"), Phase::Request, clerk.persona()), "two");
  const Loaded later(persona_text(text("zwei")));
  Call done("t");
  EXPECT_EQ(action(done, Phase::Complete, later.persona()), "one");
}

TEST(Admit, AnActIsKnownForADayOfTheAgentsOwnTime) {
  Agent agent;
  EXPECT_EQ(agent.sighting("a"), Sighting::Whole);
  EXPECT_EQ(agent.sighting("a", kStart + hours(24)), Sighting::Copy);
  EXPECT_EQ(agent.sighting("a", kStart + hours(24) + Nanos{1}), Sighting::Whole);
}

TEST(Admit, ACopyOfAnEventThatCameDaysLateIsACopy) {
  Agent agent;
  [[maybe_unused]] const auto now = agent.sees("now", kStart + hours(72));
  EXPECT_EQ(agent.sighting("late"), Sighting::Whole);
  EXPECT_EQ(agent.sighting("late"), Sighting::Copy);
}

TEST(Admit, WhatLeavesBeforeItsDayIsCounted) {
  Agent agent;
  for (int i = 0; i < 4096; ++i) EXPECT_TRUE(agent.sees("act-" + std::to_string(i)));
  EXPECT_EQ(agent.state.acts_forgotten_early, 0U);
  EXPECT_EQ(agent.sighting("act-0"), Sighting::Copy);
  EXPECT_EQ(agent.sighting("one more"), Sighting::Whole);
  EXPECT_EQ(agent.state.acts_forgotten_early, 256U);
  EXPECT_EQ(agent.sighting("act-255"), Sighting::Whole) << "gone";
  EXPECT_EQ(agent.sighting("act-256"), Sighting::Copy);
  EXPECT_LE(agent.state.acts.size(), limits::kActsPerAgent);
}

TEST(Admit, ActsThatLookAlikeAtAGlanceAreToldApart) {
  Agent agent;
  std::vector<std::string> alike;
  for (int i = 0; alike.size() < 40; ++i)
    if (const std::string id = "act-" + std::to_string(i); hash64(id) >> 56U == hash64("act-0") >> 56U) alike.push_back(id);
  for (const std::string& id : alike) EXPECT_EQ(agent.sighting(id), Sighting::Whole) << id;
  for (const std::string& id : alike) EXPECT_EQ(agent.sighting(id), Sighting::Copy) << id;
}

/// The same memory, kept as a plain list.
struct PlainMemory {
  struct Seen {
    std::string id;
    EventTime time;
  };
  std::deque<Seen> acts;
  EventTime last;

  bool copy(const std::string& id, EventTime time) {
    const EventTime now = std::max(last, time);
    for (Seen& seen : acts) {
      if (seen.id != id) continue;
      if (now - seen.time <= hours(24)) return last = now, true;
      seen.time = last = now;
      return false;
    }
    if (acts.size() == 4096) acts.erase(acts.begin(), acts.begin() + 256);
    acts.push_back({id, now});
    last = now;
    return false;
  }
};

TEST(Admit, TheIndexFindsWhatAPlainListFinds) {
  std::mt19937_64 dice(20261120);
  Agent agent;
  PlainMemory plain;
  EventTime time = kStart;
  for (int i = 0; i < 30'000; ++i) {
    time = time + seconds(static_cast<std::int64_t>(dice() % 40));
    const std::string id = std::to_string(dice() % (i < 2000 ? 60 : 7000));
    const EventTime told = dice() % 50 == 0 ? time - hours(30) : time;
    ASSERT_EQ(agent.sighting(id, told) == Sighting::Copy, plain.copy(id, told)) << "event " << i;
    if (dice() % 4000 == 0) agent.state.derived = {};  // as after a restart
  }
}

}  // namespace
}  // namespace ringfence
