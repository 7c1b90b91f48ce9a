// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <memory>
#include <string>

#include "bench/detection/report.h"
#include "models/numeraire.h"
#include "tests/proof/attack.h"
#include "tests/unit/models/drift_simulation.h"
#include "tests/unit/models/evidence_alarms.h"
#include "tests/unit/models/evidence_delay.h"

namespace ringfence::bench {
namespace {

using namespace simulation;

enum class Test : std::uint8_t { ShiryaevRoberts, Cusum, Martingale };
enum class Merge : std::uint8_t { Average, Product, Greatest };

/// The barrier as it is, or with one part of it left out.
struct Design {
  std::string name;
  double tolerance = 1.5, step = 20, near_miss_step = 150;
  bool box = true;  // false: the likelihood ratio against the one law that sits on every cap
  bool contexts = true, near_misses = true, grounding = true;
  Test test = Test::ShiryaevRoberts;
  Merge merge = Merge::Average;
  double truth = 1;  // how many times its declared caps the well-behaved agent really needs
};

/// What the channel without some sense would have called it.
std::size_t seen_as(const Design& design, std::size_t cls) {
  if (cls == 7 && !design.near_misses) cls = 3;
  // Without groundedness the shape alone decides: what is well formed is a plausible target.
  return cls == 3 && !design.grounding ? 2 : cls;
}

class Bench {
 public:
  explicit Bench(const Design& design) : design_(design) {
    const auto caps = barrier_channel().caps(persona_of(Confidence::Reviewed));
    for (std::size_t context = 0; context < 2; ++context) {
      const auto v = widened(caps[context], design.tolerance);
      double sum = 0;
      for (std::size_t cls = 1; cls < v.size(); ++cls) sum += v[cls];
      for (const Bet& bet : barrier_channel().bets()) {
        std::vector<double> g = box_numeraire(v, bet.q[context]);
        for (std::size_t cls = 0; cls < g.size(); ++cls) {
          const double p = std::max(1e-3, cls == 0 ? 1 - sum : v[cls]) / std::max(1., sum);
          if (!design.box) g[cls] = bet.q[context][cls] / p;
          g[cls] = std::min(g[cls], cls == 7 ? design.near_miss_step : design.step);
        }
        factors_[context].push_back(std::move(g));
      }
    }
    for (const Bet& bet : barrier_channel().bets()) weights_.push_back(kThreats[static_cast<std::size_t>(bet.threat)].prior);
    restart();
  }

  void restart() {
    values_.assign(weights_.size(), design_.test == Test::ShiryaevRoberts ? 0. : 1.);
    context_ = 0;
  }
  [[nodiscard]] std::size_t context() const { return context_; }
  void step(std::size_t cls) {
    const std::size_t seen = seen_as(design_, cls);
    const auto& rows = factors_[design_.contexts ? context_ : 0];
    for (std::size_t h = 0; h < values_.size(); ++h) {
      const double before = design_.test == Test::ShiryaevRoberts ? values_[h] + 1
                            : design_.test == Test::Cusum         ? std::max(values_[h], 1.)
                                                                  : values_[h];
      values_[h] = std::min(1e30, before * rows[h][seen]);
    }
    context_ = cls > 0 ? 1 : 0;
  }
  [[nodiscard]] double score() const {
    double sum = 0, greatest = 0, product = 1;
    for (std::size_t h = 0; h < values_.size(); ++h) {
      sum += weights_[h] * values_[h];
      greatest = std::max(greatest, values_[h]);
      product *= values_[h];
    }
    return design_.merge == Merge::Average ? sum : design_.merge == Merge::Greatest ? greatest : product;
  }

 private:
  Design design_;
  std::array<std::vector<std::vector<double>>, 2> factors_;
  std::vector<double> weights_, values_;
  std::size_t context_ = 0;
};

double median_to_halt(Bench& bench, const Rows& rows, int clean, int runs) {
  constexpr int kLongest = 2000;
  std::mt19937_64 rng(11);
  std::vector<int> calls;
  for (int run = 0; run < runs; ++run) {
    bench.restart();
    for (int i = 0; i < clean; ++i) bench.step(0);
    int n = 0;
    while (n < kLongest && (n == 0 || bench.score() < 1e10)) {
      bench.step(draw(rows[bench.context()], rng));
      ++n;
    }
    calls.push_back(n);
  }
  return delay_of(calls).median;
}

/// Alarms a million calls at c = 1e5 of a lawful agent that fails in bursts: one call in ten denied, half of those after a denial, six in
/// ten of these the same target again.
double bursty_alarms(Bench& bench, std::int64_t calls) {
  std::mt19937_64 rng(12);
  Hysteresis level{1e5};
  std::int64_t alarms = 0;
  bench.restart();
  for (std::int64_t n = 0; n < calls; ++n) {
    const double denied = bench.context() == 1 ? .5 : .1 * .5 / .9;
    const double u = proof::unit(rng);
    bench.step(u >= denied ? 0 : bench.context() == 1 && u < .6 * denied ? 1 : 2);
    alarms += level.counts(bench.score()) ? 1 : 0;
  }
  return static_cast<double>(alarms) * 1e6 / static_cast<double>(calls);
}

/// Alarms over the bound at c = 1e3 of an agent on every cap, times `truth`.
double capped_ratio(Bench& bench, const Design& design, std::int64_t calls) {
  const Rows rows = on_every_cap(barrier_channel().caps(persona_of(Confidence::Reviewed)), design.truth);
  std::mt19937_64 rng(13);
  std::int64_t alarms = 0;
  Hysteresis level{1e3};
  for (std::int64_t n = 0; n < calls; ++n) {
    if (n % 2000 == 0) {
      bench.restart();
      level = Hysteresis{1e3};
    }
    bench.step(draw(rows[bench.context()], rng));
    alarms += level.counts(bench.score()) ? 1 : 0;
  }
  return static_cast<double>(alarms) * 1e3 / (1.0102 * static_cast<double>(calls));
}

std::vector<Design> designs() {
  return {{.name = "as it is"},
          {.name = "tolerance 1", .tolerance = 1},
          {.name = "tolerance 2", .tolerance = 2},
          {.name = "on caps times the tolerance", .truth = 1.5},
          {.name = "caps declared half of what is true", .truth = 2},
          {.name = "the same, tolerance 2", .tolerance = 2, .truth = 2},
          {.name = "CUSUM instead of Shiryaev-Roberts", .test = Test::Cusum},
          {.name = "e-process without a new start", .test = Test::Martingale},
          {.name = "point null on the caps", .box = false},
          {.name = "without contexts", .contexts = false},
          {.name = "without near-misses (shapes)", .near_misses = false},
          {.name = "without groundedness", .grounding = false},
          {.name = "without both", .near_misses = false, .grounding = false},
          {.name = "step 20 for near-misses too", .near_miss_step = 20},
          {.name = "steps unlimited", .step = 1e9, .near_miss_step = 1e9},
          {.name = "product over threats", .merge = Merge::Product},
          {.name = "greatest threat", .merge = Merge::Greatest}};
}

struct Worth {
  double guess = 0, late = 0, enumeration = 0, plain = 0;  // calls to 1e10; `plain`: guesses without near-misses
  double bursty = 0, capped = 0;                           // alarms a million calls; alarms over the bound
};

/// What each part is there for. Differences that single runs could not show are not asked.
bool helps(const std::map<std::string, Worth>& of) {
  constexpr double kBound = 10;  // alarms a million calls at 1e5
  const Worth& built = of.at("as it is");
  const auto at = [&](const char* name) -> const Worth& { return of.at(name); };
  bool good = claim(built.bursty <= kBound && built.capped <= 1, "the bound holds as it is built");
  const auto must = [&](bool holds, const char* words) { good = claim(holds, words) && good; };
  must(at("tolerance 1").enumeration < built.enumeration && built.enumeration < at("tolerance 2").enumeration, "tolerance costs calls");
  must(at("tolerance 1").capped > built.capped && built.capped >= at("tolerance 2").capped, "and saves false alarms");
  must(at("caps declared half of what is true").capped > built.capped, "caps that are too low are paid in false alarms");
  must(at("the same, tolerance 2").capped < at("caps declared half of what is true").capped, "which tolerance pays back");
  must(at("CUSUM instead of Shiryaev-Roberts").enumeration >= built.enumeration, "sums are no slower than the maximum");
  must(at("e-process without a new start").late >= 5 * built.late, "a test without a new start finds late attacks late");
  must(at("point null on the caps").capped > 1, "against one law the bound does not hold");
  must(at("without contexts").bursty > kBound, "without contexts bursts of failures break the bound");
  must(at("without near-misses (shapes)").guess >= 1.5 * built.guess, "shapes find guesses sooner");
  must(at("without groundedness").plain >= 1.4 * built.plain, "groundedness finds well-formed guesses sooner");
  must(at("without both").guess >= at("without near-misses (shapes)").guess, "and each where the other is gone");
  must(at("step 20 for near-misses too").guess >= 1.2 * built.guess, "near-misses may step further");
  must(at("steps unlimited").guess <= built.guess, "a limit of a step costs calls");
  must(at("product over threats").bursty > kBound, "a product over threats breaks the bound");
  must(at("greatest threat").capped > built.capped, "weights are paid for: without them there are more false alarms");
  return good;
}

bool print_designs(Size size) {
  const int runs = size == Size::Tiny ? 21 : 301;
  const std::int64_t calls = size == Size::Tiny ? 100'000 : 2'000'000;
  std::printf(
      "\nAblations (§8), the barrier, tolerance 1.5. Calls to 1e10 after 300 (10,000) clean calls; lawful agents in bursts: alarms a "
      "million calls at 1e5 (bound 10); on every cap: alarms over the bound at 1e3\n");
  std::printf("  %-36s %8s %12s %10s %12s %10s %8s\n", "design", "guess", "guess, late", "enum", "near as 3", "bursty", "caps");
  const Rows guess = rows_of(Threat::Guess);
  std::map<std::string, Worth> of;
  for (const Design& design : designs()) {
    Bench bench(design);
    const Worth worth{.guess = median_to_halt(bench, guess, 300, runs),
                      .late = median_to_halt(bench, guess, 10'000, size == Size::Tiny ? 3 : 51),
                      .enumeration = median_to_halt(bench, rows_of(Threat::Enumerate), 300, runs),
                      .plain = median_to_halt(bench, without_near_misses(guess), 300, runs),
                      .bursty = bursty_alarms(bench, calls),
                      .capped = capped_ratio(bench, design, calls)};
    std::printf("  %-36s %8.0f %12.0f %10.0f %12.0f %10.1f %8.3f\n", design.name.c_str(), worth.guess, worth.late, worth.enumeration,
                worth.plain, worth.bursty, worth.capped);
    of.emplace(design.name, worth);
  }
  std::printf("  (2000: not within 2,000 calls)\n");
  return helps(of);
}

bool print_tightening(Size size) {
  const DriftPlan plan(persona_with_shares({.01, -1}));
  const auto at_rate = [](double rate) -> NextAct { return [rate](int, std::mt19937_64& rng) { return chance(rate, rng) ? 0U : 1U; }; };
  const int runs = size == Size::Tiny ? 3 : 31;
  std::printf("\nTightening, a rate of .5 %% that rises to 5 %% inside a cap of 5 %%: calls to 1e4\n");
  std::vector<int> calls;
  for (const auto& [name, learning] : {std::pair{"frozen when suspect", Learning::WhileUnsuspect},
                                       std::pair{"never frozen", Learning::Always}, std::pair{"off", Learning::Never}}) {
    calls.push_back(median_calls(plan, learning, at_rate(.005), 5000, at_rate(.05), {1e4}, runs, 15'000).front());
    std::printf("  %-36s %8d\n", name, calls.back());
  }
  // What freezing is for is the agent that teaches while it is suspect: the poisoner, not the delay.
  return claim(10 * std::max(calls[0], calls[1]) < calls[2], "the agent's own past finds what the declaration allows");
}

/// What each attacker costs with all channels, with each alone and without each, in calls to 1e7.
bool print_channels(Size size) {
  constexpr int kLongest = 2000;
  const int runs = size == Size::Tiny ? 5 : 101;
  const Persona persona = proof::shipped_personas(RINGFENCE_SOURCE_DIR).front();
  std::vector<const Channel*> judging;
  for (const Channel* channel : all_channels())
    if (!proof::ClassWorld(persona, Null::Declared, std::array<const Channel*, 1>{channel}).stages().empty()) judging.push_back(channel);
  std::printf(
      "\nOne channel at a time and all but one, persona %s: calls to 1e7 of an attacker who draws from each threat (alone / without)\n  "
      "%-16s %6s",
      persona.id.c_str(), "attacker", "all");
  for (const Channel* channel : judging) std::printf(" %13s", std::string(channel->info().name).c_str());
  std::printf("\n");
  const proof::ClassWorld all(persona, Null::Declared, all_channels());
  const auto median = [&](const std::vector<const Channel*>& channels, Threat threat) {
    const proof::ClassWorld world(persona, Null::Declared, channels);
    if (world.weight() == 0) return static_cast<double>(kLongest);
    std::vector<int> calls;
    calls.reserve(static_cast<std::size_t>(runs));
    std::mt19937_64 rng(14);
    for (int run = 0; run < runs; ++run) calls.push_back(proof::calls_until(world, threat, {.clean_first = 100}, 1e7, kLongest, rng));
    return delay_of(calls).median;
  };
  const auto words = [](double calls) { return calls >= kLongest ? std::string("-") : std::to_string(static_cast<int>(calls)); };
  bool good = true;
  for (std::size_t slot = 0; slot < kThreats.size(); ++slot) {
    if (!all.bets(slot)) continue;
    const std::vector<const Channel*> every(all_channels().begin(), all_channels().end());
    const double together = median(every, kThreats[slot].threat);
    std::printf("  %-16s %6s", std::string(kThreats[slot].id).c_str(), words(together).c_str());
    int alone = 0;      // channels that find it by themselves
    bool lost = false;  // without one of them it is found late or never
    for (const Channel* one : judging) {
      std::vector<const Channel*> others;
      for (const Channel* channel : every)
        if (channel != one) others.push_back(channel);
      const double by_itself = median({one}, kThreats[slot].threat), without = median(others, kThreats[slot].threat);
      std::printf(" %13s", (words(by_itself) + " / " + words(without)).c_str());
      if (by_itself >= kLongest) continue;
      ++alone;
      lost = lost || without >= kLongest || without > 1.5 * together;
    }
    std::printf("\n");
    good =
        claim(together < kLongest && alone > 0 && lost, std::string(kThreats[slot].id) + " is found by its channel and not without it") &&
        good;
  }
  return good;
}

}  // namespace

bool print_ablations(Size size) {
  const bool designs = print_designs(size), tightening = print_tightening(size), channels = print_channels(size);
  return designs && tightening && channels;
}

}  // namespace ringfence::bench
