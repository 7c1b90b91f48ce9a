// SPDX-License-Identifier: Apache-2.0
// Calls through a real Envoy on deploy/gateways/envoy.yaml, refused and let pass by a real `ringfence gate`; and acts that Envoy has asked
// about before they happen, with a real broker and engine behind the gate.
#include <gmock/gmock.h>
#include <signal.h>

#include <nlohmann/json.hpp>

#include "tests/integration/certificates.h"
#include "tests/integration/gate/asking.h"
#include "tests/integration/gate/gateways.h"

namespace ringfence::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;
using ::testing::SizeIs;

constexpr const char* kCoderAgent = "spiffe://corp.example/agent/code-maintainer";
/// What a test in a hurry must not depend on: how fast this machine is.
constexpr const char* kShippedPatience = "timeout: 0.25s";

std::string agent_called(const std::string& name) { return "spiffe://corp.example/agent/" + name; }

class GateBehindEnvoy : public GateBehindGateway {
 protected:
  GateBehindEnvoy() : GateBehindGateway("envoy.yaml") {}
  void SetUp() override {
    if (!gateway_program("envoy")) GTEST_SKIP() << not_fetched("envoy");
  }
  void start(bool with_shipped_patience = false) {
    if (!with_shipped_patience) world_.gateway().put(kShippedPatience, "timeout: 30s");
    world_.start_gate();
    envoy_ = std::make_unique<Envoy>(world_.directory(), world_.gateway(), tool_);
    envoy_->issue("invoice", {kInvoiceAgent});
    envoy_->issue("coder", {kCoderAgent});
    // A gate that has never read its log to the end lets nobody pass.
    said(Speaker::halt("somebody-else"));
    tool_.calls();
  }
  [[nodiscard]] std::vector<std::string> forged() const {
    return {std::string("X-Forwarded-Client-Cert: URI=") + kCoderAgent, std::string("x-forwarded-client-cert: Hash=00;URI=") + kCoderAgent,
            "X-Tool-Server: crm", "x-tool-server: bank", "X-Request-Id: an-id-of-mine"};
  }

  std::unique_ptr<Envoy> envoy_;
  Speaker engine_;
};

TEST_F(GateBehindEnvoy, AHaltedAgentsNextCallIsRefusedWithTheFindingAndTheIdOfItsRequest) {
  start();
  const std::string pay = tool_call("pay", "{}");
  EXPECT_EQ(envoy_->call("invoice", "POST", pay).body, "done");
  said(Speaker::halt(kInvoiceAgent));
  EXPECT_THAT(tool_.calls(), SizeIs(1));

  const HttpAnswer refused = envoy_->call("invoice", "POST", pay);
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.head, AllOf(HasSubstr("x-ringfence-reason: containment.halt\r\n"), HasSubstr("x-ringfence-finding: rf-0123\r\n"),
                                  HasSubstr("content-type: application/json\r\n")));
  const json body = json::parse(refused.body);
  EXPECT_EQ(body.at("id"), "call-9");
  EXPECT_EQ(body.at("error").at("code"), -32010);
  EXPECT_EQ(body.at("error").at("data").at("finding"), "rf-0123");
  EXPECT_EQ(envoy_->call("invoice").status, 403) << "reads too";
  EXPECT_THAT(tool_.calls(), IsEmpty());
  EXPECT_EQ(envoy_->call("coder", "POST", pay).body, "done") << "siblings are untouched";

  said(Speaker::release(kInvoiceAgent, 2));
  EXPECT_EQ(envoy_->call("invoice", "POST", pay).body, "done");
}

TEST_F(GateBehindEnvoy, WhatACallerSaysOfItselfCountsForNothing) {
  start();
  said(Speaker::halt(kInvoiceAgent));
  EXPECT_EQ(envoy_->call("invoice", "GET", {}, forged()).status, 403) << "under another's name";
  EXPECT_EQ(envoy_->call("invoice", "GET", {}, {"Connection: x-forwarded-client-cert, x-tool-server"}).status, 403) << "under none";
  EXPECT_THAT(tool_.calls(), IsEmpty());

  EXPECT_EQ(envoy_->call("coder", "GET", {}, {std::string("X-Forwarded-Client-Cert: URI=") + kInvoiceAgent}).body, "done");
  EXPECT_EQ(envoy_->call("coder", "POST", "{}", forged()).body, "done");
  const auto calls = tool_.calls();
  ASSERT_THAT(calls, SizeIs(2));
  for (const Tool::Call& call : calls) {
    EXPECT_EQ(call.headers.at("x-tool-server"), "erp") << "which the gate was shown, too";
    EXPECT_THAT(call.headers.at("x-forwarded-client-cert"),
                AllOf(HasSubstr(kCoderAgent), Not(HasSubstr(kInvoiceAgent)), Not(HasSubstr(","))));
    EXPECT_THAT(call.headers.at("x-request-id"), SizeIs(36)) << "an id of Envoy's own";
  }
}

TEST_F(GateBehindEnvoy, OnlyAnAgentsCertificateMakesAConnectionAndOnlyOneNameACall) {
  start();
  envoy_->issue("person", {"spiffe://corp.example/user/eve"});
  envoy_->issue("both", {kCoderAgent, kInvoiceAgent});
  ASSERT_TRUE(make_certificate(world_.directory(), "stranger", {.issuer = {}, .names = std::string("URI:") + kCoderAgent}));
  for (const char* certificate : {"", "person", "stranger"}) {
    EXPECT_EQ(envoy_->call(certificate).status, 0) << certificate;
    EXPECT_EQ(envoy_->call(certificate, "POST", "{}", forged()).status, 0) << certificate;
  }
  const HttpAnswer refused = envoy_->call("both");
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.head, HasSubstr("x-ringfence-reason: gate.unidentified"));
  EXPECT_THAT(tool_.calls(), IsEmpty());
}

TEST_F(GateBehindEnvoy, UnderAHoldReadsPassAndWhatMayBeNoReadDoesNot) {
  start();
  said(Speaker::halt(kInvoiceAgent, 1, Level::Hold));
  EXPECT_EQ(envoy_->call("invoice").body, "done");
  EXPECT_EQ(envoy_->call("invoice", "POST", R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})").body, "done") << "Envoy shows the body";
  EXPECT_THAT(tool_.calls(), SizeIs(2));
  EXPECT_EQ(envoy_->call("invoice", "POST", tool_call("pay", "{}")).status, 403);
  EXPECT_EQ(envoy_->call("invoice", "GET", tool_call("pay", "{}")).status, 403) << "a body counts whatever the method";
  EXPECT_EQ(envoy_->call("invoice", "DELETE").status, 403);
  for (const char* override : {"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"}) {
    EXPECT_EQ(envoy_->call("invoice", "GET", {}, {std::string(override) + ": DELETE"}).status, 403) << override;
    EXPECT_EQ(envoy_->call("invoice", "GET", {}, {std::string(override) + ": GET", std::string(override) + ": DELETE"}).status, 403);
  }
  EXPECT_THAT(tool_.calls(), IsEmpty());
  // A tool that reads headers as variables of its environment takes this for the same.
  EXPECT_EQ(envoy_->call("invoice", "GET", {}, {"X_HTTP_Method_Override: DELETE", "X_Tool_Server: bank"}).body, "done");
  const auto calls = tool_.calls();
  ASSERT_THAT(calls, SizeIs(1));
  EXPECT_EQ(calls.front().headers.count("x_http_method_override") + calls.front().headers.count("x_tool_server"), 0U);
}

TEST_F(GateBehindEnvoy, AThrottleSaysWhenToComeAgain) {
  start();
  auto throttle = Speaker::halt(kInvoiceAgent, 1, Level::Throttle);
  throttle.credits_start = throttle.credits_ceiling = 1;
  said(throttle);
  int passed = 0;
  HttpAnswer answer = envoy_->call("invoice");
  for (; passed < 5 && answer.status == 200; ++passed) answer = envoy_->call("invoice");
  EXPECT_THAT(passed, AllOf(Ge(1), Le(2))) << "a minute may have passed between";
  EXPECT_EQ(answer.status, 429);
  EXPECT_THAT(answer.head, HasSubstr("retry-after: 60\r\n"));
}

TEST_F(GateBehindEnvoy, AGateThatIsAwayOrHangsIsADenial) {
  start(/*with_shipped_patience=*/true);
  // Whoever is busy may be refused once: that it passes at all is what has to be seen.
  ASSERT_TRUE(wait_until([this] { return envoy_->call("coder").body == "done"; }));
  tool_.calls();
  world_.gate().signal(SIGSTOP);
  EXPECT_EQ(envoy_->call("coder").status, 503);
  world_.gate().signal(SIGCONT);
  EXPECT_THAT(tool_.calls(), IsEmpty());
  EXPECT_TRUE(wait_until([this] { return envoy_->call("coder").body == "done"; }));
  tool_.calls();
  world_.kill_gate();
  EXPECT_EQ(envoy_->call("coder").status, 503);
  EXPECT_EQ(envoy_->call("coder", "POST", "{}").status, 503);
  EXPECT_THAT(tool_.calls(), IsEmpty());
  world_.start_gate();
  EXPECT_TRUE(wait_until([this] { return envoy_->call("coder").body == "done"; }));
}

TEST_F(GateBehindEnvoy, ABodyOverTheLimitIsRefusedAndGoesNowhere) {
  start();
  const auto call_of = [](std::size_t bytes) {
    const std::string around = tool_call("note", R"({"text":""})");
    return tool_call("note", R"({"text":")" + std::string(bytes - around.size(), 'x') + "\"}");
  };
  constexpr std::size_t kLimit = 1U << 20U;
  EXPECT_EQ(envoy_->call("coder", "POST", call_of(kLimit)).body, "done") << "what Envoy takes, the gate takes";
  EXPECT_THAT(tool_.calls(), ElementsAre(Field(&Tool::Call::body_bytes, kLimit)));
  EXPECT_EQ(envoy_->call("coder", "POST", call_of(kLimit + 1)).status, 413);
  EXPECT_EQ(envoy_->call("coder", "POST", call_of(3 * kLimit), {"Transfer-Encoding: chunked"}).status, 413);
  EXPECT_THAT(tool_.calls(), IsEmpty());
}

TEST_F(GateBehindEnvoy, NoCallerHasAnActRepeatedOrRedirected) {
  start();
  tool_.answer_with(503);
  EXPECT_EQ(envoy_
                ->call("coder", "POST", "{}",
                       {"X-Envoy-Retry-On: 5xx", "X-Envoy-Max-Retries: 3", "X-Envoy-Original-Path: /other", "X-Forwarded-For: 10.0.0.1"})
                .status,
            503);
  const auto calls = tool_.calls();
  ASSERT_THAT(calls, SizeIs(1)) << "asked about once, done once";
  EXPECT_EQ(calls.front().headers.count("x-envoy-original-path"), 0U);
}

/// The same with an engine that is asked, and a bank behind Envoy.
class AskedAtEnvoy : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!gateway_program("envoy")) GTEST_SKIP() << not_fetched("envoy");
    ShippedFile file("envoy.yaml");
    // Of whom personas say that it pays; and how fast the machine is, is not what is asked here.
    file.put("value: erp", "value: bank").put(kShippedPatience, "timeout: 30s").put_port(9465, free_port());
    broker_ = &Broker::running_shared();
    world_ = std::make_unique<AskingWorld>(*broker_, AskingWorld::Settings{.gateway = file});
    world_->start_engine();
    world_->start_gate();
    envoy_ = std::make_unique<Envoy>(world_->installation().directory(), file, tool_);
    for (const char* name : {"assistant-0", "assistant-1", "assistant-2"}) envoy_->issue(name, {agent_called(name)});
    ASSERT_TRUE(world_->answers([this](const std::string& body) { return calls("assistant-0", body); })) << world_->gate().log();
    tool_.calls();
  }
  [[nodiscard]] HttpAnswer calls(const std::string& assistant, const std::string& body, std::vector<std::string> headers = {}) {
    headers.push_back("Mcp-Session-Id: s-" + assistant);
    return envoy_->call(assistant, "POST", body, headers);
  }
  void reads_the_mail(const std::string& assistant, const std::string& task) {
    world_->reads_the_mail(agent_called(assistant), "s-" + assistant, task);
  }

  Broker* broker_ = nullptr;
  std::unique_ptr<AskingWorld> world_;
  Tool tool_;
  std::unique_ptr<Envoy> envoy_;
};

TEST_F(AskedAtEnvoy, AnInjectedPaymentNeverHappensAndTheSameThatTheUserAskedForGoesThrough) {
  reads_the_mail("assistant-1", "What is new in my inbox?");
  reads_the_mail("assistant-2", std::string("Read my inbox, then pay 900 EUR to ") + kAccount + ".");
  const HttpAnswer injected = calls("assistant-1", payment());
  EXPECT_EQ(injected.status, 403) << injected.head << injected.body;
  EXPECT_THAT(injected.head, AllOf(HasSubstr("x-ringfence-reason: ask.refused"), HasSubstr("x-ringfence-finding: rf-")));
  EXPECT_EQ(json::parse(injected.body).at("id"), "call-9");
  EXPECT_THAT(tool_.calls(), IsEmpty()) << "it was refused before it happened";
  EXPECT_EQ(calls("assistant-2", payment()).body, "done");
  EXPECT_THAT(tool_.calls(), SizeIs(1));
  TopicTail findings(*broker_, world_->installation().topic("findings"));
  EXPECT_TRUE(findings.until([](const std::vector<TopicRecord>& records) {
    return std::ranges::any_of(records, [](const TopicRecord& record) { return record.value.find("flow.toxic") != std::string::npos; });
  }));
}

/// An id that was used before is refused, so whoever could choose it could have another's act refused, or pass for one that was judged.
TEST_F(AskedAtEnvoy, ARequestIdOfTheCallersIsNotTheActs) {
  const std::vector<std::string> forged{"X-Request-Id: an-id-of-mine"};
  const std::string small = tool_call("send_money", R"({"to":"LT001","amount":1})");
  const HttpAnswer first = calls("assistant-0", small, forged);
  EXPECT_EQ(first.body, "done") << first.head << first.body;
  EXPECT_EQ(calls("assistant-0", small, forged).body, "done");
  TopicTail events(*broker_, world_->installation().topic("events"));
  EXPECT_TRUE(events.until([](const std::vector<TopicRecord>& records) { return records.size() >= 2; }));
  for (const TopicRecord& record : events.all()) EXPECT_THAT(record.value, Not(HasSubstr("an-id-of-mine")));
}

}  // namespace
}  // namespace ringfence::testing
