// SPDX-License-Identifier: Apache-2.0
#include "connectors/gate/jwt_verifier.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <jwt/jwt.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "connectors/encoders/base64url.h"
#include "connectors/encoders/strict_json.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kFileBytes = 64U << 10U;
constexpr std::size_t kKeysMax = 64;
constexpr int kRsaBitsMin = 2048;
constexpr std::uint32_t kLeewaySeconds = 30;

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  void operator()(BIO* bio) const { BIO_free_all(bio); }
  void operator()(BIGNUM* number) const { BN_free(number); }
  void operator()(OSSL_PARAM_BLD* builder) const { OSSL_PARAM_BLD_free(builder); }
  void operator()(OSSL_PARAM* params) const { OSSL_PARAM_free(params); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

std::unexpected<std::string> refuse(std::string why) { return std::unexpected(std::move(why)); }

std::string text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  const auto* text = found == object.end() ? nullptr : found->get_ptr<const std::string*>();
  return text == nullptr ? std::string() : *text;
}

Owned<BIGNUM> number_of(const std::string& bytes) {
  return Owned<BIGNUM>(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()), nullptr));
}

std::optional<std::string> pem_of(const char* type, OSSL_PARAM_BLD* builder) {
  const Owned<OSSL_PARAM> params(OSSL_PARAM_BLD_to_param(builder));
  const Owned<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* raw = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &raw, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    return std::nullopt;
  const Owned<EVP_PKEY> key(raw);
  if (std::string_view(type) == "RSA" && EVP_PKEY_get_bits(key.get()) < kRsaBitsMin) return std::nullopt;
  const Owned<BIO> out(BIO_new(BIO_s_mem()));
  if (!out || PEM_write_bio_PUBKEY(out.get(), key.get()) != 1) return std::nullopt;
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

std::optional<std::string> rsa_pem(const Json& jwk) {
  const auto n = base64url_decoded(text_of(jwk, "n")), e = base64url_decoded(text_of(jwk, "e"));
  if (!n || !e || n->empty() || e->empty()) return std::nullopt;
  const auto modulus = number_of(*n), exponent = number_of(*e);
  const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1)
    return std::nullopt;
  return pem_of("RSA", builder.get());
}

std::optional<std::string> ec_pem(const Json& jwk, const char* group, std::size_t bytes) {
  const auto x = base64url_decoded(text_of(jwk, "x")), y = base64url_decoded(text_of(jwk, "y"));
  if (!x || !y || x->size() != bytes || y->size() != bytes) return std::nullopt;
  const std::string point = '\x04' + *x + *y;
  const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, group, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1)
    return std::nullopt;
  return pem_of("EC", builder.get());
}

/// The algorithm and public key of a JWK; nothing for keys that cannot verify a token here.
std::optional<std::pair<std::string, std::string>> usable(const Json& jwk) {
  const std::string kty = text_of(jwk, "kty"), use = text_of(jwk, "use"), crv = text_of(jwk, "crv");
  std::string algorithm = text_of(jwk, "alg");
  if (!use.empty() && use != "sig") return std::nullopt;
  std::optional<std::string> pem;
  if (kty == "RSA") {
    if (algorithm.empty()) algorithm = "RS256";
    constexpr std::array<std::string_view, 3> kKnown{"RS256", "RS384", "RS512"};
    if (std::ranges::find(kKnown, algorithm) != kKnown.end()) pem = rsa_pem(jwk);
  } else if (kty == "EC" && crv == "P-256" && (algorithm.empty() || algorithm == "ES256")) {
    algorithm = "ES256";
    pem = ec_pem(jwk, "prime256v1", 32);
  } else if (kty == "EC" && crv == "P-384" && (algorithm.empty() || algorithm == "ES384")) {
    algorithm = "ES384";
    pem = ec_pem(jwk, "secp384r1", 48);
  }
  if (!pem) return std::nullopt;
  return std::pair(std::move(algorithm), std::move(*pem));
}

/// The claim is this text, or a list with it.
bool names(const nlohmann::json& claims, const char* claim, const std::string& wanted) {
  const auto found = claims.find(claim);
  if (found == claims.end()) return false;
  if (!found->is_array()) return *found == wanted;
  return std::any_of(found->begin(), found->end(), [&](const nlohmann::json& one) { return one == wanted; });
}

}  // namespace

std::expected<JwtVerifier, std::string> JwtVerifier::parse(std::string_view jwks, Expected expected) {
  if (jwks.size() > kFileBytes) return refuse("JWKS: larger than 64 KiB");
  const auto document = parse_strict_json(jwks);
  if (!document || !document->is_object() || !document->contains("keys") || !document->at("keys").is_array())
    return refuse("JWKS: expected an object with an array `keys` (RFC 7517)");
  if (document->at("keys").size() > kKeysMax) return refuse("JWKS: more than 64 keys");
  JwtVerifier out;
  out.expected_ = std::move(expected);
  for (const Json& jwk : document->at("keys")) {
    if (!jwk.is_object()) return refuse("JWKS: each of `keys` must be an object");
    const std::string kid = text_of(jwk, "kid");
    auto key = usable(jwk);
    if (kid.empty() || !key) continue;
    if (!out.keys_.emplace(kid, Key{std::move(key->first), std::move(key->second)}).second) return refuse("JWKS: a kid appears twice");
  }
  if (out.keys_.empty()) return refuse("JWKS: no RS256, RS384, RS512, ES256 or ES384 key with a kid");
  return out;
}

std::expected<JwtVerifier, std::string> JwtVerifier::load(const std::filesystem::path& file, Expected expected) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return refuse("cannot open the JWKS file " + file.string());
  std::string text(kFileBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return parse(text, std::move(expected));
}

std::expected<void, std::string> JwtVerifier::verify(std::string_view token) const {
  const auto header_text = base64url_decoded(token.substr(0, token.find('.')));
  const auto header = header_text ? parse_strict_json(*header_text) : std::expected<Json, std::string>(std::unexpected(std::string()));
  if (!header || !header->is_object() || header->contains("crit")) return refuse("the token's header cannot be read");
  const auto key = keys_.find(text_of(*header, "kid"));
  if (key == keys_.end()) return refuse("the token names no known key");
  if (text_of(*header, "alg") != key->second.algorithm) return refuse("the token's algorithm is not its key's");
  using namespace ::jwt::params;
  try {
    std::error_code error;
    const auto decoded = ::jwt::decode(std::string(token), algorithms({key->second.algorithm}), error, secret(key->second.pem),
                                       leeway(kLeewaySeconds), ::jwt::params::verify(true));
    if (error) return refuse("the token does not hold");
    if (!decoded.has_claim("exp")) return refuse("the token has no end");
    const nlohmann::json& claims = decoded.payload().create_json_obj();
    if (!expected_.issuer.empty() && !names(claims, "iss", expected_.issuer)) return refuse("the token is of another issuer");
    if (!expected_.audience.empty() && !names(claims, "aud", expected_.audience)) return refuse("the token is for somebody else");
  } catch (const std::exception&) {
    return refuse("the token does not hold");
  }
  return {};
}

}  // namespace ringfence
