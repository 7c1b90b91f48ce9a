// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "engine/state/channel_memory.h"
#include "models/drift_plan.h"

namespace ringfence {

/// What is known of an agent's mix of acts, and what the bets on it hold. Sums of floats in class order: the same events give the same
/// bits.
class DriftMemory final : public ChannelMemory {
 public:
  static constexpr std::size_t kMost = DriftPlan::kMost;
  static constexpr std::size_t kNone = kMost;  // no call before

  explicit DriftMemory(std::uint64_t plan) : plan_(plan) {}
  [[nodiscard]] std::uint64_t plan() const { return plan_; }

  /// Factor of one more act of class `cls` after one of class `before` (kNone: none), and what it teaches; nullopt where no bet was placed.
  /// `learning` false: the tightened caps stay as they are.
  [[nodiscard]] std::optional<float> step(const DriftPlan& plan, std::size_t cls, std::size_t before, bool learning);

  /// The cap of a class as the agent's own past tightened it: between v/8 and v.
  [[nodiscard]] double tightened(const DriftPlan& plan, std::size_t cls) const;
  /// Share of a class among the calls of late, some 20.
  [[nodiscard]] double share_of_late(const DriftPlan& plan, std::size_t cls) const;

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override { return sizeof(*this); }
  void fetch_parts() const override { fetch_rest(*this); }
  [[nodiscard]] static std::unique_ptr<DriftMemory> decode(Reader& in);

 private:
  using Box = std::array<double, kMost>;
  struct Total;
  void bet_on_late_mix(const DriftPlan& plan, const Box& caps, std::size_t cls, Total& total);
  void bet_on_rises(const DriftPlan& plan, const Box& caps, std::size_t cls, std::size_t before, Total& total);

  std::uint64_t plan_;
  std::array<float, kMost> late_{};                    // n of the discounted Dirichlet
  std::array<std::uint32_t, kMost> came_{}, could_{};  // acts of the class, and chances for one, where another action came before
  std::array<float, kMost> rises_{};                   // e-detector per capped class
  float mix_ = 0;                                      // e-detector on the mix of late
};

/// The class of a session's call before.
class DriftSession final : public ChannelMemory {
 public:
  std::uint64_t plan = 0;                                               // stamp of the plan the class is one of
  std::uint8_t before = static_cast<std::uint8_t>(DriftMemory::kNone);  // kNone too after a foreign act
  std::unique_ptr<DriftMemory> own;  // under a borrowed name: such conduct neither teaches nor bears on the agent whose name it is

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override { return sizeof(*this) + (own ? own->bytes() : 0); }
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);
};

}  // namespace ringfence
