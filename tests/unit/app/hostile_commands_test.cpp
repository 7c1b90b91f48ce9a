// SPDX-License-Identifier: Apache-2.0
// What somebody may put on the context topic who holds no operator's key, or only what was once signed.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "connectors/encoders/base64url.h"
#include "connectors/encoders/control.h"
#include "engine/app/context_record.h"

namespace ringfence {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr auto kAudience = "ringfence-gates";
const Command kRelease{"release", "agent:corp/a", "a wrong list", "ada", "grace", ""};

class HostileCommands : public ::testing::Test {
 protected:
  HostileCommands() { trusted_.add(person_, {"operator"}), trusted_.add(engine_, {"engine-*"}); }

  static std::string payload(const Command& command = kRelease, const std::string& audience = kAudience) {
    return encode_command(command, {.iss = "urn:test", .aud = {audience}, .writer = "operator"}, WallTime{1'795'170'000'000'000'000});
  }
  /// Three parts as given, signed by `key` whatever the header says.
  static std::string token(const SigningKey& key, const json& header, const std::string& body) {
    const std::string head = base64url(header.dump()) + "." + base64url(body);
    return head + "." + base64url(key.sign(head));
  }
  [[nodiscard]] json header(const SigningKey& key) const { return {{"alg", "EdDSA"}, {"typ", "secevent+jwt"}, {"kid", key.kid()}}; }
  /// Why it is passed over; empty where it would be obeyed.
  [[nodiscard]] std::string why(const std::string& record) const {
    const ContextRead read = read_signed_command(record, trusted_, kAudience);
    return read.content ? "" : read.errors.front();
  }

  SigningKey person_ = *SigningKey::from_seed(std::string(32, 'p'));
  SigningKey engine_ = *SigningKey::from_seed(std::string(32, 'e'));
  SigningKey stranger_ = *SigningKey::from_seed(std::string(32, 's'));
  TrustedKeys trusted_;
};

TEST_F(HostileCommands, EachChangesNothing) {
  ASSERT_EQ(why(sign_jws(person_, payload())), "") << "the true one is obeyed";
  const std::string good = sign_jws(person_, payload());
  json none = header(person_), embedded = header(stranger_), critical = header(person_), hmac = header(person_);
  none["alg"] = "none";
  embedded["kid"] = person_.kid();
  embedded["jwk"] = {{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", base64url(stranger_.public_key())}};
  critical["crit"] = json::array({"exp"});
  hmac["alg"] = "HS256";
  json other_kid = header(stranger_);
  other_kid["kid"] = person_.kid();
  Command unexplained = kRelease;
  unexplained.reason = " ";
  Command nowhere = kRelease;
  nowhere.scope = "agent:corp/a/b";
  Command unknown = kRelease;
  unknown.command = "pardon";
  const std::string unsigned_head = base64url(none.dump()) + "." + base64url(payload()) + ".";
  const std::vector<std::pair<std::string, std::string>> records{
      {"nothing", ""},
      {"unsigned payload", payload()},
      {"alg none, no signature", unsigned_head},
      {"alg none, signed all the same", token(person_, none, payload())},
      {"HMAC named, under the public key's name", token(person_, hmac, payload())},
      {"a stranger's key", sign_jws(stranger_, payload())},
      {"a stranger's key under the operator's kid", token(stranger_, other_kid, payload())},
      {"a key in the header", token(stranger_, embedded, payload())},
      {"a critical header", token(person_, critical, payload())},
      {"an engine's key", sign_jws(engine_, payload())},
      {"an engine's key under the operator's kid", token(engine_, header(person_), payload())},
      {"another audience", sign_jws(person_, payload(kRelease, "somebody-else"))},
      {"cut", good.substr(0, good.size() - 10)},
      {"cut in the payload", good.substr(0, good.size() / 2)},
      {"another payload under a true signature",
       good.substr(0, good.find('.') + 1) + base64url(payload(nowhere)) + good.substr(good.rfind('.'))},
      {"oversized", sign_jws(person_, payload() + std::string(3U << 20U, ' '))},
      {"no reason", sign_jws(person_, payload(unexplained))},
      {"no scope", sign_jws(person_, payload(nowhere))},
      {"no command", sign_jws(person_, payload(unknown))},
      {"a containment, not a command",
       sign_jws(person_, encode_heartbeat({.writer = "operator", .generation = 1, .state_hash = std::string(64, '0')},
                                          {.iss = "urn:test", .aud = {kAudience}, .writer = "operator"}))}};
  for (const auto& [what, record] : records) EXPECT_NE(why(record), "") << what;
}

TEST_F(HostileCommands, AKeyThatRotatesSpeaksBesideTheOneBefore) {
  const SigningKey next = *SigningKey::from_seed(std::string(32, 'n'));
  trusted_.add(next, {"operator"});
  EXPECT_EQ(why(sign_jws(person_, payload())), "");
  EXPECT_EQ(why(sign_jws(next, payload())), "");
  TrustedKeys later;
  later.add(next, {"operator"});
  EXPECT_FALSE(read_signed_command(sign_jws(person_, payload()), later, kAudience).content) << "once it is taken out it says nothing more";
}

TEST_F(HostileCommands, NothingOfARefusedRecordIsRepeated) {
  EXPECT_THAT(why(sign_jws(stranger_, payload({"release", "agent:corp/a", "\x1b[2J", "ada", "", ""}))), ::testing::Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace ringfence
