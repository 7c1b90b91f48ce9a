// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "engine/state/codec.h"

namespace ringfence {

/// Stable numbers of the channels: part of the encoded state, never reused.
enum class ChannelId : std::uint8_t {
  Scope,
  Limits,
  Barrier,
  Workflow,
  Volume,
  Breadth,
  Drift,
  Flow,
  Delegation,
  Identity,
  Supply,
  Outcome,
  Sequence,
  Totals,
  Recurrence,
  Opinion,
  Subject,
  Shadow
};
inline constexpr std::size_t kChannels = 18;

enum class MemoryScope : std::uint8_t { Agent, Session };

/// What one channel remembers of one agent or one session. Owned by the state; bounded by the channel.
class ChannelMemory {
 public:
  virtual ~ChannelMemory() = default;
  virtual void encode(Writer& out) const = 0;
  /// Bytes in memory, for the budget.
  [[nodiscard]] virtual std::size_t bytes() const = 0;
};

/// Makes and decodes memories; given to the state's codec by the channels, which know the concrete types.
class MemoryFactory {
 public:
  virtual ~MemoryFactory() = default;
  /// Null where the bytes are not this channel's or the channel is unknown (its memory is then dropped and counted).
  [[nodiscard]] virtual std::unique_ptr<ChannelMemory> decode(ChannelId channel, MemoryScope scope, Reader& in) const = 0;
};

}  // namespace ringfence
