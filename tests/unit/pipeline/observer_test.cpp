// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/observer.h"

#include <gtest/gtest.h>

#include "engine/event/decode.h"

namespace ringfence {
namespace {

/// Acts at one server, a second apart.
class Fleet {
 public:
  std::string act(int agent, const std::string& outcome, const std::string& server = "git") {
    ++acts_;
    const std::string record = R"({"v":1,"kind":"tool_call","id":"c)" + std::to_string(acts_) + R"(","time":")" +
                               format_rfc3339(*parse_rfc3339("2026-11-20T08:00:00Z") + seconds(acts_)) + R"(","agent":{"id":"a)" +
                               std::to_string(agent) + R"("},"tool":{"server":")" + server + R"(","name":"get"},"outcome":{"status":")" +
                               outcome + R"("}})";
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

}  // namespace
}  // namespace ringfence
