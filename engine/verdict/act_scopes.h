// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/event/event.h"
#include "engine/state/agent_state.h"
#include "engine/verdict/containment.h"

/// The scopes an act is in: its agent's, and that of the part of the agent's work it belongs to, a session or what is done with a
/// credential under its borrowed name. Levels and containments of other parts do not concern it. Pure.
namespace ringfence {

/// `borrowed:tenant/agent/credential`, each part percent-encoded: calls that show this credential, which under the agent's borrowed name
/// has done what contains it. `ScopeParts` has the agent as `id` and the credential's fingerprint as `session`.
[[nodiscard]] std::string borrowed_scope_key(std::string_view tenant, std::string_view agent_id, std::string_view fingerprint);

/// The scope of the session by itself: `session:…`, or `borrowed:…` where a credential stands for it (borrowed_session.h).
[[nodiscard]] ScopeParts part_of(const AgentState& agent, const SessionState& session);
[[nodiscard]] std::string scope_of(const AgentState& agent, const SessionState& session);
/// The scope, or the type of one, is a part of an agent's work: `session` or `borrowed`.
[[nodiscard]] bool is_part(std::string_view scope);
/// The session that the scope names; empty where it names none.
[[nodiscard]] std::string session_named(const ScopeParts& scope);
/// What gates match the calls of a scope by that is an agent's, its tree's or a part of its work, any one entry enough.
[[nodiscard]] std::vector<ContainmentRecord::Select> selection_of(const ScopeParts& scope);

[[nodiscard]] Level highest(const Standing& standing);
/// The highest level that stands over an act of this session.
[[nodiscard]] Level standing_over(const AgentState& agent, const SessionState& session);

/// A containment in force that covers this call of the agent, as the engine has published it: gates match the call by it.
[[nodiscard]] bool covers(const Containment& containment, const AgentState& agent, const Event& event);
/// The strongest of those that were published before `started`; Observe where none. A call that had started by then could pass.
[[nodiscard]] Level contained_level(const AgentState& agent, const Event& event, EventTime started);

}  // namespace ringfence
