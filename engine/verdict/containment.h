// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/event/ids.h"
#include "engine/event/level.h"

namespace ringfence {

/// A desired state for one scope (control.md): what the writer of the partition signs and publishes. Writer, generation and signature are
/// added by the control writer; everything here is a function of the input and repeats byte for byte in a replay.
struct ContainmentRecord {
  struct Select {
    std::string field, equals;  // "agent.id", "spiffe://…"
  };
  std::string scope;  // `agent:corp/spiffe%3A…`
  std::string agent_id, tenant, session_id;
  std::uint64_t epoch = 0;
  bool contained = true;
  Level level = Level::Halt;
  std::vector<Select> select;
  EventTime effective_at;       // event time
  bool release_auto = false;    // throttle alone ends without a person
  std::string finding_uid, reason, persona;
  std::string cause_event_id;   // the event that set this epoch: jti derives from it, the key and the epoch
  std::optional<int> credits_start, credits_ceiling;  // throttle
  bool pending_approval = false;  // beyond the blast-radius limit
  std::string approver;           // where released by a person
  Position position;
};

/// `type:tenant/id` with both parts percent-encoded (control.md, Scopes and keys); for a session `id` is agent`/`session, each encoded.
[[nodiscard]] std::string scope_key(std::string_view type, std::string_view tenant, std::string_view id);

}  // namespace ringfence
