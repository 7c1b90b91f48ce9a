// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "connectors/encoders/keys.h"

namespace ringfence {

/// What an enforcement point answers to a control record (docs/contracts/control.md, Acknowledgements).
enum class AckStatus : std::uint16_t {
  Received = 102,
  Applied = 200,
  BadSignature = 401,  // not signed by a key that may say this, or not readable as what was signed
  WrongAudience = 403,
  Stale = 409,        // epoch or generation not above what is known
  Unsupported = 501,  // properly signed, but a level, action or kind this version does not know
};

/// What would have to be another for a refused record to be taken.
enum class RefusedFor : std::uint8_t {
  Record,  // it: its form, its signature, where it stands
  Key,     // the pinned keys: the one it names is none of them
  Reader   // what the reader expects: the audience, the issuer, the writers a key may speak as
};

/// Why a signed record is refused. `detail` names the check; it repeats nothing of the record.
struct ControlRefusal {
  AckStatus status{};
  std::string detail;
  RefusedFor cause = RefusedFor::Record;
};

/// Tokens longer than this are refused before anything is decoded.
inline constexpr std::size_t kTokenBytes = 2U << 20U;

/// Compact JWS (RFC 7515) over `payload`: EdDSA with Ed25519 (RFC 8037), header {"alg":"EdDSA","typ":"secevent+jwt","kid":…}. The same
/// bytes for the same payload and key.
[[nodiscard]] std::string sign_jws(const SigningKey& key, std::string_view payload);

struct VerifiedJws {
  std::string kid, payload;
  TrustedKey key;
};
/// Accepts exactly what `sign_jws` writes: three parts in canonical base64url, a header of these three members and no other (so no `crit`,
/// `jwk`, `jku`, `b64`), `alg` exactly `EdDSA`, a pinned `kid`, a signature that holds. About 100 µs. What the payload says is not judged
/// here.
[[nodiscard]] std::expected<VerifiedJws, ControlRefusal> verify_jws(std::string_view token, const TrustedKeys& trusted);

/// The same signature with the payload left out (RFC 7515, Appendix F): `header..signature`, for a payload that stands beside it.
[[nodiscard]] std::string sign_detached(const SigningKey& key, std::string_view payload);
/// As `verify_jws` of what `sign_detached` writes, given the payload.
[[nodiscard]] std::expected<VerifiedJws, ControlRefusal> verify_detached(std::string_view token, std::string_view payload,
                                                                         const TrustedKeys& trusted);
/// Whose key a token names; nothing is verified but the header's form.
[[nodiscard]] std::expected<std::string, ControlRefusal> kid_of_jws(std::string_view token);

}  // namespace ringfence
