// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

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

/// Hints towards the cache what lies there and will be read soon. Nothing but time depends on it.
inline void fetch_ahead(const void* begin, std::size_t bytes) {
  constexpr std::size_t kCacheLine = 64;
  for (std::size_t at = 0; at < bytes; at += kCacheLine) __builtin_prefetch(static_cast<const char*>(begin) + at);
}
template <class T>
void fetch_ahead(const std::vector<T>& elements, std::size_t most_bytes = 256) {
  fetch_ahead(elements.data(), std::min(elements.size() * sizeof(T), most_bytes));
}

enum class MemoryScope : std::uint8_t { Agent, Session };

/// What one channel remembers of one agent or one session. Owned by the state; bounded by the channel.
class ChannelMemory {
 public:
  virtual ~ChannelMemory() = default;
  virtual void encode(Writer& out) const = 0;
  /// Bytes in memory, for the budget.
  [[nodiscard]] virtual std::size_t bytes() const = 0;
  /// Fetches ahead what most events read of it behind its first `kFetched` bytes and of what it points to (engine/state/prefetch.h).
  virtual void fetch_parts() const {}
  static constexpr std::size_t kFetched = 128;

 protected:
  /// The rest of an object larger than `kFetched`.
  template <class T>
  static void fetch_rest(const T& self) {
    static_assert(sizeof(T) > kFetched);
    fetch_ahead(reinterpret_cast<const char*>(&self) + kFetched, sizeof(T) - kFetched);
  }
};

/// Makes and decodes memories; given to the state's codec by the channels, which know the concrete types.
class MemoryFactory {
 public:
  virtual ~MemoryFactory() = default;
  /// Null where the bytes are not this channel's or the channel is unknown (its memory is then dropped and counted).
  [[nodiscard]] virtual std::unique_ptr<ChannelMemory> decode(ChannelId channel, MemoryScope scope, Reader& in) const = 0;
};

}  // namespace ringfence
