// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/state/agent_state.h"
#include "engine/verdict/containment.h"
#include "engine/verdict/finding.h"
#include "engine/verdict/policy.h"

namespace ringfence {

/// The finding a containment goes back to.
struct ContainmentCause {
  std::string finding_uid;  // the record's `txn`
  std::string reason;
};

/// Sessions of one agent that are contained each by itself, released ones included, since their epochs must go on; credentials that borrow
/// its name count with them. Whoever borrows a name may make as many sessions as there are calls: what is beyond this many is judged and
/// told, and not contained.
inline constexpr std::size_t kContainedSessionsMost = 1024;
[[nodiscard]] bool has_room_for_session(const AgentState& agent);

/// The desired states that follow from what stands after this act, where they differ from what was last said for a scope: a first or
/// stronger containment of the act's scope (a further session only as long as there is room), only for personas in mode `enforce`, and the
/// end of throttles whose evidence has fallen in any scope of the agent. Raises the epochs in `AgentState::containments`.
[[nodiscard]] std::vector<ContainmentRecord> contain(const Act& act, const ContainmentCause& cause, Position position);

struct ForeignContainment;
/// Behind which event or command an agent is contained with a tree, and what the record says of it.
struct MemberStop {
  EventTime time;
  std::string cause_event_id;
  const Persona* persona = nullptr;
  Position position;
};
/// The containment of an agent that works in a tree which a person has halted, by its name (or of the session that borrows the name, where
/// one does): whatever its job's mode, without evidence, and going back to the person as the tree's does. Nothing where it is halted
/// already.
[[nodiscard]] std::optional<ContainmentRecord> contain_member(AgentState& agent, SessionState* borrowing, const ForeignContainment& tree,
                                                              const MemberStop& stop);

/// Why an agent is contained that works in a tree which is: `by`, and their reason where one was given.
[[nodiscard]] std::string works_in(std::string_view tree, std::string_view by, std::string_view reason);

/// What an analyst reads of a halt that went out as a pending hold (control.md, blast radius): who would be halted, and why it waits.
[[nodiscard]] FindingRecord blast_radius_finding(const ContainmentRecord& held, std::string topic);

/// What the state knows of a scope, made where it knows nothing: its epoch goes on where the scope was contained before.
[[nodiscard]] Containment& entry_for(AgentState& agent, const std::string& scope);

/// The scope key a containment of this act would carry.
[[nodiscard]] std::string containment_scope(const Act& act);

/// An entry of `AgentState::containments` that keeps what calls made of a containment which another writer has put over the agent
/// (foreign_containments.h): its scope is that one's key `scope#writer`, its epoch its number, it is never `contained`, since nothing is
/// published from here, and its finding is that of the calls.
[[nodiscard]] inline bool is_foreign(const Containment& entry) { return entry.scope.find('#') != std::string::npos; }

/// The level of the containment of this very session, whatever its agent's; Observe where none.
[[nodiscard]] Level contained_session(const AgentState& agent, const SessionState& session);

/// True where gates deny a call of `effect` under `level` (control.md): hold denies what is not a read, halt and revoke deny all.
[[nodiscard]] bool denies(Level level, std::optional<Effect> effect);

}  // namespace ringfence
