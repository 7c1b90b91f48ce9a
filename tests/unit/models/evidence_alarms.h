// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tests/unit/models/evidence_simulation.h"

/// False alarms of well-behaved agents, counted as docs/design/detection.md §2.2 counts them. Shared by the tests and the long benchmark.
namespace ringfence::simulation {

enum class Conduct { OnEveryCap, AtHalf, Bursty };

inline std::string_view name_of(Conduct conduct) {
  return conduct == Conduct::OnEveryCap ? "on every cap" : conduct == Conduct::AtHalf ? "at half" : "bursty";
}

/// Counts an alarm at the threshold, and the next one only after the score has fallen below a hundredth of it.
struct Hysteresis {
  double threshold = 0;
  bool up = false;
  bool counts(double score) {
    if (up) up = score >= threshold / 100;
    if (up || score < threshold) return false;
    return up = true;
  }
};

struct AlarmCount {
  Null null{};
  double threshold = 0;
  std::int64_t alarms = 0;
  double bound = 0;  // 1.0102 calls / c
};

/// Upper limit of a Poisson mean given a count: the mean at which so few have probability 1 - level. By bisection on the exact sum.
inline double poisson_upper(std::int64_t count, double level) {
  const auto at_most = [&](double mean) {
    double sum = 0;
    for (std::int64_t k = 0; k <= count; ++k)
      sum += std::exp(static_cast<double>(k) * std::log(mean) - mean - std::lgamma(static_cast<double>(k) + 1));
    return sum;
  };
  double low = static_cast<double>(count) + 1e-9, high = static_cast<double>(count) * 2 + 50;
  for (int i = 0; i < 100; ++i) {
    const double mid = .5 * (low + high);
    (at_most(mid) > 1 - level ? low : high) = mid;
  }
  return high;
}

/// Agents of one session that live inside the declared caps, each null on its own: whoever is judged against caps times tolerance lives
/// there. Weights are taken as if the barrier stood alone (they sum to 1), which is the strictest reading of the bound.
inline std::vector<AlarmCount> count_alarms(Confidence confidence, Conduct conduct, std::int64_t calls, std::uint64_t seed) {
  constexpr std::int64_t kCallsPerAgent = 2000;
  const Persona persona = persona_of(confidence);
  const Tables tables = tables_of(persona);
  const auto caps = barrier_channel().caps(persona);
  std::mt19937_64 rng(seed);
  std::vector<AlarmCount> counts;
  for (const Null null : {Null::Alert, Null::Declared}) {
    const double full = null == Null::Alert ? 1 : persona.tolerance();
    const Rows loud = on_every_cap(caps, full), quiet = on_every_cap(caps, full * .5);
    double weight = 0;
    for (const float prior : tables.prior(null)) weight += static_cast<double>(prior);
    const std::size_t first = counts.size();
    for (const double c : {1e2, 1e3, 1e4}) counts.push_back({null, c, 0, 1.0102 * static_cast<double>(calls) / c});
    for (std::int64_t done = 0; done < calls; done += kCallsPerAgent) {
      Evidence evidence;
      std::vector<Hysteresis> levels;
      for (std::size_t i = first; i < counts.size(); ++i) levels.push_back({counts[i].threshold});
      std::size_t context = 0;
      bool burst = false;
      for (std::int64_t n = 0; n < kCallsPerAgent; ++n) {
        if (n % 50 == 0) burst = rng() % 5 == 0;  // a fifth of the time on every cap, else well below
        const bool on_caps = conduct == Conduct::OnEveryCap || (conduct == Conduct::Bursty && burst);
        const std::size_t cls = draw((on_caps ? loud : quiet)[context], rng);
        const std::array<RowId, 1> marks{mark(context, cls)};
        update(evidence, tables, marks);
        context = cls > 0 ? 1 : 0;
        const double score = scope_score(evidence, tables, null) / weight;
        for (std::size_t i = 0; i < levels.size(); ++i) counts[first + i].alarms += levels[i].counts(score) ? 1 : 0;
      }
    }
  }
  return counts;
}

}  // namespace ringfence::simulation
