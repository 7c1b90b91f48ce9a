// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "connectors/encoders/base64url.h"
#include "connectors/encoders/keys.h"
#include "connectors/encoders/name_pattern.h"
#include "connectors/encoders/strict_json.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kFileBytes = 64U << 10U;
constexpr std::size_t kKeysMax = 64;

std::unexpected<KeyError> malformed(std::string what) {
  return std::unexpected(KeyError{KeyError::Kind::Malformed, "trusted keys: " + std::move(what)});
}

const std::string* string_member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

std::expected<TrustedKey, KeyError> key_from(const Json& jwk) {
  if (!jwk.is_object()) return malformed("each of `keys` must be an object");
  if (jwk.contains("d"))
    return malformed("a key carries its private part `d`; export the public key with `keys show` and treat the private one as lost");
  const std::string *kty = string_member(jwk, "kty"), *crv = string_member(jwk, "crv"), *x = string_member(jwk, "x");
  if (kty == nullptr || *kty != "OKP" || crv == nullptr || *crv != "Ed25519" || x == nullptr)
    return malformed("each key must be kty OKP, crv Ed25519, with x");
  const auto public_key = base64url_decoded(*x);
  if (!public_key || public_key->size() != 32) return malformed("x must be 32 bytes in base64url");
  const std::string* kid = string_member(jwk, "kid");
  if (kid == nullptr || *kid != key_thumbprint(*public_key)) return malformed("kid must be the key's thumbprint (RFC 7638)");

  TrustedKey out{*public_key, {}};
  const auto writers = jwk.find("writers");
  if (writers == jwk.end() || !writers->is_array() || writers->empty())
    return malformed("each key needs `writers`, the names it may speak as");
  for (const Json& writer : *writers) {
    const auto* name = writer.get_ptr<const std::string*>();
    if (name == nullptr || !is_writer_pattern(*name)) return malformed(std::string(kWriterPattern));
    out.writers.push_back(*name);
  }
  return out;
}

}  // namespace

bool is_named(const std::vector<std::string>& patterns, std::string_view name) {
  return std::ranges::any_of(patterns, [name](std::string_view pattern) {
    return pattern.ends_with('*') ? name.starts_with(pattern.substr(0, pattern.size() - 1)) : name == pattern;
  });
}

bool TrustedKey::may_speak_as(std::string_view writer) const { return is_named(writers, writer); }

std::expected<TrustedKeys, KeyError> TrustedKeys::parse(std::string_view jwks) {
  if (jwks.size() > kFileBytes) return malformed("larger than 64 KiB");
  const auto document = parse_strict_json(jwks);
  if (!document) return malformed(document.error());
  const auto keys = document->is_object() ? document->find("keys") : document->end();
  if (!document->is_object() || keys == document->end() || !keys->is_array())
    return malformed("expected an object with an array `keys` (RFC 7517)");
  if (keys->size() > kKeysMax) return malformed("more than 64 keys");
  TrustedKeys out;
  for (const Json& jwk : *keys) {
    auto key = key_from(jwk);
    if (!key) return std::unexpected(key.error());
    const std::string kid = key_thumbprint(key->public_key);
    if (!out.keys_.emplace(kid, std::move(*key)).second) return malformed("a key appears twice");
  }
  return out;
}

std::expected<TrustedKeys, KeyError> TrustedKeys::load(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    std::error_code unknown;  // what cannot be looked at may be there
    const bool missing = std::filesystem::status(file, unknown).type() == std::filesystem::file_type::not_found;
    const auto kind = missing ? KeyError::Kind::NotFound : KeyError::Kind::Unreadable;
    return std::unexpected(KeyError{kind, "cannot open the trusted keys " + file.string()});
  }
  std::string text(kFileBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  auto keys = parse(text);
  if (!keys) keys.error().message += " (" + file.string() + ")";
  return keys;
}

void TrustedKeys::add(const SigningKey& key, std::vector<std::string> writers) {
  keys_.insert_or_assign(key.kid(), TrustedKey{key.public_key(), std::move(writers)});
}

const TrustedKey* TrustedKeys::find(std::string_view kid) const {
  const auto found = keys_.find(kid);
  return found == keys_.end() ? nullptr : &found->second;
}

std::string TrustedKeys::jwks() const {
  Json keys = Json::array();
  for (const auto& [kid, key] : keys_)
    keys.push_back({{"kty", "OKP"},
                    {"crv", "Ed25519"},
                    {"x", base64url(key.public_key)},
                    {"kid", kid},
                    {"use", "sig"},
                    {"alg", "EdDSA"},
                    {"writers", key.writers}});
  return Json{{"keys", std::move(keys)}}.dump(1, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace ringfence
