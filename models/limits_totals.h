// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/state/channel_memory.h"
#include "models/scope_periods.h"

namespace ringfence::totals {

enum class Unit : std::uint8_t { Records, Bytes, Tokens, Cost };
inline constexpr std::size_t kUnits = 4;

/// What one session or one day adds up to: sums per ladder (the persona's is 0, an action's the hash of its id), distinct values per KIND.
class Totals {
 public:
  /// Sums of a ladder, made where it is new.
  [[nodiscard]] std::array<double, kUnits>& sums(std::uint64_t ladder);
  /// True if the value is one of the at most `most` that are known, now or before; the next one is not kept.
  [[nodiscard]] bool fits(std::uint64_t kind, std::uint64_t value, std::size_t most);

  void encode(Writer& out) const;
  [[nodiscard]] std::size_t bytes() const;
  /// Fails the reader where the bytes are not a Totals.
  [[nodiscard]] static Totals decode(Reader& in);

 private:
  struct Row {
    std::uint64_t ladder = 0;
    std::array<double, kUnits> sums{};
  };
  struct Entities {
    std::uint64_t kind = 0;
    std::vector<std::uint64_t> values;  // sorted
  };
  std::vector<Row> rows_;  // in order of first use
  std::vector<Entities> entities_;
};

/// Day and minute totals of an agent over all its sessions and instances.
class AgentTotals final : public ChannelMemory {
 public:
  scope::RecentPeriods<Totals, 3> days;            // by local day of the persona
  scope::RecentPeriods<std::uint64_t, 4> minutes;  // calls, by minute since 1970

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);
};

class SessionTotals final : public ChannelMemory {
 public:
  Totals totals;

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);
};

}  // namespace ringfence::totals
