// SPDX-License-Identifier: Apache-2.0
// Which calls are asked about, and what the callers hear.
#include "engine/gate/ask.h"

#include <gmock/gmock.h>

#include <future>
#include <nlohmann/json.hpp>

#include "connectors/gate/answers.h"
#include "tests/unit/connectors/sink_fakes.h"
#include "tests/unit/gate/ask_fakes.h"

namespace ringfence {
namespace {

using nlohmann::json;
using testing::answer_for;
using testing::ask_policy;
using testing::AskWire;
using ::testing::Contains;
using testing::signed_answer;
using testing::TemporaryDirectory;

TEST(AskPolicies, SayWhatDoesNotFit) {
  EXPECT_FALSE(AskPolicy::parse({{"5", "closed"}}, {}).has_value());
  EXPECT_FALSE(AskPolicy::parse({{"4x", "closed"}}, {}).has_value());
  EXPECT_FALSE(AskPolicy::parse({{"4", "shut"}}, {}).has_value());
  EXPECT_FALSE(AskPolicy::parse({{"4", "closed"}}, {"payments"}).has_value());
  EXPECT_EQ(AskPolicy::parse({{"4", "closed"}, {"3", "open"}}, {"send"})->tiers.size(), 2U);
}

TEST(AskPolicies, ConcernTheAgentsOfTheirTiersAlone) {
  const auto policy = ask_policy("open");
  EXPECT_EQ(policy->concerns("default", "payer-1"), WithoutAnswer::Open);
  EXPECT_EQ(policy->concerns("default", "assistant-1"), std::nullopt);
  EXPECT_EQ(policy->concerns("default", "nobody"), std::nullopt);
}

std::string call(const std::string& tool, const std::string& arguments = R"({"to":"A-1","amount":5})") {
  return R"({"jsonrpc":"2.0","id":41,"method":"tools/call","params":{"name":")" + tool + R"(","arguments":)" + arguments + "}}";
}

/// A gate that knows its empty log, and an engine that is the test.
class AskingGates : public ::testing::Test {
 protected:
  void start(Asker::Settings asker = testing::asker_settings(), const std::string& without = "closed") {
    std::ofstream(directory_.file("control.ndjson")).close();
    auto store = StateStore::open(directory_.file("state"));
    auto acks = FileAckFeed::open(directory_.file("acks"));
    auto started =
        Follower::start({.gate = "g", .state = testing::gate_settings()},
                        {std::make_unique<FileControlFeed>(directory_.file("control.ndjson")), std::move(*acks), std::move(*store)},
                        [](std::string_view, std::string_view) {});
    ASSERT_TRUE(started.has_value()) << started.error().message;
    follower_ = std::move(*started);
    while (!follower_->answers()) std::this_thread::yield();
    auto writer = AskWriter::open("g", "header:x-server", "", "authorization");
    ASSERT_TRUE(writer.has_value()) << writer.error();
    GateAnswers::Asking asking{std::move(*writer), std::make_unique<Asker>(std::move(asker), std::make_unique<testing::WireAskFeed>(wire_)),
                               ask_policy(without)};
    answers_ = std::make_unique<GateAnswers>(
        GateAnswers::Settings{
            .places = *SubjectPlaces::parse(
                {{"agent", "header:x-agent-id"}, {"session", "header:mcp-session-id"}, {"credential", "api_key:x-key"}}, "authorization")},
        *follower_, std::move(asking));
  }
  HttpAnswer ask(const std::string& body, std::string_view path = "/envoy/mcp", std::string_view agent = "payer-1",
                 std::string_view method = "POST") {
    const HttpRequest request{
        .method = method, .path = path, .headers = {{"X-Agent-Id", agent}, {"X-Server", "erp"}, {"Mcp-Session-Id", "s-1"}}, .body = body};
    return answers_->answer(request);
  }
  /// The reply that comes now, without a question.
  HttpReply at_once(const HttpAnswer& answer) {
    EXPECT_TRUE(std::holds_alternative<HttpReply>(answer)) << "it is asked about";
    return std::holds_alternative<HttpReply>(answer) ? std::get<HttpReply>(answer) : HttpReply{.status = 0};
  }
  std::future<HttpReply> begun(const HttpAnswer& answer) {
    auto promise = std::make_shared<std::promise<HttpReply>>();
    EXPECT_TRUE(std::holds_alternative<HttpLater>(answer)) << "nothing is asked";
    if (const auto* later = std::get_if<HttpLater>(&answer)) (*later)([promise](HttpReply reply) { promise->set_value(std::move(reply)); });
    return promise->get_future();
  }
  HttpReply answered(const HttpAnswer& answer, bool allowed) {
    const std::size_t n = questions_++;
    auto reply = begun(answer);
    wire_.say(signed_answer(answer_for(wire_.question(n), allowed)));
    return reply.get();
  }
  TemporaryDirectory directory_{"ringfence-gate-ask"};
  AskWire wire_;
  std::size_t questions_ = 0;
  std::unique_ptr<Follower> follower_;
  std::unique_ptr<GateAnswers> answers_;
};

TEST_F(AskingGates, APaymentWaitsForTheEngineAndARefusalIsAJsonRpcError) {
  start();
  EXPECT_EQ(answered(ask(call("pay")), true).status, 200);
  const HttpReply refused = answered(ask(call("pay")), false);
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.headers, Contains(::testing::Pair("X-Ringfence-Reason", "ask.refused")));
  EXPECT_THAT(refused.headers, Contains(::testing::Pair("X-Ringfence-Finding", "rf-1")));
  const json body = json::parse(refused.body);
  EXPECT_EQ(body.at("id"), 41);
  EXPECT_EQ(body.at("error").at("data").at("finding"), "rf-1");
}

TEST_F(AskingGates, TheQuestionIsTheActAsARequestEvent) {
  start();
  answered(ask(call("pay")), true);
  const json event = json::parse(wire_.question(0));
  EXPECT_EQ(event.at("phase"), "request");
  EXPECT_EQ(event.at("agent"), json({{"id", "payer-1"}, {"trust", "verified"}}));
  EXPECT_EQ(event.at("session").at("id"), "s-1");
  EXPECT_EQ(event.at("tool").at("server"), "erp");
  EXPECT_EQ(event.at("tool").at("name"), "pay");
  EXPECT_EQ(event.at("args"), json({{"to", "A-1"}, {"amount", 5}}));
  EXPECT_EQ(event.at("source"), json({{"product", "ringfence-gate"}, {"instance", "g"}}));
  answered(ask(call("pay")), true);
  EXPECT_NE(json::parse(wire_.question(1)).at("id"), event.at("id")) << "no two questions are the same";
}

TEST_F(AskingGates, OnlyActsWithTheChosenEffectsAndUndeclaredOnesOfTheChosenTiersAreAskedAbout) {
  start();
  EXPECT_EQ(at_once(ask(call("invoice.get"))).status, 200) << "a read";
  EXPECT_EQ(at_once(ask(call("note"))).status, 200) << "a write";
  EXPECT_EQ(at_once(ask(call("pay"), "/envoy", "assistant-1")).status, 200) << "tier 3";
  EXPECT_EQ(at_once(ask(R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})")).status, 200);
  EXPECT_EQ(at_once(ask(R"({"jsonrpc":"2.0","id":1,"result":{}})")).status, 200) << "an answer to the server";
  EXPECT_EQ(at_once(ask("", "/envoy", "payer-1", "GET")).status, 200);
  EXPECT_EQ(answered(ask(call("supplier.change")), false).status, 403) << "nobody can say what it does";
}

TEST_F(AskingGates, WhatCannotBeAskedAboutIsForTheSetting) {
  const std::string twice = R"({"jsonrpc":"2.0","method":"tools/call","params":{"name":"note","name":"pay"}})";
  const std::vector<std::string> bodies{"",
                                        "amount=5",
                                        "[" + call("pay") + "," + call("pay") + "]",
                                        twice,
                                        call("pay").substr(0, 40),
                                        R"({"jsonrpc":"2.0","method":"tools/call","params":{"name":7}})",
                                        call("pay", "[1]"),
                                        call("note", R"({"to":"A-1","To":"B-2"})"),
                                        R"({"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","params":{"name":"pay"}})",
                                        R"({"jsonrpc":"2.0","method":"tools/call","params":{"name":"note","Name":"pay"}})"};
  start();
  for (const std::string& body : bodies) {
    const HttpReply reply = at_once(ask(body));
    EXPECT_EQ(reply.status, 403) << body;
    EXPECT_THAT(reply.headers, Contains(::testing::Pair("X-Ringfence-Reason", "ask.unaskable"))) << body;
  }
  EXPECT_EQ(answers_->asks()->refused[static_cast<std::size_t>(AskEnd::Unaskable)], bodies.size());
}

TEST_F(AskingGates, AHarmlessBodyClearsNoActThatIsDoneByAnotherMethod) {
  start();
  const std::string ping = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";
  const auto unaskable = Contains(::testing::Pair("X-Ringfence-Reason", "ask.unaskable"));
  for (const std::string_view method : {"DELETE", "PUT", "PATCH"})
    for (const std::string& body : {ping, call("invoice.get")})
      EXPECT_THAT(at_once(ask(body, "/envoy/payments/17", "payer-1", method)).headers, unaskable) << method << body;
  for (const std::string_view method : {"GET", "POST"}) EXPECT_EQ(at_once(ask(ping, "/envoy", "payer-1", method)).status, 200);
  for (const std::string& body : {std::string(), ping}) {
    const HttpRequest hidden{.method = "POST",
                             .path = "/envoy/payments/17",
                             .headers = {{"X-Agent-Id", "payer-1"}, {"X-HTTP-Method-Override", "DELETE"}, {"X-HTTP-Method-Override", ""}},
                             .body = body};
    EXPECT_THAT(at_once(answers_->answer(hidden)).headers, unaskable) << body;
  }
  EXPECT_EQ(answered(ask(call("pay"), "/envoy", "payer-1", "GET"), false).status, 403) << "a body that calls counts whatever the method";
}

TEST_F(AskingGates, BehindNginxARefusalForGoodIsToldAsThat) {
  start();
  HttpRequest request{.method = "POST", .path = "/nginx", .headers = {{"X-Agent-Id", "payer-1"}, {"X-Original-Method", "POST"}}};
  EXPECT_EQ(at_once(answers_->answer(request)).status, 403);
  const std::string body = call("pay");
  request.path = "/denied";
  request.body = body;
  const HttpReply told = at_once(answers_->answer(request));
  EXPECT_EQ(told.status, 403);
  EXPECT_THAT(told.headers, Contains(::testing::Pair("X-Ringfence-Reason", "ask.unaskable")));
  EXPECT_EQ(json::parse(told.body).at("id"), 41);
  EXPECT_EQ(answers_->asks()->refused[static_cast<std::size_t>(AskEnd::Unaskable)], 1U) << "it was refused once";
  request.headers[1].second = "GET";
  EXPECT_EQ(at_once(answers_->answer(request)).status, 503) << "it would pass now";
}

TEST_F(AskingGates, ATunnelWhoseCallsNobodyWillSeeCannotBeAskedAbout) {
  start();
  const HttpRequest upgrade{.method = "GET", .path = "/envoy/ws", .headers = {{"X-Agent-Id", "payer-1"}, {"Upgrade", "websocket"}}};
  EXPECT_THAT(at_once(answers_->answer(upgrade)).headers, Contains(::testing::Pair("X-Ringfence-Reason", "ask.unaskable")));
}

TEST_F(AskingGates, WhoeverDoesNotSayWhichAgentItIsMayReadAndNoMore) {
  start();
  const auto without_agent = [&](std::string_view body) {
    const HttpRequest request{.method = "POST", .path = "/envoy/mcp", .headers = {{"X-Key", "k-1"}}, .body = body};
    return at_once(answers_->answer(request)).status;
  };
  EXPECT_EQ(without_agent(call("pay")), 403);
  EXPECT_EQ(without_agent(call("note")), 403) << "nobody can say which persona's tool it is";
  EXPECT_EQ(without_agent(R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})"), 200);
  EXPECT_EQ(without_agent(R"({"jsonrpc":"2.0","id":1,"result":{}})"), 200);
}

TEST_F(AskingGates, OpenTheSettingLetsItPass) {
  start(testing::asker_settings(std::chrono::milliseconds(1)), "open");
  EXPECT_EQ(at_once(ask("amount=5")).status, 200);
  EXPECT_EQ(begun(ask(call("pay"))).get().status, 200);
}

TEST_F(AskingGates, WithoutAVerdictInTimeAPaymentOfAClosedTierIsRefusedToBeTriedAgain) {
  start(testing::asker_settings(std::chrono::milliseconds(1)));
  const HttpReply late = begun(ask(call("pay"))).get();
  EXPECT_EQ(late.status, 503);
  EXPECT_THAT(late.headers, Contains(::testing::Pair("Retry-After", "1")));
}

TEST_F(AskingGates, WhatWasHaltedWhileItWaitedDoesNotPass) {
  start();
  auto reply = begun(ask(call("pay")));
  const std::string question = wire_.question(0);
  testing::Speaker engine;
  auto log = FileControlLog::open(directory_.file("control.ndjson"));
  auto halt = testing::Speaker::halt("payer-1");
  const ControlEntry entry = engine.say(halt);
  ASSERT_TRUE((*log)->append(entry.key, entry.value).has_value());
  while (follower_->figures().in_force == 0) std::this_thread::yield();
  wire_.say(signed_answer(answer_for(question, true)));
  EXPECT_EQ(reply.get().status, 403);
}

TEST_F(AskingGates, ToolHiveIsAnsweredInItsOwnDocumentWithItsOwnUid) {
  start();
  const std::string body = R"({"version":"v0.1.0","uid":"u-7","principal":{"sub":"payer-1"},"mcp_request":)" + call("pay") + "}";
  const HttpReply refused = answered(ask(body, "/toolhive"), false);
  EXPECT_EQ(refused.status, 200);
  EXPECT_EQ(json::parse(refused.body), json({{"version", "v0.1.0"},
                                             {"uid", "u-7"},
                                             {"allowed", false},
                                             {"code", 403},
                                             {"message", "refused by security policy before it happened"},
                                             {"reason", "ask.refused"},
                                             {"details", {{"finding", "rf-1"}}}}));
  EXPECT_EQ(json::parse(answered(ask(body, "/toolhive"), true).body), json({{"version", "v0.1.0"}, {"uid", "u-7"}, {"allowed", true}}));
}

}  // namespace
}  // namespace ringfence
