// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/event.h"
#include "engine/state/agent_state.h"
#include "engine/verdict/containment.h"
#include "engine/verdict/tree_members.h"
#include "models/channel.h"

namespace ringfence {

// What a link may hold, so that its record always fits into a message. A longer name stands as its beginning and its hash, a longer label
// as its beginning; the root agent, by which gates stop a tree, stays whole.
inline constexpr std::size_t kLinkTextBytes = 4096;
inline constexpr std::size_t kLinkLabelBytes = 256;
inline constexpr std::size_t kLinkElements = 64;  // marks, and labels

/// The act that links came of, as a subject sees it; its links share it. Owned strings only.
struct LinkedAct {
  std::uint64_t persona = 0;  // hash64 of the persona's sha256
  std::string tenant, agent, agent_name, session, user, event_id, tool_server, tool_name;
  Outcome outcome = Outcome::Unknown;
  EventTime time;
};

/// One act's bearing on a subject wider than its agent: what leaves an agent's stream on `ringfence.links` and is judged there as an input
/// like any other (streaming.md §2). The source names it: a subject takes no link that is not above the last one of the
/// same source partition, so repeats and replays are harmless. The links of one event concern distinct subjects.
struct Link {
  std::shared_ptr<const LinkedAct> act;  // never null
  SubjectKind kind{};
  std::string subject;
  Partition partition;      // of the input the act was read from
  std::int64_t lsn = -1;    // there
  std::uint16_t index = 0;  // among the links of that event

  Deed deed = Deed::Act;
  std::vector<RowId> marks;         // of the act, under the persona's tables
  std::vector<RowId> shared_marks;  // count once several agents concern the subject
  std::vector<std::string> labels;
  std::string what;  // Send: where to; Pass: the artefact; Store at a reader: the artefact that was read
  std::optional<std::uint32_t> most_members;
  std::string root;              // RootSession: the root agent
  Level level = Level::Observe;  // Stop: at which the root is contained; `what` is the finding it goes back to
};

/// `root_session`, `user`, `artefact`, `credential`, `reader`, `tree`.
[[nodiscard]] std::string_view name_of(SubjectKind kind);
/// Identity of a subject's state; no agent's key is among them.
[[nodiscard]] AgentKey subject_key(const Link& link);
[[nodiscard]] AgentKey subject_key(SubjectKind kind, std::string_view tenant, std::string_view subject);
/// `user corp/u-17`, as findings and states call it.
[[nodiscard]] std::string subject_name(const Link& link);

/// The links of one judged act: one for the root session of a delegation, which knows its members by them, also where there are no marks;
/// with the marks, one for the user and one for the credential, but for one that the job lists as its own; one for each note of a channel.
/// Notes on a subject that is there already are joined to it. Empty for all that is no act.
[[nodiscard]] std::vector<Link> links_of(const Act& act, const std::vector<RowId>& marks, std::vector<LinkNote> notes, Partition partition,
                                         std::int64_t lsn);

/// Takes from an agent's links which trees it has come to and which it has left.
void follow_trees(const std::vector<Link>& links, const AgentKey& member, TreeMembers& trees);

/// Adds, to the links of an act, one for the tree below the act's agent where the act had it contained as a whole: whoever works there is
/// in other agents' states.
void add_stop_of_tree(std::vector<Link>& links, const Act& act, const std::vector<ContainmentRecord>& containments, Partition partition,
                      std::int64_t lsn);

}  // namespace ringfence
