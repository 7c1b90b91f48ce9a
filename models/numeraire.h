// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ringfence {

/// The best bet against a declared box (detection.md §2.1): for the null { p : p_x <= v_x } and the alternative q,
/// g_x = max(q_x / v_x, 1 / tau) with tau >= 1 solving sum_x min(v_x, tau q_x) = 1. Then sup over the null of E_p[g] is 1.
/// `v` has K entries in (0, 1] with sum >= 1, `q` K entries > 0 with sum 1, K <= 16. Exact by water filling: O(K log K), no iteration.
[[nodiscard]] std::vector<double> box_numeraire(std::span<const double> v, std::span<const double> q);

/// The same where classes count together: `as` names by class the one it counts as, itself or a lower one, whose entry of `v` bounds all
/// that count as it. One factor for each of them; the entries that bound have sum >= 1. Empty: every class by itself.
[[nodiscard]] std::vector<double> grouped_numeraire(std::span<const double> v, std::span<const double> q, std::span<const std::uint8_t> as);

/// The box of one context: class 0 keeps its cap, the others are widened by the tolerance and end at 1; a box that holds no distribution is
/// scaled up until it holds one.
[[nodiscard]] std::vector<double> widened(std::vector<double> v, double tolerance);
/// The same without an allocation, for bets that change with every event: the first K entries count. Some 100 ns for 16 classes [E].
inline constexpr std::size_t kBoxClasses = 16;
using BoxFactors = std::array<double, kBoxClasses>;
[[nodiscard]] BoxFactors box_factors(std::span<const double> v, std::span<const double> q);

/// sum q ln g: nats an act is worth on average when its classes come from q.
[[nodiscard]] double growth(std::span<const double> q, std::span<const double> g);

/// sup { E_p[g] : p <= v, sum p = 1 }: what the property tests bound by 1.
[[nodiscard]] double worst_case_mean(std::span<const double> v, std::span<const double> g);

}  // namespace ringfence
