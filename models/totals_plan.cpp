// SPDX-License-Identifier: Apache-2.0
#include "models/totals_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "models/detector.h"
#include "models/numeraire.h"

namespace ringfence::totals {
namespace {

using namespace envelope;

constexpr double kNone = std::numeric_limits<double>::infinity();
constexpr double kAlpha50 = .5, kAlpha99 = .01;
/// The greatest weight a p99 is given: the rest stays on honest conduct, so that one day within the rungs does not end all evidence.
constexpr double kMostOnP99 = .6;
/// Where calls per minute and the cost of single calls bear out one threat, the later caps are loosened (detection.md §4).
constexpr double kLoosened = 3;

void add(TotalPlan& plan, const Rungs& rungs, Unit unit, std::string_view kind) {
  if (!rungs.graded()) return;
  TotalLine line{.rungs = rungs, .unit = unit, .kind = kind, .owner = rungs.owner()};
  if (!kind.empty()) line.entities = kind_key(kind, line.owner);
  plan.lines.push_back(line);
}

/// The persona's own ladders and, for days, those of its actions.
TotalPlan lines_of(const Persona& persona, Span span) {
  constexpr std::array<Unit, kUnits> kAll{Unit::Records, Unit::Bytes, Unit::Tokens, Unit::Cost};
  TotalPlan plan;
  std::set<std::string_view> kinds;
  for (const Action& action : persona.actions)
    for (const std::string_view kind : kinds_of(action)) kinds.insert(kind);
  for (const Unit unit : kAll) add(plan, Rungs::of(persona, nullptr, span, unit), unit, {});
  for (const std::string_view kind : kinds) add(plan, Rungs::of_kind(persona, nullptr, span, kind), {}, kind);
  const auto own = [&](const Rungs& rungs, Unit unit, std::string_view kind) {
    if (rungs.action != nullptr) add(plan, rungs, unit, kind);
  };
  for (const Action& action : persona.actions) {
    for (const Unit unit : kAll) own(Rungs::of(persona, &action, span, unit), unit, {});
    for (const std::string_view kind : kinds_of(action)) own(Rungs::of_kind(persona, &action, span, kind), {}, kind);
  }
  return plan;
}

/// Weights of the rungs, per ladder: p99 gets what makes the whole 20 where one ladder of them all passes it, at most .6; what is left is
/// shared by p50 and the rest. base + w50 + w99 = 1, so the mean of e under P(S > b_j) <= alpha_j is at most 1.
void weigh(TotalPlan& plan, std::size_t null, double tolerance) {
  const auto n = static_cast<double>(plan.lines.size());
  const double alpha50 = std::min(1., kAlpha50 * tolerance), alpha99 = kAlpha99 * tolerance;
  for (TotalLine& line : plan.lines) {
    const Ladder& ladder = *line.rungs.ladder;
    const double on99 = ladder.p99 ? std::min(kMostOnP99, static_cast<double>(kGreatestWager) * alpha99 * n) : 0;
    const double on50 = ladder.p50 ? .5 * (1 - on99) : 0;
    plan.base.at(null) += (1 - on99 - on50) / n;
    line.above_p50.at(null) = on50 / alpha50 / n;
    line.above_p99.at(null) = on99 / alpha99 / n;
  }
}

TotalPlan total_plan(const Persona& persona, Span span) {
  TotalPlan plan = lines_of(persona, span);
  weigh(plan, 0, 1);
  weigh(plan, 1, persona.tolerance());
  return plan;
}

bool declares_cost(const Persona& persona) {
  const auto graded = [&](const Action* action) {
    return Rungs::of(persona, action, Span::Call, Unit::Tokens).graded() || Rungs::of(persona, action, Span::Call, Unit::Cost).graded();
  };
  return graded(nullptr) || std::ranges::any_of(persona.actions, [&](const Action& action) { return graded(&action); });
}

/// The numeraire of { 1, .5, .01 } on the rungs that are declared.
RatePlan rate_plan(const Persona& persona, const Ladder& rate) {
  RatePlan plan{.p50 = rate.p50.value_or(kNone), .p99 = rate.p99.value_or(kNone)};
  const double loosened = declares_cost(persona) ? kLoosened : 1;
  for (std::size_t null = 0; null < 2; ++null) {
    plan.factors.at(null).fill(1);
    std::vector<double> v{1}, q{.2};
    std::vector<std::size_t> cls{0};
    const auto rung = [&](std::size_t at, double cap, double share) {
      cls.push_back(at);
      v.push_back(cap);
      q.push_back(share);
    };
    if (rate.p50) rung(1, kAlpha50, rate.p99 ? .3 : .8);
    if (rate.p99) rung(2, kAlpha99, rate.p50 ? .5 : .8);
    const std::vector<double> g = box_numeraire(widened(v, loosened * (null == 0 ? 1 : persona.tolerance())), q);
    for (std::size_t i = 0; i < g.size(); ++i)
      plan.factors.at(null).at(cls[i]) = static_cast<float>(std::min(g[i], static_cast<double>(kGreatestWager)));
  }
  return plan;
}

}  // namespace

std::uint8_t TotalLine::passed(double total) const {
  const Ladder& ladder = *rungs.ladder;
  const auto over = [&](const std::optional<double>& rung) {
    return rung && (kind.empty() ? envelope::passes(unit, total, *rung) : total > *rung);
  };
  return over(ladder.p99) ? 2 : over(ladder.p50) ? 1 : 0;
}

TotalPlan::Value TotalPlan::value(const Totals& totals) const {
  Value value{.e = base};
  for (const TotalLine& line : lines) {
    const double total = line.total(totals);
    const std::uint8_t cls = line.passed(total);
    if (cls == 0) continue;
    for (std::size_t null = 0; null < value.e.size(); ++null) {
      value.e.at(null) += line.above_p50.at(null);
      if (cls == 2) value.e.at(null) += line.above_p99.at(null);
    }
    if (value.worst != nullptr && cls <= value.cls) continue;
    value.cls = cls;
    value.worst = &line;
    value.total = total;
  }
  for (double& e : value.e) e = std::min(e, static_cast<double>(kGreatestWager));
  return value;
}

TotalsPlan plan_totals(const Persona& persona) {
  TotalsPlan plan;
  plan.session = total_plan(persona, Span::Session);
  plan.day = total_plan(persona, Span::Day);
  plan.job = hash64(persona.sha256);
  const std::optional<Ladder>& rate = persona.calls_per_minute;
  if (rate && (rate->p50 || rate->p99)) plan.rate = rate_plan(persona, *rate);
  return plan;
}

namespace {

double nats(double factor) { return std::log(std::min(factor, static_cast<double>(kGreatestWager))); }

std::optional<StepLaw> law_of(const TotalPlan& plan, Threat threat, std::string_view steps) {
  if (plan.lines.empty()) return std::nullopt;
  const auto most = [](const TotalLine& line) { return line.above_p50[1] + line.above_p99[1]; };
  const TotalLine& least = *std::ranges::min_element(plan.lines, {}, most);
  const bool p99 = least.rungs.ladder->p99.has_value();
  StepLaw law{.threat = threat, .steps = steps, .abuse = std::string("each beyond one declared ") + (p99 ? "p99" : "p50")};
  for (std::size_t null = 0; null < 2; ++null) {
    law.clean.at(null) = nats(plan.base.at(null));
    law.abused.at(null) = nats(plan.base.at(null) + least.above_p50.at(null) + least.above_p99.at(null));
  }
  law.lone = law.abused;
  return law;
}

StepLaw law_of(const RatePlan& rate) {
  const bool p99 = std::isfinite(rate.p99);
  StepLaw law{
      .threat = Threat::Overuse, .steps = "minutes with calls", .abuse = std::string("each beyond the declared ") + (p99 ? "p99" : "p50")};
  for (std::size_t null = 0; null < 2; ++null) {
    law.clean.at(null) = nats(static_cast<double>(rate.factors.at(null)[0]));
    law.abused.at(null) = nats(static_cast<double>(rate.factors.at(null)[p99 ? 2 : 1]));
  }
  law.lone = law.abused;
  return law;
}

}  // namespace

std::vector<StepLaw> step_laws_of(const TotalsPlan& plan) {
  std::vector<StepLaw> laws;
  if (auto session = law_of(plan.session, Threat::DripSession, "sessions")) laws.push_back(std::move(*session));
  if (auto day = law_of(plan.day, Threat::DripDay, "days")) laws.push_back(std::move(*day));
  if (plan.rate) laws.push_back(law_of(*plan.rate));
  return laws;
}

}  // namespace ringfence::totals
