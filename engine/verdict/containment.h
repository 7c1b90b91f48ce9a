// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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
  EventTime effective_at;     // event time
  bool release_auto = false;  // throttle alone ends without a person
  std::string finding_uid, reason, persona;
  std::string cause_event_id;                         // the event that set this epoch: jti derives from it, the key and the epoch
  std::optional<int> credits_start, credits_ceiling;  // throttle
  bool pending_approval = false;                      // beyond the blast-radius limit: published as a hold until a person approves
  Level wanted = Level::Halt;                         // where pending: the level that waits
  std::string approver;                               // where released by a person
  Position position;
};

/// `type:tenant/id` with both parts percent-encoded (docs/contracts/control.md, Scopes and keys); `global:` for type `global`. A tenant's
/// own scope has the tenant as its id. For type `session` the id is agent`/`session, each already encoded: `session_scope_key` does that,
/// and `borrowed_scope_key` (act_scopes.h) for type `borrowed`.
[[nodiscard]] std::string scope_key(std::string_view type, std::string_view tenant, std::string_view id);
/// `session:tenant/agent/session`, each part percent-encoded.
[[nodiscard]] std::string session_scope_key(std::string_view tenant, std::string_view agent_id, std::string_view session_id);

/// A scope taken apart again, decoded.
struct ScopeParts {
  std::string type, tenant, id;
  std::string session;  // for type `session`, where `id` is the agent; for `borrowed` the credential
  bool operator==(const ScopeParts&) const = default;
};
/// Nothing where `scope` is not exactly what the two functions above write for one of the known types, so a scope has one spelling only.
[[nodiscard]] std::optional<ScopeParts> parse_scope(std::string_view scope);

}  // namespace ringfence
