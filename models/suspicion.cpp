// SPDX-License-Identifier: Apache-2.0
#include "models/suspicion.h"

namespace ringfence {

namespace {

constexpr auto kPriors = [] {
  std::array<double, kThreats.size()> priors{};
  for (std::size_t slot = 0; slot < priors.size(); ++slot) priors[slot] = kThreats[slot].prior;
  return priors;
}();

}  // namespace

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
