// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <expected>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace ringfence {

/// Checks a gateway's tokens here as well, against a JWKS file (RFC 7517): RS256/384/512 and ES256/384. The algorithm is the key's, never
/// the token's choice, so `alg: none` and a public key used as an HMAC secret are refused; so are a token without a known `kid`, one that
/// has no `exp`, one outside `nbf` and `exp`, and one that another issuer gave or that was given for somebody else (RFC 8725 §3.8 and
/// §3.9), where these are known. Immutable, thread-safe. About 50 µs (RS256) a token.
class JwtVerifier {
 public:
  /// What a token must say beside its signature; an empty one is not asked.
  struct Expected {
    std::string issuer, audience;  // `iss`; `aud`, or one of them
  };
  /// At most 64 KiB and 64 keys. Keys for other uses or of other kinds are passed over; none left is an error.
  [[nodiscard]] static std::expected<JwtVerifier, std::string> parse(std::string_view jwks, Expected expected);
  [[nodiscard]] static std::expected<JwtVerifier, std::string> load(const std::filesystem::path& file, Expected expected);

  /// Nothing, or why the token does not hold; the reason repeats nothing of it.
  [[nodiscard]] std::expected<void, std::string> verify(std::string_view token) const;

 private:
  struct Key {
    std::string algorithm, pem;
  };
  std::map<std::string, Key, std::less<>> keys_;  // by kid
  Expected expected_;
};

}  // namespace ringfence
