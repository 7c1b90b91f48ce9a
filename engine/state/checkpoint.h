// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/state/agent_table.h"
#include "engine/state/flusher.h"
#include "engine/state/records.h"

namespace ringfence {

/// How far a partition has come, as its shard knows it.
struct Horizon {
  Partition partition;
  /// Every record up to here has been applied (or belongs to another lane), and every output and dead letter it caused has been
  /// acknowledged.
  Offset acknowledged;
};

struct CheckpointSettings {
  std::size_t states_per_step = 64;
  std::size_t bytes_per_step = std::size_t{4} << 20U;
  std::size_t held_bytes = std::size_t{32} << 20U;  // of encoded states that wait for acknowledgements, all partitions together
};

/// The drip: writes one shard's dirty states a few at a time, in order of the offsets that dirtied them, and with them, in the same batch,
/// how far each partition is safe: `low` = the least offset whose effect is not in the store or whose outputs are not acknowledged. After a
/// crash the partition is read again from `low`; records at or below a state's lsn are skipped. One thread, that of the table; encoding
/// happens here, writing in the flusher.
///
/// A state is encoded when it is due. If an output up to its lsn is still on its way the bytes are held until it is acknowledged, so that a
/// busy agent cannot hold `low` back for ever. While the store fails, nothing is taken beyond the flusher's queue: states stay in memory,
/// `low` stays.
class Checkpoint {
 public:
  Checkpoint(AgentTable& table, Flusher& flusher, Store& store, CheckpointSettings settings = {});

  /// Where to go on with a partition; nothing if it is new to the store. Waits first until everything on its way is in the store, so that a
  /// partition that comes back finds what it left behind; the fault, if that takes longer: the partition cannot be taken on yet.
  [[nodiscard]] std::expected<std::optional<Offset>, StoreError> restore(Partition partition, std::chrono::milliseconds at_most);
  /// The shard reads this partition from `low` on: what `restore` gave, or where the input begins. For lanes see `begin_lanes`.
  void assign(Partition partition, Offset low, std::uint8_t lane = 0);
  /// Drops the partition and its states from memory. To lose no work, `flush` first.
  void leave(Partition partition);

  /// Ends an interval: what was dirty before is due from now on. Call it each 0.5-2 s of the shard's own clock (by record count in a
  /// replay): an agent is written at most once an interval.
  void mark();

  struct Step {
    std::size_t states = 0;     // sent to the store by this call
    bool store_behind = false;  // nothing was done: the flusher's queue is full
  };
  /// Takes a bounded number of due states and sends what is acknowledged. Cheap where nothing is due; call it between windows.
  Step step(std::span<const Horizon> horizons);
  /// Takes everything and waits until it is written and synced, or says why not. Gives the number of states that could not be sent because
  /// outputs are still unacknowledged; they are in the replay from `low`. A partition's low-water mark moves with the last of its states: a
  /// process that ends in between finds it as it was, or as it is to be.
  [[nodiscard]] std::expected<std::size_t, StoreError> flush(std::span<const Horizon> horizons, std::chrono::milliseconds at_most);

  /// A named record (records.h) for the next batch: it reaches the store together with the `low` of the moment.
  void put_record(std::string_view name, std::string_view value);

  /// Where a restart would begin to read: the mark of the last batch that is in the store.
  [[nodiscard]] Offset low(Partition partition) const;
  /// Encoded states that wait for acknowledgements.
  [[nodiscard]] std::size_t held() const;

 private:
  struct Source {
    Partition partition;
    std::uint8_t lane = 0;
    Offset acknowledged, submitted_low, written_low;
    std::deque<AgentTable::Snapshot> held;  // in order of first-dirty offset
    std::size_t held_bytes = 0;
    struct Sent {
      std::uint64_t batch = 0;
      Offset low;
    };
    std::deque<Sent> sent;  // lows on their way
  };
  struct Batch {
    std::vector<StoreWrite> writes;
    std::vector<std::uint32_t> entries;
    std::size_t bytes = 0;
    void add(AgentTable::Snapshot snapshot);
  };

  void settle();
  [[nodiscard]] Source* source(Partition partition);
  void release_held(Source& source, Batch& batch);
  void take(Source& source, std::uint64_t generations, Batch& batch, std::size_t& quota);
  [[nodiscard]] Offset low_of(const Source& source, bool whole) const;
  Step run(std::span<const Horizon> horizons, std::uint64_t generations, std::size_t quota);
  void send(Batch batch, bool whole);

  AgentTable& table_;
  Flusher& flusher_;
  Store& store_;
  const CheckpointSettings settings_;
  std::vector<Source> sources_;
  std::vector<StoreWrite> records_;
  std::size_t turn_ = 0;
  bool low_due_ = false;
};

}  // namespace ringfence
