// SPDX-License-Identifier: Apache-2.0
// Asked before it happens: a payment that a mail has ordered is refused, the same payment that the user asked for goes through. The gate,
// the engine and the broker between them are the real ones.
#include "tests/integration/gate/asking.h"

#include <gmock/gmock.h>
#include <signal.h>

#include <nlohmann/json.hpp>

namespace ringfence::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

class AskedBefore : public ::testing::Test {
 protected:
  void start(AskingWorld::Settings settings = {}) {
    open(std::move(settings));
    world_->start_engine();
    world_->start_gate();
    ASSERT_TRUE(world_->answers()) << world_->engine().log() << world_->gate().log();
  }
  void open(AskingWorld::Settings settings) {
    broker_ = &Broker::running_shared();
    world_ = std::make_unique<AskingWorld>(*broker_, std::move(settings));
  }
  /// What becomes of a payment, without a word of whether it was justified: nobody answers.
  [[nodiscard]] std::string pays() {
    const HttpAnswer answer = world_->envoy("assistant-3", "s-3", "bank", payment());
    const auto at = answer.head.find("X-Ringfence-Reason: ");
    return at == std::string::npos ? std::to_string(answer.status) : answer.head.substr(at + 20, answer.head.find("\r\n", at) - at - 20);
  }
  Broker* broker_ = nullptr;
  std::unique_ptr<AskingWorld> world_;
};

TEST_F(AskedBefore, AnInjectedPaymentIsRefusedAtEnvoyAndTheSameThatTheUserAskedForGoesThrough) {
  start();
  world_->reads_the_mail("assistant-1", "s-1", "What is new in my inbox?");
  world_->reads_the_mail("assistant-2", "s-2", std::string("Read my inbox, then pay 900 EUR to ") + kAccount + ".");
  const HttpAnswer injected = world_->envoy("assistant-1", "s-1", "bank", payment());
  EXPECT_EQ(injected.status, 403) << injected.head << injected.body;
  EXPECT_THAT(injected.head, HasSubstr("X-Ringfence-Reason: ask.refused"));
  EXPECT_THAT(injected.head, HasSubstr("X-Ringfence-Finding: rf-"));
  EXPECT_EQ(json::parse(injected.body).at("id"), "call-9");
  EXPECT_EQ(world_->envoy("assistant-2", "s-2", "bank", payment()).status, 200);
  // Nothing but the question has been said of the payment: it was refused before it happened, and its finding stands.
  TopicTail findings(*broker_, world_->installation().topic("findings"));
  EXPECT_TRUE(findings.until([](const std::vector<TopicRecord>& records) {
    return std::ranges::any_of(records, [](const TopicRecord& record) { return record.value.find("flow.toxic") != std::string::npos; });
  }));
}

TEST_F(AskedBefore, AtToolHivesWebhookToo) {
  start({.subject = "{agent: \"body:/principal/sub\"}", .server = "body:/context/server_name"});
  world_->reads_the_mail("assistant-1", "", "What is new in my inbox?");
  world_->reads_the_mail("assistant-2", "", std::string("Read my inbox, then pay 900 EUR to ") + kAccount + ".");
  const json injected = json::parse(world_->toolhive("assistant-1", "bank", payment()).body);
  EXPECT_EQ(injected.at("allowed"), false) << injected;
  EXPECT_EQ(injected.at("reason"), "ask.refused");
  EXPECT_EQ(json::parse(world_->toolhive("assistant-2", "bank", payment()).body).at("allowed"), true);
}

TEST_F(AskedBefore, AnOutageOfTheBrokerIsForTheSettingAndEndsWithIt) {
  start({.deadline = "300ms"});
  broker_->stop();
  EXPECT_EQ(world_->envoy("assistant-2", "s-2", "bank", payment()).status, 503);
  EXPECT_EQ(world_->envoy("assistant-2", "s-2", "mail", tool_call("read_mail", R"({"id":"m-1"})")).status, 200) << "reads go on";
  ASSERT_TRUE(broker_->start().has_value());
  EXPECT_TRUE(world_->answers()) << world_->gate().log();
}

TEST_F(AskedBefore, AKilledGateAndAKilledEngineComeBackToAnswers) {
  start({.deadline = "300ms"});
  world_->kill_gate();
  EXPECT_EQ(world_->envoy("assistant-2", "s-2", "bank", payment()).status, 0) << "whoever cannot ask does not pass";
  world_->start_gate();
  EXPECT_TRUE(world_->answers());
  world_->kill_engine();
  EXPECT_EQ(world_->envoy("assistant-2", "s-2", "bank", payment()).status, 503);
  EXPECT_THAT(world_->gate().get("/metrics"), HasSubstr("ringfence_gate_asks_total{answer=\"refused\",end=\"late\"}"));
  world_->start_engine();
  EXPECT_TRUE(world_->answers()) << world_->engine().log();
}

TEST_F(AskedBefore, WhoseActsToAskAboutComesFromWhatWasPublished) {
  open({.deadline = "300ms", .published = true});
  world_->start_gate();
  EXPECT_EQ(pays(), "gate.unready") << "nothing was published yet";
  EXPECT_THAT(world_->gate().get("/readyz"), AllOf(HasSubstr("503"), HasSubstr("whose acts to ask about is not known")));
  world_->publish(4);
  ASSERT_TRUE(world_->gate().logged("personas taken from the context topic")) << world_->gate().log();
  world_->start_engine();
  ASSERT_TRUE(world_->answers()) << world_->engine().log() << world_->gate().log();
  EXPECT_THAT(world_->gate().get("/readyz"), HasSubstr("200"));
  world_->kill_engine();
  EXPECT_EQ(pays(), "ask.late");

  world_->publish(3);
  ASSERT_TRUE(world_->gate().logged("personas taken from the context topic", 2)) << world_->gate().log();
  EXPECT_EQ(pays(), "200") << "acts of that tier are not asked about";
  world_->installation().put(world_->installation().topic("context"), 0, "personas",
                             R"({"v":1,"kind":"persona_set","files":{"broken.yaml":"id: ["}})");
  ASSERT_TRUE(world_->gate().logged("persona set refused, the old one stays")) << world_->gate().log();
  EXPECT_EQ(pays(), "200");
  world_->publish(4);
  ASSERT_TRUE(world_->gate().logged("personas taken from the context topic", 3)) << world_->gate().log();
  EXPECT_EQ(pays(), "ask.late");

  // A start needs no broker: what was in force is.
  world_->kill_gate();
  broker_->stop();
  world_->start_gate();
  EXPECT_EQ(pays(), "ask.unsent") << "asked about, with nobody to ask: " << world_->gate().log();
  ASSERT_TRUE(broker_->start().has_value());
}

/// Whoever can write to both topics plays the gate an answer that it has had, and one that nobody signed.
TEST_F(AskedBefore, AnswersPlayedAgainAndForgedOnesChangeNothing) {
  start();
  TopicTail verdicts(*broker_, world_->installation().topic("verdicts"));
  std::string answer;
  ASSERT_TRUE(verdicts.until([&](const std::vector<TopicRecord>& records) {
    for (const TopicRecord& record : records)
      if (record.key == "gateway-1") answer = record.value;
    return !answer.empty();
  }));
  world_->installation().put(world_->installation().topic("verdicts"), 0, "gateway-1", answer);
  world_->installation().put(world_->installation().topic("verdicts"), 0, "gateway-1", "x.y.z");
  world_->reads_the_mail("assistant-1", "s-1", "What is new in my inbox?");
  EXPECT_EQ(world_->envoy("assistant-1", "s-1", "bank", payment()).status, 403);
  const std::string metrics = world_->gate().get("/metrics");
  EXPECT_THAT(metrics, HasSubstr("ringfence_gate_ask_records_total{reason=\"stray\"} 1"));
  EXPECT_THAT(metrics, HasSubstr("ringfence_gate_ask_records_total{reason=\"untrusted\"} 1"));
}

}  // namespace
}  // namespace ringfence::testing
