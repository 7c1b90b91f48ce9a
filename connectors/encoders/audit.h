// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "connectors/encoders/control.h"
#include "connectors/encoders/keys.h"
#include "engine/verdict/command.h"
#include "engine/verdict/containment.h"
#include "engine/verdict/enforcement.h"

/// What enforcement did, on record: OCSF 1.8.0 events, each signed and chained to the one before it, so that a file of them proves by
/// itself that nothing in it was changed, taken out or moved (docs/contracts/control.md, Audit). `AuditVerifier` reads them.
namespace ringfence {

/// One record of a chain: how far the chain has come.
struct AuditHead {
  std::string chain;
  std::uint64_t number = 0;  // from 1; 0 before the first
  std::string sha256;        // of the record's line, 64 hex digits; zeros before the first
  bool operator==(const AuditHead&) const = default;
};
[[nodiscard]] AuditHead beginning_of(std::string chain);

/// One thing that was done. `event` is the OCSF object without `metadata.uid` and the chain's own members; the chain adds those.
struct AuditEntry {
  std::string uid;    // the same where the same thing is put on record again
  std::string event;  // JSON
};

/// A containment or its end as its writer was told to publish it: Remediation Activity (7001), Isolate or Restore. `logged` is when it was
/// put on record, everything else a function of the input.
[[nodiscard]] AuditEntry audit_of(const ContainmentRecord& record, std::string_view writer, WallTime logged);
/// A halt that went out as a hold, because it lay beyond the blast radius, and waits for a person.
[[nodiscard]] AuditEntry audit_of_held(const ContainmentRecord& held, std::string_view writer, WallTime logged);
/// Every expected gate has confirmed a containment. `after` is the record behind which the engine knows it.
[[nodiscard]] AuditEntry audit_of(const Enforcement& enforcement, Position after, WallTime logged);

/// A signed command and whose key signed it.
struct CommandOnRecord {
  const Command& command;
  std::string_view jti, kid;
};
/// A command that is to take effect, once for all partitions, so that one which no state answers is on record too.
[[nodiscard]] AuditEntry audit_of_taken(const CommandOnRecord& order, Position after, WallTime logged);
/// What came of a command in one partition: Failure where it was refused.
[[nodiscard]] AuditEntry audit_of_answer(const CommandOnRecord& order, bool done, std::string_view answer, Position after, WallTime logged);
/// A command that its author was told is not allowed, or that was given where nobody answers; there it is what was done about it.
[[nodiscard]] AuditEntry audit_of_given(const CommandOnRecord& order, bool done, std::string_view answer, WallTime logged);
/// A record under a command's key that counts as none. `command` is null where nobody who may command signed it; `more` such records
/// before it were not put on record.
[[nodiscard]] AuditEntry audit_of_passed_over(const CommandOnRecord* order, Offset at, std::string_view why, std::uint64_t more,
                                              WallTime logged);
/// Another persona set is in force behind these places: Entity Management (3004), Update.
[[nodiscard]] AuditEntry audit_of_personas(std::string_view sha256, std::size_t personas, std::string_view places, WallTime logged);
/// An agent was forgotten in a state directory that no process held.
[[nodiscard]] AuditEntry audit_of_purge(std::string_view scope, std::int64_t time_ms, WallTime logged);

/// A person let a partition of the input that stood still at a place go on at another: what lies between is never judged.
[[nodiscard]] AuditEntry audit_of_moved_on(std::string_view topic, Position from, Offset to, WallTime logged);

/// The process that writes the chain: with which key it signs, and by which personas it judges.
struct AuditProcess {
  std::string_view start;  // unique to this start
  std::string_view kid, personas;
};
[[nodiscard]] AuditEntry audit_of_start(const AuditProcess& process, WallTime logged);
/// It ended of its own will. A start that follows no end follows a crash.
[[nodiscard]] AuditEntry audit_of_end(const AuditProcess& process, WallTime logged);

/// Writes one chain. Its name is `WRITER/…`, the writer being one that the key may speak as. One thread at a time; a record costs 60 us.
class AuditChain {
 public:
  AuditChain(const SigningKey& key, AuditHead head) : key_(key), head_(std::move(head)) {}
  /// The next record, one line without a line feed.
  [[nodiscard]] std::string next(const AuditEntry& entry);
  [[nodiscard]] const AuditHead& head() const { return head_; }

 private:
  const SigningKey& key_;
  AuditHead head_;
};

/// Where a line's signature stands in it: the line with that taken out is what was signed.
inline constexpr std::string_view kAuditSignature = R"("signature":")";
inline constexpr std::string_view kAuditLineEnd = R"("}}})";

}  // namespace ringfence
