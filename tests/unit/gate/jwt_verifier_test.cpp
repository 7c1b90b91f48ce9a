// SPDX-License-Identifier: Apache-2.0
#include "connectors/gate/jwt_verifier.h"

#include <gmock/gmock.h>

#include <ctime>

#include "connectors/encoders/base64url.h"
#include "tests/unit/gate/identity_provider.h"

namespace ringfence {
namespace {

using ::ringfence::testing::IdentityProvider;

class Tokens : public ::testing::Test {
 protected:
  static std::string claims(std::int64_t ends_in_s) {
    return R"({"sub":"bot","exp":)" + std::to_string(std::time(nullptr) + ends_in_s) + "}";
  }
  IdentityProvider provider_;
  JwtVerifier verifier_ = *JwtVerifier::parse(provider_.jwks(), {});
};

constexpr const char* kRsa = R"({"alg":"RS256","typ":"JWT","kid":"r"})";

TEST_F(Tokens, OfThePinnedKeysHold) {
  EXPECT_TRUE(verifier_.verify(provider_.token(kRsa, claims(600))).has_value());
  EXPECT_TRUE(verifier_.verify(provider_.token(R"({"alg":"ES256","kid":"e"})", claims(600), true)).has_value());
}

TEST_F(Tokens, ThatChooseTheirOwnAlgorithmDoNot) {
  const std::string unsigned_token = base64url(R"({"alg":"none","kid":"r"})") + "." + base64url(claims(600)) + ".";
  EXPECT_FALSE(verifier_.verify(unsigned_token).has_value());
  EXPECT_FALSE(verifier_.verify(IdentityProvider::hmac_token(R"({"alg":"HS256","kid":"r"})", claims(600), provider_.jwks())).has_value());
  EXPECT_FALSE(verifier_.verify(IdentityProvider::hmac_token(R"({"alg":"HS256","kid":"h"})", claims(600), "secret")).has_value())
      << "a shared secret in the file is no key to verify by";
  EXPECT_FALSE(verifier_.verify(provider_.token(R"({"alg":"RS512","kid":"r"})", claims(600))).has_value());
}

TEST_F(Tokens, UnderAnotherKeysNameDoNot) {
  EXPECT_FALSE(verifier_.verify(provider_.token(R"({"alg":"ES256","kid":"e"})", claims(600))).has_value());
  EXPECT_FALSE(verifier_.verify(provider_.token(R"({"alg":"RS256","kid":"unknown"})", claims(600))).has_value());
  EXPECT_FALSE(verifier_.verify(provider_.token(R"({"alg":"RS256"})", claims(600))).has_value());
  EXPECT_FALSE(verifier_.verify(provider_.token(R"({"alg":"RS256","kid":"r","crit":["x"],"x":1})", claims(600))).has_value());
  EXPECT_FALSE(verifier_.verify(IdentityProvider().token(kRsa, claims(600))).has_value());
}

TEST_F(Tokens, ThatAreOverOrNeverEndDoNot) {
  EXPECT_FALSE(verifier_.verify(provider_.token(kRsa, claims(-3600))).has_value());
  EXPECT_FALSE(verifier_.verify(provider_.token(kRsa, R"({"sub":"bot"})")).has_value());
  const std::string not_yet =
      R"({"sub":"bot","exp":)" + std::to_string(std::time(nullptr) + 7200) + R"(,"nbf":)" + std::to_string(std::time(nullptr) + 3600) + "}";
  EXPECT_FALSE(verifier_.verify(provider_.token(kRsa, not_yet)).has_value());
}

TEST_F(Tokens, OfAnotherIssuerOrForSomebodyElseDoNot) {
  const auto strict = *JwtVerifier::parse(provider_.jwks(), {.issuer = "https://idp.example", .audience = "tools"});
  const auto holds = [&](const std::string& more) {
    const std::string all = claims(600);
    return strict.verify(provider_.token(kRsa, all.substr(0, all.size() - 1) + more + "}")).has_value();
  };
  EXPECT_TRUE(holds(R"(,"iss":"https://idp.example","aud":"tools")"));
  EXPECT_TRUE(holds(R"(,"iss":"https://idp.example","aud":["mail","tools"])"));
  for (const std::string more :
       {R"()", R"(,"iss":"https://idp.example")", R"(,"aud":"tools")", R"(,"iss":"https://other.example","aud":"tools")",
        R"(,"iss":"https://idp.example","aud":"tools2")", R"(,"iss":"https://idp.example","aud":["mail"])",
        R"(,"iss":"https://idp.example","aud":{"tools":1})", R"(,"iss":["https://idp.example","x"],"aud":7)"})
    EXPECT_FALSE(holds(more)) << more;
}

TEST_F(Tokens, ThatWereChangedOrCutDoNot) {
  const std::string good = provider_.token(kRsa, claims(600));
  const auto first = good.find('.'), second = good.rfind('.');
  EXPECT_FALSE(
      verifier_.verify(good.substr(0, first + 1) + base64url(R"({"sub":"other","exp":9999999999})") + good.substr(second)).has_value());
  for (const std::size_t cut : {std::size_t{0}, first, second, good.size() - 1})
    EXPECT_FALSE(verifier_.verify(good.substr(0, cut)).has_value()) << cut;
}

TEST(Jwks, WithoutAUsableKeyIsRefused) {
  for (const std::string_view wrong : {"", "[]", R"({"keys":[]})", R"({"keys":[{"kty":"oct","kid":"h","k":"c2VjcmV0"}]})",
                                       R"({"keys":[{"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"}]})"})
    EXPECT_FALSE(JwtVerifier::parse(wrong, {}).has_value()) << wrong;
}

}  // namespace
}  // namespace ringfence
