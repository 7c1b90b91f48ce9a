// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>
#include <random>
#include <vector>

#include "models/drift_memory.h"
#include "models/drift_plan.h"

/// Agents drawn at the level of action classes: what the drift channel's evidence does, taken as if it stood alone.
namespace ringfence::simulation {

/// A persona whose actions have these shares; a negative one is not declared.
inline Persona persona_with_shares(const std::vector<double>& shares) {
  Persona persona;
  persona.id = "mix";
  persona.version = "1";
  for (std::size_t i = 0; i < shares.size(); ++i) {
    Action action;
    action.id = "a" + std::to_string(i);
    action.tools = GlobSet({"w/a" + std::to_string(i)});
    if (shares[i] >= 0) action.share = shares[i];
    persona.actions.push_back(std::move(action));
  }
  return persona;
}

enum class Learning { WhileUnsuspect, Always, Never };

/// One agent in one session.
class Mixer {
 public:
  Mixer(const DriftPlan& plan, Learning learning) : plan_(plan), memory_(plan.stamp()), learning_(learning) {}
  /// S after one more act of the class.
  double step(std::size_t cls) {
    const bool learns = learning_ == Learning::Always || (learning_ == Learning::WhileUnsuspect && score_ <= 100);
    if (const auto factor = memory_.step(plan_, cls, before_, learns)) score_ = (score_ + 1) * std::min(static_cast<double>(*factor), 20.);
    before_ = cls == plan_.foreign() ? DriftMemory::kNone : cls;
    return score_;
  }
  [[nodiscard]] const DriftMemory& memory() const { return memory_; }
  [[nodiscard]] double score() const { return score_; }

 private:
  const DriftPlan& plan_;
  DriftMemory memory_;
  Learning learning_;
  std::size_t before_ = DriftMemory::kNone;
  double score_ = 0;
};

using NextAct = std::function<std::size_t(int call, std::mt19937_64&)>;

inline bool chance(double p, std::mt19937_64& rng) { return std::uniform_real_distribution<double>(0, 1)(rng) < p; }

/// Median number of the call at which S reaches each threshold, `history` calls of `lawful` before.
inline std::vector<int> median_calls(const DriftPlan& plan, Learning learning, const NextAct& lawful, int history, const NextAct& off,
                                     const std::vector<double>& thresholds, int runs, int longest) {
  std::mt19937_64 rng(3);
  std::vector<std::vector<int>> hits(thresholds.size());
  for (int run = 0; run < runs; ++run) {
    Mixer agent(plan, learning);
    for (int n = 0; n < history; ++n) agent.step(lawful(n, rng));
    std::vector<int> hit(thresholds.size(), longest);
    for (int n = 1; n < longest && hit.back() == longest; ++n) {
      const double score = agent.step(off(n, rng));
      for (std::size_t i = 0; i < thresholds.size(); ++i)
        if (hit[i] == longest && score >= thresholds[i]) hit[i] = n;
    }
    for (std::size_t i = 0; i < thresholds.size(); ++i) hits[i].push_back(hit[i]);
  }
  std::vector<int> medians;
  for (auto& all : hits) {
    std::ranges::nth_element(all, all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2));
    medians.push_back(all[all.size() / 2]);
  }
  return medians;
}

}  // namespace ringfence::simulation
