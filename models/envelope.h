// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/persona/persona.h"
#include "models/channel.h"

/// What an act amounts to, and the declared rungs it is held against (docs/contracts/persona.md, data). Shared by the channels that judge
/// amounts: limits, volume, totals and breadth. Pure; threads may share everything here.
namespace ringfence::envelope {

enum class Unit : std::uint8_t { Records, Bytes, Tokens, Cost };
inline constexpr std::size_t kUnits = 4;
inline constexpr std::array<std::string_view, kUnits> kUnitNames{"records", "bytes", "tokens", "cost_usd"};

/// What an envelope is declared for; an action declares the first and the last.
enum class Span : std::uint8_t { Call, Session, Day };
/// "in one call", "in this session", "today".
[[nodiscard]] std::string_view span_words(Span span);

/// The act happened: neither refused nor failed. One that did not carries no records or identifiers; what it cost was spent.
[[nodiscard]] bool took_place(const Event& event);

/// Records returned, bytes of request and response, tokens in and out, cost; nothing where the event does not say. Of an act that failed
/// the bytes that it is reported to have moved count, of one that was refused none.
struct Quantities {
  std::array<std::optional<double>, kUnits> least;  // of bytes or tokens of which one direction is absent the other
  std::array<std::optional<double>, kUnits> whole;  // nothing there
};
[[nodiscard]] Quantities quantities_of(const Event& event);

/// A rung is passed by a greater value. Costs are fractions that add up to a little more or less than they should: by less than a billionth
/// none is passed.
[[nodiscard]] bool passes(Unit unit, double value, double rung);
/// `401 records`, `0.3 cost_usd`; of a sum of costs nine digits.
[[nodiscard]] std::string amount_words(Unit unit, double value);

/// Hashes of the distinct identifiers of one act, sorted, per KIND that its action marks; an empty list where none was reported.
using Identifiers = std::map<std::string_view, std::vector<std::uint64_t>>;
/// Nothing for an act that did not take place, is no action of the persona, or where no rung on entities could hold. Of a completion
/// without arguments they are those of its request.
[[nodiscard]] Identifiers identifiers_of(const Act& act);

/// The rungs that hold for one unit or KIND in one span, and whose they are: the action's own where it names the unit, else the persona's.
struct Rungs {
  const Ladder* ladder = nullptr;
  const Action* action = nullptr;  // null: the persona's own

  [[nodiscard]] static Rungs of(const Persona& persona, const Action* action, Span span, Unit unit);
  [[nodiscard]] static Rungs of_kind(const Persona& persona, const Action* action, Span span, std::string_view kind);

  [[nodiscard]] bool declared() const { return ladder != nullptr; }
  [[nodiscard]] bool limited() const { return ladder != nullptr && ladder->max.has_value(); }
  /// p50, p90 or p99: what evidence is made of.
  [[nodiscard]] bool graded() const { return ladder != nullptr && (ladder->p50 || ladder->p90 || ladder->p99); }
  /// The greatest of them, 0 where none.
  [[nodiscard]] double greatest() const;
  /// Under which a total is kept: 0 for the persona's, else the hash of the action's id.
  [[nodiscard]] std::uint64_t owner() const;
  [[nodiscard]] std::string whose() const;
};

[[nodiscard]] const Action* action_of(const Act& act);
[[nodiscard]] const Envelope& envelope_of(const Persona& persona, Span span);
/// Null where the action declares nothing for the span.
[[nodiscard]] const Envelope* envelope_of(const Action& action, Span span);
/// KINDs that an action's arguments are marked as, without copies, in order of the names.
[[nodiscard]] std::vector<std::string_view> kinds_of(const Action& action);
/// Under which the distinct values of a KIND are kept.
[[nodiscard]] std::uint64_t kind_key(std::string_view kind, std::uint64_t owner);

}  // namespace ringfence::envelope
