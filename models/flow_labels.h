// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/channel.h"
#include "models/flow_memory.h"

/// Declared flows of labelled data (persona.md, data.flows): what the agent has read, in any of its sessions, against where it sends.
namespace ringfence::flow {

/// The agent carries on the labels of what this call read: what its action `returns` and the event's `data.classes`. A call that was denied
/// or failed read nothing.
void carry_labels(const Act& act);

/// Breaches of `allow: false`: one a label. A label counts that the agent carries, or that the event says this act's own data has. Of the
/// rules that hold for a label and a destination the narrowest decides (a glob before `external` and `internal`, more literal characters
/// first), and of two equally narrow ones the one that forbids.
[[nodiscard]] std::vector<Breach> forbidden_flows(const Act& act);

/// The artefact an act leaves labels on, or takes them from: its resource, within the tenant. Absent where it names none, or did not
/// happen.
struct Artefacts {
  std::optional<std::string_view> written, read;
};
[[nodiscard]] Artefacts artefacts_of(const Act& act);

/// What other agents must know (detection.md §3.5): a write stores the labels the agent carries on the artefact, and whatever else the
/// agent has read of others passes into it; a send where labels are forbidden asks what the agent has read, apart from what it carries
/// itself. At its request only the send is told of, and what it writes is kept until it is known to have happened (one whose
/// completion never comes is told to nobody); of more than eight writes under way the others are told of at once.
[[nodiscard]] std::vector<LinkNote> label_links(const Act& act);

/// Of a write that `label_links` kept at its request and that has happened: what it leaves in the artefact.
[[nodiscard]] std::vector<LinkNote> stored_links(const Act& act);

/// The agent has read an artefact, so it has from now on whatever labels lie there. Remembers that it has read any.
[[nodiscard]] std::vector<LinkNote> read_links(const Act& act);

}  // namespace ringfence::flow
