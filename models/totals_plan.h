// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/channel.h"
#include "models/envelope.h"
#include "models/limits_totals.h"

namespace ringfence::totals {

/// What the declared totals of one persona come to as bets. Immutable, shared by threads; borrows the persona.

/// Under both nulls, alert first.
using Pair = std::array<double, 2>;

/// One ladder on what a period adds up to, and what its rungs add to the period's e-value.
struct TotalLine {
  envelope::Rungs rungs;
  envelope::Unit unit{};
  std::string_view kind;  // of identifiers; empty: the unit counts
  std::uint64_t owner = 0, entities = 0;
  Pair above_p50{}, above_p99{};

  [[nodiscard]] double total(const Totals& totals) const {
    return kind.empty() ? totals.sum(owner, unit) : static_cast<double>(totals.distinct(entities));
  }
  [[nodiscard]] std::uint8_t passed(double total) const;
};

/// The ladders of all sessions or all days: e = the mean over the ladders of base + sum_j w_j [S > b_j] / alpha_j.
struct TotalPlan {
  std::vector<TotalLine> lines;
  Pair base{};

  struct Value {
    Pair e{};
    std::uint8_t cls = 0;  // the worst rung passed
    const TotalLine* worst = nullptr;
    double total = 0;
  };
  [[nodiscard]] Value value(const Totals& totals) const;
};

/// Calls of a minute: factors by class under both nulls.
struct RatePlan {
  double p50 = 0, p99 = 0;  // infinite where not declared
  std::array<std::array<float, 3>, 2> factors{};
  [[nodiscard]] std::uint8_t passed(double calls) const { return calls > p99 ? 2 : calls > p50 ? 1 : 0; }
};

struct TotalsPlan final : ChannelPlan {
  TotalPlan session, day;
  std::optional<RatePlan> rate;
  std::uint64_t job = 0;  // names the persona: its days are the same whoever it works for
  [[nodiscard]] bool empty() const { return session.lines.empty() && day.lines.empty() && !rate; }
};

[[nodiscard]] TotalsPlan plan_totals(const Persona& persona);
/// What a session, a day and a minute are worth: the least of the ladders beyond its highest rung but `max`, all others within.
[[nodiscard]] std::vector<StepLaw> step_laws_of(const TotalsPlan& plan);

}  // namespace ringfence::totals
