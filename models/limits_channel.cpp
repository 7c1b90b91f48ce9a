// SPDX-License-Identifier: Apache-2.0
#include "models/limits_channel.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/event/escape.h"
#include "models/limits_totals.h"
#include "models/scope_argument.h"
#include "models/scope_memory.h"
#include "models/scope_ruling.h"

namespace ringfence {

namespace {

using scope::number_words;
using scope::Ruling;
using totals::kUnits;
using totals::Totals;

constexpr std::uint64_t kPersonaLadder = 0;
constexpr std::array<std::optional<Ladder> Envelope::*, kUnits> kLadders{&Envelope::records, &Envelope::bytes, &Envelope::tokens,
                                                                         &Envelope::cost_usd};
constexpr std::array<std::string_view, kUnits> kUnitNames{"records", "bytes", "tokens", "cost_usd"};

using Quantities = std::array<std::optional<double>, kUnits>;
/// Distinct identifiers of one act, hashed, per KIND.
using Identifiers = std::map<std::string_view, std::vector<std::uint64_t>>;

/// Two directions of one thing: absent only where both are.
template <class T>
std::optional<double> added(const std::optional<T>& a, const std::optional<T>& b) {
  if (!a && !b) return std::nullopt;
  return static_cast<double>(a.value_or(T{})) + static_cast<double>(b.value_or(T{}));
}

Quantities quantities_of(const Event& event) {
  Quantities seen{added(event.records.returned, Count{}), added(event.bytes.request, event.bytes.response),
                  added(event.tokens.input, event.tokens.output), event.cost_usd};
  for (auto& quantity : seen) {
    if (quantity && (!std::isfinite(*quantity) || *quantity < 0)) quantity.reset();
  }
  return seen;
}

/// A ladder on distinct values, whatever their kind, anywhere above this act.
bool counts_entities(const Persona& persona, const Action& action) {
  const auto counts = [](const Envelope& envelope) { return envelope.entities.has_value() || !envelope.entities_by_kind.empty(); };
  const auto own = [&](const std::optional<Envelope>& envelope) { return envelope && counts(*envelope); };
  return counts(persona.per_call) || counts(persona.per_session) || counts(persona.per_day) || own(action.per_call) || own(action.per_day);
}

Identifiers identifiers_of(const Act& act) {
  Identifiers found;
  if (!act.match.action || !counts_entities(act.persona, act.persona.actions[*act.match.action])) return found;
  for (const ArgumentRule& rule : act.persona.actions[*act.match.action].arguments) {
    if (!rule.identifier) continue;
    std::vector<std::uint64_t>& values = found[rule.identifier_kind];
    for (const JsonLeaf* leaf : argument_leaves(act.event, rule)) {
      if ((leaf->kind == JsonLeaf::Kind::String || leaf->kind == JsonLeaf::Kind::Number) && !leaf->text.empty())
        values.push_back(hash64(leaf->text));
    }
    if (!act.event.args) {
      for (const std::string_view id : scope::reported_ids(act.event, rule)) values.push_back(hash64(id));
    }
  }
  for (auto& [kind, values] : found) {
    std::ranges::sort(values);
    const auto copies = std::ranges::unique(values);
    values.erase(copies.begin(), copies.end());
  }
  return found;
}

/// The rungs that hold for one unit, and whose they are.
struct Rungs {
  const Ladder* ladder = nullptr;
  const Action* action = nullptr;  // null: the persona's own
  [[nodiscard]] bool limited() const { return ladder != nullptr && ladder->max.has_value(); }
  [[nodiscard]] std::uint64_t owner() const { return action != nullptr ? hash64(action->id) : kPersonaLadder; }
  [[nodiscard]] std::string whose() const { return action != nullptr ? " by action " + printable(action->id, 64) : std::string(); }
};

/// Scopes of an envelope; an action declares the first and the last.
enum class Span : std::uint8_t { Call, Session, Day };

const Envelope& envelope_of(const Persona& persona, Span span) {
  if (span == Span::Call) return persona.per_call;
  return span == Span::Session ? persona.per_session : persona.per_day;
}

const Envelope* envelope_of(const Action& action, Span span) {
  const std::optional<Envelope>* declared = span == Span::Call ? &action.per_call : span == Span::Day ? &action.per_day : nullptr;
  return declared != nullptr && *declared ? &**declared : nullptr;
}

const Action* action_of(const Act& act) { return act.match.action ? &act.persona.actions[*act.match.action] : nullptr; }

std::string span_words(Span span) {
  if (span == Span::Call) return "in one call";
  return span == Span::Session ? "in this session" : "today";
}

Rungs rungs_for(const Act& act, Span span, const auto& find) {
  if (const Action* action = action_of(act)) {
    const Envelope* own = envelope_of(*action, span);
    if (const Ladder* ladder = own != nullptr ? find(*own) : nullptr) return {ladder, action};
  }
  return {find(envelope_of(act.persona, span)), nullptr};
}

Rungs unit_rungs(const Act& act, Span span, std::size_t unit) {
  return rungs_for(act, span, [unit](const Envelope& envelope) -> const Ladder* {
    const std::optional<Ladder>& ladder = envelope.*kLadders.at(unit);
    return ladder ? &*ladder : nullptr;
  });
}

Rungs entity_rungs(const Act& act, Span span, std::string_view kind) {
  return rungs_for(act, span, [kind](const Envelope& envelope) -> const Ladder* {
    if (!envelope.entities_by_kind.empty()) {
      const auto named = envelope.entities_by_kind.find(std::string(kind));
      if (named != envelope.entities_by_kind.end()) return &named->second;
    }
    return envelope.entities ? &*envelope.entities : nullptr;
  });
}

void breach(Ruling& ruling, std::string_view unit, double seen, const Rungs& rungs, Span span) {
  ruling.breach(Analytic::LimitHard, number_words(seen) + " " + std::string(unit) + " " + span_words(span) + rungs.whose() +
                                         ", declared are at most " + number_words(*rungs.ladder->max));
}

/// What is declared and seen decides where a total is kept at all: `totals` is asked for only when something must be added.
Ruling judge_units(const Act& act, Span span, const Quantities& seen, const auto& totals) {
  Ruling ruling;
  for (std::size_t unit = 0; unit < kUnits; ++unit) {
    const Rungs rungs = unit_rungs(act, span, unit);
    if (!rungs.limited()) continue;
    const std::optional<double>& quantity = seen.at(unit);
    if (!quantity) {
      ruling.lacks(Lacking::Quantity);
      continue;
    }
    if (*quantity == 0) continue;
    double total = *quantity;
    if (span != Span::Call) {
      double& sum = totals().sums(rungs.owner()).at(unit);
      total = sum = sum + *quantity;
    }
    if (total > *rungs.ladder->max) breach(ruling, kUnitNames.at(unit), total, rungs, span);
  }
  return ruling;
}

Ruling judge_entities(const Act& act, Span span, const Identifiers& identifiers, const auto& totals) {
  Ruling ruling;
  for (const auto& [kind, values] : identifiers) {
    const Rungs rungs = entity_rungs(act, span, kind);
    if (!rungs.limited()) continue;
    if (values.empty()) {
      ruling.lacks(Lacking::Identifier);
      continue;
    }
    const auto most = static_cast<std::size_t>(std::clamp(*rungs.ladder->max, 0.0, static_cast<double>(limits::kEntitiesDeclared)));
    bool passed = values.size() > most;
    if (span != Span::Call) {
      Totals& known = totals();
      for (const std::uint64_t value : values) passed = !known.fits(hash64(kind, rungs.owner()), value, most) || passed;
    }
    if (passed) {
      ruling.breach(Analytic::LimitHard, "more than the declared " + number_words(*rungs.ladder->max) + " distinct values of " +
                                             printable(kind, 64) + " " + span_words(span) + rungs.whose());
    }
  }
  return ruling;
}

Ruling judge_span(const Act& act, Span span, const Quantities& seen, const Identifiers& identifiers, const auto& totals) {
  Ruling ruling = judge_units(act, span, seen, totals);
  ruling += judge_entities(act, span, identifiers, totals);
  return ruling;
}

bool limits_anything(const Envelope& envelope) {
  const auto limited = [](const std::optional<Ladder>& ladder) { return ladder && ladder->max; };
  return std::ranges::any_of(kLadders, [&](auto ladder) { return limited(envelope.*ladder); }) || limited(envelope.entities) ||
         std::ranges::any_of(envelope.entities_by_kind, [](const auto& kind) { return kind.second.max.has_value(); });
}

Ruling judge_coverage(const Act& act) {
  Ruling ruling;
  const std::optional<Ladder>& coverage = act.persona.coverage;
  if (!coverage || !coverage->max) return ruling;
  const auto& records = act.event.records;
  if (!records.returned || !records.population || *records.population <= 0) {
    ruling.lacks(Lacking::Population);
    return ruling;
  }
  const double share = static_cast<double>(*records.returned) / static_cast<double>(*records.population);
  if (share > *coverage->max) {
    ruling.breach(Analytic::LimitHard, "one call returned " + std::to_string(*records.returned) + " of " +
                                           std::to_string(*records.population) + " records there are, declared is a share of at most " +
                                           number_words(*coverage->max));
  }
  return ruling;
}

Ruling judge_rate(const Act& act, const auto& agent_totals) {
  Ruling ruling;
  const std::optional<Ladder>& rate = act.persona.calls_per_minute;
  if (!rate || !rate->max) return ruling;
  constexpr std::int64_t kMinute = minutes(1).value;
  const std::int64_t time = act.event.time.value;
  const std::int64_t minute = time / kMinute - (time % kMinute < 0 ? 1 : 0);
  const std::uint64_t calls = ++agent_totals().minutes.at(minute);
  if (static_cast<double>(calls) > *rate->max) {
    ruling.breach(Analytic::LimitHard, std::to_string(calls) + " calls in this minute, declared are at most " + number_words(*rate->max));
  }
  return ruling;
}

class LimitsChannel final : public Channel {
 public:
  [[nodiscard]] const ChannelInfo& info() const override {
    static const ChannelInfo kInfo{ChannelId::Limits, "limits", {}, {}, {}, false};
    return kInfo;
  }
  [[nodiscard]] std::vector<std::vector<double>> caps(const Persona& /*persona*/) const override { return {}; }
  [[nodiscard]] std::span<const Bet> bets() const override { return {}; }

  [[nodiscard]] std::unique_ptr<ChannelMemory> decode_memory(MemoryScope scope, Reader& in) const override {
    return scope == MemoryScope::Agent ? totals::AgentTotals::decode(in) : totals::SessionTotals::decode(in);
  }

  [[nodiscard]] Reading read(const Act& act) const override {
    if (act.event.kind != EventKind::ToolCall) return Reading::of(Reading::Kind::Silent);
    constexpr auto kSlot = static_cast<std::size_t>(ChannelId::Limits);
    const auto agent_totals = [&]() -> totals::AgentTotals& { return scope::memory_in<totals::AgentTotals>(act.agent.memory[kSlot]); };
    const auto session_totals = [&]() -> Totals& { return scope::memory_in<totals::SessionTotals>(act.session.memory[kSlot]).totals; };
    const auto day_totals = [&]() -> Totals& { return agent_totals().days.at(act.set.calendar(act.persona).local_day(act.event.time)); };

    const Quantities seen = quantities_of(act.event);
    const Identifiers identifiers = identifiers_of(act);
    Ruling ruling = judge_span(act, Span::Call, seen, identifiers, day_totals);
    if (act.event.session.id) {
      ruling += judge_span(act, Span::Session, seen, identifiers, session_totals);
    } else if (limits_anything(act.persona.per_session)) {
      ruling.lacks(Lacking::Session);
    }
    ruling += judge_span(act, Span::Day, seen, identifiers, day_totals);
    ruling += judge_coverage(act);
    ruling += judge_rate(act, agent_totals);

    Reading reading = Reading::of(Reading::Kind::Silent);
    reading.breaches = std::move(ruling.breaches);
    reading.lacking = ruling.lacking;
    return reading;
  }

  [[nodiscard]] Description describe(const Act& /*act*/, Threat /*threat*/) const override { return {}; }
};

}  // namespace

const Channel& limits_channel() {
  static const LimitsChannel kChannel;
  return kChannel;
}

}  // namespace ringfence
