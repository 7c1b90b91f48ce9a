// SPDX-License-Identifier: Apache-2.0
#include "connectors/gate/answers.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <condition_variable>
#include <iterator>
#include <mutex>
#include <nlohmann/json.hpp>

#include "tests/unit/connectors/sink_fakes.h"
#include "tests/unit/gate/control_topic.h"

namespace ringfence {
namespace {

using nlohmann::json;
using ::testing::Contains;
using testing::gate_settings;
using ::testing::HasSubstr;
using ::testing::Pair;
using testing::Speaker;
using testing::TemporaryDirectory;

/// A log that the test fills, and acknowledgements it waits for.
struct Wire {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<ControlEntry> entries;
  std::size_t next = 0;
  bool away = false;
  std::vector<json> acks;
};
class WireFeed final : public ControlFeed {
 public:
  explicit WireFeed(Wire& wire) : wire_(wire) {}
  std::expected<ControlLog::Batch, SinkError> read(std::size_t max, std::chrono::milliseconds wait) override {
    std::unique_lock lock(wire_.mutex);
    wire_.changed.wait_for(lock, wait, [&] { return wire_.away || wire_.next < wire_.entries.size(); });
    if (wire_.away) return std::unexpected(SinkError{SinkError::Kind::Unavailable, "away"});
    ControlLog::Batch out;
    while (wire_.next < wire_.entries.size() && out.entries.size() < max) out.entries.push_back(wire_.entries[wire_.next++]);
    out.caught_up = wire_.next == wire_.entries.size();
    return out;
  }

 private:
  Wire& wire_;
};
class WireAcks final : public AckFeed {
 public:
  explicit WireAcks(Wire& wire) : wire_(wire) {}
  std::expected<void, SinkError> send(std::string_view /*key*/, std::string_view value) override {
    const std::lock_guard lock(wire_.mutex);
    wire_.acks.push_back(json::parse(value));
    wire_.changed.notify_all();
    return {};
  }

 private:
  Wire& wire_;
};

class Gates : public ::testing::Test {
 protected:
  void start(bool fail_closed = false, GateAnswers::Settings settings = defaults()) {
    auto store = StateStore::open(directory_.file("state"));
    ASSERT_TRUE(store.has_value()) << store.error().message;
    auto started = Follower::start({.gate = "g", .state = gate_settings(), .fail_closed = fail_closed},
                                   {std::make_unique<WireFeed>(wire_), std::make_unique<WireAcks>(wire_), std::move(*store)},
                                   [](std::string_view, std::string_view) {});
    ASSERT_TRUE(started.has_value()) << started.error().message;
    follower_ = std::move(*started);
    answers_ = std::make_unique<GateAnswers>(std::move(settings), *follower_);
  }
  void stop() {
    answers_.reset();
    follower_.reset();
  }
  static GateAnswers::Settings defaults() {
    return {.places = *SubjectPlaces::parse({{"agent", "header:x-agent-id"}}, "authorization"), .read_tools = {"get_*"}};
  }
  /// Puts a record on the log and waits for its acknowledgement.
  int say(const ControlEntry& entry) {
    std::unique_lock lock(wire_.mutex);
    const std::size_t before = wire_.acks.size();
    wire_.entries.push_back(entry);
    wire_.changed.notify_all();
    EXPECT_TRUE(wire_.changed.wait_for(lock, std::chrono::seconds(60),
                                       [&] { return wire_.acks.size() > before && wire_.acks.back().at("key") == entry.key; }));
    return wire_.acks.back().at("status").get<int>();
  }
  HttpReply ask(std::string_view path, std::string_view agent, std::string_view method = "POST", std::string_view body = {},
                std::vector<std::pair<std::string_view, std::string_view>> more = {}) {
    HttpRequest request{.method = method, .path = path, .headers = std::move(more), .body = body};
    if (!agent.empty()) request.headers.emplace_back("X-Agent-Id", agent);
    return std::get<HttpReply>(answers_->answer(request));
  }

  TemporaryDirectory directory_{"ringfence-gate-answers"};
  Wire wire_;
  std::unique_ptr<Follower> follower_;
  std::unique_ptr<GateAnswers> answers_;
  Speaker engine_;
};

constexpr std::string_view kToolCall = R"({"jsonrpc":"2.0","id":41,"method":"tools/call","params":{"name":"pay","arguments":{}}})";

TEST_F(Gates, NginxHearsTwoHundredOrFourHundredAndThree) {
  start();
  ASSERT_EQ(say(engine_.say(Speaker::halt("bot"))), 200);
  EXPECT_EQ(ask("/nginx", "other").status, 200);
  const HttpReply denied = ask("/nginx", "bot");
  EXPECT_EQ(denied.status, 403);
  EXPECT_THAT(denied.headers, Contains(Pair("X-Ringfence-Finding", "rf-bot")));
  EXPECT_THAT(denied.headers, Contains(Pair("X-Ringfence-Status", "403")));
}

TEST_F(Gates, AnMcpCallerReadsAJsonRpcErrorWithItsOwnId) {
  start();
  ASSERT_EQ(say(engine_.say(Speaker::halt("bot"))), 200);
  const HttpReply denied = ask("/envoy/tools/mcp", "bot", "POST", kToolCall);
  EXPECT_EQ(denied.status, 403);
  const json body = json::parse(denied.body);
  EXPECT_EQ(body.at("id"), 41);
  EXPECT_EQ(body.at("error").at("code"), -32010);
  EXPECT_EQ(body.at("error").at("data").at("finding"), "rf-bot");
  const json batch = json::parse(ask("/envoy", "bot", "POST", "[" + std::string(kToolCall) + "," + std::string(kToolCall) + "]").body);
  EXPECT_EQ(batch.size(), 2U);
  EXPECT_EQ(json::parse(ask("/denied", "bot", "POST", kToolCall).body), body);
}

TEST_F(Gates, ACallerThatSpeaksNoJsonRpcReadsWhy) {
  start();
  ASSERT_EQ(say(engine_.say(Speaker::halt("bot"))), 200);
  EXPECT_EQ(json::parse(ask("/envoy/x", "bot", "GET").body).at("error").at("reason"), "containment.halt");
}

TEST_F(Gates, UnderAHoldReadsPass) {
  start();
  ASSERT_EQ(say(engine_.say(Speaker::halt("bot", 1, Level::Hold))), 200);
  EXPECT_EQ(ask("/envoy/x", "bot", "GET").status, 200);
  EXPECT_EQ(ask("/envoy/x", "bot", "DELETE").status, 403);
  EXPECT_EQ(ask("/envoy/x", "bot", "GET", "", {{"x-http-method-override", "DELETE"}}).status, 403);
  EXPECT_EQ(ask("/envoy/mcp", "bot", "POST", R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})").status, 200);
  EXPECT_EQ(ask("/envoy/mcp", "bot", "POST", R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_page"}})").status, 200);
  EXPECT_EQ(ask("/envoy/mcp", "bot", "POST", kToolCall).status, 403);
  EXPECT_EQ(ask("/nginx", "bot", "GET", "", {{"X-Original-Method", "GET"}}).status, 200);
  EXPECT_EQ(ask("/nginx", "bot", "GET").status, 403) << "what was asked for is not known";
  EXPECT_EQ(ask("/forward", "bot", "GET", "", {{"X-Forwarded-Method", "POST"}}).status, 403);
  EXPECT_EQ(json::parse(ask("/envoy/mcp", "bot", "POST", kToolCall).body).at("error").at("code"), -32011);
}

TEST_F(Gates, UnderAHoldAHarmlessBodyMakesNoReadOfAnotherMethod) {
  start();
  ASSERT_EQ(say(engine_.say(Speaker::halt("bot", 1, Level::Hold))), 200);
  constexpr std::string_view kPing = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";
  for (const std::string_view method : {"DELETE", "PUT", "PATCH", "post", "MOVE"}) {
    EXPECT_EQ(ask("/envoy/customers/17", "bot", method, kPing).status, 403) << method;
    EXPECT_EQ(ask("/forward", "bot", "GET", kPing, {{"X-Forwarded-Method", method}}).status, 403) << method;
  }
  for (const std::string_view method : {"POST", "GET"}) EXPECT_EQ(ask("/envoy/mcp", "bot", method, kPing).status, 200) << method;
  EXPECT_EQ(ask("/envoy/mcp", "bot", "GET", kToolCall).status, 403);
}

TEST_F(Gates, OfAHeaderThatComesTwiceAnyValueCounts) {
  start();
  ASSERT_EQ(say(engine_.say(Speaker::halt("bot", 1, Level::Hold))), 200);
  for (const std::string_view name : {"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "Sec-WebSocket-Key", "Upgrade"}) {
    EXPECT_EQ(ask("/envoy/x", "bot", "GET", "", {{name, "DELETE"}, {name, ""}}).status, 403) << name;
    EXPECT_EQ(ask("/nginx", "bot", "GET", "", {{"X-Original-Method", "GET"}, {name, "DELETE"}, {name, ""}}).status, 403) << name;
    EXPECT_EQ(ask("/envoy/x", "bot", "GET", "", {{name, ""}}).status, 200) << name;
  }
}

TEST_F(Gates, UnderAHoldAndADryThrottleAReaderIsToldOfTheThrottle) {
  start();
  ASSERT_EQ(say(engine_.say(Speaker::halt("bot", 1, Level::Hold))), 200);
  Speaker other("engine-ringfence.events-4");
  auto throttle = Speaker::halt("bot", 1, Level::Throttle);
  throttle.credits_start = throttle.credits_ceiling = 1;
  ASSERT_EQ(say(other.say(throttle)), 200);
  const auto read = [&](std::string_view path) { return ask(path, "bot", "GET", "", {{"X-Original-Method", "GET"}}); };
  EXPECT_EQ(read("/nginx").status, 200);
  EXPECT_THAT(read("/nginx").headers, Contains(Pair("X-Ringfence-Status", "429")));
  EXPECT_EQ(read("/denied").status, 429);
  EXPECT_THAT(read("/denied").headers, Contains(Pair("Retry-After", "60")));
  EXPECT_EQ(ask("/denied", "bot", "GET").status, 429) << "a gateway that does not say the method again";
  EXPECT_EQ(ask("/denied", "bot", "POST", kToolCall).status, 403);
  EXPECT_EQ(ask("/denied", "bot", "GET", kToolCall).status, 403) << "nginx showed that there is a body";
}

TEST_F(Gates, ACallThatNamesNoTenantIsOfTheDefaultOne) {
  auto settings = defaults();
  settings.places = *SubjectPlaces::parse({{"agent", "header:x-agent-id"}, {"tenant", "header:x-tenant"}}, "authorization");
  start(false, std::move(settings));
  auto everyone = Speaker::halt("default");
  everyone.scope = scope_key("tenant", "default", "default");
  everyone.tenant = "default";
  everyone.select = {{"tenant", "default"}};
  ASSERT_EQ(say(engine_.say(everyone)), 200);
  ASSERT_EQ(say(engine_.say(Speaker::halt("bot"))), 200) << "of tenant corp";
  EXPECT_EQ(ask("/envoy", "other").status, 403);
  EXPECT_EQ(ask("/envoy", "other", "POST", "", {{"x-tenant", "default"}}).status, 403);
  EXPECT_EQ(ask("/envoy", "other", "POST", "", {{"x-tenant", "corp"}}).status, 200);
  everyone.epoch = 2;
  everyone.contained = false;
  everyone.approver = "oncall@corp.example";
  ASSERT_EQ(say(engine_.say(everyone)), 200);
  EXPECT_EQ(ask("/envoy", "bot").status, 200) << "another agent of that name";
  EXPECT_EQ(ask("/envoy", "bot", "POST", "", {{"x-tenant", "corp"}}).status, 403);
}

TEST_F(Gates, UnderAHoldNoSecondSpellingAndNoTunnelMakesACallARead) {
  start();
  ASSERT_EQ(say(engine_.say(Speaker::halt("bot", 1, Level::Hold))), 200);
  for (const std::string_view body : {
           R"({"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","params":{"name":"pay"}})",
           R"({"jsonrpc":"2.0","id":1,"METHOD":"tools/call","method":"tools/list"})",
           R"([{"jsonrpc":"2.0","id":1,"method":"ping","Params":{"name":"pay"}}])",
           R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_page","Name":"pay"}})",
           R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_page","arguments":{"id":1,"ID":2}}})",
           R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_page","argument\u017f":{}}})",
       })
    EXPECT_EQ(ask("/envoy/mcp", "bot", "POST", body).status, 403) << body;
  EXPECT_EQ(ask("/envoy/mcp", "bot", "POST",
                R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_page","arguments":{"Name":"a","x":{"name":"b"}}}})")
                .status,
            200);
  EXPECT_EQ(ask("/envoy/ws", "bot", "GET", "", {{"Upgrade", "websocket"}}).status, 403);
  EXPECT_EQ(ask("/nginx", "bot", "GET", "", {{"X-Original-Method", "GET"}, {"Sec-WebSocket-Key", "dGhl"}}).status, 403);
}

TEST_F(Gates, AThrottledCallerRunsDryAndIsToldWhenToComeBack) {
  start();
  auto throttle = Speaker::halt("bot", 1, Level::Throttle);
  throttle.credits_start = 2;
  throttle.credits_ceiling = 2;
  ASSERT_EQ(say(engine_.say(throttle)), 200);
  EXPECT_EQ(ask("/envoy", "bot").status, 200);
  EXPECT_EQ(ask("/outcome", "bot", "POST", "", {{"X-Ringfence-Outcome", "200"}}).status, 204);
  EXPECT_EQ(ask("/envoy", "bot").status, 200);
  EXPECT_EQ(ask("/envoy", "bot").status, 200);
  const HttpReply dry = ask("/envoy", "bot");
  EXPECT_EQ(dry.status, 429);
  EXPECT_THAT(dry.headers, Contains(Pair("Retry-After", "60")));
  EXPECT_EQ(ask("/denied", "bot").status, 429);
}

TEST_F(Gates, WhoCannotBeToldDoesNotPass) {
  start();
  ASSERT_EQ(say(engine_.say(Speaker::halt("bot"))), 200);
  EXPECT_EQ(ask("/envoy", "").status, 403);
  EXPECT_EQ(ask("/envoy", "other", "POST", "", {{"x-agent-id", "another"}}).status, 403);
  EXPECT_EQ(ask("/nginx", std::string(4096, 'a')).status, 403);
  for (const std::string_view unreadable : {"\xff\xfe", "bot\x0b", "b\rot", "bot\xc2\x80"})
    for (const std::string_view path : {"/envoy", "/forward", "/nginx", "/denied"}) EXPECT_EQ(ask(path, unreadable).status, 403) << path;
}

TEST_F(Gates, ASessionOrAUsersOwnTokenInPlaceOfItsAgentsSaysNotWhoCalls) {
  auto settings = defaults();
  settings.places = *SubjectPlaces::parse(
      {{"agent", "header:x-agent-id"}, {"session", "header:mcp-session-id"}, {"user", "header:x-user"}, {"root", "header:x-root"}},
      "authorization");
  start(false, std::move(settings));
  ASSERT_EQ(say(engine_.say(Speaker::halt("halted"))), 200);
  using Headers = std::vector<std::pair<std::string_view, std::string_view>>;
  for (const Headers& without : {Headers{{"mcp-session-id", "zzz"}}, Headers{{"x-user", "u-1"}}, Headers{{"x-root", "chief"}},
                                 Headers{{"mcp-session-id", "zzz"}, {"x-user", "u-1"}, {"x-root", "chief"}}})
    for (const std::string_view path : {"/envoy", "/forward", "/nginx"}) EXPECT_EQ(ask(path, "", "POST", "", without).status, 403) << path;
  EXPECT_EQ(ask("/envoy", "bot", "POST", "", {{"mcp-session-id", "zzz"}}).status, 200);
}

TEST_F(Gates, WhereOnlyUsersHaveAPlaceAUserIsWhoCalls) {
  auto settings = defaults();
  settings.places = *SubjectPlaces::parse({{"user", "header:x-user"}, {"session", "header:mcp-session-id"}}, "authorization");
  start(false, std::move(settings));
  ASSERT_EQ(say(engine_.say(Speaker::halt("halted"))), 200);
  EXPECT_EQ(ask("/envoy", "", "POST", "", {{"x-user", "u-1"}}).status, 200);
  EXPECT_EQ(ask("/envoy", "", "POST", "", {{"mcp-session-id", "zzz"}}).status, 403);
}

TEST_F(Gates, AnAgentIdIsNeverRepeatedIntoHeadersOrBodies) {
  start();
  auto halt = Speaker::halt("bot");
  halt.finding_uid = "rf\r\nSet-Cookie: stolen=1";
  ASSERT_EQ(say(engine_.say(halt)), 200);
  const HttpReply denied = ask("/envoy", "bot");
  EXPECT_EQ(denied.status, 403);
  for (const auto& [name, value] : denied.headers) EXPECT_THAT(value, ::testing::Not(HasSubstr("\n"))) << name;
  const HttpReply forged = ask("/envoy", "o\r\nX-Injected: 1");
  EXPECT_EQ(forged.status, 403);
  EXPECT_EQ(forged.body.find("Injected"), std::string::npos);
  for (const auto& [name, value] : forged.headers) EXPECT_THAT(value, ::testing::Not(HasSubstr("Injected"))) << name;
}

std::string webhook(std::string_view sub, std::string_view call = kToolCall) {
  return R"({"version":"v0.1.0","uid":"u-1","principal":{"sub":")" + std::string(sub) + R"("},"mcp_request":)" + std::string(call) +
         R"(,"context":{"server_name":"fetch"}})";
}

TEST_F(Gates, ToolHiveIsToldInItsOwnDocument) {
  auto settings = defaults();
  settings.places = *SubjectPlaces::parse({{"agent", "body:/principal/sub"}}, "authorization");
  start(false, std::move(settings));
  ASSERT_EQ(say(engine_.say(Speaker::halt("bot"))), 200);
  const HttpReply denied = ask("/toolhive", "", "POST", webhook("bot"));
  EXPECT_EQ(denied.status, 200);
  EXPECT_EQ(json::parse(denied.body), json::parse(R"({"version":"v0.1.0","uid":"u-1","allowed":false,"code":403,
      "message":"agent contained by security policy","reason":"containment.halt","details":{"finding":"rf-bot"}})"));
  EXPECT_EQ(json::parse(ask("/toolhive", "", "POST", webhook("other")).body),
            json::parse(R"({"version":"v0.1.0","uid":"u-1","allowed":true})"));
  for (const std::string_view wrong :
       {"", "{}", "[]", R"({"version":"v9","uid":"u","mcp_request":{}})", R"({"version":"v0.1.0","uid":"u"})"})
    EXPECT_EQ(ask("/toolhive", "", "POST", wrong).status, 422) << wrong;
}

TEST_F(Gates, AWebhookWithoutATrueSignatureOfNowIsNeverAllowed) {
  auto settings = defaults();
  settings.places = *SubjectPlaces::parse({{"agent", "body:/principal/sub"}}, "authorization");
  settings.toolhive_secret = "s3cret";
  start(false, std::move(settings));
  ASSERT_EQ(say(engine_.say(Speaker::halt("bot"))), 200);
  const std::string body = webhook("other");
  const std::int64_t now = Follower::wall_now().value / 1'000'000'000;
  const auto asked = [&](const std::string& timestamp, const std::string& signature) {
    return ask("/toolhive", "", "POST", body, {{"X-ToolHive-Timestamp", timestamp}, {"X-ToolHive-Signature", signature}}).status;
  };
  const std::string at = std::to_string(now), old = std::to_string(now - 3600);
  EXPECT_EQ(asked(at, toolhive_signature("s3cret", at, body)), 200);
  EXPECT_EQ(asked(at, toolhive_signature("other", at, body)), 422);
  EXPECT_EQ(asked(old, toolhive_signature("s3cret", old, body)), 422);
  EXPECT_EQ(asked(at, toolhive_signature("s3cret", at, body + " ")), 422);
  EXPECT_EQ(ask("/toolhive", "", "POST", body).status, 422);
}

TEST_F(Gates, TheSignatureIsTheOneOfTheWebhooksDefinition) {
  // HMAC-SHA256 of "1700000000.{}" under "secret", by openssl dgst -sha256 -hmac.
  EXPECT_EQ(toolhive_signature("secret", "1700000000", "{}"), "sha256=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163");
}

TEST_F(Gates, AGateThatNeverKnewAnythingRefuses) {
  wire_.away = true;
  start();
  EXPECT_EQ(ask("/envoy", "bot").status, 503);
  EXPECT_EQ(ask("/nginx", "bot").status, 403);
  EXPECT_EQ(ask("/denied", "bot").status, 503);
}

TEST_F(Gates, WithoutItsLogAGateStaysWithWhatItStored) {
  start();
  ASSERT_EQ(say(engine_.say(Speaker::halt("bot"))), 200);
  stop();
  wire_.away = true;
  start();
  EXPECT_EQ(ask("/envoy", "bot").status, 403);
  EXPECT_EQ(ask("/envoy", "other").status, 200);
  EXPECT_FALSE(follower_->readiness().caught_up);
}

TEST_F(Gates, ClosedItRefusesAllWithoutAFreshHeartbeat) {
  start(true);
  ASSERT_EQ(say(engine_.say(Speaker::halt("bot"))), 200);
  EXPECT_EQ(ask("/envoy", "other").status, 503);
  wire_.changed.notify_all();
}

TEST_F(Gates, TwoGatesDoNotShareADirectory) {
  start();
  EXPECT_EQ(StateStore::open(directory_.file("state")).error().kind, SinkError::Kind::InUse);
}

TEST_F(Gates, AStateOfThePastIsWrittenAnewAndReadsTheSame) {
  start();
  for (std::uint64_t epoch = 1; epoch <= 1100; ++epoch) {
    const std::lock_guard lock(wire_.mutex);
    wire_.entries.push_back(engine_.say(Speaker::halt("bot", epoch)));
  }
  ASSERT_EQ(say(engine_.say(Speaker::halt("last"))), 200);
  stop();
  std::ifstream in(directory_.file("state/verified.ndjson"));
  EXPECT_LT(std::count(std::istreambuf_iterator<char>(in), {}, '\n'), 100) << "of 1,101, whenever it was written anew";
  wire_.away = true;
  start();
  EXPECT_EQ(ask("/envoy", "bot").status, 403);
  EXPECT_EQ(ask("/envoy", "last").status, 403);
}

}  // namespace
}  // namespace ringfence
