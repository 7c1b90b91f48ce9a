// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/channel.h"

namespace ringfence {

/// What an agent does on another's behalf, and how far it hands on (docs/design/detection.md §3.6). Judged when the act is first seen.
///
/// A delegate may do what its own job and those of all known agents above it allow: the chain's jobs are found by `applies_to`. Their caps
/// are in the persona it is held against (engine/persona/delegated.h). Classes: inside both, outside a parent's job (its actions, arguments
/// or destinations), outside its own, deeper than the least `max_depth` along the chain, a child more than
/// `max_children`; caps 1, .02, .02, .01, .01. `delegation.excess` for all of these but the third, which `scope.*` names already, and for a
/// delegate that the parent's `to` does not name, and for a session of kind `token` that goes over to another delegation. `never` is the
/// union along the chain, `from` and the own `max_depth` are judged, in the scope channel.
///
/// Where the event names the root and not the parent, who the parent is is not known: what its `to` and the own `from` say is not
/// evaluable, nor is a `max_depth` that the agents named do not exceed (`Lacking::Delegation`, also of a chain that is not told); what the
/// root's job says holds. The root is the last of the chain where the event does not name it.
///
/// Children are counted in the stream of the agent that delegates, per session, from the request on; one whose delegation was denied or
/// failed is taken back: where it works all the same, its root session counts it. Over a whole root session they are counted by its
/// subject, which this channel tells the root's declared `max_children` (256 at most, or the persona does not load). State: 56 bytes a
/// session that delegates or is a token, 8 a child and 16 a request under way, else nothing. Cost: 2 ns without a delegation, else a match
/// of the parents' names and of the act against their jobs. Blind to: parents whose job is not known; delegations that no field of the
/// event tells. Source: docs/design/detection.md §3.6, delegation.
[[nodiscard]] const Channel& delegation_channel();

}  // namespace ringfence
