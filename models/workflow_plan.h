// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "models/channel.h"

namespace ringfence {

/// A persona's `workflow`, compiled: nothing is looked up by name on the path.
class WorkflowPlan final : public ChannelPlan {
 public:
  /// States of the DFA: the last act's action, or kStart.
  static constexpr std::size_t kStart = kActionsMax;
  static constexpr std::size_t kStates = kActionsMax + 1;
  static constexpr std::uint8_t kNoWay = 255;

  explicit WorkflowPlan(const Persona& persona);

  bool ordered = false;      // start or next declared
  bool constrained = false;  // before or at_most declared
  bool followed = false;     // after declared
  ActionMask inside = 0;     // actions that have a place in the workflow
  ActionMask anytime = 0;
  ActionMask then = 0;  // accepted right after a refusal
  std::array<ActionMask, kActionsMax> before{};
  std::array<std::int64_t, kActionsMax> at_most{};  // kNoLimit where none is declared
  std::array<std::optional<Workflow::Followup>, kActionsMax> after{};
  static constexpr std::int64_t kNoLimit = -1;

  [[nodiscard]] bool judges_order() const { return ordered || constrained; }
  /// Steps of the workflow left out by doing `action` in `state`: 0 a declared successor, kNoWay where no path leads there.
  [[nodiscard]] std::uint8_t left_out(std::size_t state, ActionIndex action) const { return left_out_[state][action]; }
  /// True where a session may begin with it.
  [[nodiscard]] bool begins(ActionIndex action) const { return left_out_[kStart][action] == 0; }
  /// Names an action across versions of a persona.
  [[nodiscard]] std::uint64_t id(ActionIndex action) const { return ids_[action]; }
  [[nodiscard]] std::optional<ActionIndex> index_of(std::uint64_t id) const;

 private:
  void measure_distances(const Workflow& declared);

  std::vector<std::uint64_t> ids_;
  std::array<std::array<std::uint8_t, kActionsMax>, kStates> left_out_{};
};

}  // namespace ringfence
