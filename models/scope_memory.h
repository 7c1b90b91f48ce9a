// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/event/limits.h"
#include "engine/state/channel_memory.h"
#include "models/flow_filter.h"
#include "models/scope_periods.h"

namespace ringfence::scope {

/// What a declared job needs to know of an agent's past: 8 bytes per destination, a counter per day, and 8 KiB once it has contacted more
/// destinations than are kept.
class AgentMemory final : public ChannelMemory {
 public:
  std::optional<EventTime> last;                     // of any event; kept where `max_idle` is declared
  std::vector<std::uint64_t> destinations;           // hashes, least recently contacted first
  RecentPeriods<std::uint32_t, 3> new_destinations;  // per local day

  /// Perhaps: it is not among those kept, and what was left of the others is too little to tell it from them. A state of a former build
  /// whose list is full does not say which had left it: there all others are Perhaps, until as many more as are kept have been contacted.
  enum class Contacted : std::uint8_t { Never, Before, Perhaps };
  /// One that is kept becomes the most recent. Never is always right; of those that are no longer kept as such a filter errs by taking a
  /// new one for one of them, for at most one in six while they are at most 16,384.
  [[nodiscard]] Contacted contacted(std::uint64_t destination);
  /// The same, and it stays where it is.
  [[nodiscard]] Contacted knows(std::uint64_t destination) const;
  void contact(std::uint64_t destination);

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);

 private:
  static constexpr std::uint32_t kLeftMost = 16'384;
  std::uint32_t unsure_ = 0;           // how many more must be contacted until one that is not known is new
  std::uint32_t left_ = 0;             // destinations that are no longer kept
  flow::GramFilter<1024> left_among_;  // these
};

/// The memory of a slot that only the channel of type T's owner fills; made where it is not there.
template <class T>
[[nodiscard]] T& memory_in(std::unique_ptr<ChannelMemory>& slot) {
  if (!slot) slot = std::make_unique<T>();
  return static_cast<T&>(*slot);
}

}  // namespace ringfence::scope
