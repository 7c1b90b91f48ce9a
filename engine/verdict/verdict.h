// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/analytic.h"
#include "engine/event/event.h"
#include "engine/event/level.h"

namespace ringfence {

/// The engine's decision on one event, as a line of `--verdicts` says it (docs/contracts/cli.md). Owns its strings.
struct Verdict {
  std::string event_id, tenant, agent_id;
  EventTime time;
  Level level = Level::Observe;    // the highest of the agent's scopes after this event, and of the act's, as the evidence says
  Level applied = Level::Observe;  // of the scopes the act is in, as far as response.mode allows
  double score = 0;                // S of the declared null
  std::string_view threat;         // the leading threat's id; empty while no ledger is open
  std::vector<Analytic> raised;    // newly on this event

  // for people who follow along
  std::optional<float> surprise_bits;  // at an act of this kind after those before it, where the job tells of order or shares
  std::string tool;                    // `server/name`
  Outcome outcome = Outcome::Unknown;
};

}  // namespace ringfence
