// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/models/evidence_simulation.h"

/// Calls until a level, of attackers drawn at the level of the barrier's classes: the two golden tables of docs/design/detection.md §3.1.
namespace ringfence::simulation {

struct Bar {
  Null null;
  double threshold;
};
/// Alert, throttle and halt, and the halt of tier 4; of a sketch the halt alone.
inline constexpr std::array<Bar, 4> kReviewedBars{
    {{Null::Alert, 1e5}, {Null::Declared, 1e7}, {Null::Declared, 1e10}, {Null::Declared, 1e8}}};
inline constexpr std::array<Bar, 1> kSketchBars{{{Null::Declared, 1e10}}};

using NextClass = std::function<std::size_t(const Walker&, std::mt19937_64&)>;

struct Delay {
  double median = 0, p90 = 0;
};

inline Delay delay_of(std::vector<int> calls) {
  std::ranges::sort(calls);
  const std::size_t half = calls.size() / 2;
  return {calls.size() % 2 == 1 ? calls[half] : .5 * (calls[half - 1] + calls[half]), static_cast<double>(calls[calls.size() * 9 / 10])};
}

/// A story of an attack with the medians it must have.
struct Attack {
  std::string who;
  NextClass next;
  std::optional<std::size_t> first = std::nullopt;  // a prescribed first class
  std::vector<double> golden;
  int runs = 1001;
};

/// Number of the call at which each bar is crossed, over the attack's runs from `before`.
inline std::vector<Delay> calls_until(const Tables& tables, const Walker& before, const Attack& attack, std::span<const Bar> bars,
                                      std::uint64_t seed) {
  constexpr int kLongest = 6000;
  std::mt19937_64 rng(seed);
  std::vector<std::vector<int>> hits(bars.size());
  for (int run = 0; run < attack.runs; ++run) {
    Walker walker = before;
    std::vector<int> hit(bars.size(), 0);
    std::size_t open = bars.size();
    for (int n = 1; open > 0 && n <= kLongest; ++n) {
      walker.step(tables, n == 1 && attack.first ? *attack.first : attack.next(walker, rng));
      for (std::size_t i = 0; i < bars.size(); ++i) {
        if (hit[i] != 0 || walker.score(tables, bars[i].null) < bars[i].threshold) continue;
        hit[i] = n;
        --open;
      }
    }
    for (std::size_t i = 0; i < bars.size(); ++i) hits[i].push_back(hit[i] == 0 ? kLongest : hit[i]);
  }
  std::vector<Delay> delays;
  delays.reserve(hits.size());
  for (const auto& all : hits) delays.push_back(delay_of(all));
  return delays;
}

/// 200 clean calls of the agent, the last 20 of them in this session.
inline Walker settled(const Tables& tables) {
  Walker walker;
  for (int i = 0; i < 200; ++i) walker.step(tables, 0, i >= 180);
  return walker;
}
/// 300 clean calls in one session.
inline Walker at_work(const Tables& tables) {
  Walker walker;
  for (int i = 0; i < 300; ++i) walker.step(tables, 0);
  return walker;
}

/// One denial, then attempts. Where four in ten are near-misses the fifth attempt crosses in 52.5 % of all runs: a median to trust takes
/// many. The fifth golden figure is the sketch's.
inline std::vector<Attack> attempts_after_one_denial() {
  const auto chance = [](double p, std::mt19937_64& rng) { return std::uniform_real_distribution<double>(0, 1)(rng) < p; };
  const auto near = [chance](double p) -> NextClass {
    return [=](const Walker&, std::mt19937_64& rng) { return chance(p, rng) ? 7U : 3U; };
  };
  const NextClass some = [=](const Walker&, std::mt19937_64& rng) -> std::size_t {
    if (!chance(.7, rng)) return 0;
    return chance(.7, rng) ? 7 : 3;
  };
  constexpr int kRuns = 8001;
  return {{"all near-misses", near(1), 2, {4, 5, 6, 6, 7}, kRuns},
          {".7 near-misses", near(.7), 2, {4, 6, 8, 6, 8}, kRuns},
          {".4 near-misses", near(.4), 2, {5, 7, 9, 8, 11}, kRuns},
          {"class 3 only", near(0), 2, {7, 11, 14, 12, 16}, kRuns},
          {".7 guesses", some, 2, {6, 8, 11, 9, 12}, kRuns}};
}

/// The row q of a threat in the barrier's two contexts.
inline Rows rows_of(Threat threat) {
  for (const Bet& bet : barrier_channel().bets()) {
    if (bet.threat != threat) continue;
    Rows rows{};
    for (std::size_t c = 0; c < 2; ++c) std::ranges::copy(bet.q[c], rows[c].begin());
    return rows;
  }
  return {};
}

/// Near-misses seen as guesses.
inline Rows without_near_misses(Rows rows) {
  for (auto& row : rows) row[3] += std::exchange(row[7], 0);
  return rows;
}

/// Every call an attempt with probability `share`, else clean, both contexts alike.
inline Rows now_and_then(const Rows& rows, double share) {
  std::array<double, 8> row = rows[1];
  row[0] = 0;
  double sum = 0;
  for (const double p : row) sum += p;
  for (double& p : row) p *= share / sum;
  row[0] = 1 - share;
  return {row, row};
}

inline NextClass drawn_from(const Rows& rows) {
  return [rows](const Walker& walker, std::mt19937_64& rng) { return draw(rows[walker.context], rng); };
}

inline std::vector<Attack> attackers_drawn_from_the_threats() {
  const Rows guess = rows_of(Threat::Guess);
  const auto attack = [](std::string who, const Rows& rows, std::vector<double> golden, int runs) {
    return Attack{std::move(who), drawn_from(rows), std::nullopt, std::move(golden), runs};
  };
  return {attack("guess", guess, {7, 11, 15, 12}, 1001),
          attack("guess, near-misses as class 3", without_near_misses(guess), {12, 21, 30, 24}, 1001),
          attack("enumeration", rows_of(Threat::Enumerate), {20, 45, 64, 51}, 1001),
          attack("route around", rows_of(Threat::Route), {24, 47, 67, 53}, 1001),
          attack("escalation", rows_of(Threat::Escalate), {22, 37, 53, 42}, 1001),
          attack("same dead ends", rows_of(Threat::DeadEnd), {18, 29, 40, 32}, 1001),
          attack("stealthy", now_and_then(guess, .2), {56, 104, 158, 121}, 601),
          attack("stealthy, near-misses as class 3", now_and_then(without_near_misses(guess), .2), {103, 198, 290, 230}, 601),
          attack("slow", rows_of(Threat::Slow), {206, 663, 1004, 772}, 401)};
}

}  // namespace ringfence::simulation
