// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/observer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "engine/event/decode.h"
#include "tests/unit/pipeline/watch.h"

namespace ringfence {
namespace {

/// Acts at one server, a second apart.
class Fleet {
 public:
  std::string act(int agent, const std::string& outcome, const std::string& server = "git") { return call(agent, outcome, server, "{}"); }
  /// `outcome` may have a code behind a blank.
  std::string call(int agent, const std::string& outcome, const std::string& server, const std::string& args) {
    ++acts_;
    const std::size_t blank = std::min(outcome.find(' '), outcome.size());
    const std::string code = blank < outcome.size() ? R"(","code":")" + outcome.substr(blank + 1) : "";
    const std::string record = R"({"v":1,"kind":"tool_call","id":"c)" + std::to_string(acts_) + R"(","time":")" +
                               format_rfc3339(*parse_rfc3339("2026-11-20T08:00:00Z") + seconds(acts_)) + R"(","agent":{"id":"a)" +
                               std::to_string(agent) + R"("},"tool":{"server":")" + server + R"(","name":"get"},"args":)" + args +
                               R"(,"outcome":{"status":")" + outcome.substr(0, blank) + code + R"("}})";
    const auto event = decoder_.decode(record, std::nullopt, arena_);
    return observer.see(event.value()).value_or("");
  }
  void pass(int seconds) { acts_ += seconds; }
  FleetObserver observer;

 private:
  EventDecoder decoder_;
  EventArena arena_;
  std::int64_t acts_ = 0;
};

TEST(FleetObserver, SaysThatAServerIsOutWhenAgentsItServedAllFail) {
  Fleet fleet;
  for (int agent = 0; agent < 6; ++agent) EXPECT_EQ(fleet.act(agent, "ok"), "");
  for (int agent = 0; agent < 4; ++agent) EXPECT_EQ(fleet.act(agent, "denied"), "") << "four may be four bad agents";
  const std::string fact = fleet.act(4, "denied");
  EXPECT_NE(fact.find(R"("change":"outage_start","scope":"server:git")"), std::string::npos) << fact;
  EXPECT_EQ(fleet.act(5, "denied"), "") << "said once";
  for (int agent = 0; agent < 3; ++agent) EXPECT_EQ(fleet.act(agent, "ok"), "");
  EXPECT_NE(fleet.act(3, "ok").find("outage_end"), std::string::npos);
}

TEST(FleetObserver, OneAgentCannotFakeAnOutageHoweverOftenItFails) {
  Fleet fleet;
  for (int agent = 0; agent < 6; ++agent) (void)fleet.act(agent, "ok");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(fleet.act(1, "denied"), "");
}

TEST(FleetObserver, AgentsThatWereNeverServedThereProveNothing) {
  Fleet fleet;
  for (int agent = 0; agent < 50; ++agent) EXPECT_EQ(fleet.act(agent, "denied"), "");
}

TEST(FleetObserver, WhatAnAgentNeverHadOrIsNotThereSaysNothingOfAServerHoweverManyTry) {
  for (const std::string refusal : {"denied 403", "error 404", "error not_found"}) {
    Fleet fleet;
    for (int agent = 0; agent < 8; ++agent) (void)fleet.call(agent, "ok", "git", R"({"sha":"real"})");
    for (int i = 0; i < 14; ++i)
      for (int agent = 0; agent < 8; ++agent)
        EXPECT_EQ(fleet.call(agent, refusal, "git", R"({"sha":"guess-)" + std::to_string(agent * 100 + i) + R"("})"), "") << refusal;
    for (int agent = 0; agent < 8; ++agent)
      EXPECT_EQ(fleet.call(agent, "denied 403", "git", R"({"sha":"real-of-another"})"), "") << "never its own";
  }
}

TEST(FleetObserver, DenialsOfWhatWasGivenBeforeAndErrorsAreAnOutage) {
  const auto own = [](int agent) { return R"({"sha":"real-)" + std::to_string(agent) + R"("})"; };
  for (const std::string refusal : {"denied 403", "error 503", "error"}) {
    Fleet fleet;
    for (int agent = 0; agent < 8; ++agent) (void)fleet.call(agent, "ok", "git", own(agent));
    std::string said;
    for (int agent = 0; agent < 8; ++agent) said += fleet.call(agent, refusal, "git", own(agent));
    EXPECT_NE(said.find(R"("source":{"product":"ringfence-observer"},"change":"outage_start")"), std::string::npos) << refusal << said;
  }
}

/// A fleet before the whole engine, with the facts that the observer finds, each in force from the next act on.
class WatchedFleet {
 public:
  Level act(const std::string& agent, const std::string& outcome, const std::string& code, const std::string& ref) {
    testing::Call call{.agent = agent, .outcome = outcome, .code = code, .ref = ref};
    call.id = "c" + std::to_string(++acts_);
    if (outcome == "ok") call.more = R"(,"result":"found )" + ref + "\"";
    const std::string record = testing::Watch::json(call, *parse_rfc3339("2026-11-20T08:00:00Z") + seconds(acts_));
    const auto judged = rehearsal_.feed(record);
    if (!judged) throw std::runtime_error(judged.error().detail);
    const auto event = decoder_.decode(record, std::nullopt, arena_);
    if (const auto fact = observer_.see(event.value())) {
      said += *fact;
      if (!rehearsal_.feed(*fact)) throw std::runtime_error("the fact was refused");
    }
    return judged->verdict.level;
  }
  std::string said;

 private:
  Rulebook rules_ = testing::rulebook({testing::clerk("mode: enforce")});
  Rehearsal rehearsal_{rules_};
  FleetObserver observer_;
  EventDecoder decoder_;
  EventArena arena_;
  int acts_ = 0;
};

TEST(FleetObserver, EightAgentsThatGuessTogetherAreEachFoundAsOneWouldBe) {
  for (const auto& [outcome, code] : {std::pair{"denied", "403"}, std::pair{"error", "404"}}) {
    WatchedFleet fleet;
    std::map<int, Level> level;
    for (int agent = 0; agent < 8; ++agent) (void)fleet.act("clerk-" + std::to_string(agent), "ok", "200", testing::near_miss(0));
    for (int i = 1; i < 14; ++i)
      for (int agent = 0; agent < 8; ++agent)
        level[agent] = fleet.act("clerk-" + std::to_string(agent), outcome, code, testing::near_miss(i + agent));
    EXPECT_EQ(fleet.said, "");
    for (const auto& [agent, reached] : level) EXPECT_EQ(reached, Level::Halt) << agent << ' ' << code;
  }
}

TEST(FleetObserver, AgentsThatBringAboutErrorsTogetherDoNotHideTheirGuesses) {
  WatchedFleet fleet;
  std::map<int, Level> level;
  for (int agent = 0; agent < 8; ++agent) (void)fleet.act("clerk-" + std::to_string(agent), "ok", "200", testing::near_miss(0));
  for (int i = 1; i < 14; ++i)
    for (int agent = 0; agent < 8; ++agent) {
      (void)fleet.act("clerk-" + std::to_string(agent), "error", "500", testing::near_miss(0));
      level[agent] = fleet.act("clerk-" + std::to_string(agent), "denied", "403", testing::near_miss(i + agent));
    }
  EXPECT_NE(fleet.said, "") << "the camouflage works";
  for (const auto& [agent, reached] : level) EXPECT_EQ(reached, Level::Halt) << agent;
}

TEST(FleetObserver, AnOutageThatRefusesEverybodyWhatTheyHadIsNobodysFault) {
  WatchedFleet fleet;
  const auto ref = [](int agent) { return "report-" + std::to_string(agent); };
  for (int round = 0; round < 3; ++round)
    for (int agent = 0; agent < 8; ++agent) (void)fleet.act("clerk-" + std::to_string(agent), "ok", "200", ref(agent));
  Level highest = Level::Observe;
  for (int round = 0; round < 40; ++round)
    for (int agent = 0; agent < 8; ++agent)
      highest = std::max(highest, fleet.act("clerk-" + std::to_string(agent), "denied", "403", ref(agent)));
  EXPECT_NE(fleet.said, "");
  EXPECT_EQ(highest, Level::Observe);
}

TEST(FleetObserver, FailuresOfLongAgoAndOfOtherServersDoNotAddUp) {
  Fleet fleet;
  for (int agent = 0; agent < 6; ++agent) (void)fleet.act(agent, "ok");
  for (int agent = 0; agent < 6; ++agent) {
    EXPECT_EQ(fleet.act(agent, "denied"), "");
    fleet.pass(60);
  }
  Fleet two;
  for (int agent = 0; agent < 6; ++agent) (void)two.act(agent, "ok", agent % 2 == 0 ? "git" : "crm");
  for (int agent = 0; agent < 6; ++agent) EXPECT_EQ(two.act(agent, "denied", agent % 2 == 0 ? "git" : "crm"), "");
}

TEST(FleetObserver, GoesOnFromWhatItKnew) {
  Fleet whole, cut;
  for (int agent = 0; agent < 8; ++agent) {
    (void)whole.act(agent, "ok");
    (void)cut.act(agent, "ok");
  }
  for (int agent = 0; agent < 8; ++agent) {
    FleetObserver next;
    ASSERT_TRUE(next.restore(cut.observer.encode()));
    cut.observer = next;
    EXPECT_EQ(cut.act(agent, "denied"), whole.act(agent, "denied"));
  }
  EXPECT_EQ(cut.observer.encode(), whole.observer.encode());
  EXPECT_FALSE(cut.observer.restore("no observer"));
}

TEST(FleetObserver, GoesOnFromWhatAnEarlierEngineKeptWhichDidNotKnowWhatWasServed) {
  Fleet fleet;
  for (int agent = 0; agent < 6; ++agent) (void)fleet.act(agent, "ok");
  std::string bytes = fleet.observer.encode();
  const std::size_t calls = 6;  // of the one server, behind everything else: their number, and 1 to 5 bytes each
  ASSERT_GT(bytes.size(), 1 + 5 * calls);
  std::string earlier;
  for (std::size_t cut = 1 + calls; cut <= 1 + 5 * calls && earlier.empty(); ++cut)
    if (bytes[bytes.size() - cut] == static_cast<char>(calls) && FleetObserver().restore(bytes.substr(0, bytes.size() - cut)))
      earlier = bytes.substr(0, bytes.size() - cut);
  ASSERT_FALSE(earlier.empty());
  ASSERT_TRUE(fleet.observer.restore(earlier));
  std::string said;
  for (int agent = 0; agent < 6; ++agent) said += fleet.act(agent, "error");
  EXPECT_NE(said.find("outage_start"), std::string::npos) << "whom it served is still known";
}

}  // namespace
}  // namespace ringfence
