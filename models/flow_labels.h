// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "models/channel.h"
#include "models/flow_memory.h"

/// Declared flows of labelled data (persona.md, data.flows): what the agent has read, in any of its sessions, against where it sends.
namespace ringfence::flow {

/// Labels of what the act reads: what its action `returns` and the event's `data.classes`.
[[nodiscard]] std::vector<std::string_view> labels_read(const Act& act);

/// The agent carries on the labels that this call read and that the persona's flows speak of. A call that was denied or failed read none.
void carry_labels(const Act& act);

/// Breaches of `allow: false`: one a label. A label counts that the agent carries, or that the event says this act's own data has. Of the
/// rules that hold for a label and a destination the narrowest decides (a glob before `external` and `internal`, more literal characters
/// first), and of two equally narrow ones the one that forbids.
[[nodiscard]] std::vector<Breach> forbidden_flows(const Act& act);

/// Where labels live outside an agent (detection.md §3.5): a write leaves the session's labels on the artefact it wrote, a read takes those
/// that lie there. Keys are hashes of tenant and resource; empty where the act names no resource, or did not happen.
struct Artefacts {
  std::vector<std::uint64_t> written;
  std::vector<std::uint64_t> read;
};
[[nodiscard]] Artefacts artefacts_of(const Act& act);

}  // namespace ringfence::flow
