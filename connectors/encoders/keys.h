// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ringfence {

/// Why a key file cannot be used. `message` names the file and what to do; never a byte of the file.
struct KeyError {
  enum class Kind : std::uint8_t { NotFound, Unreadable, Permissions, NotEd25519, Exists, Io, Malformed } kind{};
  std::string message;
};

/// An Ed25519 private key (RFC 8032). Wiped from memory when it goes. Immutable; signing is thread-safe.
class SigningKey {
 public:
  [[nodiscard]] static std::expected<SigningKey, KeyError> generate();
  /// Reads a PEM file (PKCS #8, not encrypted) that nobody but its owner may read: a regular file of this user or root, mode 0600 or 0400.
  [[nodiscard]] static std::expected<SigningKey, KeyError> load(const std::filesystem::path& file);
  /// From the 32 secret bytes of RFC 8032 §5.1.5.
  [[nodiscard]] static std::expected<SigningKey, KeyError> from_seed(std::string_view seed);

  SigningKey(SigningKey&&) noexcept;
  SigningKey& operator=(SigningKey&&) noexcept;
  ~SigningKey();

  /// Writes a new file with mode 0600, synced to disk; an existing file is never touched.
  [[nodiscard]] std::expected<void, KeyError> save(const std::filesystem::path& file) const;
  /// The 32 bytes of the public key.
  [[nodiscard]] const std::string& public_key() const { return public_key_; }
  /// RFC 7638 thumbprint of the public key (SHA-256, base64url): the `kid` of everything signed with it.
  [[nodiscard]] const std::string& kid() const { return kid_; }
  /// 64 bytes; deterministic (RFC 8032).
  [[nodiscard]] std::string sign(std::string_view message) const;

 private:
  struct Secret;
  SigningKey(std::unique_ptr<Secret> secret, std::string public_key);
  std::unique_ptr<Secret> secret_;
  std::string public_key_, kid_;
};

/// RFC 7638, RFC 8037 §2: SHA-256 over {"crv":"Ed25519","kty":"OKP","x":…}, base64url.
[[nodiscard]] std::string key_thumbprint(std::string_view public_key);
/// True if `signature` is the Ed25519 signature of `message`; false for keys and signatures of a wrong size too.
[[nodiscard]] bool signature_holds(std::string_view public_key, std::string_view message, std::string_view signature);

/// True of a name that `patterns` hold, as it is or by a prefix of it and `*`.
[[nodiscard]] bool is_named(const std::vector<std::string>& patterns, std::string_view name);

/// Which key may speak as which writers.
struct TrustedKey {
  std::string public_key;            // 32 bytes
  std::vector<std::string> writers;  // names, or a prefix and `*` at the end: `engine-ringfence.events-*`
  [[nodiscard]] bool may_speak_as(std::string_view writer) const;
};

/// The keys a verifier is pinned to, by `kid`. The file is a JWKS (RFC 7517) whose keys also carry `writers`. Immutable after loading.
class TrustedKeys {
 public:
  TrustedKeys() = default;
  /// At most 64 KiB and 64 keys; every key OKP, Ed25519, public only, its `kid` its thumbprint, with at least one writer.
  [[nodiscard]] static std::expected<TrustedKeys, KeyError> parse(std::string_view jwks);
  /// `NotFound` where there is no such file.
  [[nodiscard]] static std::expected<TrustedKeys, KeyError> load(const std::filesystem::path& file);
  void add(const SigningKey& key, std::vector<std::string> writers);
  /// Null where no key of that name is trusted.
  [[nodiscard]] const TrustedKey* find(std::string_view kid) const;
  [[nodiscard]] bool empty() const { return keys_.empty(); }
  /// The file's text, keys in order of `kid`; holds no secret.
  [[nodiscard]] std::string jwks() const;

 private:
  std::map<std::string, TrustedKey, std::less<>> keys_;
};

}  // namespace ringfence
