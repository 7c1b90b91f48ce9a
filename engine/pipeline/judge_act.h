// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/pipeline/admit.h"
#include "engine/verdict/finding.h"
#include "engine/verdict/policy.h"
#include "models/channel.h"
#include "models/detector.h"

/// The steps of judging one act that are the same whether its job is declared or only inferred. Pure; one thread an agent.
namespace ringfence {

/// What all channels say of one act.
struct Readings {
  /// A mark that exceptions take out of the evidence for some threats.
  struct Excepted {
    std::size_t mark = 0;
    ThreatSet threats = 0;
  };

  std::vector<RowId> marks;
  std::vector<Excepted> excepted;
  std::vector<Wagered> wagers;
  std::vector<Breach> breaches;
  std::vector<LinkNote> links;
  std::vector<ChannelId> not_evaluable;
  bool foreseen = false;  // a request broke limits
  std::uint32_t lacking = 0;
  std::optional<float> surprise;

  /// Nothing said yet; the memory stays.
  void clear();
};

/// Asks a channel whose turn it is and adds what it says: once per act, about scope and flow at first sight, about the rest when the
/// outcome is known. Channels are asked in the order of the rulebook.
void ask_channel(const Channel& channel, const Act& act, Sighting sighting, Readings& out);
/// Moves the evidence of the agent and the session; true where the act spoke for any threat. Wagers of the agent alone are then spent.
bool move_evidence(const Act& act, const Tables& tables, Readings& readings);
/// Evidence outlives a change of the tables of that name; what its ledgers count does not.
void follow_tables(AgentState& agent, std::uint64_t now);
/// What is new on this event: the breaches it made, and the threat whose evidence crossed a level.
[[nodiscard]] std::vector<Analytic> newly_raised(const Decision& decision, const Act& act, const Tables& tables);
void append(std::vector<FindingRecord>& to, std::vector<FindingRecord> from);

}  // namespace ringfence
