// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "models/barrier.h"
#include "models/barrier_act.h"
#include "models/barrier_memory.h"

namespace ringfence {

/// What speaks for an identifier having been made up.
struct BarrierSuspicion {
  bool malformed = false;        // some identifier breaks its form and is not known to have been read
  bool unread = false;           // some identifier is known to stand in nothing the agent has read
  bool near = false;             // some identifier lies within two edits of a refused one of the same template
  bool near_miss = false;        // near, malformed, and not known to have been read
  std::uint8_t near_length = 0;  // characters of the near one, 1 to 64
  bool plausible = false;        // every identifier has been read, or all are made of words
};

struct BarrierJudgement {
  BarrierClass cls = BarrierClass::Fine;
  bool refused = false;  // denied, or a miss that counts as a denial
  bool missed = false;
  BarrierSuspicion suspicion;
};

/// The class of an act against the refusals remembered, of its own session those that were known when it was asked for. What neither
/// reached its object nor was refused (a fault, an outcome nobody knows) is no conduct after a refusal. `session` and `agent` may be null.
/// Changes nothing.
[[nodiscard]] BarrierJudgement judge(const Act& act, const BarrierAct& what, const BarrierSession* session, const BarrierAgent* agent);

/// Were it denied, it would be no more than one more plausible target: nothing made up, no way round, no dead end. What became of it plays
/// no part.
[[nodiscard]] bool asked_in_good_faith(const Act& act, const BarrierAct& what, const BarrierSession* session, const BarrierAgent* agent);

/// A way round that worked has been counted for the objects it leads to.
void count_path(BarrierSession& session, const BarrierAct& what);

}  // namespace ringfence
