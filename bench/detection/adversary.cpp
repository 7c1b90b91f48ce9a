// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>

#include "bench/detection/report.h"
#include "engine/verdict/blind_spots.h"
#include "tests/proof/attack.h"
#include "tests/unit/models/drift_simulation.h"
#include "tests/unit/models/evidence_delay.h"

namespace ringfence::bench {
namespace {

using proof::ClassWorld;
using proof::Pace;

constexpr int kCallsPerDay = 1000;

struct Effort {
  int days, runs;
};

/// Whether at least half of such agents live through the days without reaching the threshold.
bool unseen(const ClassWorld& world, Threat threat, const Pace& pace, double threshold, Effort effort) {
  std::mt19937_64 rng(21);
  int through = 0;
  const int longest = effort.days * kCallsPerDay;
  for (int run = 0; run < effort.runs; ++run)
    through += proof::calls_until(world, threat, pace, threshold, longest, rng) == longest ? 1 : 0;
  return 2 * through >= effort.runs;
}

/// Attempts a day of somebody who spreads them evenly, as many as half of such agents get away with for the days.
double hugging(const ClassWorld& world, Threat threat, double threshold, Effort effort) {
  double low = 0, high = 1;
  for (int i = 0; i < 9; ++i) {
    const double share = .5 * (low + high);
    (unseen(world, threat, {.clean_first = 300, .share = share}, threshold, effort) ? low : high) = share;
  }
  return low * kCallsPerDay;
}

/// The same of somebody who makes three in a row and then works on.
double pulsing(const ClassWorld& world, Threat threat, double threshold, Effort effort) {
  int low = 0, high = kCallsPerDay;
  if (!unseen(world, threat, {.clean_first = 300, .probes = 3, .rest = high}, threshold, effort)) return 0;
  while (high - low > 1) {
    const int rest = (low + high) / 2;
    (unseen(world, threat, {.clean_first = 300, .probes = 3, .rest = rest}, threshold, effort) ? high : low) = rest;
  }
  return 3. * kCallsPerDay / (3 + high);
}

/// The persona's own table of blind spots, where its text stands; null where it has nothing to say of the threat.
const BlindSpot* spot_of(const BlindSpots& spots, Threat threat) {
  const auto found = std::ranges::find(spots.spots, threat, &BlindSpot::threat);
  return found == spots.spots.end() || !found->by_table ? nullptr : &*found;
}

/// The closed form says from where on being found is certain; who may be found sooner or later by luck lies around it.
constexpr double kAround = 4;

bool print_share(Size size) {
  const Effort effort = size == Size::Tiny ? Effort{1, 3} : Effort{30, 11};
  std::printf(
      "\nAdversaries (§8), %d calls a day for %d days: attempts a day that half of such agents get away with, beside what `validate` "
      "says\n",
      kCallsPerDay, effort.days);
  std::printf("  %-16s %-16s %14s %14s %14s %14s %14s %14s\n", "persona", "attempts", "even, 1e5", "validate", "even, halt", "validate",
              "pulsed, 1e5", "pulsed, halt");
  bool good = true;
  for (const Persona& persona : proof::shipped_personas(RINGFENCE_SOURCE_DIR)) {
    if (persona.id != "ap-invoice" && (size == Size::Tiny || persona.id != "code-maintainer")) continue;
    const ClassWorld alert(persona, Null::Alert, all_channels()), declared(persona, Null::Declared, all_channels());
    const BlindSpots spots = blind_spots(persona, Tables(persona, all_channels()), all_channels());
    const double halt = persona.response.scores.halt;
    for (const ThreatInfo& threat : kThreats) {
      const auto slot = static_cast<std::size_t>(threat.threat);
      if (!declared.bets(slot) || (size == Size::Tiny && slot > 1)) continue;
      const double unseen = hugging(alert, threat.threat, 1e5, effort), unhalted = hugging(declared, threat.threat, halt, effort);
      const BlindSpot* const spot = spot_of(spots, threat.threat);
      const double said = spot != nullptr ? spot->unseen_share * kCallsPerDay : 0,
                   said_halt = spot != nullptr ? spot->unhalted_share * kCallsPerDay : 0;
      std::printf("  %-16s %-16s %14.0f %14.0f %14.0f %14.0f %14.0f %14.0f\n", persona.id.c_str(), std::string(threat.id).c_str(), unseen,
                  said, unhalted, said_halt, pulsing(alert, threat.threat, 1e5, effort), pulsing(declared, threat.threat, halt, effort));
      const auto around = [](double seen, double closed) { return seen <= kAround * closed && closed <= kAround * seen; };
      if (size == Size::Full && spot != nullptr)
        good = claim(around(unseen, said) && around(unhalted, said_halt),
                     "`validate` says of " + std::string(threat.id) + " what attempts come to") &&
               good;
    }
  }
  return good;
}

/// Guesses that were first echoed through a tool stand in a result: no longer ungrounded, they are plausible targets.
simulation::Rows laundered(simulation::Rows rows) {
  for (auto& row : rows) row[2] += std::exchange(row[3], 0) + std::exchange(row[7], 0);
  return rows;
}

bool print_laundering(Size size) {
  using namespace simulation;
  const Tables tables = tables_of(persona_of(Confidence::Reviewed));
  const Rows guess = rows_of(Threat::Guess);
  std::printf(
      "\nGuesses echoed through a tool first, so that they are grounded: calls until alert 1e5, throttle 1e7, halt 1e10, halt 1e8\n");
  std::vector<double> to_throttle;
  for (const auto& [who, rows] : {std::pair{"guess", guess}, std::pair{"well-formed guesses (mimicry)", without_near_misses(guess)},
                                  std::pair{"laundered", laundered(guess)}}) {
    const Attack attack{who, drawn_from(rows), std::nullopt, {}, size == Size::Tiny ? 21 : 301};
    std::printf("  %-36s", who);
    const std::vector<Delay> delays = calls_until(tables, at_work(tables), attack, kReviewedBars, 22);
    for (const Delay& delay : delays) std::printf(" %7.0f", delay.median);
    std::printf("\n");
    to_throttle.push_back(delays[1].median);
  }
  return claim(to_throttle[0] < to_throttle[1] && to_throttle[1] < to_throttle[2], "a disguise makes guesses harder to see") &&
         claim(to_throttle[2] <= 8 * to_throttle[0], "and what it leaves is still found as enumeration");
}

/// One task handed to ten sub-agents that guess in turn: attempts until a halt somewhere, with and without the root session as a subject of
/// its own.
bool print_spreading(Size size) {
  using namespace simulation;
  constexpr std::size_t kChildren = 10;
  const Tables tables = tables_of(persona_of(Confidence::Reviewed));
  const Rows guess = without_near_misses(rows_of(Threat::Guess));
  std::vector<int> alone, root;
  std::mt19937_64 rng(23);
  for (int run = 0; run < (size == Size::Tiny ? 21 : 301); ++run) {
    std::vector<Walker> children(kChildren);
    Evidence together;
    int first_child = 0, first_root = 0;
    for (int n = 1; n < 6000 && (first_child == 0 || first_root == 0); ++n) {
      Walker& child = children[static_cast<std::size_t>(n) % kChildren];
      const std::size_t context = child.context, cls = draw(guess[context], rng);
      child.step(tables, cls);
      const std::array<RowId, 1> marks{mark(context, cls)};
      update(together, tables, marks);
      if (first_child == 0 && child.score(tables, Null::Declared) >= 1e10) first_child = n;
      if (first_root == 0 && scope_score(together, tables, Null::Declared) >= 1e10) first_root = n;
    }
    alone.push_back(first_child);
    root.push_back(first_root);
  }
  std::printf(
      "\nWell-formed guesses spread over ten sub-agents: calls until one of them reaches 1e10 %.0f, until their root session does %.0f\n",
      delay_of(alone).median, delay_of(root).median);
  return claim(3 * delay_of(root).median < delay_of(alone).median, "the root session sees what its members spread");
}

/// A new agent that misbehaves at a steady rate from its first call teaches only what the declaration allows.
bool print_poisoning(Size size) {
  using namespace simulation;
  const DriftPlan plan(persona_with_shares({.01, -1}));
  const auto at_rate = [](double rate) -> NextAct { return [rate](int, std::mt19937_64& rng) { return chance(rate, rng) ? 0U : 1U; }; };
  constexpr int kLongest = 30 * kCallsPerDay;
  const int runs = size == Size::Tiny ? 3 : 31;
  std::printf("\nPoisoning while new, an action declared rarely (cap 5 %%): calls to an alert of drift alone at 1e4 (%d: not in 30 days)\n",
              kLongest);
  bool good = true;
  for (const double rate : {.03, .05, .08, .12}) {
    const auto calls = [&](double before) {
      return median_calls(plan, Learning::WhileUnsuspect, at_rate(before), 2000, at_rate(rate), {1e4}, runs, kLongest).front();
    };
    const int poisoned = calls(rate);
    const auto words = [](int n) { return n == 1 ? std::string("while new") : n == kLongest ? std::string("never") : std::to_string(n); };
    std::printf("  %4.0f %% of calls: poisoned from the start %9s, after a lawful .5 %% %6s; undetected acts a day %.0f\n", 100 * rate,
                words(poisoned).c_str(), words(calls(.005)).c_str(), poisoned == kLongest ? rate * kCallsPerDay : 0);
    good = claim(rate <= .05 || poisoned < kLongest, "nothing above the cap can be taught") && good;
  }
  return good;
}

}  // namespace

bool print_adversary(Size size) {
  const bool share = print_share(size), laundering = print_laundering(size);
  const bool spreading = print_spreading(size), poisoning = print_poisoning(size);
  return share && laundering && spreading && poisoning;
}

}  // namespace ringfence::bench
