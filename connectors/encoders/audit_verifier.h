// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/encoders/audit.h"

namespace ringfence {

/// No record of ours is longer; a longer line is refused unread.
inline constexpr std::size_t kAuditLineBytes = 64U << 10U;

/// What is wrong with a record, or missing before it.
struct AuditFault {
  enum class Kind : std::uint8_t {
    Unreadable,  // no record of an audit chain, or one cut short
    UnknownKey,  // signed by a key that is not trusted
    WrongKey,    // by a trusted key that may not write this chain
    Signature,   // changed since it was signed
    Gap,         // records of its chain are missing before it
    Order,       // it stands here again, or behind a later one
    Hash,        // it follows another record than the one before it
    Tail,        // records that are known to have been written are missing at the end of the chain
    TooMany,     // more chains than are followed
  } kind{};
  std::string chain;         // as it claims; empty where it cannot be read
  std::uint64_t number = 0;  // as it claims
  std::string why;           // repeats nothing of the record
};
[[nodiscard]] std::string_view name_of(AuditFault::Kind kind);

/// A record whose signature holds, by a key that may write its chain.
struct AuditLine {
  AuditHead at;          // chain, number, and the digest of this line
  std::string previous;  // digest of the one before
  std::string uid, kind, kid;
};
[[nodiscard]] std::expected<AuditLine, AuditFault> read_audit_line(std::string_view line, const TrustedKeys& trusted);

/// Checks a file of chains, line by line, with nothing but the keys. Chains may stand mixed; each begins with its first record, or behind
/// one that is known. Memory: a few hundred bytes a chain, of which only who holds a trusted key can make one, and at most 4,096.
class AuditVerifier {
 public:
  /// `known`: records noted elsewhere, as far back as one likes. Each must be in the file under its number, or be the one that the
  /// chain's first record in the file follows.
  AuditVerifier(const TrustedKeys& trusted, std::vector<AuditHead> known) : trusted_(trusted), known_(std::move(known)) {}
  /// The next line, without its line feed.
  [[nodiscard]] std::expected<void, AuditFault> take(std::string_view line);
  /// The file has ended.
  [[nodiscard]] std::expected<void, AuditFault> end() const;

  struct Chain {
    AuditHead head;
    std::uint64_t first = 1;  // its number in the file
    bool ended = false;       // the last record says that its process ended of its own will
  };
  [[nodiscard]] const std::map<std::string, Chain, std::less<>>& chains() const { return chains_; }

 private:
  [[nodiscard]] std::expected<void, AuditFault> begin(const AuditLine& record);

  const TrustedKeys& trusted_;
  const std::vector<AuditHead> known_;
  std::map<std::string, Chain, std::less<>> chains_;
};

}  // namespace ringfence
