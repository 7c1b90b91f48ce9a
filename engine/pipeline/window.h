// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <vector>

#include "engine/event/decode.h"
#include "engine/event/record.h"

namespace ringfence {

/// A batch of records with what they decoded to. The memory is reused from batch to batch. Slices may be decoded by different threads,
/// each with a decoder of its own; reading starts when all are done.
class Window {
 public:
  struct Entry {
    std::expected<Event, Refusal> event{std::unexpect};
    AgentKey key;  // of the agent, where the event or the refusal shows one
    bool has_agent = false;
  };

  /// Takes the next batch; what was decoded before ends here.
  void begin(std::span<const Record> records);
  /// Decodes the records [from, to).
  void decode(EventDecoder& decoder, std::size_t from, std::size_t to);

  [[nodiscard]] std::span<const Record> records() const { return records_; }
  [[nodiscard]] const Entry& entry(std::size_t index) const { return entries_[index]; }
  [[nodiscard]] std::size_t size() const { return records_.size(); }

 private:
  std::span<const Record> records_;
  std::vector<EventArena> arenas_;
  std::vector<Entry> entries_;
};

}  // namespace ringfence
