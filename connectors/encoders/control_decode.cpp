// SPDX-License-Identifier: Apache-2.0
// Reading and checking control records; writing them is control.cpp.
#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>

#include "connectors/encoders/control.h"
#include "connectors/encoders/strict_json.h"
#include "engine/verdict/act_scopes.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kUriStart = "https://ringfence.dev/secevent/";
constexpr std::array<std::string_view, 4> kActions{"deny_calls", "deny_changes", "limit_calls", "revoke_credential"};
constexpr std::array<std::string_view, 4> kCommands{"halt", "approve", "release", "purge"};
constexpr std::size_t kSelectMax = 1024;
constexpr std::int64_t kAckWithinMostMs = 86'400'000;

/// Reads members of a payload and remembers the first fault; after one it gives empty values, and what was built of them is thrown away.
class Fields {
 public:
  [[nodiscard]] const std::optional<ControlRefusal>& fault() const { return fault_; }
  void unreadable(std::string detail) { fail(AckStatus::BadSignature, std::move(detail)); }
  void unsupported(std::string detail) { fail(AckStatus::Unsupported, std::move(detail)); }

  const Json& member(const Json& object, const char* name) {
    static const Json kNothing;
    const auto found = object.find(name);
    if (object.is_object() && found != object.end()) return *found;
    unreadable(std::string(name) + ": missing");
    return kNothing;
  }
  std::string text(const Json& object, const char* name) {
    const auto* value = member(object, name).get_ptr<const std::string*>();
    if (value != nullptr) return *value;
    unreadable(std::string(name) + ": expected a string");
    return {};
  }
  std::string text_or_empty(const Json& object, const char* name) { return object.contains(name) ? text(object, name) : std::string(); }
  std::int64_t integer(const Json& object, const char* name) {
    const Json& value = member(object, name);
    constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
    if (value.is_number_integer() && !(value.is_number_unsigned() && value.get<std::uint64_t>() > kMax)) return value.get<std::int64_t>();
    unreadable(std::string(name) + ": expected an integer");
    return 0;
  }
  std::uint64_t count(const Json& object, const char* name) {
    const std::int64_t value = integer(object, name);
    if (value >= 0) return static_cast<std::uint64_t>(value);
    unreadable(std::string(name) + ": expected a number of at least 0");
    return 0;
  }
  std::vector<std::string> texts(const Json& object, const char* name) {
    const Json& values = member(object, name);
    std::vector<std::string> out;
    if (!values.is_array()) unreadable(std::string(name) + ": expected an array of strings");
    for (const Json& value : values) {
      const auto* element = value.get_ptr<const std::string*>();
      if (element == nullptr) unreadable(std::string(name) + ": expected an array of strings");
      out.push_back(element == nullptr ? std::string() : *element);
    }
    return out;
  }
  EventTime event_time(const Json& object, const char* name) {
    const std::int64_t ms = integer(object, name);
    constexpr std::int64_t kMaxMs = std::numeric_limits<std::int64_t>::max() / 1'000'000;
    if (ms <= kMaxMs && ms >= -kMaxMs) return EventTime{ms * 1'000'000};
    unreadable(std::string(name) + ": out of range");
    return {};
  }
  /// One of two words; `true` for the first.
  bool either(const Json& object, const char* name, std::string_view first, std::string_view second) {
    const std::string value = text(object, name);
    if (value != first && value != second) unsupported(std::string(name) + ": a word this version does not know");
    return value == first;
  }

 private:
  void fail(AckStatus status, std::string detail) {
    if (!fault_) fault_ = ControlRefusal{status, std::move(detail)};
  }
  std::optional<ControlRefusal> fault_;
};

std::optional<int> credit(Fields& fields, const Json& credits, const char* name) {
  if (!credits.contains(name)) return std::nullopt;
  const std::int64_t value = fields.integer(credits, name);
  if (value >= 0 && value <= 1'000'000) return static_cast<int>(value);
  fields.unreadable("credits: out of range");
  return std::nullopt;
}

/// A level, or halt for a word nobody here knows; that word goes to `unknown` where there is one, and is a fault else.
Level level_of(Fields& fields, const Json& event, const char* name, std::vector<std::string>* unknown) {
  std::string word = fields.text(event, name);
  const auto level = level_named(word);
  if (level && *level >= Level::Throttle) return *level;
  if (unknown == nullptr || level)
    fields.unsupported(std::string(name) + ": not one of throttle hold halt revoke");
  else
    unknown->push_back(std::move(word));
  return Level::Halt;
}

std::optional<SignedContainment::Deny> deny_of(Fields& fields, const Json& event) {
  if (!event.contains("deny")) return std::nullopt;
  const Json& deny = event.at("deny");
  return SignedContainment::Deny{fields.integer(deny, "http_status"), fields.integer(deny, "jsonrpc_code"), fields.text(deny, "message")};
}

/// Nobody without a person opens a gate again, but for a throttle, which may end by itself; only what ends by itself may expire.
void check_release(Fields& fields, const ContainmentRecord& record, const Json& event) {
  if (!record.release_auto && !fields.member(event, "expires_at").is_null()) fields.unreadable("expires_at: only with release auto");
  if (record.contained) return;
  if (record.release_auto && record.level != Level::Throttle) fields.unreadable("release: only a throttle ends by itself");
  if (!record.release_auto && (record.approver.empty() || record.reason.empty()))
    fields.unreadable("approver: a release names a person and a reason");
}

void read_scope(Fields& fields, const Json& event, ContainmentRecord& record) {
  record.scope = fields.text(event, "scope");
  const auto scope = parse_scope(record.scope);
  if (!scope) return fields.unsupported("scope: not one of the known forms");
  record.tenant = scope->tenant;
  if (scope->type == "agent" || is_part(scope->type)) record.agent_id = scope->id;
  record.session_id = session_named(*scope);
}

SignedContainment containment_of(Fields& fields, const Json& event, UnknownWords words) {
  SignedContainment out;
  std::vector<std::string>* const unknown = words == UnknownWords::Strictest ? &out.unknown : nullptr;
  out.writer = fields.text(event, "writer");
  out.generation = fields.count(event, "generation");
  ContainmentRecord& record = out.record;
  record.epoch = fields.count(event, "epoch");
  read_scope(fields, event, record);
  record.contained = fields.either(event, "state", "contained", "released");
  record.level = level_of(fields, event, "level", unknown);
  const Json& select = fields.member(event, "select");
  if (!select.is_array() || select.size() > kSelectMax) fields.unreadable("select: expected an array of at most 1024");
  for (const Json& entry : select) record.select.push_back({fields.text(entry, "field"), fields.text(entry, "equals")});
  out.actions = fields.texts(event, "actions");
  for (const std::string& action : out.actions) {
    if (std::ranges::find(kActions, action) != kActions.end()) continue;
    if (unknown == nullptr)
      fields.unsupported("actions: one of them is not known");
    else
      unknown->push_back(action);
  }
  if (event.contains("credits")) {
    record.credits_start = credit(fields, event.at("credits"), "start");
    record.credits_ceiling = credit(fields, event.at("credits"), "ceiling");
  }
  record.effective_at = fields.event_time(event, "effective_at");
  record.release_auto = fields.either(event, "release", "auto", "manual");
  record.finding_uid = fields.text(event, "finding_uid");
  record.reason = fields.text(event, "reason");
  record.approver = fields.text_or_empty(event, "approver");
  record.persona = fields.text(event, "persona");
  record.pending_approval = event.contains("pending");
  if (record.pending_approval) record.wanted = level_of(fields, event, "pending", unknown);
  out.deny = deny_of(fields, event);
  if (event.contains("expires_at") && !event.at("expires_at").is_null()) out.expires_at = fields.event_time(event, "expires_at");
  if (event.contains("ack") && event.at("ack").contains("within_ms"))
    out.ack_within_ms = std::clamp<std::int64_t>(fields.integer(event.at("ack"), "within_ms"), 0, kAckWithinMostMs);
  check_release(fields, record, event);
  return out;
}

Command command_of(Fields& fields, const Json& event) {
  Command out{fields.text(event, "command"), fields.text(event, "scope"),    fields.text(event, "reason"),
              fields.text(event, "by"),      fields.text(event, "approver"), fields.text(event, "ticket")};
  if (std::ranges::find(kCommands, out.command) == kCommands.end()) fields.unsupported("command: not one of halt approve release purge");
  return out;
}

void read_body(Fields& fields, ControlMessage& message, std::string_view kind, const Json& event, UnknownWords unknown) {
  if (kind == "containment/v1")
    message.body = containment_of(fields, event, unknown);
  else if (kind == "claim/v1")
    message.body = Claim{fields.text(event, "writer"), fields.text(event, "claimant"), fields.count(event, "generation"),
                         fields.integer(event, "time")};
  else if (kind == "heartbeat/v1")
    message.body = Heartbeat{fields.text(event, "writer"), fields.count(event, "generation"), fields.count(event, "count"),
                             fields.text(event, "state_hash"), fields.integer(event, "time")};
  else if (kind == "command/v1")
    message.body = command_of(fields, event);
  else
    fields.unsupported("events: of a kind this version does not know");
}

ControlMessage message_of(Fields& fields, const Json& payload, UnknownWords unknown) {
  ControlMessage out;
  out.iss = fields.text(payload, "iss");
  out.jti = fields.text(payload, "jti");
  out.iat = fields.integer(payload, "iat");
  out.aud = fields.texts(payload, "aud");
  out.txn = fields.text_or_empty(payload, "txn");
  const Json& events = fields.member(payload, "events");
  if (!events.is_object() || events.size() != 1) {
    fields.unreadable("events: expected exactly one");
    return out;
  }
  const std::string uri = events.begin().key();
  const bool ours = uri.starts_with(kUriStart);
  read_body(fields, out, ours ? std::string_view(uri).substr(kUriStart.size()) : std::string_view(), events.begin().value(), unknown);
  return out;
}

/// The writer a message speaks as and the key it may stand under.
struct Speaker {
  std::string writer, key;
};
Speaker speaker_of(const ControlMessage& message) {
  struct Visitor {
    Speaker operator()(const SignedContainment& c) const { return {c.writer, control_key(c.record.scope, c.writer)}; }
    Speaker operator()(const Claim& c) const { return {c.writer, claim_key(c.writer)}; }
    Speaker operator()(const Heartbeat& h) const { return {h.writer, heartbeat_key(h.writer)}; }
    Speaker operator()(const Command&) const { return {"operator", ""}; }
  };
  return std::visit(Visitor{}, message.body);
}

std::expected<ControlMessage, ControlRefusal> verified(std::string_view jws, const TrustedKeys& trusted, std::string_view audience,
                                                       UnknownWords unknown) {
  const auto token = verify_jws(jws, trusted);
  if (!token) return std::unexpected(token.error());
  auto message = decode_control(token->payload, unknown);
  if (!message) return message;
  if (!token->key.may_speak_as(speaker_of(*message).writer))
    return std::unexpected(ControlRefusal{AckStatus::BadSignature, "writer: the key may not speak as it", RefusedFor::Reader});
  if (std::ranges::find(message->aud, audience) == message->aud.end())
    return std::unexpected(ControlRefusal{AckStatus::WrongAudience, "aud: does not name this audience", RefusedFor::Reader});
  return message;
}

}  // namespace

std::expected<ControlMessage, ControlRefusal> decode_control(std::string_view payload, UnknownWords unknown) {
  const auto parsed = parse_strict_json(payload);
  if (!parsed) return std::unexpected(ControlRefusal{AckStatus::BadSignature, "payload: " + parsed.error()});
  Fields fields;
  ControlMessage message = message_of(fields, *parsed, unknown);
  if (fields.fault()) return std::unexpected(*fields.fault());
  return message;
}

std::expected<ControlMessage, ControlRefusal> verify_control(std::string_view key, std::string_view jws, const TrustedKeys& trusted,
                                                             std::string_view audience, UnknownWords unknown) {
  auto message = verified(jws, trusted, audience, unknown);
  if (!message) return message;
  if (std::holds_alternative<Command>(message->body))
    return std::unexpected(ControlRefusal{AckStatus::Unsupported, "events: a command is not a control record"});
  if (speaker_of(*message).key != key)
    return std::unexpected(ControlRefusal{AckStatus::BadSignature, "key: the record was signed for another scope or writer"});
  return message;
}

std::expected<SignedCommand, ControlRefusal> verify_command(std::string_view jws, const TrustedKeys& trusted, std::string_view audience) {
  auto message = verified(jws, trusted, audience, UnknownWords::Refused);
  if (!message) return std::unexpected(message.error());
  if (!std::holds_alternative<Command>(message->body))
    return std::unexpected(ControlRefusal{AckStatus::Unsupported, "events: expected a command"});
  return SignedCommand{std::get<Command>(std::move(message->body)), std::move(message->jti), message->iat};
}

}  // namespace ringfence
