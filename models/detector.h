// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/persona/persona.h"
#include "engine/state/agent_state.h"
#include "models/channel.h"
#include "models/threats.h"

namespace ringfence {

/// The two nulls: declared caps as they are (alert), and times the persona's tolerance (throttle, halt).
enum class Null : std::uint8_t { Alert, Declared };

/// The factors of one persona, compiled: a row of kThreatSlots floats per null, channel, context and class. Immutable, shared by threads.
/// A threat whose growth is below .02 in every context of a null is dropped there: its factor is 1 and it never ticks.
class Tables {
 public:
  Tables(const Persona& persona, std::span<const Channel* const> channels);

  /// Factors g per threat slot, aligned to 32 bytes.
  [[nodiscard]] const float* row(Null null, RowId id) const;
  /// Threat slots that tick on a mark of this channel: those it bears on and that were not dropped.
  [[nodiscard]] std::uint32_t applies(Null null, ChannelId channel) const;
  /// Prior weight per slot, 0 for a dropped threat.
  [[nodiscard]] const std::array<float, kThreatSlots>& prior(Null null) const;
  /// sum of pi A of one scope in the fixed point of an endlessly clean agent: where a ledger closes against.
  [[nodiscard]] double clean_value(Null null) const;
  /// Declared cap times the null's tolerance, for explanations.
  [[nodiscard]] double cap(Null null, RowId id) const;
  /// True if any factor of the row exceeds 1 under either null: such a mark opens a ledger.
  [[nodiscard]] bool contributes(RowId id) const;

 private:
  struct Block {
    std::size_t contexts = 0, classes = 0;
    std::array<std::vector<double>, 2> caps;   // [null][context * classes + class]
    std::array<std::vector<Evidence>, 1> rows; // both nulls of a row side by side
    std::array<std::uint32_t, 2> applies{};
  };
  std::vector<Block> blocks_;  // by ChannelId
  std::array<std::array<float, kThreatSlots>, 2> prior_{};
  std::array<double, 2> clean_{};
};

/// A <- (A + 1) g for every threat that applies, g multiplied over the marks; both nulls; values clamped at 1e30.
/// About 30 ns. The caller gives the marks of one event; an event without marks does not tick.
void update(Evidence& evidence, const Tables& tables, std::span<const RowId> marks);

/// sum of pi A of one scope under one null, in slot order.
[[nodiscard]] double scope_score(const Evidence& evidence, const Tables& tables, Null null);

/// S = (agent + sum over live sessions in slot order) / 2 (detection.md §2.2 iii).
[[nodiscard]] double score(const AgentState& agent, const Tables& tables, Null null);

/// The leading threat under a null: slot, its share of S over both scopes, the greatest family's share.
struct Leader {
  Threat threat{};
  double share = 0;         // of the threat
  double family_share = 0;  // of its family
  bool dangerous = false;
  /// The scope where pi A is greatest: nullopt the agent, else index into sessions.
  std::optional<std::size_t> session;
};
[[nodiscard]] Leader leader(const AgentState& agent, const Tables& tables, Null null);

}  // namespace ringfence
