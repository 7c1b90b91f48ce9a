// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/event/limits.h"
#include "engine/state/channel_memory.h"
#include "models/scope_periods.h"

namespace ringfence::scope {

/// What a declared job needs to know of an agent's past: 8 bytes per destination, a counter per day.
class AgentMemory final : public ChannelMemory {
 public:
  std::optional<EventTime> last;                     // of any event; kept where `max_idle` is declared
  std::vector<std::uint64_t> destinations;           // hashes, least recently contacted first
  RecentPeriods<std::uint32_t, 3> new_destinations;  // per local day

  /// True, and now the most recent, if it was contacted before.
  [[nodiscard]] bool contacted_before(std::uint64_t destination);
  void contact(std::uint64_t destination);

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);
};

/// The memory of a slot that only the channel of type T's owner fills; made where it is not there.
template <class T>
[[nodiscard]] T& memory_in(std::unique_ptr<ChannelMemory>& slot) {
  if (!slot) slot = std::make_unique<T>();
  return static_cast<T&>(*slot);
}

}  // namespace ringfence::scope
