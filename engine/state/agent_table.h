// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/state/agent_codec.h"
#include "engine/state/agent_state.h"
#include "engine/state/reached_time.h"
#include "engine/state/store.h"

namespace ringfence {

struct TableSettings {
  std::size_t budget_bytes = std::size_t{2} << 30U;  // of states in memory; dirty ones stay whatever it says
  Nanos expiry = days(30);                           // after the agent's last event, by its own time
  std::size_t expected_agents = 1024;                // room made at once, so that growing does not stall
};

/// The agents of one shard: in memory, with the store behind. One thread. The loop of a shard is
///
///   table.prefetch(window);
///   for each record:  state = table.open(position, key, tenant, id, time);      // an error: stop the shard, the store is broken
///                     if (offset <= state->lsn) continue;                        // replayed, already in
///                     … judge; change *state as you like …
///                     table.touch(**state, offset);                              // whatever came of it: copies and mutes too
///   checkpoint.step(horizons);  table.trim();                                    // between windows
///
/// A pointer from `open` stays good until the next `trim` or `leave`. A state of which no one holds on to anything leaves only by `trim`,
/// and only when it is clean: written, with its outputs acknowledged (streaming.md §2). Cost of `open` and `touch`: 30 ns in the cache,
/// 120-250 ns beyond it, about 10 us from the store, which is asked only where it may have what memory has not.
class AgentTable {
 public:
  AgentTable(Store& store, const MemoryFactory& memories, TableSettings settings);
  ~AgentTable();
  AgentTable(const AgentTable&) = delete;
  AgentTable& operator=(const AgentTable&) = delete;

  /// Finds the agent in memory or in the store, or makes it with `first_time` = `last_time` = `time` and lsn -1. If the record is new to
  /// the state and the agent has been quiet for longer than the expiry, it starts afresh first (AgentState::start_afresh) unless contained;
  /// a function of the record and the state alone, so it does not matter whether the state was in memory. Errors: those of the store;
  /// Corrupt or Version where the stored bytes are no state of ours; Io for a partition that is not `storable`.
  [[nodiscard]] std::expected<AgentState*, StoreError> open(Position at, const AgentKey& key, std::string_view tenant, std::string_view id,
                                                            EventTime time);

  /// The agent as it is, for a look from outside the stream: nothing is made, nothing expires. Null: unknown.
  [[nodiscard]] std::expected<const AgentState*, StoreError> find(Partition partition, const AgentKey& key);

  /// Records that everything up to `applied` of the agent's partition is in the state: sets lsn and queues the state for writing.
  /// `applied` must not be below the state's lsn, nor below any offset touched before in the same partition.
  void touch(AgentState& state, Offset applied);

  struct Probe {
    Partition partition;
    AgentKey key;
  };
  /// Fetches slots and states of a window of some 32 records towards the cache; purely a hint.
  void prefetch(std::span<const Probe> window) const;
  /// The state as it lies in memory, for further hints (prefetch.h); null where it does not.
  [[nodiscard]] const AgentState* in_memory(const Probe& probe) const;

  /// Lets clean states go, least recently used first (CLOCK), until the budget is met; looks at no more than 1,024 a call. Returns how many
  /// left.
  std::size_t trim();
  /// The same for as long as it takes: at worst only what waits to be written stays.
  void trim_all();
  [[nodiscard]] bool outgrown() const { return bytes_ > settings_.budget_bytes; }
  /// Counts anew what the states that wait to be written have grown to; the others are counted when they are read or written.
  void recount();
  /// Forgets all states of a partition, written or not.
  void leave(Partition partition);

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t dirty() const { return dirty_; }
  struct Counters {
    std::uint64_t hits = 0, loads = 0, created = 0, evicted = 0, expired = 0, memories_dropped = 0;
  };
  [[nodiscard]] const Counters& counters() const { return counters_; }

  // What a Checkpoint needs; nobody else calls these.

  /// One state as it is to be written, taken at `lsn`.
  struct Snapshot {
    std::uint32_t entry = 0;
    Offset first_dirty, lsn;
    std::vector<StoreWrite> writes;
    std::size_t bytes = 0;
  };
  /// Ends a generation: what is dirty now is older than what gets dirty from here on.
  void age() { ++generation_; }
  /// Takes the state of the partition that has been dirty longest, if it got dirty `generations` or more ages ago; it then counts as clean,
  /// but stays in memory until `submitted` and `settle` say that it is in the store.
  [[nodiscard]] std::optional<Snapshot> take_oldest(Partition partition, std::uint64_t generations);
  /// The snapshot of this entry goes to the store with batch number `batch`.
  void submitted(std::uint32_t entry, std::uint64_t batch);
  /// Batches up to this number are in the store.
  void settle(std::uint64_t batch) { settled_ = batch; }
  /// How far event time has come by the records below `low` (calls with growing `low`), and what the store says of it at the start: its
  /// rows of the partition are there by then, and no one else writes any from here on.
  [[nodiscard]] std::optional<EventTime> reached(Partition partition, Offset low);
  void start_from(Partition partition, std::optional<EventTime> reached);
  /// The smallest offset that dirtied a state not yet taken.
  [[nodiscard]] std::optional<Offset> first_dirty(Partition partition) const;

 private:
  struct Entry;
  struct Slot;
  struct Waiting {
    std::uint32_t entry = 0;
    std::int64_t offset = 0;
    std::uint64_t generation = 0;
  };

  /// Of one partition; made when it is first heard of, for numbers are sparse.
  struct Progress {
    std::deque<Waiting> waiting;  // in order of first-dirty offset
    ReachedTime reached;
    std::optional<bool> behind;  // the store may have agents that are not in memory; unknown until one is missed
  };
  [[nodiscard]] Progress& progress(Partition partition);
  [[nodiscard]] Progress* known_progress(Partition partition) const;
  [[nodiscard]] Entry& entry(std::uint32_t index) const;
  [[nodiscard]] Entry* look_up(Partition partition, const AgentKey& key) const;
  [[nodiscard]] std::expected<std::optional<DecodedAgent>, StoreError> load(Partition partition, const AgentKey& key);
  [[nodiscard]] std::expected<bool, StoreError> any_behind(Partition partition);
  Entry& insert(Partition partition, const AgentKey& key, DecodedAgent agent);
  void remove(std::uint32_t index);
  void grow();
  void place(Slot slot);
  [[nodiscard]] std::size_t bytes_of(const Entry& entry) const;
  void recount(Entry& entry);

  Store& store_;
  const MemoryFactory& memories_;
  const TableSettings settings_;
  std::vector<Slot> slots_;  // a power of two, at most half full
  std::vector<std::unique_ptr<Entry[]>> slabs_;
  std::vector<std::uint32_t> free_;
  std::vector<std::unique_ptr<Progress>> progress_;  // by partition
  std::size_t size_ = 0, bytes_ = 0, dirty_ = 0;
  std::uint32_t hand_ = 0;
  std::uint64_t generation_ = 0, settled_ = 0;
  AgentEncoder encoder_;
  Counters counters_;
};

}  // namespace ringfence
