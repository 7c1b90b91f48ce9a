// SPDX-License-Identifier: Apache-2.0
#include "models/suspicion.h"

#include <Eigen/Core>

namespace ringfence {

namespace {

constexpr auto kPriors = [] {
  std::array<double, kThreats.size()> priors{};
  for (std::size_t slot = 0; slot < priors.size(); ++slot) priors[slot] = kThreats[slot].prior;
  return priors;
}();

}  // namespace

bool surely_below(const Act& act, double s) {
  constexpr double kRounding = 1 + 1e-9;
  // Weights add up to at most 1 (threats.h): no sum is above the greatest of its values.
  const auto greatest = [](const Evidence& evidence) {
    return static_cast<double>(Eigen::Map<const Eigen::Array<float, kThreatSlots, 1>, Eigen::Aligned16>(evidence.alert.data()).maxCoeff());
  };
  double most = act.session.borrowed ? greatest(act.session.evidence) : greatest(act.agent.evidence);
  if (!act.session.borrowed)
    for (const SessionState& session : act.agent.sessions)
      if (!session.borrowed) most += greatest(session.evidence);
  return .5 * most * kRounding < s;
}

double suspicion(const Act& act) {
  const auto weighed = [](const Evidence& evidence) {
    double sum = 0;
    for (std::size_t slot = 0; slot < kPriors.size(); ++slot) sum += kPriors[slot] * static_cast<double>(evidence.alert[slot]);
    return sum;
  };
  if (act.session.borrowed) return .5 * weighed(act.session.evidence);
  double sum = weighed(act.agent.evidence);
  for (const SessionState& session : act.agent.sessions)
    if (!session.borrowed) sum += weighed(session.evidence);
  return .5 * sum;
}

}  // namespace ringfence
