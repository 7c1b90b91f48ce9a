// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "tests/proof/class_world.h"

/// Attackers at the level of classes: every channel that bets on a threat sees what the threat would do there, every other a clean act.
namespace ringfence::proof {

struct Pace {
  int clean_first = 0;
  double share = 1;  // of calls that are attempts, the others clean
  int probes = 0;    // where above 0: so many attempts in a row, then `rest` clean calls, instead of a share
  int rest = 0;
};

/// One stream of calls under attack. S as the engine reads it, with the weights in force; agent and session see the same.
class Attacked {
 public:
  Attacked(const ClassWorld& world, Threat threat) : world_(world), standing_(world) {
    for (const Stage& stage : world.stages()) {
      std::vector<Row> rows;
      for (const Channel* channel : all_channels())
        for (const Bet& bet : channel->bets())
          if (channel->info().id == stage.id && bet.threat == threat && !bet.q.empty()) rows = bet.q;
      rows_.push_back(std::move(rows));
    }
  }

  void step(bool attempt, std::mt19937_64& rng) {
    std::vector<RowId>& marks = marks_;
    marks.clear();
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const std::size_t context = std::min<std::size_t>(standing_.last(i) > 0 ? 1 : 0, world_.stages()[i].laws.size() - 1);
      const std::size_t cls = attempt && !rows_[i].empty() ? class_at(rows_[i][context], unit(rng)) : 0;
      standing_.settle(i, cls);
      marks.push_back({world_.stages()[i].id, static_cast<std::uint8_t>(context), static_cast<std::uint8_t>(cls)});
    }
    update(evidence_, world_.tables(), marks);
  }
  [[nodiscard]] double score() const { return world_.score(evidence_) * world_.weight(); }

 private:
  const ClassWorld& world_;
  Standing standing_;
  std::vector<std::vector<Row>> rows_;  // by stage, context; empty: clean
  std::vector<RowId> marks_;
  Evidence evidence_;
};

/// Calls from the first attempt to the threshold; `longest` where it is not reached.
inline int calls_until(const ClassWorld& world, Threat threat, const Pace& pace, double threshold, int longest, std::mt19937_64& rng) {
  Attacked stream(world, threat);
  for (int i = 0; i < pace.clean_first; ++i) stream.step(false, rng);
  for (int n = 1; n < longest; ++n) {
    const bool attempt = pace.probes > 0 ? (n - 1) % (pace.probes + pace.rest) < pace.probes : unit(rng) < pace.share;
    stream.step(attempt, rng);
    if (stream.score() >= threshold) return n;
  }
  return longest;
}

}  // namespace ringfence::proof
