// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <memory>
#include <string>

#include "connectors/encoders/base64url.h"

namespace ringfence::testing {

/// An identity provider with an RSA and a P-256 key.
class IdentityProvider {
 public:
  IdentityProvider()
      : rsa_(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048})), ec_(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")) {}

  [[nodiscard]] std::string jwks() const {
    return R"({"keys":[{"kty":"RSA","kid":"r","use":"sig","alg":"RS256","n":")" + number(*rsa_, OSSL_PKEY_PARAM_RSA_N) + R"(","e":")" +
           number(*rsa_, OSSL_PKEY_PARAM_RSA_E) + R"("},{"kty":"EC","kid":"e","crv":"P-256","x":")" +
           number(*ec_, OSSL_PKEY_PARAM_EC_PUB_X, 32) + R"(","y":")" + number(*ec_, OSSL_PKEY_PARAM_EC_PUB_Y, 32) +
           R"("},{"kty":"oct","kid":"h","k":"c2VjcmV0"}]})";
  }
  [[nodiscard]] std::string token(const std::string& header, const std::string& claims, bool with_ec = false) const {
    std::string text = base64url(header) + "." + base64url(claims);
    text += "." + base64url(signature(with_ec ? *ec_ : *rsa_, text, with_ec));
    return text;
  }
  static std::string hmac_token(const std::string& header, const std::string& claims, const std::string& secret) {
    std::string text = base64url(header) + "." + base64url(claims);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes_of(text), text.size(), digest.data(), &size);
    return text + "." + base64url({reinterpret_cast<const char*>(digest.data()), size});
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
    void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
  };
  using Pkey = std::unique_ptr<EVP_PKEY, Free>;

  static const unsigned char* bytes_of(const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); }
  static std::string number(const EVP_PKEY& key, const char* name, int width = 0) {
    BIGNUM* raw = nullptr;
    EXPECT_EQ(EVP_PKEY_get_bn_param(&key, name, &raw), 1);
    std::string out(static_cast<std::size_t>(width > 0 ? width : BN_num_bytes(raw)), '\0');
    BN_bn2binpad(raw, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
    BN_free(raw);
    return base64url(out);
  }
  static std::string signature(EVP_PKEY& key, const std::string& text, bool with_ec) {
    const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
    std::string out(512, '\0');
    std::size_t size = out.size();
    EXPECT_EQ(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, &key), 1);
    EXPECT_EQ(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, bytes_of(text), text.size()), 1);
    out.resize(size);
    if (!with_ec) return out;
    const unsigned char* der = bytes_of(out);
    const std::unique_ptr<ECDSA_SIG, Free> pair(d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(out.size())));
    std::string raw(64, '\0');
    BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), reinterpret_cast<unsigned char*>(raw.data()), 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), reinterpret_cast<unsigned char*>(raw.data()) + 32, 32);
    return raw;
  }
  Pkey rsa_, ec_;
};

}  // namespace ringfence::testing
