// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "connectors/gate/http_message.h"
#include "connectors/gate/jwt_verifier.h"
#include "engine/gate/table.h"

namespace ringfence {

/// Who makes a call, with its text.
struct Identified {
  std::array<std::string, kSubjectFields> texts;
  [[nodiscard]] Subject subject() const;
};

/// Where a gate finds who makes a call: for each field one place, as configured. What a place holds twice, cut, oversized or unreadable
/// (no UTF-8, or a control character in it) is an error, never a guess: the caller is then refused. Immutable, thread-safe.
///
/// Places:
/// - `header:NAME`: the value of a header that the gateway sets; one value without a comma, since two joined ones look like that
/// - `jwt:/POINTER`: a claim of the bearer token, by JSON Pointer (RFC 6901); the gateway has verified the token, or a `JwtVerifier` does
/// - `spiffe`: the SPIFFE id in `X-Forwarded-Client-Cert`, of one certificate
/// - `api_key:NAME`: SHA-256 (hex) of a header's value, without a leading `Bearer `
/// - `body:/POINTER`: a member of a webhook's document
/// - `fixed:TEXT`: the same for every call, as a gate of one tenant has it
class SubjectPlaces {
 public:
  /// What a place may be found for: credential, agent, instance, session, user, tenant, root.
  [[nodiscard]] static std::span<const std::string_view> names();
  /// Why a text is no place; nothing where it is one.
  [[nodiscard]] static std::optional<std::string> fault_of(const std::string& place);
  /// `places` by name. `jwt_header` is where tokens stand. The error says what does not fit.
  [[nodiscard]] static std::expected<SubjectPlaces, std::string> parse(const std::map<std::string, std::string>& places,
                                                                       std::string jwt_header,
                                                                       std::shared_ptr<const JwtVerifier> verifier = nullptr);
  /// The fields that have a place.
  [[nodiscard]] VisibleFields visible() const;
  /// Whether that is somebody: credential, agent or instance, or the user where none of these has a place. A session or root is whatever
  /// the client says it is, and a user's own token in place of its agent's would go around what stands over the agent.
  [[nodiscard]] bool says_who(const Subject& subject) const;
  /// Who asks; a field whose place is empty in this request stays empty, but the tenant, which is then `default` as in an event. Where the
  /// tenant has no place it is not known.
  [[nodiscard]] std::expected<Identified, std::string> identify(const HttpRequest& request) const;

 private:
  enum class Kind : std::uint8_t { None, Header, Jwt, Spiffe, ApiKey, Body, Fixed };
  struct Place {
    Kind kind = Kind::None;
    std::string argument;
  };
  class Asked;
  /// Of kind None where the text is no place.
  [[nodiscard]] static Place place_of(const std::string& text);

  std::array<Place, kSubjectFields> places_;
  std::string jwt_header_;
  std::shared_ptr<const JwtVerifier> verifier_;
};

/// The SPIFFE id in a value of `X-Forwarded-Client-Cert`; an error where it names several certificates or ids.
[[nodiscard]] std::expected<std::string, std::string> spiffe_id_of(std::string_view forwarded_client_cert);

}  // namespace ringfence
