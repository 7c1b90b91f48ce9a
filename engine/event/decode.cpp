// SPDX-License-Identifier: Apache-2.0
#include "engine/event/decode.h"

#include <array>
#include <limits>

#include "engine/event/decode_salvage.h"
#include "engine/event/decode_walk.h"
#include "engine/event/drill.h"
#include "engine/event/limits.h"

namespace ringfence {
namespace {

constexpr std::array<std::string_view, 15> kReasonNames{"empty",           "too_large",    "too_deep",        "string_too_long",
                                                        "invalid_utf8",    "invalid_json", "duplicate_field", "missing_field",
                                                        "wrong_type",      "out_of_range", "unknown_value",   "unsupported_version",
                                                        "from_the_future", "id_conflict",  "unmapped"};
static_assert(kReasonNames.size() == static_cast<std::size_t>(RefusalReason::Unmapped) + 1);

constexpr std::string_view kDefaultTenant = "default";

bool missing(decoding::Walk& walk, std::string_view path) { return walk.refuse(RefusalReason::MissingField, path, "required"); }

bool required_are_present(decoding::Walk& walk) {
  const Event& event = walk.event;
  if (!walk.present.version) return missing(walk, "v");
  if (!walk.present.kind) return missing(walk, "kind");
  if (event.id.empty()) return missing(walk, "id");
  if (!walk.present.time) return missing(walk, "time");
  if (event.agent.id.empty() && event.kind != EventKind::ContextChange) return missing(walk, "agent.id");
  switch (event.kind) {
    case EventKind::ToolCall:
      if (!event.tool.name) return missing(walk, "tool.name");
      if (!walk.present.status) return missing(walk, "outcome.status");
      break;
    case EventKind::ToolDefinition:
      if (!event.tool.name) return missing(walk, "tool.name");
      break;
    case EventKind::ContextChange:
      if (!walk.present.change) return missing(walk, "change");
      if (event.scope.empty()) return missing(walk, "scope");
      break;
    case EventKind::TaskStart:
    case EventKind::TaskEnd:
    case EventKind::Signal:
      break;
  }
  return true;
}

bool from_the_future(EventTime time, EventTime arrival) {
  constexpr std::int64_t kTolerance = limits::kFutureTolerance.value;
  return arrival.value <= std::numeric_limits<std::int64_t>::max() - kTolerance && time.value > arrival.value + kTolerance;
}

/// The tenant and the names of drills are theirs alone (engine/event/drill.h).
bool claims_a_drill(const Event& event) { return is_drill(event.tenant) || event.agent.id.starts_with(kDrillAgents); }
bool is_a_drill(const Event& event) {
  const bool speaks_of_others = event.user.id || event.user.email || event.credential.fingerprint || event.delegation.parent ||
                                event.delegation.root || event.delegation.session || !event.delegation.chain.empty();
  const bool forbidden = event.kind == EventKind::ToolCall && event.tool.server == kDrillServer && event.tool.name == kDrillTool;
  return is_drill(event.tenant) && event.agent.id.starts_with(kDrillAgents) && !speaks_of_others &&
         (forbidden || event.kind == EventKind::TaskEnd);
}

bool read_event(decoding::Walk& walk, std::optional<EventTime> arrival) {
  if (!walk.record() || !required_are_present(walk)) return false;
  Event& event = walk.event;
  if (arrival && from_the_future(event.time, *arrival)) {
    return walk.refuse(RefusalReason::FromTheFuture, "time", "expected at most 1 h ahead of the record's arrival");
  }
  if (claims_a_drill(event) && !is_a_drill(event)) {
    return walk.refuse(RefusalReason::UnknownValue, is_drill(event.tenant) ? "tenant" : "agent.id",
                       "expected another: reserved for drills");
  }
  if (event.approval.at && *event.approval.at > event.time) event.approval.at.reset();
  return true;
}

/// About a field, whose meaning the contract gives: of a record of another format it misleads.
bool is_about_field(RefusalReason reason) {
  using enum RefusalReason;
  return reason == DuplicateField || reason == MissingField || reason == WrongType || reason == OutOfRange || reason == UnknownValue;
}

Refusal with_agent(Refusal refusal, Shown shown) {
  if (shown.foreign && is_about_field(refusal.reason)) {
    refusal.reason = RefusalReason::Unmapped;
    refusal.detail = "record: neither v nor kind: no ringfence event, another format has to be mapped onto it first";
  }
  refusal.agent_id = std::move(shown.agent_id);
  refusal.tenant = std::move(shown.tenant);
  return refusal;
}

Refusal larger_than_allowed(Shown shown) {
  return with_agent({RefusalReason::TooLarge, "decode", "record: expected at most 1 MiB", {}, {}}, std::move(shown));
}

/// Why these bytes cannot be a record whatever stands in them.
std::optional<Refusal> unfit(std::string_view bytes) {
  if (bytes.starts_with('{') && bytes.size() <= limits::kEventBytes) return std::nullopt;
  if (bytes.find_first_not_of(" \t\r\n") == std::string_view::npos)
    return Refusal{RefusalReason::Empty, "decode", "record: expected a JSON object", {}, {}};
  if (bytes.size() > limits::kEventBytes) return larger_than_allowed(decoding::salvage(bytes));
  if (bytes.starts_with("\xEF\xBB\xBF"))
    return with_agent({RefusalReason::InvalidJson, "decode", "record: expected no byte order mark", {}, {}}, decoding::salvage(bytes));
  return std::nullopt;
}

}  // namespace

struct EventDecoder::Parser {
  decoding::Tokenizer tokenizer;
};

EventDecoder::EventDecoder() : parser_(std::make_unique<Parser>()) {}
EventDecoder::~EventDecoder() = default;

std::expected<Event, Refusal> EventDecoder::decode(std::string_view bytes, std::optional<EventTime> arrival, EventArena& arena) {
  std::expected<Event, Refusal> result;  // the one value returned: an event is too large to be copied out
  if (auto refusal = unfit(bytes)) {
    result = std::unexpected(std::move(*refusal));
    return result;
  }
  EventArena::Body& body = arena.body();
  result->tenant = kDefaultTenant;
  const auto error = parser_->tokenizer.load(body.load(bytes, decoding::Tokenizer::kPadding));
  decoding::Walk walk(body, parser_->tokenizer.tokens(), *result);
  const bool read = error == simdjson::SUCCESS ? read_event(walk, arrival) : walk.refuse(error);
  if (!read) result = std::unexpected(with_agent(std::move(walk).refusal(), decoding::salvage(bytes)));
  return result;
}

Refusal too_large(const Record& record) {
  return larger_than_allowed(record.shown != nullptr ? *record.shown : decoding::salvage(record.bytes));
}

std::string_view name_of(RefusalReason reason) { return kReasonNames[static_cast<std::size_t>(reason)]; }

}  // namespace ringfence
