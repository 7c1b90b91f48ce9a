// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdio>

#include "bench/detection/report.h"
#include "models/volume.h"
#include "tests/unit/models/drift_simulation.h"
#include "tests/unit/models/evidence_delay.h"

namespace ringfence::bench {
namespace {

using namespace simulation;

/// Few runs show that the table can be made, not what it holds.
double allowance(Size size, double share) { return size == Size::Tiny ? share + .3 : share; }

bool within(double measured, double golden, double share) { return std::abs(measured - golden) <= share * golden + (share > .3 ? 1 : 0); }

bool print_row(const std::string& who, const std::vector<Delay>& measured, const std::vector<double>& golden, double share) {
  bool good = true;
  std::printf("  %-36s", who.c_str());
  for (std::size_t i = 0; i < measured.size(); ++i) {
    const bool here = within(measured[i].median, golden[i], share);
    std::printf("  %5.0f /%5.0f (%4.0f)%s", measured[i].median, measured[i].p90, golden[i], here ? " " : "!");
    good = good && here;
  }
  std::printf("\n");
  return good;
}

bool print_barrier(Size size) {
  const Tables reviewed = tables_of(persona_of(Confidence::Reviewed)), sketch = tables_of(persona_of(Confidence::Sketch));
  bool good = true;
  std::printf("Barrier (§3.1): calls to the level, median / p90 (golden median)\n");
  std::printf("  %-36s  %-21s%-21s%-21s%-21s%s\n", "one denial, then attempts are", "alert 1e5", "throttle 1e7", "halt 1e10", "halt 1e8",
              "sketch, halt 1e10");
  for (Attack attack : attempts_after_one_denial()) {
    if (size == Size::Tiny) attack.runs = 101;
    auto delays = calls_until(reviewed, settled(reviewed), attack, kReviewedBars, 5);
    delays.push_back(calls_until(sketch, settled(sketch), attack, kSketchBars, 6).front());
    good = print_row(attack.who, delays, attack.golden, allowance(size, .1)) && good;
  }
  std::printf("  attackers drawn from the threats\n");
  for (Attack attack : attackers_drawn_from_the_threats()) {
    if (size == Size::Tiny) attack.runs = 41;
    good = print_row(attack.who, calls_until(reviewed, at_work(reviewed), attack, kReviewedBars, 7), attack.golden, allowance(size, .1)) &&
           good;
  }
  return good;
}

constexpr double kZ90 = 1.2815515655446004, kZ99 = 2.3263478740408408, kZ999 = 3.090232306167813;

/// The rungs that a size `times` the declared one passes, where p99 is ten times p50: its logarithm is normal.
std::size_t rungs_passed(double times, std::mt19937_64& rng) {
  const double spread = std::log(10.) / kZ99, z = std::normal_distribution<double>()(rng) + std::log(times) / spread;
  return (z > 0 ? 1U : 0U) + (z > kZ90 ? 1U : 0U) + (z > kZ99 ? 1U : 0U) + (z > kZ999 ? 1U : 0U);
}

/// No later than a quarter after the golden median: the channel may be quicker than its prototype.
bool print_no_later(Size size, const std::string& who, const std::vector<int>& measured, const std::vector<double>& golden) {
  bool good = true;
  std::printf("  %-36s", who.c_str());
  for (std::size_t i = 0; i < measured.size(); ++i) {
    const bool here = measured[i] <= (size == Size::Tiny ? 2.5 : 1.25) * golden[i];
    std::printf("  %5d        (%4.0f)%s", measured[i], golden[i], here ? " " : "!");
    good = good && here;
  }
  std::printf("\n");
  return good;
}

/// Calls until 1e5 and 1e7 of what is `times` as large as declared.
std::vector<Delay> ladder_delays(Size size, const Tables& tables, Null null, double weight, double times) {
  constexpr auto kBulk = static_cast<std::size_t>(Threat::Bulk), kHeavy = static_cast<std::size_t>(Threat::BulkHeavy);
  const auto& prior = tables.prior(null);
  const auto score = [&](const Evidence& e) {
    const auto& a = null == Null::Alert ? e.alert : e.declared;
    return (static_cast<double>(prior[kBulk]) * static_cast<double>(a[kBulk]) +
            static_cast<double>(prior[kHeavy]) * static_cast<double>(a[kHeavy])) /
           weight;
  };
  std::mt19937_64 rng(41);
  std::vector<std::vector<int>> hits(2);
  for (int run = 0; run < (size == Size::Tiny ? 61 : 2001); ++run) {
    Evidence evidence;
    const auto step = [&](double of) {
      const std::array<RowId, 1> marks{RowId{ChannelId::Volume, 0, static_cast<std::uint8_t>(rungs_passed(of, rng))}};
      update(evidence, tables, marks);
    };
    for (int i = 0; i < 50; ++i) step(1);
    std::array<int, 2> hit{3000, 3000};
    for (int n = 1; n < 3000 && hit[1] == 3000; ++n) {
      step(times);
      if (hit[0] == 3000 && score(evidence) >= 1e5) hit[0] = n;
      if (score(evidence) >= 1e7) hit[1] = n;
    }
    for (std::size_t i = 0; i < 2; ++i) hits[i].push_back(hit[i]);
  }
  return {delay_of(hits[0]), delay_of(hits[1])};
}

/// What levels go by: the caps of alerts, the declared p50 and p99, or these and a declared p90.
enum class Held { Alerts, TwoRungs, ThreeRungs };

/// At the weights in force, or at the ladder's own as if they were all: how the prototype was measured.
bool print_ladder(Size size, Held held, bool alone) {
  const Null null = held == Held::Alerts ? Null::Alert : Null::Declared;
  Persona persona = persona_of(Confidence::Reviewed);
  persona.per_call.bytes = Ladder{.p50 = 4000, .p99 = 40000, .max = {}};
  if (held == Held::ThreeRungs) persona.per_call.bytes->p90 = 4000 * std::exp(std::log(10.) * kZ90 / kZ99);
  const std::array<const Channel*, 1> volume{&volume_channel()};
  const Tables tables(persona, volume);
  const auto prior = [&](Threat threat) { return static_cast<double>(tables.prior(null)[static_cast<std::size_t>(threat)]); };
  const double weight = alone ? prior(Threat::Bulk) + prior(Threat::BulkHeavy) : 1;
  std::printf("  %-36s  %-21s%s\n", alone ? "the ladder's weight alone, calls of" : "at the weights in force, calls of", "1e5", "1e7");
  bool good = true;
  struct Line {
    double times;
    std::vector<double> prototype, two_alone, two_in_force, three_in_force;
  };
  for (const Line& line : {Line{2, {175, 267}, {275, 479}, {394, 617}, {210, 316}}, Line{4, {25, 36}, {33, 51}, {44, 63}, {30, 42}},
                           Line{10, {8, 11}, {8, 12}, {11, 14}, {9, 12}}, Line{100, {4, 6}, {4, 6}, {5, 7}, {5, 7}}}) {
    const std::vector<Delay> measured = ladder_delays(size, tables, null, weight, line.times);
    const std::string who = "x" + std::to_string(static_cast<int>(line.times));
    const bool as_the_prototype = held == Held::Alerts || (held == Held::ThreeRungs && alone);
    const std::vector<double>& own = held == Held::ThreeRungs ? line.three_in_force : alone ? line.two_alone : line.two_in_force;
    good = (as_the_prototype
                ? print_no_later(size, who, {static_cast<int>(measured[0].median), static_cast<int>(measured[1].median)}, line.prototype)
                : print_row(who, measured, own, allowance(size, .25))) &&
           good;
  }
  return good;
}

bool print_volume(Size size) {
  bool good = true;
  for (const auto& [held, words] :
       {std::pair{Held::Alerts, "caps of alerts: calls to the level, at most a quarter later than (the prototype)"},
        std::pair{Held::ThreeRungs,
                  "p90 declared too, tolerance 1.5: calls to the level, alone at most a quarter later than (the prototype)"},
        std::pair{Held::TwoRungs, "nothing but these declared, tolerance 1.5: calls to the level, median / p90 (golden median)"}}) {
    std::printf("Volume (§3.3), declared 4 KB / 40 KB, %s\n", words);
    for (const bool alone : {true, false}) good = print_ladder(size, held, alone) && good;
  }
  return good;
}

/// What a rise inside the cap takes by how long the agent has worked before. The less past there is, the less there is to tighten by: at
/// the first call the declaration is all that is known, and 5 % is what it allows.
bool print_history(Size size, const DriftPlan& rare) {
  const auto at_rate = [](double rate) -> NextAct { return [rate](int, std::mt19937_64& rng) { return chance(rate, rng) ? 0U : 1U; }; };
  std::printf("  the same, calls worked before:");
  bool good = true;
  int before = 15'000;
  for (const int history : {0, 100, 300, 1000, 2000, 5000}) {
    const int calls =
        median_calls(rare, Learning::WhileUnsuspect, at_rate(.005), history, at_rate(.05), {1e4}, size == Size::Tiny ? 11 : 301, 15'000)
            .front();
    std::printf("  %d: %s", history, calls == 15'000 ? "never" : std::to_string(calls).c_str());
    // Medians of few runs stray.
    good = claim(calls <= before * (size == Size::Tiny ? 1.5 : 1.1), "more of a past never makes a rise harder to see") && good;
    before = calls;
  }
  std::printf("\n");
  return good;
}

bool print_drift(Size size) {
  const int runs = size == Size::Tiny ? 31 : 1001;
  const DriftPlan rare(persona_with_shares({.01, -1}));
  const auto at_rate = [](double rate) -> NextAct { return [rate](int, std::mt19937_64& rng) { return chance(rate, rng) ? 0U : 1U; }; };
  std::printf("Drift (§3.4), alone, at most a quarter later than (golden)\n  %-36s  %s\n", ".5 % to 5 % inside a cap of 5 %", "1e4");
  bool good = print_no_later(size, "tightened, frozen when suspect",
                             median_calls(rare, Learning::WhileUnsuspect, at_rate(.005), 5000, at_rate(.05), {1e4}, runs, 15'000), {85});
  good = print_no_later(size, "tightened, never frozen",
                        median_calls(rare, Learning::Always, at_rate(.005), 5000, at_rate(.05), {1e4}, runs, 15'000), {245}) &&
         good;
  good = print_history(size, rare) && good;
  std::printf("  %-36s  %-21s%s\n", "authorised tools off the role", "1e5", "1e7");
  enum : ActionIndex { kRefund, kExport, kCancel, kNote, kLook, kAnswer };
  const DriftPlan plan(persona_with_shares({0, 0, .04, .1, .5, .5}));
  const NextAct lawful = [&](int, std::mt19937_64& rng) {
    const double u = std::uniform_real_distribution<double>(0, 1)(rng);
    return plan.class_of(u < .5 ? kLook : u < .83 ? kAnswer : u < .97 ? kNote : kCancel);
  };
  const auto in_turn = [&](ActionIndex a, ActionIndex b) -> NextAct {
    return [&plan, a, b](int n, std::mt19937_64&) { return plan.class_of(n % 2 == 0 ? a : b); };
  };
  const auto half = [&](NextAct off) -> NextAct {
    return [off = std::move(off), &lawful](int n, std::mt19937_64& rng) { return chance(.5, rng) ? off(n, rng) : lawful(n, rng); };
  };
  const NextAct foreign = [&](int, std::mt19937_64&) { return plan.foreign(); };
  const auto row = [&](const std::string& who, const NextAct& off, int history, const std::vector<double>& golden) {
    good = print_no_later(size, who, median_calls(plan, Learning::WhileUnsuspect, lawful, history, off, {1e5, 1e7}, runs, 400), golden) &&
           good;
  };
  row("acts the job hardly needs", in_turn(kRefund, kExport), 0, {6, 8});
  row("the same half the time", half(in_turn(kRefund, kExport)), 0, {11, 15});
  row("unknown tool half the time", half(foreign), 5, {9, 12});
  row("cancel sweep", in_turn(kLook, kCancel), 5, {31, 43});
  return good;
}

}  // namespace

bool print_delays(Size size) {
  const bool barrier = print_barrier(size), volume = print_volume(size), drift = print_drift(size);
  return barrier && volume && drift;
}

}  // namespace ringfence::bench
