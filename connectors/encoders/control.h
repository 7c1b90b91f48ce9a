// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "connectors/encoders/jws.h"
#include "connectors/encoders/keys.h"
#include "engine/event/ids.h"
#include "engine/verdict/command.h"
#include "engine/verdict/containment.h"

/// Control records as Security Event Tokens (RFC 8417); docs/contracts/control.md is the contract, field by field.
namespace ringfence {

/// Nanoseconds since 1970-01-01T00:00:00Z by the clock of this machine: a type of its own, so that it never stands in for event time.
using WallTime = Strong<struct WallTimeTag, std::int64_t>;

/// Who speaks, to whom.
struct Issuer {
  std::string iss;
  std::vector<std::string> aud;
  std::string writer;
  std::uint64_t generation = 0;
  std::int64_t ack_within_ms = 2000;
};

/// A claim of a writer's next generation. `claimant` is unique to a process's start, so that two owners of one key can tell their claims
/// apart.
struct Claim {
  std::string writer, claimant;
  std::uint64_t generation = 0;
  std::int64_t time_ms = 0;
  bool operator==(const Claim&) const = default;
};

struct Heartbeat {
  std::string writer;
  std::uint64_t generation = 0;
  std::uint64_t count = 0;  // live records
  std::string state_hash;   // 64 hex digits
  std::int64_t time_ms = 0;
  bool operator==(const Heartbeat&) const = default;
};

/// A containment as it was signed; what is not part of the payload (cause, position) is empty.
struct SignedContainment {
  /// What a denied caller should be told, as signed: whoever answers bounds it.
  struct Deny {
    std::int64_t http_status = 0, jsonrpc_code = 0;
    std::string message;
  };
  std::string writer;
  std::uint64_t generation = 0;
  ContainmentRecord record;
  std::vector<std::string> actions;
  std::optional<Deny> deny;
  std::optional<EventTime> expires_at;
  std::int64_t ack_within_ms = 2000;
  std::vector<std::string> unknown;  // words this version does not know; see `UnknownWords::Strictest`
};

struct ControlMessage {
  std::string iss, jti, txn;
  std::int64_t iat = 0;
  std::vector<std::string> aud;
  std::variant<SignedContainment, Claim, Heartbeat, Command> body;
};

/// `scope#writer`; the topic's key.
[[nodiscard]] std::string control_key(std::string_view scope, std::string_view writer);
[[nodiscard]] std::string claim_key(std::string_view writer);
[[nodiscard]] std::string heartbeat_key(std::string_view writer);
/// `engine-<input topic>-<partition>`.
[[nodiscard]] std::string engine_writer(std::string_view topic, Partition partition);

/// `ctl-` and 16 hex digits: SHA-256 over cause, key and epoch, each with its length, cut to 8 bytes. A repeat after a crash has the same.
[[nodiscard]] std::string control_jti(std::string_view cause_event_id, std::string_view key, std::uint64_t epoch);

/// One line of JSON, ASCII only, a function of its arguments alone: what is signed, and what a replay writes. A person's word bears the
/// `jti` of the command it is; without one it is `control_jti`.
[[nodiscard]] std::string encode_containment(const ContainmentRecord& record, const Issuer& issuer, std::string_view jti = {});
[[nodiscard]] std::string encode_claim(const Claim& claim, const Issuer& issuer);
[[nodiscard]] std::string encode_heartbeat(const Heartbeat& heartbeat, const Issuer& issuer);
[[nodiscard]] std::string encode_command(const Command& command, const Issuer& issuer, WallTime now);

/// What a level or an action that this version does not know means in a containment: a refusal, or for an enforcement point, which must not
/// let through what a newer engine stops in a new way, the strictest it knows: halt.
enum class UnknownWords : std::uint8_t { Refused, Strictest };

/// Reads a payload of any of the four kinds; unknown members are ignored, known ones must have their type. Status 501 for kinds, states,
/// levels and actions this version does not know, 401 for everything that does not read as a control record.
[[nodiscard]] std::expected<ControlMessage, ControlRefusal> decode_control(std::string_view payload,
                                                                           UnknownWords unknown = UnknownWords::Refused);

/// The whole check of a record of the control topic: signature, kind, audience, that the key may speak as the writer it names, and that the
/// record stands under the key it was signed for. Order (epochs, generations) is the reader's own knowledge: `ControlOrder`.
[[nodiscard]] std::expected<ControlMessage, ControlRefusal> verify_control(std::string_view key, std::string_view jws,
                                                                           const TrustedKeys& trusted, std::string_view audience,
                                                                           UnknownWords unknown = UnknownWords::Refused);
/// Of a run of records those that did not verify, by their places in it.
using Unverified = std::vector<std::pair<std::size_t, ControlRefusal>>;

/// An operator's command as it was signed; `jti` tells it from every other one, also from the same words given again.
struct SignedCommand {
  Command command;
  std::string jti;
  std::int64_t iat = 0;  // seconds since 1970-01-01T00:00:00Z by the operator's clock
};
/// The same for an operator's command, signed by a key that may speak as `operator`.
[[nodiscard]] std::expected<SignedCommand, ControlRefusal> verify_command(std::string_view jws, const TrustedKeys& trusted,
                                                                          std::string_view audience);

}  // namespace ringfence
