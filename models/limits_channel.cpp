// SPDX-License-Identifier: Apache-2.0
#include "models/limits_channel.h"

#include <algorithm>
#include <limits>

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

/// Whose rungs an act is held against: its own job's, or those of the job it was delegated from. What is done for a parent is added up
/// apart, under the parent's name, against the parent's maximum.
struct Bounds {
  const Persona& job;
  const Action* action;
  std::uint64_t apart = 0;  // names the parent's sums; 0: the act's own
  std::string delegated;    // words behind whose limit it is

  [[nodiscard]] static Bounds own(const Act& act) { return {act.persona, action_of(act)}; }
  [[nodiscard]] static Bounds of_parent(const Act& act, const Persona& job) {
    const std::optional<ActionIndex> action = match_action(job, act.event).action;
    return {job, action ? &job.actions[*action] : nullptr, hash64(job.id, 1),
            " for the job " + printable(job.reference(), 80) + " it was delegated from"};
  }
  [[nodiscard]] bool counts(const Rungs& rungs, Span span) const {
    return span == Span::Call || apart != 0 ? rungs.limited() : rungs.declared();
  }
  [[nodiscard]] std::uint64_t owner(const Rungs& rungs) const { return apart ^ rungs.owner(); }
};

void breach(Ruling& ruling, Unit unit, double seen, const Rungs& rungs, Span span, const Bounds& bounds) {
  ruling.breach(Analytic::LimitHard, amount_words(unit, seen) + " " + std::string(span_words(span)) + rungs.whose() + bounds.delegated +
                                         ", declared are at most " + number_words(*rungs.ladder->max));
}

/// How far an act is looked at: a request by its arguments and the calls of the minute; what its request broke is not said again.
struct Look {
  bool quantities = true, told = false;
};

/// What is declared and seen decides where a total is kept at all: `totals` is asked for only when something must be added. It gives null
/// for a period that is kept no longer. A quantity of which only a part is known is added as the least there was, so that a maximum it
/// passes is passed.
Ruling judge_units(const Bounds& bounds, Span span, const Quantities& seen, const auto& totals) {
  Ruling ruling;
  for (std::size_t slot = 0; slot < kUnits; ++slot) {
    const auto unit = static_cast<Unit>(slot);
    const Rungs rungs = Rungs::of(bounds.job, bounds.action, span, unit);
    if (!bounds.counts(rungs, span)) continue;
    if (!seen.whole.at(slot)) ruling.lacks(Lacking::Quantity);
    const double quantity = seen.least.at(slot).value_or(0);
    if (quantity == 0) continue;
    double total = quantity;
    if (span != Span::Call) {
      Totals* const kept = totals();
      if (kept == nullptr) {
        ruling.lacks(Lacking::Past);
        continue;
      }
      double& sum = kept->sums(bounds.owner(rungs)).at(slot);
      total = sum = std::min(sum + quantity, std::numeric_limits<double>::max());
    }
    if (rungs.limited() && passes(unit, total, *rungs.ladder->max)) breach(ruling, unit, total, rungs, span, bounds);
  }
  return ruling;
}

Ruling judge_entities(const Bounds& bounds, Span span, const Identifiers& identifiers, Look look, const auto& totals) {
  Ruling ruling;
  for (const auto& [kind, values] : identifiers) {
    const Rungs rungs = Rungs::of_kind(bounds.job, bounds.action, span, kind);
    if (!bounds.counts(rungs, span)) continue;
    if (values.empty()) {
      ruling.lacks(Lacking::Identifier);
      continue;
    }
    const auto most = static_cast<std::size_t>(std::clamp(rungs.greatest(), 0.0, static_cast<double>(limits::kEntitiesDeclared)));
    bool passed = values.size() > most;
    if (Totals* const known = span != Span::Call ? totals() : nullptr; known != nullptr) {
      for (const std::uint64_t value : values) passed = !known->fits(kind_key(kind, bounds.owner(rungs)), value, most) || passed;
    } else if (span != Span::Call) {
      ruling.lacks(Lacking::Past);
    }
    if (passed && rungs.limited() && !look.told) {
      ruling.breach(Analytic::LimitHard, "more than the declared " + number_words(*rungs.ladder->max) + " distinct values of " +
                                             printable(kind, 64) + " " + std::string(span_words(span)) + rungs.whose() + bounds.delegated);
    }
  }
  return ruling;
}

bool declares_anything(const Envelope& envelope) {
  return envelope.records || envelope.bytes || envelope.tokens || envelope.cost_usd || envelope.entities ||
         !envelope.entities_by_kind.empty();
}

Ruling judge_span(const Bounds& bounds, Span span, const Quantities& seen, const Identifiers& identifiers, Look look, const auto& totals) {
  const bool own = bounds.action != nullptr && envelope_of(*bounds.action, span) != nullptr;
  if (!own && !declares_anything(envelope_of(bounds.job, span))) return {};
  Ruling ruling;
  if (look.quantities) ruling += judge_units(bounds, span, seen, totals);
  ruling += judge_entities(bounds, span, identifiers, look, totals);
  return ruling;
}

Ruling judge_coverage(const Act& act, const Persona& job) {
  Ruling ruling;
  const std::optional<Ladder>& coverage = job.coverage;
  if (!coverage || !coverage->max || !took_place(act.event)) return ruling;
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

/// The most calls a minute that the job and its parents' declare.
std::optional<double> most_per_minute(const Act& act) {
  const auto declared = [](const Persona& job) { return job.calls_per_minute ? job.calls_per_minute->max : std::nullopt; };
  std::optional<double> most = declared(act.persona);
  for (const Persona* const parent : act.parents)
    if (const std::optional<double> theirs = declared(*parent)) most = std::min(most.value_or(*theirs), *theirs);
  return most;
}

Ruling judge_rate(const Act& act, Look look, const auto& agent_totals) {
  Ruling ruling;
  const std::optional<double> most = most_per_minute(act);
  if (!act.persona.calls_per_minute && !most) return ruling;
  std::uint64_t* const calls = agent_totals().minutes.at(totals::minute_of(act));
  if (calls == nullptr) {
    ruling.lacks(Lacking::Past);
  } else if (++*calls; most && static_cast<double>(*calls) > *most && !look.told) {
    ruling.breach(Analytic::LimitHard, std::to_string(*calls) + " calls in this minute, declared are at most " + number_words(*most));
  }
  return ruling;
}

constexpr auto kSlot = static_cast<std::size_t>(ChannelId::Limits);

template <class T>
std::unique_ptr<ChannelMemory> copy_of(const std::unique_ptr<ChannelMemory>& memory) {
  return memory ? std::make_unique<T>(static_cast<const T&>(*memory)) : nullptr;
}

/// Adds the act to the totals, which are made where they are needed, and says what it breaks.
Ruling judge(const Act& act, Look look, std::unique_ptr<ChannelMemory>& agent, std::unique_ptr<ChannelMemory>& session) {
  const auto agent_totals = [&]() -> totals::AgentTotals& { return scope::memory_in<totals::AgentTotals>(agent); };
  const auto session_totals = [&] { return &scope::memory_in<totals::SessionTotals>(session).totals; };
  const auto day_totals = [&] { return agent_totals().days.at(act.set.calendar(act.persona).local_day(act.event.time)); };

  const Quantities seen = quantities_of(act.event);
  const Identifiers identifiers = identifiers_of(act);
  Ruling ruling;
  const auto hold_to = [&](const Bounds& bounds) {
    ruling += judge_span(bounds, Span::Call, seen, identifiers, look, day_totals);
    if (act.event.session.id) {
      ruling += judge_span(bounds, Span::Session, seen, identifiers, look, session_totals);
    } else if (declares_anything(bounds.job.per_session)) {
      ruling.lacks(Lacking::Session);
    }
    ruling += judge_span(bounds, Span::Day, seen, identifiers, look, day_totals);
    if (look.quantities) ruling += judge_coverage(act, bounds.job);
  };
  hold_to(Bounds::own(act));
  for (const Persona* const parent : act.parents) hold_to(Bounds::of_parent(act, *parent));
  ruling += judge_rate(act, look, agent_totals);
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
    Reading reading = Reading::of(Reading::Kind::Silent);
    if (act.event.kind != EventKind::ToolCall) return reading;
    Ruling ruling = judge(act, {.told = act.limits_foreseen}, act.past(ChannelId::Limits), act.session.memory[kSlot]);
    reading.breaches = std::move(ruling.breaches);
    reading.lacking = ruling.lacking;
    if (auto* const session = static_cast<totals::SessionTotals*>(act.session.memory[kSlot].get()); session && !session->open.empty())
      session->answer(hash64(act.event.id));
    return reading;
  }

  bool heed(const Act& act) const override {
    if (act.event.kind != EventKind::ToolCall) return true;
    totals::NamedIds request{.event = hash64(act.event.id), .ids = {}};
    for (const auto& [kind, values] : identifiers_of(act))
      for (const std::uint64_t value : values) request.ids.push_back({hash64(kind), value});
    if (!request.ids.empty()) scope::memory_in<totals::SessionTotals>(act.session.memory[kSlot]).keep(std::move(request));
    return true;
  }

  /// How many entities its arguments reach and how fast the agent calls; what a call takes in is known when it is done. Of questions alone:
  /// any other request may still be refused, and then it touched nobody.
  [[nodiscard]] std::vector<Breach> foresee(const Act& act) const override {
    if (act.event.kind != EventKind::ToolCall || act.event.source.product != kAskingProduct) return {};
    std::unique_ptr<ChannelMemory> agent = copy_of<totals::AgentTotals>(act.past(ChannelId::Limits));
    std::unique_ptr<ChannelMemory> session = copy_of<totals::SessionTotals>(act.session.memory[kSlot]);
    return judge(act, {.quantities = false}, agent, session).breaches;
  }

  [[nodiscard]] Description describe(const Act& /*act*/, Threat /*threat*/) const override { return {}; }
};

}  // namespace

const Channel& limits_channel() {
  static const LimitsChannel kChannel;
  return kChannel;
}

}  // namespace ringfence
