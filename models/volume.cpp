// SPDX-License-Identifier: Apache-2.0
#include "models/volume.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "engine/event/escape.h"
#include "models/detector.h"
#include "models/envelope.h"
#include "models/numeraire.h"
#include "models/scope_ruling.h"

namespace ringfence {
namespace {

using namespace envelope;
using scope::number_words;

constexpr std::size_t kClasses = 5;
using Row = std::array<double, kClasses>;

constexpr Row kCaps{1, .5, .1, .01, .001};
/// Nobody declares p99.9, and not everybody p90: where it comes to throttles and halts, a call lies within p50, within p90 where that is
/// declared, within p99, or beyond.
constexpr std::array<std::uint8_t, kClasses> kDeclaredClasses{0, 1, 1, 3, 3}, kDeclaredWithP90{0, 1, 2, 3, 3};
/// Contexts: by how many ladders the caps are widened, of which all calls of a persona have the same; and the cost of a call.
constexpr std::array<std::size_t, 5> kWidths{1, 2, 3, 4, 8};
constexpr std::size_t kCostContext = kWidths.size(), kContexts = kWidths.size() + 1;

/// Who takes some times what is declared, who takes tens of times, and who does it on the way out.
constexpr Row kBulk{.20, .455, .265, .065, .015};
constexpr Row kBulkHeavy{.03, .22, .37, .23, .15};
/// Weaker than bulk's in every class: volume alone must not be named exfiltration, the flow has to speak too.
constexpr Row kExfiltration{.12, .45, .33, .07, .03};
constexpr Row kOveruse{.10, .35, .35, .14, .06};
constexpr double kLoosened = 3;

/// Standard normal quantiles of .9, .99 and .999.
constexpr double kZ90 = 1.2815515655446004, kZ99 = 2.3263478740408408, kZ999 = 3.090232306167813;

/// The rungs p50, p90, p99, p99.9 of one ladder; those not declared cannot be passed.
struct Line {
  Unit unit{};
  std::string_view kind;  // of identifiers; empty: the unit counts
  std::array<double, kClasses - 1> rungs{};
  Rungs declared;

  [[nodiscard]] std::size_t class_of(double quantity) const {
    for (std::size_t cls = rungs.size(); cls > 0; --cls)
      if (quantity > rungs.at(cls - 1)) return cls;
    return 0;
  }
};

Line line_of(const Rungs& declared) {
  constexpr double kNone = std::numeric_limits<double>::infinity();
  const Ladder& ladder = *declared.ladder;
  const double p50 = ladder.p50.value_or(kNone), p99 = ladder.p99.value_or(kNone);
  Line line{.rungs = {p50, ladder.p90.value_or(kNone), p99, kNone}, .declared = declared};
  if (ladder.p50 && ladder.p99 && p50 > 0 && p99 > p50) {
    const double spread = std::log(p99 / p50) / kZ99;
    if (!ladder.p90) line.rungs[1] = p50 * std::exp(kZ90 * spread);
    line.rungs[3] = p50 * std::exp(kZ999 * spread);
  }
  return line;
}

/// The ladders one action is held against.
struct Lines {
  std::vector<Line> data, cost;
};

Lines lines_of(const Persona& persona, const Action* action) {
  Lines lines;
  const auto add = [](std::vector<Line>& to, const Rungs& rungs, Unit unit, std::string_view kind) {
    if (!rungs.graded() || to.size() == kWidths.back()) return;
    to.push_back(line_of(rungs));
    to.back().unit = unit;
    to.back().kind = kind;
  };
  for (const Unit unit : {Unit::Records, Unit::Bytes}) add(lines.data, Rungs::of(persona, action, Span::Call, unit), unit, {});
  for (const Unit unit : {Unit::Tokens, Unit::Cost}) add(lines.cost, Rungs::of(persona, action, Span::Call, unit), unit, {});
  if (action != nullptr)
    for (const std::string_view kind : kinds_of(*action)) add(lines.data, Rungs::of_kind(persona, action, Span::Call, kind), {}, kind);
  return lines;
}

/// A mark is the worst over ladders and does not say of which, so p90 bounds throttles and halts where each of them declares it.
std::span<const std::uint8_t> declared_classes_of(const Persona& persona) {
  const auto with_p90 = [](const Line& line) { return line.declared.ladder->p90.has_value(); };
  const auto all = [&](const Action* action) {
    const Lines lines = lines_of(persona, action);
    return std::ranges::all_of(lines.data, with_p90) && std::ranges::all_of(lines.cost, with_p90);
  };
  const bool everywhere = all(nullptr) && std::ranges::all_of(persona.actions, [&](const Action& action) { return all(&action); });
  return everywhere ? kDeclaredWithP90 : kDeclaredClasses;
}

/// The most ladders that one call is held against: what its caps are widened by, whatever the action (volume.h).
std::size_t widest(const Persona& persona, std::vector<Line> Lines::* ladders) {
  std::size_t most = (lines_of(persona, nullptr).*ladders).size();
  for (const Action& action : persona.actions) most = std::max(most, (lines_of(persona, &action).*ladders).size());
  return most;
}

std::uint8_t context_of(const Persona& persona) {
  return static_cast<std::uint8_t>(std::ranges::lower_bound(kWidths, widest(persona, &Lines::data)) - kWidths.begin());
}

std::vector<double> caps_times(double times) {
  std::vector<double> v(kCaps.begin(), kCaps.end());
  for (std::size_t cls = 1; cls < kClasses; ++cls) v[cls] = std::min(1., v[cls] * times);
  return v;
}

std::vector<double> cost_caps(const Persona& persona) {
  return caps_times(static_cast<double>(std::max<std::size_t>(1, widest(persona, &Lines::cost))));
}

/// By class under the alert (0) or declared (1) null.
std::array<double, kClasses> cost_factors(const Persona& persona, std::size_t null) {
  const std::vector<double> caps = cost_caps(persona);
  const std::vector<double> g = null == 0 ? box_numeraire(caps, kOveruse)
                                          : grouped_numeraire(widened(caps, persona.tolerance()), kOveruse, declared_classes_of(persona));
  std::array<double, kClasses> factors{};
  for (std::size_t cls = 0; cls < kClasses; ++cls) factors.at(cls) = std::min(g[cls], static_cast<double>(kGreatestWager));
  return factors;
}

struct VolumePlan final : ChannelPlan {
  std::vector<Lines> by_action;  // by index; the last is for an act that is no action
  std::uint8_t context = 0;      // of every mark
  std::array<float, kClasses> alert{}, declared{};

  [[nodiscard]] const Lines& of(const Act& act) const { return act.match.action ? by_action[*act.match.action] : by_action.back(); }
};

bool declares(const Lines& lines) { return !lines.data.empty() || !lines.cost.empty(); }

/// The worst class over some ladders.
struct Worst {
  bool seen = false, lacking = false;
  std::size_t cls = 0;
  double quantity = 0;
  const Line* line = nullptr;

  void take(const Line& of, std::optional<double> found) {
    if (!found) {
      lacking = true;
      return;
    }
    seen = true;
    const std::size_t passed = of.class_of(*found);
    if (line != nullptr && passed <= cls) return;
    cls = passed;
    quantity = *found;
    line = &of;
  }
};

Worst worst_of(const Act& act, const std::vector<Line>& lines, const Quantities& seen) {
  Worst worst;
  std::optional<Identifiers> identifiers;
  for (const Line& line : lines) {
    if (line.kind.empty()) {
      worst.take(line, seen.whole.at(static_cast<std::size_t>(line.unit)));
      continue;
    }
    if (!identifiers) identifiers = identifiers_of(act);
    const auto kind = identifiers->find(line.kind);
    const bool known = kind != identifiers->end() && !kind->second.empty();
    worst.take(line, known ? std::optional(static_cast<double>(kind->second.size())) : std::nullopt);
  }
  return worst;
}

/// "5000 records in one call, declared are 1 as a rule and 10 in 99 of 100 calls".
std::string amount_words(const Worst& worst) {
  const Ladder& ladder = *worst.line->declared.ladder;
  const std::string what = worst.line->kind.empty() ? std::string(kUnitNames.at(static_cast<std::size_t>(worst.line->unit)))
                                                    : "distinct values of " + printable(worst.line->kind, 64);
  std::string words = number_words(worst.quantity) + " " + what + " in one call" + worst.line->declared.whose() + ", declared are ";
  std::vector<std::string> rungs;
  if (ladder.p50) rungs.push_back(number_words(*ladder.p50) + " as a rule");
  if (ladder.p90) rungs.push_back("at most " + number_words(*ladder.p90) + " in 9 of 10 calls");
  if (ladder.p99) rungs.push_back("at most " + number_words(*ladder.p99) + " in 99 of 100 calls");
  for (std::size_t i = 0; i < rungs.size(); ++i) words += (i == 0 ? "" : i + 1 < rungs.size() ? ", " : " and ") + rungs[i];
  return words;
}

/// What it spent stands in the event, if only in part.
bool says(const Event& event, Unit unit) {
  return unit == Unit::Tokens ? event.tokens.input || event.tokens.output : event.cost_usd.has_value();
}

bool silent(const Event& event) { return event.kind != EventKind::ToolCall || event.phase == Phase::Request; }

class Volume final : public Channel {
 public:
  Volume() {
    const auto bet = [&](Threat threat, const Row& q, double loosen) {
      bets_.push_back({.threat = threat, .q = std::vector(kContexts, std::vector<double>(q.begin(), q.end())), .loosen = loosen});
    };
    bet(Threat::Bulk, kBulk, 1);
    bet(Threat::BulkHeavy, kBulkHeavy, 1);
    bet(Threat::Exfiltration, kExfiltration, kLoosened);
    // An agent that stays below every rung: g / (1 - g) at a tolerance of 1.
    bets_.push_back({.threat = Threat::Overuse, .q = {}, .resting = .3});
  }

  [[nodiscard]] const ChannelInfo& info() const override { return info_; }

  [[nodiscard]] std::vector<std::vector<double>> caps(const Persona& persona) const override {
    const auto own = [&](const Action& action) { return declares(lines_of(persona, &action)); };
    if (!declares(lines_of(persona, nullptr)) && !std::ranges::any_of(persona.actions, own)) return {};
    std::vector<std::vector<double>> v;
    for (const std::size_t width : kWidths) v.push_back(caps_times(static_cast<double>(width)));
    v.push_back(cost_caps(persona));
    return v;
  }

  [[nodiscard]] std::vector<std::vector<std::uint8_t>> declared_classes(const Persona& persona) const override {
    const auto as = declared_classes_of(persona);
    return std::vector(kContexts, std::vector(as.begin(), as.end()));
  }

  [[nodiscard]] std::span<const Bet> bets() const override { return bets_; }

  [[nodiscard]] std::unique_ptr<const ChannelPlan> prepare(const Persona& persona, const PersonaSet& /*set*/) const override {
    auto plan = std::make_unique<VolumePlan>();
    for (const Action& action : persona.actions) plan->by_action.push_back(lines_of(persona, &action));
    plan->by_action.push_back(lines_of(persona, nullptr));
    if (!std::ranges::any_of(plan->by_action, declares)) return nullptr;
    plan->context = context_of(persona);
    const auto stored = [&](std::size_t null, std::array<float, kClasses>& to) {
      std::ranges::transform(cost_factors(persona, null), to.begin(), [](double g) { return static_cast<float>(g); });
    };
    stored(0, plan->alert);
    stored(1, plan->declared);
    return plan;
  }

  [[nodiscard]] std::vector<StepLaw> step_laws(const Persona& persona) const override {
    if (widest(persona, &Lines::cost) == 0) return {};
    StepLaw law{.threat = Threat::Overuse,
                .steps = "calls that report tokens or a cost",
                .calls = true,
                .abuse = "nine in ten above a declared p50, one in five of them above p99"};
    for (std::size_t null = 0; null < 2; ++null) {
      const std::array<double, kClasses> g = cost_factors(persona, null);
      law.clean.at(null) = std::log(g[0]);
      law.abused.at(null) = growth(kOveruse, g);
    }
    law.lone = law.abused;
    return {std::move(law)};
  }

  [[nodiscard]] std::unique_ptr<ChannelMemory> decode_memory(MemoryScope /*scope*/, Reader& /*in*/) const override { return nullptr; }

  [[nodiscard]] Reading read(const Act& act) const override {
    const auto* const plan = static_cast<const VolumePlan*>(act.plan(ChannelId::Volume));
    if (plan == nullptr || silent(act.event)) return Reading::of(Reading::Kind::Silent);
    const Lines& lines = plan->of(act);
    if (!declares(lines)) return Reading::of(Reading::Kind::Silent);

    const bool happened = took_place(act.event);
    const Quantities seen = quantities_of(act.event);
    const Worst data = happened ? worst_of(act, lines.data, seen) : Worst{};
    Reading reading = Reading::of(Reading::Kind::Silent);
    if (data.seen) reading = Reading::marked(plan->context, static_cast<std::uint8_t>(data.cls));
    if (!data.seen && data.lacking) reading.kind = Reading::Kind::NotEvaluable;
    if (data.lacking) reading.lacking |= bit_of(Lacking::Quantity);
    if (!lines.cost.empty()) stake(act, *plan, lines, seen, reading);
    return reading;
  }

  [[nodiscard]] Description describe(const Act& act, Threat threat) const override {
    Description words;
    const bool cost = threat == Threat::Overuse;
    words.title = cost ? "Agent spends more than its job declares" : "Agent handles far more than its job declares";
    words.sentence = cost ? "Tokens, cost or calls per minute pass the declared rungs too often."
                          : "Calls pass the declared rungs of what one call handles too often.";
    const auto* const plan = static_cast<const VolumePlan*>(act.plan(ChannelId::Volume));
    if (plan == nullptr || silent(act.event)) return words;
    const Lines& lines = plan->of(act);
    const Worst worst = worst_of(act, cost ? lines.cost : lines.data, quantities_of(act.event));
    if (worst.cls > 0) words.sentence += " This one: " + amount_words(worst) + ".";
    return words;
  }

 private:
  /// Lawful as a table row is: the numeraire of the box the caps of the context give, at most 20. Ticks at every call that reports tokens
  /// or a cost, also a failed one, and one that reports none of it spent.
  static void stake(const Act& act, const VolumePlan& plan, const Lines& lines, const Quantities& seen, Reading& reading) {
    const auto told = [&](const Line& line) { return says(act.event, line.unit); };
    if (!took_place(act.event) && std::ranges::none_of(lines.cost, told)) return;
    const Worst cost = worst_of(act, lines.cost, seen);
    if (cost.lacking) reading.lacking |= bit_of(Lacking::Quantity);
    if (!cost.seen) {
      if (reading.kind == Reading::Kind::Silent) reading.kind = Reading::Kind::NotEvaluable;
      return;
    }
    if (reading.kind == Reading::Kind::NotEvaluable) reading.kind = Reading::Kind::Silent;
    reading.wagers.push_back({.threat = Threat::Overuse,
                              .context = kCostContext,
                              .cls = static_cast<std::uint8_t>(cost.cls),
                              .alert = plan.alert.at(cost.cls),
                              .declared = plan.declared.at(cost.cls)});
  }

  ChannelInfo info_{
      ChannelId::Volume,
      "volume",
      {"one ladder", "up to two ladders", "up to three ladders", "up to four ladders", "up to eight ladders", "tokens and cost"},
      {"up to p50", "above p50", "above p90", "above p99", "above p99.9"},
      {20, 20, 20, 20, 20},
      false};
  std::vector<Bet> bets_;
};

}  // namespace

const Channel& volume_channel() {
  static const Volume channel;
  return channel;
}

}  // namespace ringfence
