// SPDX-License-Identifier: Apache-2.0
// Calls through a real Traefik on deploy/gateways/traefik.yaml, refused and let pass by a real `ringfence gate` that verifies their tokens.
#include <gmock/gmock.h>

#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/integration/gate/asking.h"
#include "tests/integration/gate/gateways.h"
#include "tests/unit/gate/identity_provider.h"

namespace ringfence::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Headers = std::vector<std::string>;

class GateBehindTraefik : public GateBehindGateway {
 protected:
  GateBehindTraefik() : GateBehindGateway("traefik.yaml") {}
  void SetUp() override {
    if (!gateway_program("traefik")) GTEST_SKIP() << not_fetched("traefik");
    const std::string path = world_.directory().string() + "/";
    std::ofstream(path + "identity_provider.jwks.json") << provider_.jwks();
    world_.gateway().put("/etc/ringfence/", path);
    world_.start_gate();
    traefik_ = std::make_unique<Traefik>(world_.directory(), world_.gateway(), tool_);
    // A gate that has never read its log to the end lets nobody pass.
    said(Speaker::halt("somebody-else"));
  }
  /// What an agent calls with that acts for Ada: her token, with the agent as its actor; her own where it names none.
  [[nodiscard]] static std::string token_of(const std::string& agent, const IdentityProvider& provider, int ends_in_s = 600) {
    json claims{{"sub", "ada"}, {"iss", "https://idp.corp.example/"}, {"aud", "tools"}, {"exp", std::time(nullptr) + ends_in_s}};
    if (!agent.empty()) claims["act"] = {{"sub", agent}};
    return "Authorization: Bearer " + provider.token(R"({"alg":"RS256","typ":"JWT","kid":"r"})", claims.dump());
  }
  [[nodiscard]] HttpAnswer call(const std::string& agent, const std::string& method = "GET", const std::string& body = {},
                                Headers headers = {}) {
    headers.push_back(token_of(agent, provider_));
    return traefik_->call(headers, method, body);
  }

  IdentityProvider provider_;
  std::unique_ptr<Traefik> traefik_;
  Speaker engine_;
};

TEST_F(GateBehindTraefik, AHaltedAgentsNextCallIsRefusedWithTheFindingAndTheIdOfItsRequest) {
  const std::string pay = tool_call("pay", "{}");
  EXPECT_EQ(call("invoice", "POST", pay).body, "done");
  said(Speaker::halt("invoice"));
  EXPECT_THAT(tool_.calls(), SizeIs(1));

  const HttpAnswer refused = call("invoice", "POST", pay);
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.head, AllOf(HasSubstr("X-Ringfence-Reason: containment.halt\r\n"), HasSubstr("X-Ringfence-Finding: rf-0123\r\n"),
                                  HasSubstr("Content-Type: application/json\r\n")));
  const json body = json::parse(refused.body);
  EXPECT_EQ(body.at("id"), "call-9");
  EXPECT_EQ(body.at("error").at("data").at("finding"), "rf-0123");
  EXPECT_EQ(call("invoice").status, 403) << "reads too";
  EXPECT_THAT(tool_.calls(), IsEmpty());
  EXPECT_EQ(call("coder", "POST", pay).body, "done") << "siblings are untouched";

  said(Speaker::release("invoice", 2));
  EXPECT_EQ(call("invoice", "POST", pay).body, "done");
}

TEST_F(GateBehindTraefik, WhoHasNoTokenThatHoldsDoesNotPassWhateverTheySayOfThemselves) {
  said(Speaker::halt("invoice"));
  const IdentityProvider stranger;
  const std::string own = token_of("invoice", provider_), others = token_of("coder", provider_);
  const std::vector<std::pair<const char*, Headers>> tries{
      {"no token", {}},
      {"a name without a token", {"X-Agent-Id: coder", "X-Forwarded-User: coder"}},
      {"a person's own token", {token_of("", provider_)}},
      {"a token of another provider", {token_of("coder", stranger)}},
      {"a token that is over", {token_of("coder", provider_, -600)}},
      {"a token that is none", {"Authorization: Bearer coder"}},
      {"two tokens", {own, others}},
      {"two tokens, the other way round", {others, own}},
      {"a token that is not to be passed on", {own, "Connection: Authorization"}},
      {"another's token that is not to be passed on", {others, "Connection: Authorization"}},
      {"its own", {own}},
  };
  for (const auto& [what, headers] : tries) {
    EXPECT_EQ(traefik_->call(headers).status, 403) << what;
    EXPECT_EQ(traefik_->call(headers, "POST", tool_call("pay", "{}")).status, 403) << what;
  }
  EXPECT_THAT(tool_.calls(), IsEmpty());
  EXPECT_EQ(traefik_->call({others}).body, "done");
}

TEST_F(GateBehindTraefik, UnderAHoldReadsPassAndWhatMayBeNoReadDoesNot) {
  said(Speaker::halt("invoice", 1, Level::Hold));
  EXPECT_EQ(call("invoice").body, "done");
  EXPECT_EQ(call("invoice", "POST", R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})").body, "done") << "Traefik shows the body";
  EXPECT_THAT(tool_.calls(), SizeIs(2));
  EXPECT_EQ(call("invoice", "POST", tool_call("pay", "{}")).status, 403);
  EXPECT_EQ(call("invoice", "GET", tool_call("pay", "{}")).status, 403) << "a body counts whatever the method";
  EXPECT_EQ(call("invoice", "DELETE").status, 403);
  for (const char* override : {"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"}) {
    EXPECT_EQ(call("invoice", "GET", {}, {std::string(override) + ": DELETE"}).status, 403) << override;
    EXPECT_EQ(call("invoice", "GET", {}, {std::string(override) + ": GET", std::string(override) + ": DELETE"}).status, 403) << override;
  }
  EXPECT_THAT(tool_.calls(), IsEmpty());
  // What the gate is not shown does not come to the tool either.
  EXPECT_EQ(call("invoice", "GET", {}, {"X-HTTP-Method-Override: DELETE", "Connection: X-HTTP-Method-Override"}).body, "done");
  EXPECT_EQ(call("invoice", "GET", {}, {"X_HTTP_Method_Override: DELETE", "X.HTTP.Method.Override: DELETE"}).body, "done");
  const auto calls = tool_.calls();
  ASSERT_THAT(calls, SizeIs(2));
  for (const Tool::Call& call : calls)
    for (const char* name : {"x-http-method-override", "x_http_method_override", "x.http.method.override"})
      EXPECT_EQ(call.headers.count(name), 0U) << name;
}

TEST_F(GateBehindTraefik, WhatACallerSaysOfItsCallCountsForNothing) {
  said(Speaker::halt("invoice", 1, Level::Hold));
  for (const Headers& forged :
       std::vector<Headers>{{"X-Forwarded-Method: GET"},
                            {"X-Forwarded-Method: GET", "Connection: X-Forwarded-Method"},
                            {"X_Forwarded_Method: GET", "X-Original-Method: GET"},
                            {"X-Forwarded-Uri: /read-only", "X-Forwarded-Host: other", "X-Forwarded-For: 127.0.0.1"}}) {
    EXPECT_EQ(call("invoice", "DELETE", {}, forged).status, 403) << forged.front();
    EXPECT_EQ(call("invoice", "POST", tool_call("pay", "{}"), forged).status, 403) << forged.front();
  }
  EXPECT_THAT(tool_.calls(), IsEmpty());
}

TEST_F(GateBehindTraefik, AGateThatIsAwayIsADenial) {
  EXPECT_EQ(call("coder").body, "done");
  tool_.calls();
  world_.kill_gate();
  EXPECT_EQ(call("coder").status, 500);
  EXPECT_EQ(call("coder", "POST", "{}").status, 500);
  EXPECT_THAT(tool_.calls(), IsEmpty());
  world_.start_gate();
  EXPECT_TRUE(wait_until([this] { return call("coder").body == "done"; }));
}

TEST_F(GateBehindTraefik, ABodyOverTheLimitIsRefusedAndGoesNowhere) {
  constexpr std::size_t kLimit = 1U << 20U;
  EXPECT_EQ(call("coder", "POST", std::string(kLimit, 'x')).body, "done") << "what Traefik takes, the gate takes";
  EXPECT_THAT(tool_.calls(), ElementsAre(Field(&Tool::Call::body_bytes, kLimit)));
  EXPECT_EQ(call("coder", "POST", std::string(kLimit + 1, 'x')).status, 401);
  EXPECT_THAT(tool_.calls(), IsEmpty());
}

}  // namespace
}  // namespace ringfence::testing
