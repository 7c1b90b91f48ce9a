// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/control.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "connectors/encoders/base64url.h"
#include "connectors/encoders/jws.h"
#include "engine/verdict/act_scopes.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;
using ::testing::HasSubstr;
constexpr std::string_view kAudience = "ringfence-gates";

const SigningKey& key_of_engine() {
  static const SigningKey key = std::move(*SigningKey::from_seed(std::string(32, '\x11')));
  return key;
}

Issuer issuer() { return {"https://ringfence.corp.example/", {std::string(kAudience)}, "engine-ringfence.events-3", 4, 2000}; }

ContainmentRecord halt() {
  ContainmentRecord r;
  r.agent_id = "spiffe://corp.example/agent/ap-invoice";
  r.tenant = "corp";
  r.scope = scope_key("agent", r.tenant, r.agent_id);
  r.epoch = 7;
  r.level = Level::Halt;
  r.select = {{"agent.id", r.agent_id}, {"credential.fingerprint", "9f86d0"}};
  r.effective_at = EventTime{1795170000123'000'000};
  r.finding_uid = "rf-5b1c9a0e77d24f18";
  r.reason = "guessing after a refusal; score 7.87e10";
  r.persona = "code-maintainer@2.0.0";
  r.cause_event_id = "call-1046";
  return r;
}

TrustedKeys trusted() {
  TrustedKeys keys;
  keys.add(key_of_engine(), {"engine-ringfence.events-*"});
  return keys;
}

std::string key_of_halt() { return control_key(halt().scope, issuer().writer); }

TEST(ControlRecord, is_the_contracts_example_field_by_field_in_its_order) {
  const std::string expected =
      R"({"iss":"https://ringfence.corp.example/","jti":")" + control_jti("call-1046", key_of_halt(), 7) +
      R"(","iat":1795170000,"aud":["ringfence-gates"],"txn":"rf-5b1c9a0e77d24f18",)"
      R"("sub_id":{"format":"complex","agent":{"format":"opaque","id":"spiffe://corp.example/agent/ap-invoice"},"tenant":{"format":"opaque","id":"corp"}},)"
      R"("events":{"https://ringfence.dev/secevent/containment/v1":{)"
      R"("writer":"engine-ringfence.events-3","generation":4,"epoch":7,)"
      R"("scope":"agent:corp/spiffe%3A%2F%2Fcorp.example%2Fagent%2Fap-invoice","state":"contained","level":"halt",)"
      R"("select":[{"field":"agent.id","equals":"spiffe://corp.example/agent/ap-invoice"},{"field":"credential.fingerprint","equals":"9f86d0"}],)"
      R"("actions":["deny_calls"],"effective_at":1795170000123,"expires_at":null,"release":"manual",)"
      R"("finding_uid":"rf-5b1c9a0e77d24f18","reason":"guessing after a refusal; score 7.87e10","persona":"code-maintainer@2.0.0",)"
      R"("deny":{"http_status":403,"jsonrpc_code":-32010,"message":"agent contained by security policy"},)"
      R"("ack":{"requested":true,"within_ms":2000}}}})";
  EXPECT_EQ(encode_containment(halt(), issuer()), expected);
}

TEST(ControlRecord, a_repeat_is_the_same_bytes_but_for_the_generation) {
  Issuer next = issuer();
  next.generation = 5;
  Json first = Json::parse(encode_containment(halt(), issuer())), second = Json::parse(encode_containment(halt(), next));
  EXPECT_NE(first, second);
  first["events"].begin().value().erase("generation");
  second["events"].begin().value().erase("generation");
  EXPECT_EQ(first, second);
}

TEST(ControlRecord, its_jti_tells_causes_keys_and_epochs_apart) {
  EXPECT_THAT(control_jti("c", "k", 1), ::testing::MatchesRegex("ctl-[0-9a-f]{16}"));
  EXPECT_NE(control_jti("c", "k", 1), control_jti("c", "k", 2));
  EXPECT_NE(control_jti("ck", "", 1), control_jti("c", "k", 1));
  EXPECT_NE(control_jti("c", "k1", 1), control_jti("c", "k", 11));
}

TEST(ControlRecord, each_level_says_what_a_gate_does) {
  const auto event = [](Level level) {
    ContainmentRecord r = halt();
    r.level = level;
    r.release_auto = level == Level::Throttle;
    if (level == Level::Throttle) r.credits_start = 10, r.credits_ceiling = 20;
    return Json::parse(encode_containment(r, issuer()))["events"].begin().value();
  };
  EXPECT_EQ(event(Level::Throttle)["credits"], (Json{{"start", 10}, {"ceiling", 20}}));
  EXPECT_EQ(event(Level::Throttle)["deny"]["http_status"], 429);
  EXPECT_EQ(event(Level::Throttle)["release"], "auto");
  EXPECT_EQ(event(Level::Hold)["actions"], Json::array({"deny_changes"}));
  EXPECT_THAT(event(Level::Hold)["deny"]["message"].get<std::string>(), HasSubstr("confirmation"));
  EXPECT_EQ(event(Level::Revoke)["actions"], Json::array({"deny_calls", "revoke_credential"}));
}

TEST(ControlRecord, of_a_borrowed_name_tells_of_the_credential_and_of_no_session) {
  ContainmentRecord record = halt();
  record.scope = borrowed_scope_key("corp", "ap-invoice", "9f86d0");
  record.agent_id = "ap-invoice";
  const std::string payload = encode_containment(record, issuer());
  EXPECT_EQ(Json::parse(payload)["sub_id"]["credential"]["id"], "9f86d0");
  const auto message = verify_control(control_key(record.scope, issuer().writer), sign_jws(key_of_engine(), payload), trusted(), kAudience);
  ASSERT_TRUE(message.has_value()) << message.error().detail;
  const auto& read = std::get<SignedContainment>(message->body).record;
  EXPECT_EQ(read.agent_id, "ap-invoice");
  EXPECT_EQ(read.session_id, "");
}

TEST(ControlRecord, is_read_back_as_it_was_signed) {
  ContainmentRecord record = halt();
  record.pending_approval = true;
  const auto message = verify_control(key_of_halt(), sign_jws(key_of_engine(), encode_containment(record, issuer())), trusted(), kAudience);
  ASSERT_TRUE(message.has_value()) << message.error().detail;
  const auto& read = std::get<SignedContainment>(message->body);
  EXPECT_EQ(read.generation, 4U);
  EXPECT_EQ(read.record.epoch, 7U);
  EXPECT_TRUE(read.record.contained);
  EXPECT_TRUE(read.record.pending_approval);
  EXPECT_EQ(read.record.level, Level::Halt);
  EXPECT_EQ(read.record.effective_at, halt().effective_at);
  EXPECT_EQ(read.record.select.size(), 2U);
  EXPECT_EQ(read.record.agent_id, halt().agent_id);
  EXPECT_EQ(message->txn, halt().finding_uid);
}

TEST(ControlRecord, claims_heartbeats_and_commands_are_read_back_as_they_were_signed) {
  const Claim claim{issuer().writer, "host-1/4711/1795170000", 5, 1795170000123};
  const auto claimed =
      verify_control(claim_key(claim.writer), sign_jws(key_of_engine(), encode_claim(claim, issuer())), trusted(), kAudience);
  ASSERT_TRUE(claimed.has_value()) << claimed.error().detail;
  EXPECT_EQ(std::get<Claim>(claimed->body), claim);

  const Heartbeat beat{issuer().writer, 5, 2, std::string(64, 'a'), 1795170001123};
  const auto beaten =
      verify_control(heartbeat_key(beat.writer), sign_jws(key_of_engine(), encode_heartbeat(beat, issuer())), trusted(), kAudience);
  ASSERT_TRUE(beaten.has_value()) << beaten.error().detail;
  EXPECT_EQ(std::get<Heartbeat>(beaten->body), beat);

  const Command command{"release", halt().scope, "false alarm", "alice", "bob", "SOC-17"};
  TrustedKeys people;
  people.add(key_of_engine(), {"operator"});
  const std::string jws = sign_jws(key_of_engine(), encode_command(command, issuer(), WallTime{1795170002'000'000'000}));
  EXPECT_EQ(verify_command(jws, people, kAudience).value().command, command);
  EXPECT_EQ(verify_command(jws, trusted(), kAudience).error().status, AckStatus::BadSignature) << "an engine's key is no operator";
  EXPECT_EQ(verify_control("~x#operator", jws, people, kAudience).error().status, AckStatus::Unsupported);
}

TEST(HostileTokens, are_refused_whatever_is_changed_in_the_header) {
  const std::string payload = base64url(encode_containment(halt(), issuer()));
  const auto token = [&payload](const std::string& header) {
    const std::string input = base64url(header) + "." + payload;
    return input + "." + base64url(key_of_engine().sign(input));
  };
  const std::string kid = R"("kid":")" + key_of_engine().kid() + R"(")";
  ASSERT_TRUE(verify_jws(token(R"({"alg":"EdDSA","typ":"secevent+jwt",)" + kid + "}"), trusted()).has_value());
  ASSERT_TRUE(verify_jws(token("{" + kid + R"(, "typ":"secevent+jwt", "alg":"EdDSA"})"), trusted()).has_value()) << "order is free";
  for (const std::string& header : {
           R"({"alg":"none","typ":"secevent+jwt",)" + kid + "}",
           R"({"alg":"eddsa","typ":"secevent+jwt",)" + kid + "}",
           R"({"alg":"HS256","typ":"secevent+jwt",)" + kid + "}",
           R"({"alg":["EdDSA"],"typ":"secevent+jwt",)" + kid + "}",
           R"({"alg":"EdDSA","alg":"none","typ":"secevent+jwt",)" + kid + "}",
           R"({"alg":"none","alg":"EdDSA","typ":"secevent+jwt",)" + kid + "}",
           R"({"typ":"secevent+jwt",)" + kid + "}",
           R"({"alg":"EdDSA",)" + kid + "}",
           R"({"alg":"EdDSA","typ":"JWT",)" + kid + "}",
           std::string(R"({"alg":"EdDSA","typ":"secevent+jwt"})"),
           std::string(R"({"alg":"EdDSA","typ":"secevent+jwt","kid":"other"})"),
           std::string(R"({"alg":"EdDSA","typ":"secevent+jwt","kid":1})"),
           R"({"alg":"EdDSA","typ":"secevent+jwt","crit":["b64"],"b64":false,)" + kid + "}",
           R"({"alg":"EdDSA","typ":"secevent+jwt","jku":"https://evil.example/k",)" + kid + "}",
           R"({"alg":"EdDSA","typ":"secevent+jwt","jwk":{"kty":"OKP"},)" + kid + "}",
           R"({"alg":"EdDSA","typ":"secevent+jwt",)" + kid + "} ,",
           std::string("[]"),
           std::string(""),
           std::string("null"),
           R"({"alg":"EdDSA","typ":"secevent+jwt",)" + kid + R"(,"x":")" + std::string(2000, 'a') + R"("})",
       }) {
    const auto refused = verify_jws(token(header), trusted());
    ASSERT_FALSE(refused.has_value()) << header;
    EXPECT_EQ(refused.error().status, AckStatus::BadSignature) << header;
  }
}

TEST(HostileTokens, are_refused_whatever_is_changed_in_their_form_or_a_single_bit) {
  const std::string good = sign_jws(key_of_engine(), encode_containment(halt(), issuer()));
  ASSERT_TRUE(verify_jws(good, trusted()).has_value());
  const std::size_t first = good.find('.'), second = good.rfind('.');
  for (const std::string& token : {
           std::string(),
           std::string("."),
           std::string(".."),
           std::string("..."),
           good + ".",
           "." + good,
           good + "=",
           good + "\n",
           " " + good,
           good.substr(0, second),
           good.substr(0, second + 1),
           good.substr(0, good.size() - 1),
           good.substr(0, first) + ".." + good.substr(second + 1),
           good.substr(0, second) + "." + std::string(86, 'A'),
           std::string(kTokenBytes + 1, 'A'),
       })
    EXPECT_FALSE(verify_jws(token, trusted()).has_value()) << token.substr(0, 60);
  for (std::size_t i = 0; i < good.size(); i += 7) {
    std::string token = good;
    token[i] = token[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(verify_jws(token, trusted()).has_value()) << i;
  }
}

TEST(HostileTokens, a_valid_record_counts_under_its_own_key_audience_and_writer_only) {
  const std::string jws = sign_jws(key_of_engine(), encode_containment(halt(), issuer()));
  const auto status = [&jws](const std::string& key, const TrustedKeys& keys, std::string_view audience) {
    const auto message = verify_control(key, jws, keys, audience);
    return message ? AckStatus::Applied : message.error().status;
  };
  EXPECT_EQ(status(key_of_halt(), trusted(), kAudience), AckStatus::Applied);
  EXPECT_EQ(status(key_of_halt(), trusted(), "other-gates"), AckStatus::WrongAudience);
  EXPECT_EQ(status("agent:corp/other#engine-ringfence.events-3", trusted(), kAudience), AckStatus::BadSignature);
  EXPECT_EQ(status(control_key(halt().scope, "engine-ringfence.events-2"), trusted(), kAudience), AckStatus::BadSignature);
  EXPECT_EQ(status("", trusted(), kAudience), AckStatus::BadSignature);
  TrustedKeys elsewhere;
  elsewhere.add(key_of_engine(), {"engine-other-*"});
  EXPECT_EQ(status(key_of_halt(), elsewhere, kAudience), AckStatus::BadSignature) << "the key may not speak as this writer";
  EXPECT_EQ(status(key_of_halt(), TrustedKeys(), kAudience), AckStatus::BadSignature);
}

TEST(HostilePayloads, signed_nonsense_is_refused_with_the_right_status) {
  const auto status = [](const std::function<void(Json&, Json&)>& change) {
    Json payload = Json::parse(encode_containment(halt(), issuer()));
    change(payload, payload["events"].begin().value());
    const auto message = decode_control(payload.dump());
    return message ? AckStatus::Applied : message.error().status;
  };
  constexpr auto kOk = AckStatus::Applied, kBad = AckStatus::BadSignature, kUnknown = AckStatus::Unsupported;
  EXPECT_EQ(status([](Json&, Json&) {}), kOk);
  EXPECT_EQ(status([](Json&, Json& e) { e["later_field"] = 1; }), kOk) << "a later version may say more";
  EXPECT_EQ(status([](Json&, Json& e) { e["level"] = "shutdown"; }), kUnknown);
  EXPECT_EQ(status([](Json&, Json& e) { e["level"] = "alert"; }), kUnknown);
  EXPECT_EQ(status([](Json&, Json& e) { e["state"] = "paused"; }), kUnknown);
  EXPECT_EQ(status([](Json&, Json& e) { e["actions"] = {"reboot"}; }), kUnknown);
  EXPECT_EQ(status([](Json&, Json& e) { e["scope"] = "robot:corp/x"; }), kUnknown);
  EXPECT_EQ(status([](Json&, Json& e) { e["scope"] = "agent:corp/%61"; }), kUnknown) << "a second spelling of another scope";
  EXPECT_EQ(status([](Json&, Json& e) { e["epoch"] = -1; }), kBad);
  EXPECT_EQ(status([](Json&, Json& e) { e["epoch"] = 1.5; }), kBad);
  EXPECT_EQ(status([](Json&, Json& e) { e["epoch"] = "7"; }), kBad);
  EXPECT_EQ(status([](Json&, Json& e) { e["epoch"] = 18446744073709551615ULL; }), kBad);
  EXPECT_EQ(status([](Json&, Json& e) { e["effective_at"] = 9223372036854775807LL; }), kBad);
  EXPECT_EQ(status([](Json&, Json& e) { e.erase("writer"); }), kBad);
  EXPECT_EQ(status([](Json&, Json& e) { e["select"] = 1; }), kBad);
  EXPECT_EQ(status([](Json&, Json& e) { e["select"] = {1}; }), kBad);
  EXPECT_EQ(status([](Json&, Json& e) { e["expires_at"] = 1795170000123LL; }), kBad) << "a halt does not lapse";
  EXPECT_EQ(status([](Json&, Json& e) { e["state"] = "released"; }), kBad) << "a release names a person";
  EXPECT_EQ(status([](Json&, Json& e) { e["state"] = "released", e["approver"] = "bob"; }), kOk);
  EXPECT_EQ(status([](Json&, Json& e) { e["state"] = "released", e["release"] = "auto"; }), kBad) << "only a throttle ends by itself";
  EXPECT_EQ(status([](Json&, Json& e) { e["state"] = "released", e["release"] = "auto", e["level"] = "throttle"; }), kOk);
  EXPECT_EQ(status([](Json& p, Json&) { p["aud"] = "ringfence-gates"; }), kBad);
  EXPECT_EQ(status([](Json& p, Json&) { p["events"] = Json::object(); }), kBad);
  EXPECT_EQ(status([](Json& p, Json&) { p["events"]["https://ringfence.dev/secevent/claim/v1"] = Json::object(); }), kBad)
      << "two kinds at once";
  EXPECT_EQ(status([](Json& p, Json& e) { p["events"] = {{"https://evil.example/containment/v1", Json(e)}}; }), kUnknown);
  for (const char* text : {"", "[]", "1", "{", R"({"iss":"a","iss":"b"})"}) EXPECT_EQ(decode_control(text).error().status, kBad) << text;
  EXPECT_EQ(decode_control(std::string(100000, '[')).error().status, kBad);
}

/// Output of a command, and whether it ended with 0.
std::pair<std::string, bool> output_of(const std::string& command) {
  std::string out;
  std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return {"", false};
  std::array<char, 4096> buffer{};
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) out.append(buffer.data(), got);
  return {out, ::pclose(pipe) == 0};
}

/// An interpreter that has the library, or empty.
std::string python_with_jwcrypto() {
  for (const char* python : {"python3", "/usr/bin/python3"})
    if (output_of(std::string(python) + " -c 'import jwcrypto'").second) return python;
  return "";
}

TEST(IndependentImplementation, verifies_our_tokens_and_we_verify_its_own) {
  const std::string python = python_with_jwcrypto();
  if (python.empty()) GTEST_SKIP() << "python3-jwcrypto is not installed";
  const auto directory = std::filesystem::temp_directory_path() / ("ringfence-jws-" + std::to_string(::getpid()));
  std::filesystem::create_directory(directory);
  const std::string payload = encode_containment(halt(), issuer());
  std::ofstream(directory / "token") << sign_jws(key_of_engine(), payload);
  std::ofstream(directory / "jwks") << trusted().jwks();
  std::ofstream(directory / "check.py") << R"(
import json, sys
from jwcrypto import jwk, jws
keys = json.load(open(sys.argv[1] + "/jwks"))["keys"]
key = jwk.JWK(**{k: v for k, v in keys[0].items() if k in ("kty", "crv", "x", "kid")})
assert key.thumbprint() == keys[0]["kid"]
token = jws.JWS()
token.allowed_algs = ["EdDSA"]
token.deserialize(open(sys.argv[1] + "/token").read(), key)
assert json.loads(token.objects["protected"]) == {"alg": "EdDSA", "typ": "secevent+jwt", "kid": keys[0]["kid"]}
other = jwk.JWK.generate(kty="OKP", crv="Ed25519")
theirs = jws.JWS(token.payload)
theirs.add_signature(other, "EdDSA", json.dumps({"kid": other.thumbprint(), "alg": "EdDSA", "typ": "secevent+jwt"}))
public = other.export_public(as_dict=True)
public.update(kid=other.thumbprint(), writers=["engine-*"])
open(sys.argv[1] + "/their_jwks", "w").write(json.dumps({"keys": [public]}))
open(sys.argv[1] + "/their_token", "w").write(theirs.serialize(compact=True))
sys.stdout.write(token.payload.decode())
)";
  const auto [printed, ok] = output_of(python + " " + (directory / "check.py").string() + " " + directory.string());
  EXPECT_TRUE(ok) << printed;
  EXPECT_EQ(printed, payload);
  std::string theirs;
  std::getline(std::ifstream(directory / "their_token"), theirs);
  const auto keys = TrustedKeys::load(directory / "their_jwks");
  ASSERT_TRUE(keys.has_value()) << keys.error().message;
  const auto message = verify_control(key_of_halt(), theirs, *keys, kAudience);
  EXPECT_TRUE(message.has_value()) << message.error().detail;
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace ringfence
