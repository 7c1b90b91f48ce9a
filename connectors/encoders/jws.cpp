// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/jws.h"

#include <nlohmann/json.hpp>

#include "connectors/encoders/base64url.h"
#include "connectors/encoders/strict_json.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kHeaderBytes = 1024;

std::unexpected<ControlRefusal> refused(std::string detail) {
  return std::unexpected(ControlRefusal{AckStatus::BadSignature, std::move(detail)});
}

bool member_is(const Json& header, const char* name, std::string_view expected) {
  const auto found = header.find(name);
  const auto* text = found == header.end() ? nullptr : found->get_ptr<const std::string*>();
  return text != nullptr && *text == expected;
}

/// The kid of a header that says nothing but what we write.
std::expected<std::string, ControlRefusal> kid_of(std::string_view encoded) {
  if (encoded.size() > kHeaderBytes) return refused("header: larger than 1 KiB");
  const auto text = base64url_decoded(encoded);
  if (!text) return refused("header: not base64url");
  const auto header = parse_strict_json(*text);
  if (!header || !header->is_object()) return refused("header: not a JSON object, or ambiguous");
  if (!member_is(*header, "alg", "EdDSA")) return refused("header: alg is not EdDSA");
  if (!member_is(*header, "typ", "secevent+jwt")) return refused("header: typ is not secevent+jwt");
  const auto kid = header->find("kid");
  const auto* name = kid == header->end() ? nullptr : kid->get_ptr<const std::string*>();
  if (name == nullptr) return refused("header: no kid");
  if (header->size() != 3) return refused("header: members beside alg, typ and kid");
  return *name;
}

}  // namespace

std::string sign_jws(const SigningKey& key, std::string_view payload) {
  const std::string header = R"({"alg":"EdDSA","typ":"secevent+jwt","kid":")" + key.kid() + R"("})";
  std::string token = base64url(header) + "." + base64url(payload);
  const std::string signature = key.sign(token);
  return token + "." + base64url(signature);
}

std::expected<VerifiedJws, ControlRefusal> verify_jws(std::string_view token, const TrustedKeys& trusted) {
  if (token.size() > kTokenBytes) return refused("token: larger than 2 MiB");
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) return refused("token: not three parts");

  auto kid = kid_of(token.substr(0, first));
  if (!kid) return std::unexpected(kid.error());
  const TrustedKey* key = trusted.find(*kid);
  if (key == nullptr) return std::unexpected(ControlRefusal{AckStatus::BadSignature, "header: kid is not a trusted key", RefusedFor::Key});
  const auto signature = base64url_decoded(token.substr(second + 1));
  if (!signature || !signature_holds(key->public_key, token.substr(0, second), *signature)) return refused("signature: does not hold");
  auto payload = base64url_decoded(token.substr(first + 1, second - first - 1));
  if (!payload) return refused("payload: not base64url");
  return VerifiedJws{std::move(*kid), std::move(*payload), *key};
}

std::string sign_detached(const SigningKey& key, std::string_view payload) {
  const std::string token = sign_jws(key, payload);
  return token.substr(0, token.find('.') + 1) + token.substr(token.rfind('.'));
}

std::expected<VerifiedJws, ControlRefusal> verify_detached(std::string_view token, std::string_view payload, const TrustedKeys& trusted) {
  const std::size_t dots = token.find("..");
  if (dots == std::string_view::npos) return refused("token: its payload is not left out");
  std::string whole(token.substr(0, dots + 1));
  whole += base64url(payload);
  whole += token.substr(dots + 1);
  return verify_jws(whole, trusted);
}

std::expected<std::string, ControlRefusal> kid_of_jws(std::string_view token) {
  const std::size_t dot = token.find('.');
  if (dot == std::string_view::npos) return refused("token: not three parts");
  return kid_of(token.substr(0, dot));
}

}  // namespace ringfence
