// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/event/event.h"
#include "engine/event/record.h"

namespace ringfence {

/// Why a record was refused; the names (`name_of`) are the `reason` of dead letters and of the counters.
enum class RefusalReason : std::uint8_t {
  Empty,
  TooLarge,
  TooDeep,
  StringTooLong,
  InvalidUtf8,
  InvalidJson,
  DuplicateField,
  MissingField,
  WrongType,
  OutOfRange,
  UnknownValue,  // an enum value that is not one of the contract's
  UnsupportedVersion,
  FromTheFuture,
  IdConflict,  // given by the core, not by the decoder
  Unmapped,    // an object that says neither `v` nor `kind`: of another format, which has to be mapped first
};
[[nodiscard]] std::string_view name_of(RefusalReason reason);

/// A record that cannot be judged, as a value. `detail` names the field and what was expected; it never repeats the record's values.
struct Refusal {
  RefusalReason reason{};
  std::string stage;   // "decode", "admit"
  std::string detail;  // e.g. "outcome.status: expected one of ok denied error unknown"
  /// What the record still shows of its agent, for the finding feed.refused; empty where nothing could be read. The first counts where a
  /// field stands twice.
  std::string agent_id, tenant;
};

/// The refusal of a record over `limits::kEventBytes`, of which only the beginning may be at hand.
[[nodiscard]] Refusal too_large(const Record& record);

/// Memory that decoded events point into. One per event of a window; reused, it stops allocating.
/// Not thread-safe; the next decode into it ends the life of what was decoded before.
class EventArena {
 public:
  EventArena();
  ~EventArena();
  EventArena(EventArena&&) noexcept;
  EventArena& operator=(EventArena&&) noexcept;
  struct Body;
  [[nodiscard]] Body& body() { return *body_; }

 private:
  std::unique_ptr<Body> body_;
};

/// Decodes canonical events (`ringfence.event.v1`). Bounded by `limits::`; reads each byte a constant number of times.
/// One decoder per thread.
class EventDecoder {
 public:
  EventDecoder();
  ~EventDecoder();
  /// The event in `bytes`, or why it is refused. `arrival` is the Kafka record's time; files have none and skip the check for future times.
  [[nodiscard]] std::expected<Event, Refusal> decode(std::string_view bytes, std::optional<EventTime> arrival, EventArena& arena);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

/// Parses RFC 3339 with offset and up to nanoseconds; nothing on any other form, nor outside 1677-09-21 to 2262-04-11. A leap second, :60
/// at the end of a UTC day, counts as 59.999999999.
[[nodiscard]] std::optional<EventTime> parse_rfc3339(std::string_view text);
/// RFC 3339 in UTC with as many fraction digits (0, 3, 6 or 9) as the time needs.
[[nodiscard]] std::string format_rfc3339(EventTime time);

}  // namespace ringfence
