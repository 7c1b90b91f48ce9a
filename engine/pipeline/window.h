// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <span>
#include <string>
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

  /// A fact found while looking at the records takes effect behind entry `index`: every shard that judges this window applies it there. In
  /// order of index; a record that does not decode is no fact and adds nothing.
  void add_fact(EventDecoder& decoder, std::size_t index, std::string record);
  struct Fact {
    std::size_t index = 0;
    std::string record;
    EventArena arena;
    Event event;
  };
  [[nodiscard]] std::span<const std::unique_ptr<Fact>> facts() const { return facts_; }

  [[nodiscard]] std::span<const Record> records() const { return records_; }
  [[nodiscard]] const Entry& entry(std::size_t index) const { return entries_[index]; }
  [[nodiscard]] std::size_t size() const { return records_.size(); }

 private:
  std::span<const Record> records_;
  std::vector<EventArena> arenas_;
  std::vector<Entry> entries_;
  std::vector<std::unique_ptr<Fact>> facts_;  // an event points into its own record and arena
};

}  // namespace ringfence
