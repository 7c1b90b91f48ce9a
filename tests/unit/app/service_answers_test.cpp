// SPDX-License-Identifier: Apache-2.0
#include "engine/app/service_answers.h"

#include <gmock/gmock.h>

#include "engine/event/decode.h"
#include "engine/event/sha256.h"

namespace ringfence {
namespace {

AskAnswer told(const Result& result) { return answer_to({.bytes = "the question"}, "g", result); }

Result judged(Level applied) {
  Result out;
  out.judgement.verdict.applied = applied;
  out.judgement.findings.emplace_back().uid = "rf-1";
  return out;
}

TEST(ServiceAnswers, AnActIsRefusedWhereWhatStandsAfterItDeniesWhatIsNoRead) {
  for (const Level level : {Level::Observe, Level::Alert, Level::Throttle}) {
    const AskAnswer answer = told(judged(level));
    EXPECT_TRUE(answer.allowed) << name_of(level);
    EXPECT_EQ(answer.finding_uid, "") << "whoever passes need not know that somebody looks";
  }
  for (const Level level : {Level::Hold, Level::Halt, Level::Revoke}) {
    const AskAnswer answer = told(judged(level));
    EXPECT_FALSE(answer.allowed) << name_of(level);
    EXPECT_EQ(answer.level, name_of(level));
    EXPECT_EQ(answer.finding_uid, "rf-1");
  }
}

TEST(ServiceAnswers, AnAnswerNamesTheVeryBytesOfItsQuestion) { EXPECT_EQ(told(judged(Level::Observe)).asked, sha256_hex("the question")); }

TEST(ServiceAnswers, WhatWasNotLookedAtIsNotAllowed) {
  Result copy = judged(Level::Observe), refused = judged(Level::Observe);
  copy.judgement.copy = true;
  refused.refusal = Refusal{.reason = RefusalReason::IdConflict};
  EXPECT_FALSE(told(copy).allowed) << "an act that comes again under its id";
  EXPECT_FALSE(told(refused).allowed);
}

TEST(ServiceAnswers, OnlyRequestsThatNameAGateAreAnswered) {
  const auto gate_of = [](const std::string& more) {
    const std::string text = R"({"v":1,"kind":"tool_call","id":"1","time":"2026-11-20T12:00:00Z","agent":{"id":"a"},"tool":{"name":"t"},)" +
                             more + R"(,"outcome":{"status":"unknown"}})";
    EventDecoder decoder;
    EventArena arena;
    const auto event = decoder.decode(text, std::nullopt, arena);
    EXPECT_TRUE(event.has_value()) << text;
    const auto gate = event ? asking_gate(*event) : std::nullopt;
    return gate ? std::string(*gate) : std::string("nobody");
  };
  EXPECT_EQ(gate_of(R"("phase":"request","source":{"product":"ringfence-gate","instance":"g"})"), "g");
  EXPECT_EQ(gate_of(R"("phase":"complete","source":{"product":"ringfence-gate","instance":"g"})"), "nobody");
  EXPECT_EQ(gate_of(R"("phase":"request","source":{"product":"agentgateway","instance":"g"})"), "nobody");
  EXPECT_EQ(gate_of(R"("phase":"request","source":{"product":"ringfence-gate"})"), "nobody");
}

}  // namespace
}  // namespace ringfence
