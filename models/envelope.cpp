// SPDX-License-Identifier: Apache-2.0
#include "models/envelope.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "engine/event/escape.h"
#include "models/limits_totals.h"
#include "models/scope_argument.h"
#include "models/scope_ruling.h"

namespace ringfence::envelope {

namespace {

constexpr double kCostSlack = 1e-9;
constexpr int kCostDigits = 9;
constexpr std::array<std::optional<Ladder> Envelope::*, kUnits> kLadders{&Envelope::records, &Envelope::bytes, &Envelope::tokens,
                                                                         &Envelope::cost_usd};

/// What is known of an amount, of which `whole` says whether it is all.
void say(Quantities& to, Unit unit, std::optional<double> known, bool whole = true) {
  if (!known || !std::isfinite(*known) || *known < 0) return;
  to.least.at(static_cast<std::size_t>(unit)) = known;
  if (whole) to.whole.at(static_cast<std::size_t>(unit)) = known;
}

/// Two directions of one thing.
template <class T>
void say_both(Quantities& to, Unit unit, const std::optional<T>& a, const std::optional<T>& b) {
  if (a || b) say(to, unit, static_cast<double>(a.value_or(T{})) + static_cast<double>(b.value_or(T{})), a && b);
}

/// A ladder on distinct values, whatever their kind, anywhere above this act.
bool counts_entities(const Persona& persona, const Action& action) {
  const auto counts = [](const Envelope& envelope) { return envelope.entities.has_value() || !envelope.entities_by_kind.empty(); };
  const auto own = [&](const std::optional<Envelope>& envelope) { return envelope && counts(*envelope); };
  return counts(persona.per_call) || counts(persona.per_session) || counts(persona.per_day) || own(action.per_call) || own(action.per_day);
}

/// By the act's own job or by one it was delegated from.
bool counted(const Act& act, const Action& action) {
  if (counts_entities(act.persona, action)) return true;
  return std::ranges::any_of(act.parents, [](const Persona* parent) {
    return std::ranges::any_of(parent->actions, [&](const Action& theirs) { return counts_entities(*parent, theirs); });
  });
}

const Ladder* ladder_of(const Envelope& envelope, Unit unit) {
  const std::optional<Ladder>& ladder = envelope.*kLadders.at(static_cast<std::size_t>(unit));
  return ladder ? &*ladder : nullptr;
}

const Ladder* ladder_of(const Envelope& envelope, std::string_view kind) {
  if (!envelope.entities_by_kind.empty()) {
    const auto named = envelope.entities_by_kind.find(std::string(kind));
    if (named != envelope.entities_by_kind.end()) return &named->second;
  }
  return envelope.entities ? &*envelope.entities : nullptr;
}

template <class Key>
Rungs find(const Persona& persona, const Action* action, Span span, Key key) {
  const Envelope* const own = action != nullptr ? envelope_of(*action, span) : nullptr;
  if (const Ladder* ladder = own != nullptr ? ladder_of(*own, key) : nullptr) return {ladder, action};
  return {ladder_of(envelope_of(persona, span), key), nullptr};
}

}  // namespace

std::string_view span_words(Span span) {
  if (span == Span::Call) return "in one call";
  return span == Span::Session ? "in this session" : "today";
}

bool took_place(const Event& event) { return event.outcome.status != Outcome::Denied && event.outcome.status != Outcome::Error; }

Quantities quantities_of(const Event& event) {
  Quantities seen;
  say(seen, Unit::Records, event.records.returned);
  say_both(seen, Unit::Bytes, event.bytes.request, event.bytes.response);
  say_both(seen, Unit::Tokens, event.tokens.input, event.tokens.output);
  say(seen, Unit::Cost, event.cost_usd);
  if (took_place(event)) return seen;
  for (auto& quantity : seen.least) quantity = quantity.value_or(0);
  seen.least.at(static_cast<std::size_t>(Unit::Records)) = 0;
  if (event.outcome.status == Outcome::Denied) seen.least.at(static_cast<std::size_t>(Unit::Bytes)) = 0;
  seen.whole = seen.least;
  return seen;
}

bool passes(Unit unit, double value, double rung) { return value > (unit == Unit::Cost ? rung * (1 + kCostSlack) : rung); }

std::string amount_words(Unit unit, double value) {
  double shown = value;
  if (unit == Unit::Cost) {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific, kCostDigits - 1);
    std::from_chars(text.data(), end.ptr, shown);
  }
  return scope::number_words(shown) + " " + std::string(kUnitNames.at(static_cast<std::size_t>(unit)));
}

namespace {

/// What the act's request has named, where its completion says nothing of its arguments.
const totals::NamedIds* named_before(const Act& act) {
  if (act.event.phase == Phase::Request || act.event.args || act.event.arg_ids) return nullptr;
  const auto* const session =
      static_cast<const totals::SessionTotals*>(act.session.memory.at(static_cast<std::size_t>(ChannelId::Limits)).get());
  return session == nullptr || session->open.empty() ? nullptr : session->named(hash64(act.event.id));
}

}  // namespace

Identifiers identifiers_of(const Act& act) {
  Identifiers found;
  const Action* const action = action_of(act);
  if (action == nullptr || !took_place(act.event) || !counted(act, *action)) return found;
  for (const ArgumentRule& rule : action->arguments) {
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
  if (const totals::NamedIds* const named = named_before(act)) {
    for (auto& [kind, values] : found)
      for (const totals::NamedIds::Id& id : named->ids)
        if (id.kind == hash64(kind)) values.push_back(id.value);
  }
  for (auto& [kind, values] : found) {
    std::ranges::sort(values);
    const auto copies = std::ranges::unique(values);
    values.erase(copies.begin(), copies.end());
  }
  return found;
}

Rungs Rungs::of(const Persona& persona, const Action* action, Span span, Unit unit) { return find(persona, action, span, unit); }
Rungs Rungs::of_kind(const Persona& persona, const Action* action, Span span, std::string_view kind) {
  return find(persona, action, span, kind);
}

double Rungs::greatest() const {
  if (ladder == nullptr) return 0;
  return std::max({ladder->p50.value_or(0), ladder->p90.value_or(0), ladder->p99.value_or(0), ladder->max.value_or(0)});
}

std::uint64_t Rungs::owner() const { return action != nullptr ? hash64(action->id) : 0; }
std::string Rungs::whose() const { return action != nullptr ? " by action " + printable(action->id, 64) : std::string(); }

const Action* action_of(const Act& act) { return act.match.action ? &act.persona.actions[*act.match.action] : nullptr; }

const Envelope& envelope_of(const Persona& persona, Span span) {
  if (span == Span::Call) return persona.per_call;
  return span == Span::Session ? persona.per_session : persona.per_day;
}

const Envelope* envelope_of(const Action& action, Span span) {
  const std::optional<Envelope>* declared = span == Span::Call ? &action.per_call : span == Span::Day ? &action.per_day : nullptr;
  return declared != nullptr && *declared ? &**declared : nullptr;
}

std::vector<std::string_view> kinds_of(const Action& action) {
  std::vector<std::string_view> kinds;
  for (const ArgumentRule& rule : action.arguments)
    if (rule.identifier) kinds.push_back(rule.identifier_kind);
  std::ranges::sort(kinds);
  const auto copies = std::ranges::unique(kinds);
  kinds.erase(copies.begin(), copies.end());
  return kinds;
}

std::uint64_t kind_key(std::string_view kind, std::uint64_t owner) { return hash64(kind, owner); }

}  // namespace ringfence::envelope
