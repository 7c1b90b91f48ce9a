// SPDX-License-Identifier: Apache-2.0
// Calls through a real nginx, refused and let pass by a real `ringfence gate`, with its records in a file and in a real broker.
#include <gmock/gmock.h>

#include <array>
#include <nlohmann/json.hpp>

#include "connectors/encoders/base64url.h"
#include "tests/integration/certificates.h"
#include "tests/integration/gate/gateways.h"

namespace ringfence::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr const char* kToolCall = R"({"jsonrpc":"2.0","id":"call-9","method":"tools/call","params":{"name":"pay","arguments":{}}})";

enum class Medium : std::uint8_t { File, Kafka };

class GateBehindNginx : public ::testing::TestWithParam<Medium> {
 protected:
  void SetUp() override {
    if (GetParam() == Medium::Kafka) broker_ = &Broker::running_shared();
    world_ = std::make_unique<GateWorld>(broker_);
  }
  void start(const std::string& more = {}) {
    world_->start_gate(more);
    world_->start_nginx();
  }
  /// Says it and waits until the gate has answered with this status.
  json said(const ControlEntry& entry, int status, std::uint64_t epoch) {
    world_->say(entry);
    const auto ack = world_->acknowledged(entry.key, status, epoch);
    EXPECT_TRUE(ack.has_value()) << "no " << status << " for " << entry.key << "\n" << world_->gate().log();
    return ack.value_or(json());
  }
  [[nodiscard]] std::string invoice_key() const { return engine_.key_of(kInvoiceAgent); }

  Broker* broker_ = nullptr;
  std::unique_ptr<GateWorld> world_;
  Speaker engine_;
};

TEST_P(GateBehindNginx, AHaltRefusesTheNextCallAndAReleaseOpensAgain) {
  start();
  // A gate that has never read its log to the end lets nobody pass.
  said(engine_.say(Speaker::halt("somebody-else")), 200, 1);
  ASSERT_EQ(world_->call(kInvoiceKey).body, "done");
  const json ack = said(engine_.say(Speaker::halt(kInvoiceAgent)), 200, 1);
  EXPECT_EQ(ack.at("generation"), 1);
  EXPECT_GT(ack.at("applied_at"), kStartMs);

  const HttpAnswer refused = world_->call(kInvoiceKey, "POST", kToolCall);
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.head, HasSubstr("X-Ringfence-Reason: containment.halt"));
  const json body = json::parse(refused.body);
  EXPECT_EQ(body.at("id"), "call-9");
  EXPECT_EQ(body.at("error").at("code"), -32010);
  EXPECT_EQ(world_->call(kCoderKey, "POST", kToolCall).body, "done") << "siblings are untouched";

  said(engine_.say(Speaker::release(kInvoiceAgent, 2)), 200, 2);
  EXPECT_EQ(world_->call(kInvoiceKey, "POST", kToolCall).body, "done");
}

TEST_P(GateBehindNginx, WhoNginxDoesNotKnowDoesNotPassWhateverTheySayOfThemselves) {
  start();
  said(engine_.say(Speaker::halt(kInvoiceAgent)), 200, 1);
  EXPECT_EQ(world_->call("").status, 403);
  EXPECT_EQ(world_->call("", "GET", {}, {"X-Agent-Id: spiffe://corp.example/agent/code-maintainer"}).status, 403);
  for (const char* key : {"", "no-such-key"}) {
    EXPECT_EQ(world_->call(key, "GET", {}, {"Mcp-Session-Id: zzz"}).status, 403) << "a session is whatever the client says it is";
    EXPECT_EQ(world_->call(key, "POST", kToolCall, {"Mcp-Session-Id: zzz"}).status, 403);
  }
  EXPECT_EQ(world_->call(kInvoiceKey, "GET", {}, {"X-Agent-Id: spiffe://corp.example/agent/code-maintainer"}).status, 403);
  EXPECT_EQ(world_->call(kCoderKey, "GET", {}, {"X-Original-Method: DELETE", "X-Agent-Id: " + std::string(kInvoiceAgent)}).body, "done");
}

TEST_P(GateBehindNginx, ADrillIsTriedAtItsOwnPlaceUnderNoOtherName) {
  start();
  said(engine_.say(Speaker::halt("somebody-else")), 200, 1);
  const auto tried = [&](const std::string& name) {
    return run({"curl", "-si", "-H", "X-Agent-Id: " + name,
                "http://127.0.0.1:" + std::to_string(world_->nginx_port()) + "/.ringfence/drill"},
               world_->directory())
        .output;
  };
  EXPECT_THAT(tried("urn:ringfence:drill:by-hand"), HasSubstr("HTTP/1.1 200"));
  EXPECT_THAT(tried(kInvoiceAgent), HasSubstr("HTTP/1.1 403"));
  EXPECT_THAT(tried("urn:ringfence:drill:a/../b"), HasSubstr("HTTP/1.1 403"));
  said(engine_.say(Speaker::halt("urn:ringfence:drill:by-hand")), 200, 1);
  EXPECT_THAT(tried("urn:ringfence:drill:by-hand"), HasSubstr("HTTP/1.1 403"));
  EXPECT_THAT(tried("urn:ringfence:drill:another"), HasSubstr("HTTP/1.1 200"));
}

TEST_P(GateBehindNginx, UnderAHoldReadsPassAndAThrottleRunsDry) {
  start();
  said(engine_.say(Speaker::halt(kInvoiceAgent, 1, Level::Hold)), 200, 1);
  EXPECT_EQ(world_->call(kInvoiceKey, "GET").body, "done");
  EXPECT_EQ(world_->call(kInvoiceKey, "POST", kToolCall).status, 403);
  EXPECT_EQ(world_->call(kInvoiceKey, "GET", {}, {"X-Original-Method: GET", "X-HTTP-Method-Override: DELETE"}).status, 403);
  EXPECT_EQ(world_->call(kInvoiceKey, "GET", {}, {"Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}).status, 403);
  EXPECT_EQ(world_->call(kInvoiceKey, "GET", kToolCall).status, 403) << "nginx shows no body, but that there is one";
  EXPECT_THAT(run({"curl", "-si", "-X", "GET", "-H", "Transfer-Encoding: chunked", "-H", std::string("X-Api-Key: ") + kInvoiceKey, "-d",
                   kToolCall, "http://127.0.0.1:" + std::to_string(world_->nginx_port())},
                  world_->directory())
                  .output,
              HasSubstr("HTTP/1.1 403"));

  auto throttle = Speaker::halt(kInvoiceAgent, 2, Level::Throttle);
  throttle.credits_start = throttle.credits_ceiling = 3;
  said(engine_.say(throttle), 200, 2);
  // Work that succeeds gives its credit back, so it goes on; the last credits are then taken without it by asking the gate itself.
  for (int i = 0; i < 10; ++i) ASSERT_EQ(world_->call(kInvoiceKey).body, "done") << i;
  // nginx reports an outcome behind its answer and before the next request of the same connection: this one comes after the last credit.
  ASSERT_EQ(world_->call(kCoderKey).body, "done");
  HttpClient direct(world_->gate_port());
  int passed = 0;
  while (passed < 10 && direct.ask("GET", "/envoy/mcp", {"X-Agent-Id: " + std::string(kInvoiceAgent)}).status == 200) ++passed;
  EXPECT_LE(passed, 3);
  const HttpAnswer dry = world_->call(kInvoiceKey);
  EXPECT_EQ(dry.status, 429);
  EXPECT_THAT(dry.head, HasSubstr("Retry-After: 60"));
}

TEST_P(GateBehindNginx, KilledAndWithoutItsLogItRefusesFromItsDisk) {
  start();
  world_->say(engine_.claim(1));
  said(engine_.say(Speaker::halt(kInvoiceAgent)), 200, 1);
  world_->kill_gate();
  EXPECT_EQ(world_->call(kInvoiceKey).status, 500) << "a gate that cannot be asked is a denial";
  EXPECT_EQ(world_->call(kCoderKey).status, 500);
  world_->lose_log();
  world_->start_gate();
  EXPECT_EQ(world_->call(kInvoiceKey).status, 403);
  EXPECT_EQ(world_->call(kCoderKey).body, "done");
  EXPECT_TRUE(world_->readyz(503));
}

TEST_P(GateBehindNginx, AnOutageOfTheLogChangesNothing) {
  start();
  said(engine_.say(Speaker::halt(kInvoiceAgent)), 200, 1);
  world_->lose_log();
  EXPECT_EQ(world_->call(kInvoiceKey).status, 403);
  EXPECT_EQ(world_->call(kCoderKey).body, "done");
  if (broker_ == nullptr) return;
  ASSERT_TRUE(broker_->start().has_value());
  said(engine_.say(Speaker::release(kInvoiceAgent, 2)), 200, 2);
  EXPECT_EQ(world_->call(kInvoiceKey).body, "done");
}

TEST_P(GateBehindNginx, ARestoredTopicRollsNothingBack) {
  start();
  const std::vector<ControlEntry> backup{engine_.claim(1), engine_.say(Speaker::halt(kInvoiceAgent)),
                                         engine_.say(Speaker::release(kInvoiceAgent, 2))};
  world_->say(backup);
  said(engine_.say(Speaker::halt(kInvoiceAgent, 3)), 200, 3);
  world_->kill_gate();
  world_->restore_log(backup);
  world_->start_gate();
  EXPECT_TRUE(world_->acknowledged(invoice_key(), 409, 2).has_value());
  EXPECT_EQ(world_->call(kInvoiceKey).status, 403);
}

TEST_P(GateBehindNginx, ClosedItRefusesEveryCallUntilAFreshHeartbeatAgrees) {
  if (GetParam() == Medium::File) GTEST_SKIP() << "it needs the control topic";
  start("  fail: closed\n  heartbeat_age: 1h\n");
  said(engine_.say(Speaker::halt(kInvoiceAgent)), 200, 1);
  EXPECT_EQ(world_->call(kCoderKey).status, 503);
  const std::int64_t now_ms = Follower::wall_now().value / 1'000'000;
  world_->say(engine_.heartbeat(now_ms - kStartMs));
  ASSERT_TRUE(world_->readyz(200)) << world_->gate().log();
  EXPECT_EQ(world_->call(kCoderKey).body, "done");
  EXPECT_EQ(world_->call(kInvoiceKey).status, 403);
}

TEST_P(GateBehindNginx, TenThousandContainmentsAreHeldAndAgreeWithTheHeartbeat) {
  std::vector<ControlEntry> entries{engine_.claim(1)};
  for (int i = 0; i < 10'000; ++i) entries.push_back(engine_.say(Speaker::halt("bot-" + std::to_string(i))));
  entries.push_back(engine_.say(Speaker::halt(kInvoiceAgent)));
  entries.push_back(engine_.heartbeat(Follower::wall_now().value / 1'000'000 - kStartMs));
  world_->say(entries);
  start("  heartbeat_age: 1h\n");
  ASSERT_TRUE(world_->readyz(200)) << world_->gate().log();
  EXPECT_EQ(world_->call(kInvoiceKey).status, 403);
  EXPECT_EQ(world_->call(kCoderKey).body, "done");
  EXPECT_THAT(world_->gate().get("/metrics"), HasSubstr("ringfence_gate_enforced 10001"));
}

/// What somebody tries who can write to the log but has no key, or the wrong one; each with the status that answers it.
TEST_P(GateBehindNginx, NothingForgedReplayedRekeyedOrCutOpensAGate) {
  start();
  world_->say(engine_.claim(7));
  const ControlEntry halt = engine_.say(Speaker::halt(kInvoiceAgent, 5));
  said(halt, 200, 5);
  const ControlEntry release = engine_.say(Speaker::release(kInvoiceAgent, 6));
  const std::string &key = halt.key, &token = release.value;
  const std::string payload = encode_containment(Speaker::release(kInvoiceAgent, 6), engine_.issuer());
  const auto tampered = [&](const std::string& header) {
    const std::string body = base64url(header) + token.substr(token.find('.'));
    return ControlEntry{key, body};
  };
  const std::string kid = engine_.key().kid();
  Speaker stranger("engine-ringfence.events-3", '\x77'), person("operator", '\x22'), former;
  stranger.issuer().generation = former.issuer().generation = 7;
  Speaker other_audience, other_issuer;
  other_audience.issuer().aud = {"somebody-else"};
  other_audience.issuer().generation = other_issuer.issuer().generation = 7;
  other_issuer.issuer().iss = "https://attacker.example/";
  Speaker old_generation;
  old_generation.issuer().generation = 6;
  // A person's key that speaks as the engine's writer, and the other way round.
  const ControlEntry as_engine{key, sign_jws(person.key(), payload)};
  Speaker other_agent;
  other_agent.issuer().generation = 7;
  const ControlEntry of_another = other_agent.say(Speaker::release("spiffe://corp.example/agent/other", 9));

  struct Try {
    const char* what;
    ControlEntry entry;
    int status;
    std::uint64_t epoch;
  };
  const std::string dot_less = token.substr(0, token.rfind('.'));
  const std::vector<Try> tries{
      {"signed by a key nobody pinned", stranger.say(Speaker::release(kInvoiceAgent, 6)), 401, 0},
      {"a kid that names another key", tampered(R"({"alg":"EdDSA","typ":"secevent+jwt","kid":")" + person.key().kid() + "\"}"), 401, 0},
      {"alg none", tampered(R"({"alg":"none","typ":"secevent+jwt","kid":")" + kid + "\"}"), 401, 0},
      {"alg none and no signature", {key, base64url(R"({"alg":"none"})") + "." + base64url(payload) + "."}, 401, 0},
      {"an HMAC under the public key", tampered(R"({"alg":"HS256","typ":"secevent+jwt","kid":")" + kid + "\"}"), 401, 0},
      {"a key of its own in the header", tampered(R"({"alg":"EdDSA","typ":"secevent+jwt","kid":")" + kid + R"(","jwk":{"kty":"OKP"}})"),
       401, 0},
      {"without a signature", {key, dot_less + "."}, 401, 0},
      {"cut in the middle", {key, token.substr(0, token.size() / 2)}, 401, 0},
      {"cut by a letter", {key, token.substr(0, token.size() - 1)}, 401, 0},
      {"a payload that was never signed", {key, payload}, 401, 0},
      {"no token at all", {key, "\x01\x02 null {}"}, 401, 0},
      {"an operator's key that speaks as an engine", as_engine, 401, 0},
      {"another agent's record under this key", {key, of_another.value}, 401, 0},
      {"for another audience", other_audience.say(Speaker::release(kInvoiceAgent, 6)), 403, 0},
      {"of another issuer", other_issuer.say(Speaker::release(kInvoiceAgent, 6)), 401, 0},
      {"of a generation that is past", old_generation.say(Speaker::release(kInvoiceAgent, 6)), 409, 6},
      {"of an epoch that is past", former.say(Speaker::release(kInvoiceAgent, 4)), 409, 4},
      {"of the same epoch, said otherwise", former.say(Speaker::release(kInvoiceAgent, 5)), 409, 5},
  };
  for (const Try& attempt : tries) {
    SCOPED_TRACE(attempt.what);
    ControlEntry entry = attempt.entry;
    entry.key = key;
    said(entry, attempt.status, attempt.epoch);
    ASSERT_EQ(world_->call(kInvoiceKey).status, 403);
  }
  // A flood of junk under keys of its own, a key longer than any, an oversized value, and a tombstone: the first and the third are answered
  // 401, the others not at all. Then an ordinary record is still answered, and the halt still stands.
  const auto answers = [this](const std::string& to) {
    std::vector<int> out;
    for (const auto& ack : world_->heard())
      if (ack.at("key").get<std::string>().starts_with(to)) out.push_back(ack.at("status").get<int>());
    return out;
  };
  const std::size_t before = answers(key).size();
  std::vector<ControlEntry> flood;
  for (int i = 0; i < 2'000; ++i) flood.push_back({"agent:corp/flood-" + std::to_string(i) + "#engine-x", "x.y.z"});
  flood.push_back({std::string(10'000, 'k'), token});
  flood.push_back({key, std::string(900'000, 'A')});
  flood.push_back({key, ""});
  world_->say(flood);
  Speaker engine_again;
  engine_again.issuer().generation = 7;
  said(engine_again.say(Speaker::halt("spiffe://corp.example/agent/code-maintainer")), 200, 1);
  EXPECT_EQ(answers("agent:corp/flood-"), std::vector<int>(2'000, 401));
  EXPECT_THAT(answers("kkk"), ::testing::IsEmpty()) << "an answer would repeat it";
  const auto to_key = answers(key);
  ASSERT_EQ(to_key.size(), before + 1) << "the oversized value alone: a tombstone says nothing that could be answered";
  EXPECT_EQ(to_key.back(), 401);
  EXPECT_EQ(world_->call(kInvoiceKey).status, 403);
  EXPECT_EQ(world_->call(kCoderKey).status, 403);
  EXPECT_THAT(world_->gate().get("/metrics"), HasSubstr("ringfence_gate_enforced 2"));
}

TEST(GateOverTls, OnlyAGatewayWithACertificateOfTheAuthorityIsAnswered) {
  GateWorld world(nullptr);
  const auto& at = world.directory();
  ASSERT_TRUE(make_certificate(at, "authority"));
  ASSERT_TRUE(make_certificate(at, "gate", {.issuer = {}, .names = "IP:127.0.0.1"}));
  ASSERT_TRUE(make_certificate(at, "gateway", {.issuer = "authority", .names = {}}));
  ASSERT_TRUE(make_certificate(at, "stranger"));
  const std::string path = at.string();
  world.start_gate("  tls_certificate: " + path + "/gate.pem\n  tls_key: " + path + "/gate.key\n  tls_client_ca: " + path +
                   "/authority.pem\n");
  Speaker engine;
  world.say(engine.say(Speaker::halt("bot")));
  ASSERT_TRUE(world.acknowledged(engine.key_of("bot"), 200, 1).has_value());

  const std::string url = "https://127.0.0.1:" + std::to_string(world.gate_port()) + "/envoy/x";
  const auto ask = [&](const std::string& agent, const std::vector<std::string>& more) {
    std::vector<std::string> command{"curl",         "-s",       "-o",       "/dev/null", "-w",
                                     "%{http_code}", "--cacert", "gate.pem", "-H",        "X-Agent-Id: " + agent};
    command.insert(command.end(), more.begin(), more.end());
    command.push_back(url);
    return run(command, at).output;
  };
  EXPECT_EQ(ask("other", {"--cert", "gateway.pem", "--key", "gateway.key"}), "200");
  EXPECT_EQ(ask("bot", {"--cert", "gateway.pem", "--key", "gateway.key"}), "403");
  EXPECT_NE(ask("other", {}), "200");
  EXPECT_NE(ask("other", {"--cert", "stranger.pem", "--key", "stranger.key"}), "200");
}

INSTANTIATE_TEST_SUITE_P(Logs, GateBehindNginx, ::testing::Values(Medium::File, Medium::Kafka),
                         [](const auto& medium) { return medium.param == Medium::File ? "File" : "Kafka"; });

}  // namespace
}  // namespace ringfence::testing
