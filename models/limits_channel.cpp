// SPDX-License-Identifier: Apache-2.0
#include "models/limits_channel.h"

#include <algorithm>

#include "engine/event/escape.h"
#include "models/envelope.h"
#include "models/limits_totals.h"
#include "models/scope_memory.h"
#include "models/scope_ruling.h"

namespace ringfence {

namespace {

using scope::number_words;
using scope::Ruling;
using totals::Totals;
using namespace envelope;

void breach(Ruling& ruling, std::string_view unit, double seen, const Rungs& rungs, Span span) {
  ruling.breach(Analytic::LimitHard, number_words(seen) + " " + std::string(unit) + " " + std::string(span_words(span)) + rungs.whose() +
                                         ", declared are at most " + number_words(*rungs.ladder->max));
}

/// What is declared and seen decides where a total is kept at all: `totals` is asked for only when something must be added.
Ruling judge_units(const Act& act, Span span, const Quantities& seen, const auto& totals) {
  Ruling ruling;
  for (std::size_t unit = 0; unit < kUnits; ++unit) {
    const Rungs rungs = Rungs::of(act.persona, action_of(act), span, static_cast<Unit>(unit));
    if (!(span == Span::Call ? rungs.limited() : rungs.declared())) continue;
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
    if (rungs.limited() && total > *rungs.ladder->max) breach(ruling, kUnitNames.at(unit), total, rungs, span);
  }
  return ruling;
}

Ruling judge_entities(const Act& act, Span span, const Identifiers& identifiers, const auto& totals) {
  Ruling ruling;
  for (const auto& [kind, values] : identifiers) {
    const Rungs rungs = Rungs::of_kind(act.persona, action_of(act), span, kind);
    if (!(span == Span::Call ? rungs.limited() : rungs.declared())) continue;
    if (values.empty()) {
      ruling.lacks(Lacking::Identifier);
      continue;
    }
    const auto most = static_cast<std::size_t>(std::clamp(rungs.greatest(), 0.0, static_cast<double>(limits::kEntitiesDeclared)));
    bool passed = values.size() > most;
    if (span != Span::Call) {
      Totals& known = totals();
      for (const std::uint64_t value : values) passed = !known.fits(kind_key(kind, rungs.owner()), value, most) || passed;
    }
    if (passed && rungs.limited()) {
      ruling.breach(Analytic::LimitHard, "more than the declared " + number_words(*rungs.ladder->max) + " distinct values of " +
                                             printable(kind, 64) + " " + std::string(span_words(span)) + rungs.whose());
    }
  }
  return ruling;
}

Ruling judge_span(const Act& act, Span span, const Quantities& seen, const Identifiers& identifiers, const auto& totals) {
  Ruling ruling = judge_units(act, span, seen, totals);
  ruling += judge_entities(act, span, identifiers, totals);
  return ruling;
}

bool declares_anything(const Envelope& envelope) {
  return envelope.records || envelope.bytes || envelope.tokens || envelope.cost_usd || envelope.entities ||
         !envelope.entities_by_kind.empty();
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
  if (!rate) return ruling;
  const std::uint64_t calls = ++agent_totals().minutes.at(totals::minute_of(act.event.time));
  if (rate->max && static_cast<double>(calls) > *rate->max) {
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
    } else if (declares_anything(act.persona.per_session)) {
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
