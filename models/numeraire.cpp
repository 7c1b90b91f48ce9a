// SPDX-License-Identifier: Apache-2.0
#include "models/numeraire.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>

namespace ringfence {
namespace {

/// Indices of `key`, least key first; equal keys keep their order, so that sums repeat.
std::vector<std::size_t> ascending(const std::vector<double>& key) {
  std::vector<std::size_t> order(key.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return key[i]; });
  return order;
}

/// The least tau with sum min(v, tau q) = 1. Going up through the ratios v/q, the classes passed are full (they hold v) and the others hold
/// tau q: on each stretch the sum is linear in tau, so the stretch that reaches 1 gives tau in closed form.
double water_level(std::span<const double> v, std::span<const double> q) {
  BoxFactors ratio{};
  std::array<std::uint8_t, kBoxClasses> order{};
  for (std::size_t i = 0; i < v.size(); ++i) {
    ratio[i] = v[i] / q[i];
    std::size_t place = i;  // equal ratios keep their order, so that sums repeat
    for (; place > 0 && ratio[order[place - 1]] > ratio[i]; --place) order[place] = order[place - 1];
    order[place] = static_cast<std::uint8_t>(i);
  }
  double full = 0;
  for (std::size_t k = 0; k < v.size(); ++k) {
    // Summed afresh: subtracting the passed q from a total would leave a rounding error as large as the smallest q.
    double open = 0;
    for (std::size_t j = k; j < v.size(); ++j) open += q[order[j]];
    const double tau = (1 - full) / open;
    if (tau <= ratio[order[k]]) return tau;
    full += v[order[k]];
  }
  return ratio[order[v.size() - 1]];  // the caps sum to 1: the box is one point
}

}  // namespace

BoxFactors box_factors(std::span<const double> v, std::span<const double> q) {
  assert(v.size() == q.size() && !v.empty() && v.size() <= kBoxClasses);
  const double floor = 1 / water_level(v, q);
  BoxFactors g{};
  for (std::size_t i = 0; i < v.size(); ++i) g[i] = std::max(q[i] / v[i], floor);
  return g;
}

std::vector<double> widened(std::vector<double> v, double tolerance) {
  double sum = 0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    v[i] = std::min(1., i == 0 ? v[i] : v[i] * tolerance);
    sum += v[i];
  }
  if (sum < 1)
    for (double& cap : v) cap /= sum;
  return v;
}

std::vector<double> box_numeraire(std::span<const double> v, std::span<const double> q) {
  const BoxFactors g = box_factors(v, q);
  return {g.begin(), g.begin() + static_cast<std::ptrdiff_t>(v.size())};
}

std::vector<double> grouped_numeraire(std::span<const double> v, std::span<const double> q, std::span<const std::uint8_t> as) {
  if (as.empty()) return box_numeraire(v, q);
  assert(as.size() == v.size());
  std::vector<double> caps, shares;
  std::vector<std::size_t> group(v.size());
  for (std::size_t cls = 0; cls < v.size(); ++cls) {
    const bool bounds = as[cls] == cls;
    group[cls] = bounds ? caps.size() : group[as[cls]];
    if (bounds) {
      caps.push_back(v[cls]);
      shares.push_back(0);
    }
    shares[group[cls]] += q[cls];
  }
  const std::vector<double> of_group = box_numeraire(caps, shares);
  std::vector<double> g;
  for (const std::size_t at : group) g.push_back(of_group[at]);
  return g;
}

double growth(std::span<const double> q, std::span<const double> g) {
  double nats = 0;
  for (std::size_t i = 0; i < q.size(); ++i) nats += q[i] * std::log(g[i]);
  return nats;
}

double worst_case_mean(std::span<const double> v, std::span<const double> g) {
  assert(v.size() == g.size());
  std::vector<double> loss(g.size());
  for (std::size_t i = 0; i < g.size(); ++i) loss[i] = -g[i];
  double left = 1, mean = 0;
  for (const std::size_t i : ascending(loss)) {
    const double p = std::min(v[i], left);
    mean += p * g[i];
    left -= p;
    if (left <= 0) break;
  }
  return mean;
}

}  // namespace ringfence
