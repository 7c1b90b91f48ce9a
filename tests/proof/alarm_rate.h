// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tests/proof/class_world.h"
#include "tests/unit/models/evidence_alarms.h"

/// How often well-behaved fleets alarm, over the bound of docs/design/detection.md §2.2: counted at low thresholds, estimated by importance
/// sampling at high ones.
namespace ringfence::proof {

/// How a fleet lives inside its caps. Each is the worst somebody can do who never exceeds a cap given the past.
enum class Conduct : std::uint8_t {
  OnEveryCap,
  AtHalf,
  Bursty,       // a fifth of the time on every cap, in runs of fifty calls, else at half
  HeavyTailed,  // the same in runs of Pareto length (index 1.2)
  Regimes,      // some 500 calls at a time on the law that is hardest for one threat
  Adaptive,     // always on the law that is hardest for whichever threat leads
  Together,     // on every cap, and bad classes of all channels in the same call
  Outage,       // the agents of a fleet on every cap at the same time and by the same dice, else at half
};
inline constexpr std::array<std::string_view, 8> kConductNames{"on every cap", "at half",  "bursty",   "heavy-tailed",
                                                               "regimes",      "adaptive", "together", "outage"};
inline constexpr std::array kConducts{Conduct::OnEveryCap, Conduct::AtHalf,   Conduct::Bursty,   Conduct::HeavyTailed,
                                      Conduct::Regimes,    Conduct::Adaptive, Conduct::Together, Conduct::Outage};
inline std::string_view name_of(Conduct conduct) { return kConductNames[static_cast<std::size_t>(conduct)]; }

/// One agent's plan for its next call, made before its class is known.
class Habit {
 public:
  explicit Habit(Conduct conduct) : conduct_(conduct) {}

  Choice next(const ClassWorld& world, const Evidence& evidence, bool outage, std::mt19937_64& rng) {
    using Kind = Choice::Kind;
    switch (conduct_) {
      case Conduct::OnEveryCap:
      case Conduct::Together:
        return {};
      case Conduct::AtHalf:
        return {.kind = Kind::Half};
      case Conduct::Outage:
        return {.kind = outage ? Kind::EveryCap : Kind::Half};
      case Conduct::Adaptive:
        return {.kind = Kind::LeastFavourable, .threat = leading(world, evidence)};
      default:
        break;
    }
    if (left_-- <= 0) begin(world, rng);
    return choice_;
  }

 private:
  void begin(const ClassWorld& world, std::mt19937_64& rng) {
    using Kind = Choice::Kind;
    if (conduct_ == Conduct::Regimes) {
      left_ = static_cast<std::int64_t>(-500 * std::log(1 - unit(rng)));
      std::size_t threat = 0;
      do threat = rng() % kThreats.size();
      while (!world.bets(threat));
      choice_ = {.kind = Kind::LeastFavourable, .threat = threat};
      return;
    }
    const bool loud = rng() % 5 == 0;
    choice_ = {.kind = loud ? Kind::EveryCap : Kind::Half};
    left_ = conduct_ == Conduct::Bursty ? 50 : static_cast<std::int64_t>(std::min(1e5, 10 * std::pow(1 - unit(rng), -1 / 1.2)));
  }

  static std::size_t leading(const ClassWorld& world, const Evidence& evidence) {
    const auto& a = world.null() == Null::Alert ? evidence.alert : evidence.declared;
    std::size_t best = 0;
    double most = -1;
    for (std::size_t slot = 0; slot < kThreats.size(); ++slot) {
      if (!world.bets(slot) || world.prior()[slot] * static_cast<double>(a[slot]) <= most) continue;
      most = world.prior()[slot] * static_cast<double>(a[slot]);
      best = slot;
    }
    return best;
  }

  Conduct conduct_;
  Choice choice_;
  std::int64_t left_ = 0;
};

/// A class whose probability given what came earlier in the call is at most three times its cap, and its cap on the whole.
inline std::size_t thrice_given(const Row& p, double shared, double u) {
  Row now = p;
  double rest = 1;
  for (std::size_t cls = 1; cls < p.size(); ++cls) {
    const double high = std::min(1., 3 * p[cls]);
    rest -= now[cls] = shared < 1. / 3 ? high : 1.5 * (p[cls] - high / 3);
  }
  if (rest < 0)
    for (std::size_t cls = 1; cls < p.size(); ++cls) now[cls] /= 1 - rest;
  return class_at(now, u);
}

struct AlarmRate {
  double threshold = 0;
  std::int64_t alarms = 0;
  double bound = 0;  // 1.0102 calls / c
  double upper = 0;  // of the mean, 99.9 %: exact Poisson, or by the scatter between fleets where that is greater
  [[nodiscard]] double ratio() const { return static_cast<double>(alarms) / bound; }
};

/// Fleets of 20 agents that live 2,000 calls each, all channels marking every call, until `calls` are made.
inline std::vector<AlarmRate> alarm_rates(const ClassWorld& world, Conduct conduct, std::int64_t calls, std::span<const double> thresholds,
                                          std::uint64_t seed) {
  constexpr std::size_t kFleet = 20;
  constexpr std::int64_t kLife = 2000;
  std::mt19937_64 rng(seed);
  const std::size_t channels = world.stages().size();
  std::vector<std::vector<double>> by_fleet(thresholds.size());
  std::vector<RowId> marks(channels);
  std::int64_t made = 0;
  while (made < calls) {
    std::vector<Evidence> evidence(kFleet);
    std::vector<Standing> standing(kFleet, Standing(world));
    std::vector<Habit> habits(kFleet, Habit(conduct));
    std::vector<std::vector<simulation::Hysteresis>> levels(kFleet);
    for (auto& all : levels)
      for (const double c : thresholds) all.push_back({c});
    for (auto& counts : by_fleet) counts.push_back(0);
    bool outage = false;
    for (std::int64_t n = 0; n < kLife; ++n) {
      if (n % 40 == 0) outage = rng() % 5 == 0;
      const std::uint64_t shared_dice = rng();
      std::mt19937_64::result_type dice_of_all = shared_dice;
      for (std::size_t agent = 0; agent < kFleet; ++agent) {
        const Choice choice = habits[agent].next(world, evidence[agent], outage, rng);
        standing[agent].choose_contexts(world, rng);
        if (conduct != Conduct::Outage || !outage) dice_of_all = rng();
        const double shared = static_cast<double>(dice_of_all >> 11U) * 0x1p-53;
        for (std::size_t i = 0; i < channels; ++i) {
          const Law& law = standing[agent].law(world, i, choice);
          const bool together = conduct == Conduct::Together || (conduct == Conduct::Outage && outage);
          const std::size_t cls = !together                    ? class_at(law.p, unit(rng))
                                  : world.stages()[i].loosened ? thrice_given(law.p, shared, unit(rng))
                                                               : class_at(law.p, shared);
          standing[agent].settle(i, cls);
          marks[i] = {world.stages()[i].id, static_cast<std::uint8_t>(standing[agent].context(i)), static_cast<std::uint8_t>(cls)};
        }
        update(evidence[agent], world.tables(), marks);
        const double score = world.score(evidence[agent]);
        for (std::size_t i = 0; i < thresholds.size(); ++i)
          if (levels[agent][i].counts(score)) ++by_fleet[i].back();
      }
    }
    made += kLife * static_cast<std::int64_t>(kFleet);
  }
  std::vector<AlarmRate> rates;
  for (std::size_t i = 0; i < thresholds.size(); ++i) {
    double total = 0, squares = 0;
    for (const double count : by_fleet[i]) total += count;
    const double mean = total / static_cast<double>(by_fleet[i].size());
    for (const double count : by_fleet[i]) squares += (count - mean) * (count - mean);
    AlarmRate rate{thresholds[i], static_cast<std::int64_t>(total), 1.0102 * static_cast<double>(made) / thresholds[i], 0};
    rate.upper = std::max(simulation::poisson_upper(rate.alarms, .9995), total + 3.29 * std::sqrt(squares));
    rates.push_back(rate);
  }
  return rates;
}

/// P(first alarm within `life` calls) at a threshold, over its bound life / c.
struct RareAlarm {
  double threshold = 0, ratio = 0;
  double error = 0;       // standard error of the ratio
  std::int64_t hits = 0;  // runs that crossed
};

/// The rate of alarms that nobody can wait for. Each run draws a threat by its weight and a start, all starts equally likely; from there
/// on every class is drawn by the conduct's law tilted by that threat's factors, p g / E_p g. Against the conduct the density of such runs
/// at call T is (sum_h w_h B_h + life - T) / life, with B <- (B + 1) g / E_p g: Shiryaev-Roberts itself. So a crossing weighs
/// life / (sum_h w_h B_h + life - T). As E_p g <= 1, B >= A: no weight exceeds life / c, and what is averaged never exceeds the bound it is
/// compared with. Conducts whose channels are drawn independently only.
inline std::vector<RareAlarm> rare_alarms(const ClassWorld& world, Conduct conduct, std::int64_t life, int runs,
                                          std::span<const double> thresholds, std::uint64_t seed) {
  std::mt19937_64 rng(seed);
  const std::size_t channels = world.stages().size();
  std::vector<double> sum(thresholds.size(), 0), squares(thresholds.size(), 0);
  std::vector<std::int64_t> hits(thresholds.size(), 0);
  std::vector<RowId> marks(channels);
  for (int run = 0; run < runs; ++run) {
    std::size_t threat = 0;
    for (double u = unit(rng) * world.weight(); threat + 1 < kThreats.size() && (u -= world.prior()[threat]) >= 0;) ++threat;
    const auto start = static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(life));
    Evidence evidence;
    Standing standing(world);
    Habit habit(conduct);
    Slots b{};
    std::size_t next = 0;
    for (std::int64_t n = 0; n < life && next < thresholds.size(); ++n) {
      const Choice choice = habit.next(world, evidence, false, rng);
      standing.choose_contexts(world, rng);
      Slots ratio;
      ratio.fill(1);
      for (std::size_t i = 0; i < channels; ++i) {
        const Law& law = standing.law(world, i, choice);
        const std::size_t cls = class_at(n < start ? law.p : law.under(threat), unit(rng));
        const Cell& cell = law.cells[cls];
        for (std::size_t slot = 0; slot < ratio.size(); ++slot) ratio[slot] *= cell.ratio[slot];
        standing.settle(i, cls);
        marks[i] = {world.stages()[i].id, static_cast<std::uint8_t>(standing.context(i)), static_cast<std::uint8_t>(cls)};
      }
      update(evidence, world.tables(), marks);
      for (std::size_t slot = 0; slot < b.size(); ++slot) b[slot] = (b[slot] + 1) * ratio[slot];
      const double score = world.score(evidence);
      for (; next < thresholds.size() && score >= thresholds[next]; ++next) {
        double density = static_cast<double>(life - n - 1);
        for (std::size_t slot = 0; slot < b.size(); ++slot) density += world.prior()[slot] / world.weight() * b[slot];
        const double weighed = thresholds[next] / density;  // over the bound life / c
        sum[next] += weighed;
        squares[next] += weighed * weighed;
        ++hits[next];
      }
    }
  }
  std::vector<RareAlarm> rates;
  for (std::size_t i = 0; i < thresholds.size(); ++i) {
    const double mean = sum[i] / runs, variance = std::max(0., squares[i] / runs - mean * mean);
    rates.push_back({thresholds[i], mean, std::sqrt(variance / runs), hits[i]});
  }
  return rates;
}

}  // namespace ringfence::proof
