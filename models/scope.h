// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/channel.h"

namespace ringfence {

/// What one act and the declared job decide by themselves: `scope.*`, `decoy.touched`, `agent.charter_changed` (docs/contracts/persona.md).
/// It gives breaches, never marks; effective scope = persona ∩ the user's entitlements ∩ the open tasks, and no part widens another.
/// Where an event lacks what a constraint looks at, the tool alone decides and the lack is named in `Reading::lacking`.
///
/// Remembers open tasks in `AgentState::tasks` (event.md, task_start; models/scope_task.h), and only for
/// personas that ask for it 8 bytes per destination (`new_per_day`, at most 4,096) and the last time (`max_idle`). What the user and
/// results gave (`external: grounded`) the flow channel remembers and answers. Cost: the globs of the one action and of `never`; nothing is
/// allocated for an act inside its job. Blind to: what no field of the event shows; targets of a delegation that no argument marked
/// `destination` carries. Source: docs/contracts/persona.md.
[[nodiscard]] const Channel& scope_channel();

}  // namespace ringfence
