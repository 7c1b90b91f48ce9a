// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "engine/state/agent_state.h"
#include "engine/verdict/containment.h"
#include "engine/verdict/finding.h"
#include "engine/verdict/policy.h"

namespace ringfence {

/// The desired state that follows from what stands after this act, where it differs from what was last said for its scope: a first or
/// stronger containment, or the end of a throttle. Only for personas in mode `enforce`; raises the epoch of the scope in
/// `AgentState::containments`. `finding_uid` and `reason` name the finding that caused it.
[[nodiscard]] std::optional<ContainmentRecord> contain(const Act& act, const Decision& decision, const std::string& finding_uid,
                                                       const std::string& reason, Position position);

/// What an analyst reads of a halt that went out as a pending hold (control.md, blast radius): who would be halted, and why it waits.
[[nodiscard]] FindingRecord blast_radius_finding(const ContainmentRecord& held, std::string topic);

/// The scope key a containment of this act would carry.
[[nodiscard]] std::string containment_scope(const Act& act);

/// The strongest containment in force that covers a call of this agent in this session, as the engine has published it; Observe where none.
[[nodiscard]] Level contained_level(const AgentState& agent, const SessionState& session);

/// True where gates deny a call of `effect` under `level` (control.md): hold denies what is not a read, halt and revoke deny all.
[[nodiscard]] bool denies(Level level, std::optional<Effect> effect);

}  // namespace ringfence
