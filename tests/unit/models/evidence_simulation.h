// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "engine/persona/persona.h"
#include "models/barrier.h"
#include "models/detector.h"

/// Agents drawn at the level of marks: what the evidence does, whatever the channel's reading of events.
namespace ringfence::simulation {

/// A persona that declares nothing but how well its limits are known: the golden caps.
inline Persona persona_of(Confidence confidence) {
  Persona persona;
  persona.id = "golden";
  persona.version = "1";
  persona.confidence = confidence;
  return persona;
}

inline Tables tables_of(const Persona& persona) {
  static const std::array<const Channel*, 1> kBarrierAlone{&barrier_channel()};
  return Tables(persona, kBarrierAlone);
}

inline RowId mark(std::size_t context, std::size_t cls) {
  return {ChannelId::Barrier, static_cast<std::uint8_t>(context), static_cast<std::uint8_t>(cls)};
}

/// Two rows of class probabilities, by context.
using Rows = std::array<std::array<double, 8>, 2>;

/// The distribution inside a box that sits on every cap: what is over of class 0.
inline Rows on_every_cap(const std::vector<std::vector<double>>& caps, double times) {
  Rows rows{};
  for (std::size_t c = 0; c < 2; ++c) {
    double sum = 0;
    for (std::size_t k = 1; k < 8; ++k) sum += rows[c][k] = std::min(1., caps[c][k] * times);
    if (sum > 1)
      for (double& p : rows[c]) p /= sum;
    rows[c][0] = std::max(0., 1 - sum);
  }
  return rows;
}

inline std::size_t draw(const std::array<double, 8>& row, std::mt19937_64& rng) {
  double u = std::uniform_real_distribution<double>(0, 1)(rng);
  for (std::size_t k = 0; k < 7; ++k)
    if (u -= row[k]; u < 0) return k;
  return 7;
}

/// One agent in one session; both scopes see every event once the session has begun.
struct Walker {
  Evidence agent, session;
  std::size_t context = 0;
  void step(const Tables& tables, std::size_t cls, bool in_session = true) {
    const std::array<RowId, 1> marks{mark(context, cls)};
    update(agent, tables, marks);
    if (in_session) update(session, tables, marks);
    context = cls > 0 ? 1 : 0;
  }
  [[nodiscard]] double score(const Tables& tables, Null null) const {
    return .5 * (scope_score(agent, tables, null) + scope_score(session, tables, null));
  }
};

}  // namespace ringfence::simulation
