// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace ringfence {

/// What a throttled subject may still spend (docs/contracts/control.md, `level`): a call takes one, a success gives it back, a denial takes
/// two more, one returns each minute, never above the ceiling and never below zero. Ordinary work passes, guessing runs dry.
///
/// Thread-safe without locks: one 64-bit word, so that a decision never waits. `minute` counts from any fixed beginning and never falls.
class Credits {
 public:
  Credits(std::int32_t start, std::int32_t ceiling, std::uint32_t minute);

  /// Takes one; false where there is none, and then nothing is taken.
  [[nodiscard]] bool take(std::uint32_t minute);
  /// The call succeeded.
  void give_back(std::uint32_t minute) { change(1, minute); }
  /// The call was denied by what it asked.
  void penalise(std::uint32_t minute) { change(-2, minute); }
  [[nodiscard]] std::int32_t left(std::uint32_t minute) const;

 private:
  struct State {
    std::int32_t credits = 0;
    std::uint32_t minute = 0;
  };
  [[nodiscard]] State at(std::uint64_t word, std::uint32_t minute) const;
  void change(std::int32_t by, std::uint32_t minute);

  std::int32_t ceiling_;
  std::atomic<std::uint64_t> word_;
};

}  // namespace ringfence
