// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "models/channel.h"

namespace ringfence {

/// Classes and caps of a persona's declared shares.
class DriftPlan final : public ChannelPlan {
 public:
  static constexpr std::size_t kMost = 16;

  explicit DriftPlan(const Persona& persona);

  /// False where no share below 1/3 is declared.
  [[nodiscard]] bool declares() const { return capped_ > 0; }
  [[nodiscard]] std::size_t classes() const { return caps_.size(); }
  [[nodiscard]] double cap(std::size_t cls) const { return caps_[cls]; }
  /// Classes 0 … capped() - 1 are actions with a cap below 1; then what nothing caps, where there is such an action; last the foreign acts.
  [[nodiscard]] std::size_t capped() const { return capped_; }
  [[nodiscard]] std::size_t foreign() const { return caps_.size() - 1; }
  [[nodiscard]] std::size_t class_of(ActionIndex action) const { return class_of_[action]; }
  /// Actions of a class, for words.
  [[nodiscard]] std::vector<ActionIndex> actions_of(std::size_t cls) const;
  /// Names the classes and their caps: what was learned under other ones means nothing here.
  [[nodiscard]] std::uint64_t stamp() const { return stamp_; }

 private:
  std::vector<double> caps_;
  std::size_t capped_ = 0, actions_ = 0;
  std::array<std::uint8_t, kActionsMax> class_of_{};
  std::uint64_t stamp_ = 1;
};

}  // namespace ringfence
