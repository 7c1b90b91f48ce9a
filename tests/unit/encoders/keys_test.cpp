// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/keys.h"

#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "connectors/encoders/base64url.h"
#include "connectors/encoders/jws.h"
#include "engine/event/sha256.h"

namespace ringfence {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

// RFC 8037, appendix A.
constexpr std::string_view kRfcD = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
constexpr std::string_view kRfcX = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
constexpr std::string_view kRfcThumbprint = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
constexpr std::string_view kRfcSigningInput = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
constexpr std::string_view kRfcSignature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

SigningKey rfc_key() {
  auto key = SigningKey::from_seed(*base64url_decoded(kRfcD));
  EXPECT_TRUE(key.has_value());
  return std::move(*key);
}

class KeyFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::temp_directory_path() / ("ringfence-keys-" + std::to_string(::getpid()));
    fs::remove_all(directory_);
    fs::create_directory(directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }
  [[nodiscard]] fs::path file(const char* name) const { return directory_ / name; }
  static void write(const fs::path& path, std::string_view text, mode_t mode = 0600) {
    std::ofstream(path, std::ios::binary) << text;
    ::chmod(path.c_str(), mode);
  }
  fs::path directory_;
};

TEST(Ed25519, matches_the_vectors_of_rfc_8037) {
  const SigningKey key = rfc_key();
  EXPECT_EQ(base64url(key.public_key()), kRfcX);
  EXPECT_EQ(key.kid(), kRfcThumbprint);
  EXPECT_EQ(base64url(key.sign(kRfcSigningInput)), kRfcSignature);
  EXPECT_TRUE(signature_holds(*base64url_decoded(kRfcX), kRfcSigningInput, *base64url_decoded(kRfcSignature)));
}

TEST(Ed25519, a_signature_holds_for_its_text_and_key_alone) {
  const SigningKey key = rfc_key();
  std::string signature = key.sign("text");
  EXPECT_TRUE(signature_holds(key.public_key(), "text", signature));
  EXPECT_FALSE(signature_holds(key.public_key(), "texT", signature));
  EXPECT_FALSE(signature_holds(SigningKey::generate()->public_key(), "text", signature));
  EXPECT_FALSE(signature_holds(key.public_key(), "text", signature.substr(0, 63)));
  EXPECT_FALSE(signature_holds("short", "text", signature));
  signature[40] = static_cast<char>(signature[40] ^ 1);
  EXPECT_FALSE(signature_holds(key.public_key(), "text", signature));
}

TEST(Sha256, matches_the_vector_of_fips_180) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Base64Url, has_one_text_per_value) {
  for (const std::string& bytes : {std::string(), std::string("f"), std::string("fo"), std::string("foo"), std::string("\0\xff\xfe", 3)})
    EXPECT_EQ(base64url_decoded(base64url(bytes)), bytes);
  EXPECT_EQ(base64url("\xff\xef"), "_-8");
  for (const char* text : {"Zg==", "Zh", "Zm9", "A", "Zm9v\n", "Zm+v", "Zm/v", " Zm9v", "Zm9v="})
    EXPECT_EQ(base64url_decoded(text), std::nullopt) << text;
}

TEST_F(KeyFiles, a_generated_key_is_saved_for_its_owner_alone_and_loads_as_the_same_key) {
  const auto key = SigningKey::generate();
  ASSERT_TRUE(key.has_value());
  ASSERT_TRUE(key->save(file("a.pem")).has_value());
  struct stat status{};
  ASSERT_EQ(::stat(file("a.pem").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  const auto loaded = SigningKey::load(file("a.pem"));
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_EQ(loaded->kid(), key->kid());
  EXPECT_EQ(loaded->sign("x"), key->sign("x"));
}

TEST_F(KeyFiles, an_existing_file_is_never_overwritten) {
  write(file("a.pem"), "precious");
  const auto saved = rfc_key().save(file("a.pem"));
  ASSERT_FALSE(saved.has_value());
  EXPECT_EQ(saved.error().kind, KeyError::Kind::Exists);
  EXPECT_EQ(fs::file_size(file("a.pem")), 8U);
}

TEST_F(KeyFiles, each_fault_has_its_own_error_and_no_error_shows_the_key) {
  ASSERT_TRUE(rfc_key().save(file("open.pem")).has_value());
  ::chmod(file("open.pem").c_str(), 0640);
  std::string pem;
  std::getline(std::ifstream(file("open.pem"), std::ios::binary), pem, '\0');
  write(file("cut.pem"), pem.substr(0, 60));
  write(file("empty.pem"), "");
  write(file("huge.pem"), std::string(5000, 'A'));
  EVP_PKEY* other = EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519");
  std::FILE* out = std::fopen(file("x25519.pem").c_str(), "w");
  PEM_write_PrivateKey(out, other, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(out);
  EVP_PKEY_free(other);
  ::chmod(file("x25519.pem").c_str(), 0600);
  fs::create_symlink(file("cut.pem"), file("link.pem"));

  const auto fault = [this](const char* name) {
    const auto key = SigningKey::load(file(name));
    EXPECT_FALSE(key.has_value()) << name;
    if (key) return KeyError::Kind::Io;
    EXPECT_THAT(key.error().message, HasSubstr(name)) << "the file is named";
    EXPECT_THAT(key.error().message, Not(HasSubstr("MC4CAQ"))) << "the key is not";
    return key.error().kind;
  };
  EXPECT_EQ(fault("absent.pem"), KeyError::Kind::NotFound);
  EXPECT_EQ(fault("open.pem"), KeyError::Kind::Permissions);
  EXPECT_EQ(fault("cut.pem"), KeyError::Kind::Malformed);
  EXPECT_EQ(fault("empty.pem"), KeyError::Kind::Malformed);
  EXPECT_EQ(fault("huge.pem"), KeyError::Kind::Malformed);
  EXPECT_EQ(fault("x25519.pem"), KeyError::Kind::NotEd25519);
  EXPECT_EQ(fault("link.pem"), KeyError::Kind::Unreadable);
  EXPECT_EQ(SigningKey::load(directory_).error().kind, KeyError::Kind::Unreadable);
}

TEST_F(KeyFiles, the_exported_set_is_public_and_pins_keys_to_writers) {
  TrustedKeys keys;
  keys.add(rfc_key(), {"engine-ringfence.events-*", "operator"});
  EXPECT_THAT(keys.jwks(), Not(HasSubstr("\"d\"")));
  write(file("trusted.json"), keys.jwks(), 0644);
  const auto loaded = TrustedKeys::load(file("trusted.json"));
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  const TrustedKey* key = loaded->find(kRfcThumbprint);
  ASSERT_NE(key, nullptr);
  EXPECT_TRUE(key->may_speak_as("engine-ringfence.events-3"));
  EXPECT_TRUE(key->may_speak_as("operator"));
  EXPECT_FALSE(key->may_speak_as("operator2"));
  EXPECT_FALSE(key->may_speak_as("engine-other-3"));
  EXPECT_EQ(loaded->find("other"), nullptr);
}

TEST_F(KeyFiles, a_set_that_is_not_there_is_told_from_one_that_cannot_be_read) {
  const auto fault = [&](const char* name) { return TrustedKeys::load(file(name)).error(); };
  EXPECT_EQ(fault("none.json").kind, KeyError::Kind::NotFound);
  write(file("cut.json"), "{\"keys\":[{", 0644);
  EXPECT_EQ(fault("cut.json").kind, KeyError::Kind::Malformed);
  EXPECT_THAT(fault("cut.json").message, HasSubstr("cut.json")) << "which file";
  EXPECT_NE(fault("cut.json/below").kind, KeyError::Kind::Malformed);
}

TEST(TrustedKeySet, refuses_private_ambiguous_and_unbound_keys) {
  const std::string x = R"("kty":"OKP","crv":"Ed25519","x":")" + std::string(kRfcX) + R"(")";
  const std::string good = x + R"(,"kid":")" + std::string(kRfcThumbprint) + R"(","writers":["operator"])";
  ASSERT_TRUE(TrustedKeys::parse("{\"keys\":[{" + good + "}]}").has_value());
  for (const std::string& key : {
           x + R"(,"kid":"mine","writers":["operator"])",
           good + R"(,"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")",
           good + R"(,"kid":"again")",
           x + R"(,"kid":")" + std::string(kRfcThumbprint) + R"(")",
           x + R"(,"kid":")" + std::string(kRfcThumbprint) + R"(","writers":[])",
           x + R"(,"kid":")" + std::string(kRfcThumbprint) + R"(","writers":["*"])",
           x + R"(,"kid":")" + std::string(kRfcThumbprint) + R"(","writers":["a*b"])",
           std::string(R"("kty":"RSA","n":"AQAB","e":"AQAB","writers":["operator"])"),
           std::string(R"("kty":"OKP","crv":"Ed25519","x":"AAAA","kid":"x","writers":["operator"])"),
       })
    EXPECT_FALSE(TrustedKeys::parse("{\"keys\":[{" + key + "}]}").has_value()) << key;
  for (const char* text : {"", "[]", "{}", R"({"keys":1})", R"({"keys":[1]})"}) EXPECT_FALSE(TrustedKeys::parse(text).has_value()) << text;
  EXPECT_FALSE(TrustedKeys::parse("{\"keys\":[{" + good + "},{" + good + "}]}").has_value());
}

}  // namespace
}  // namespace ringfence
