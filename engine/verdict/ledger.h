// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "engine/persona/persona.h"
#include "engine/state/agent_state.h"
#include "engine/verdict/finding.h"
#include "models/detector.h"

namespace ringfence {

/// Keeps one scope's ledger beside its evidence (detection.md §4). It opens at the first event whose factors exceed 1 for any threat,
/// counts every mark while open, and closes at an event without such a factor once sum pi A is under 1.1 times its clean value under both
/// nulls. `before` is the scope's evidence ahead of this event's update, `after` behind it.
void record(std::unique_ptr<Ledger>& ledger, const Evidence& before, const Evidence& after, const Tables& tables,
            std::span<const RowId> marks, std::string_view event_id, EventTime time, std::span<const Wagered> wagers = {});

/// Starts the open ledger anew from the evidence as it stands: after a persona change its rows would be priced by other tables.
void rebase(std::unique_ptr<Ledger>& ledger, const Evidence& now);

/// Whose evidence is explained, and by which tables.
struct Scored {
  const AgentState& agent;
  const Tables& tables;
  Null null;
  const SessionState* alone = nullptr;  // as in `score`
  ThreatSet among = kAllThreats;        // which of them may lead
};

/// ln S taken apart for the leading threat in its leading scope; nothing while that scope's ledger is closed.
/// `channels` gives the names of rows.
[[nodiscard]] std::optional<Explanation> explain(const Scored& scored, const Persona& persona, double threshold,
                                                 std::span<const Channel* const> channels);

/// What a row adds to ln A of a threat, over all its events; and whether its events tick for it.
[[nodiscard]] double nats_of(const Ledger::Row& row, const Tables& tables, Null null, std::size_t slot);
[[nodiscard]] bool row_ticks(const Ledger::Row& row, const Tables& tables, Null null, std::size_t slot);

/// A row as people read it; empty where no channel knows it.
struct RowWords {
  std::string_view channel, cls, context;
};
[[nodiscard]] RowWords words_of(RowId id, std::span<const Channel* const> channels);

/// The ledger of the leading scope under `null`, or null.
[[nodiscard]] const Ledger* leading_ledger(const AgentState& agent, const Leader& leader);

/// A finding has told of all the events that it counted; null is none.
void settle(Ledger* ledger, EventTime now);
/// A finding has told of its last event in another way.
void take_back_contribution(Ledger* ledger);

}  // namespace ringfence
