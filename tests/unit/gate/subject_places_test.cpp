// SPDX-License-Identifier: Apache-2.0
#include "connectors/gate/subject_places.h"

#include <gmock/gmock.h>

#include "connectors/encoders/base64url.h"
#include "engine/event/sha256.h"

namespace ringfence {
namespace {

using Headers = std::vector<std::pair<std::string_view, std::string_view>>;

SubjectPlaces places(const std::map<std::string, std::string>& from) {
  auto parsed = SubjectPlaces::parse(from, "authorization");
  EXPECT_TRUE(parsed.has_value()) << parsed.error();
  return *parsed;
}
std::expected<Identified, std::string> who(const std::map<std::string, std::string>& from, Headers headers, std::string_view body = {}) {
  return places(from).identify({.method = "GET", .path = "/nginx", .headers = std::move(headers), .body = body});
}
std::string token(const std::string& claims) { return "Bearer " + base64url(R"({"alg":"RS256"})") + "." + base64url(claims) + ".c2ln"; }

TEST(SubjectPlaces, a_header_names_the_agent_whatever_the_case_of_its_name) {
  const auto found = who({{"agent", "header:x-agent-id"}}, {{"X-Agent-Id", " bot "}});
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->subject()[SubjectField::Agent], "bot");
}

TEST(SubjectPlaces, a_header_that_is_there_twice_or_joined_is_refused) {
  EXPECT_FALSE(who({{"agent", "header:x-agent-id"}}, {{"x-agent-id", "good"}, {"X-Agent-Id", "bad"}}).has_value());
  EXPECT_FALSE(who({{"agent", "header:x-agent-id"}}, {{"x-agent-id", "good, bad"}}).has_value());
}

TEST(SubjectPlaces, a_name_longer_than_any_agents_is_refused) {
  const std::string longest(512, 'a'), longer(513, 'a');
  EXPECT_TRUE(who({{"agent", "header:x-agent-id"}}, {{"x-agent-id", longest}}).has_value());
  EXPECT_FALSE(who({{"agent", "header:x-agent-id"}}, {{"x-agent-id", longer}}).has_value());
}

TEST(SubjectPlaces, a_name_that_is_no_text_or_holds_a_control_is_refused_wherever_it_stands) {
  using namespace std::string_literals;
  for (const std::string& name :
       {"\xff\xfe"s, "a1\x0b"s, "a\r1"s, "a\n1"s, "a\0001"s, "\x7f"s, "a\xc2\x85"s, "a\xc0\x80"s, "a\xed\xa0\x80"s}) {
    const std::string quoted = ::testing::PrintToString(name), certificate = "URI=spiffe://corp/" + name;
    EXPECT_FALSE(who({{"agent", "header:x-agent-id"}}, {{"x-agent-id", name}}).has_value()) << quoted;
    EXPECT_FALSE(who({{"agent", "spiffe"}}, {{"x-forwarded-client-cert", certificate}}).has_value()) << quoted;
    EXPECT_FALSE(who({{"credential", "api_key:x-api-key"}}, {{"x-api-key", name}}).has_value()) << quoted;
    EXPECT_FALSE(
        who({{"agent", "header:x-agent-id"}, {"session", "header:x-session"}}, {{"x-agent-id", "a1"}, {"x-session", name}}).has_value())
        << quoted;
  }
  for (const std::string_view escaped : {R"("a1\u000b")", R"("\u0000")", R"("a\u0085")", R"("a\u007f")", R"("a\ud800")", "\"\xff\""}) {
    const std::string document = R"({"sub":)" + std::string(escaped) + "}", bearer = token(document);
    EXPECT_FALSE(who({{"agent", "jwt:/sub"}}, {{"authorization", bearer}}).has_value()) << escaped;
    EXPECT_FALSE(who({{"agent", "body:/sub"}}, {}, document).has_value()) << escaped;
  }
  EXPECT_TRUE(who({{"agent", "header:x-agent-id"}}, {{"x-agent-id", "b\xc3\xb6t \xf0\x9f\xa4\x96"}}).has_value());
}

TEST(SubjectPlaces, a_claim_is_found_by_pointer_and_must_be_text) {
  const std::string claims = token(R"({"sub":"u-1","act":{"sub":"bot"},"n":7})");
  EXPECT_EQ(who({{"agent", "jwt:/act/sub"}, {"user", "jwt:/sub"}}, {{"authorization", claims}})->subject()[SubjectField::Agent], "bot");
  EXPECT_EQ(who({{"agent", "jwt:/missing"}}, {{"authorization", claims}})->subject()[SubjectField::Agent], "");
  EXPECT_FALSE(who({{"agent", "jwt:/n"}}, {{"authorization", claims}}).has_value());
  EXPECT_FALSE(who({{"agent", "jwt:/act"}}, {{"authorization", claims}}).has_value());
}

TEST(SubjectPlaces, a_token_that_is_none_is_refused_and_a_missing_one_names_nobody) {
  for (const std::string_view broken : {"Bearer x", "Bearer a.b", "Bearer a.!!.c", "Bearer a.W10.c"})
    EXPECT_FALSE(who({{"agent", "jwt:/sub"}}, {{"authorization", broken}}).has_value()) << broken;
  EXPECT_TRUE(who({{"agent", "jwt:/sub"}}, {})->subject()[SubjectField::Agent].empty());
  const std::string twice = token(R"({"sub":"good","sub":"bad"})");
  EXPECT_FALSE(who({{"agent", "jwt:/sub"}}, {{"authorization", twice}}).has_value());
}

TEST(SubjectPlaces, a_spiffe_id_comes_from_one_certificate) {
  const auto id = [](std::string_view header) { return spiffe_id_of(header); };
  EXPECT_EQ(id(R"(By=spiffe://a;Hash=ab;Subject="CN=x, O=\"y\"";URI=spiffe://corp.example/agent/bot)"), "spiffe://corp.example/agent/bot");
  EXPECT_EQ(id(R"(URI="spiffe://corp.example/agent/bot")"), "spiffe://corp.example/agent/bot");
  EXPECT_EQ(id("Hash=ab;DNS=x"), "");
  EXPECT_FALSE(id("URI=spiffe://a/1,URI=spiffe://a/2").has_value());
  EXPECT_FALSE(id("URI=spiffe://a/1;URI=spiffe://a/2").has_value());
  EXPECT_FALSE(id("URI=https://a/1").has_value());
  EXPECT_FALSE(id(R"(Subject="cut)").has_value());
  EXPECT_EQ(id(R"(Subject="x;URI=spiffe://a/forged";URI=spiffe://a/true)"), "spiffe://a/true");
}

TEST(SubjectPlaces, an_api_key_is_known_by_its_hash) {
  const auto found = who({{"credential", "api_key:authorization"}}, {{"Authorization", "Bearer sk-1"}});
  EXPECT_EQ(found->subject()[SubjectField::Credential], sha256_hex("sk-1"));
  EXPECT_EQ(who({{"credential", "api_key:x-api-key"}}, {{"x-api-key", "sk-1"}})->subject()[SubjectField::Credential], sha256_hex("sk-1"));
}

TEST(SubjectPlaces, a_webhooks_document_names_its_principal) {
  const std::map<std::string, std::string> from{{"agent", "body:/principal/sub"}, {"tenant", "fixed:corp"}};
  const auto found = who(from, {}, R"({"principal":{"sub":"bot"}})");
  EXPECT_EQ(found->subject()[SubjectField::Agent], "bot");
  EXPECT_EQ(found->subject()[SubjectField::Tenant], "corp");
  EXPECT_FALSE(who(from, {}, R"({"principal":{"sub":"a","sub":"b"}})").has_value());
}

TEST(SubjectPlaces, settings_that_name_no_place_or_no_caller_are_refused) {
  using Places = std::map<std::string, std::string>;
  for (const Places& wrong :
       {Places{}, Places{{"tenant", "fixed:corp"}}, Places{{"agent", "header:"}}, Places{{"agent", "header:a b"}},
        Places{{"agent", "jwt:sub"}}, Places{{"agent", "jwt:/~2"}}, Places{{"agent", "cookie:x"}}, Places{{"colour", "header:x"}},
        Places{{"agent", "fixed:"}}, Places{{"session", "header:x"}}, Places{{"root", "header:x"}, {"tenant", "fixed:corp"}}})
    EXPECT_FALSE(SubjectPlaces::parse(wrong, "authorization").has_value()) << ::testing::PrintToString(wrong);
}

}  // namespace
}  // namespace ringfence
