// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <tuple>

#include "engine/state/checkpoint.h"
#include "tests/unit/state/sample_states.h"

/// A pipeline of a few lines over the real table, checkpoint and flusher: a state is a chain of hashes over what was applied to it, so one
/// record lost, repeated or out of order shows. Shards are lanes of every partition.
namespace ringfence::toy {

struct Record {
  std::uint64_t agent = 0;
  EventTime time;
  std::uint64_t seed = 0;
  [[nodiscard]] bool speaks() const { return seed % 4 == 0; }  // causes an output
};
using Log = std::vector<std::vector<Record>>;  // [partition][offset]

inline Log log_of(std::uint64_t seed, std::size_t partitions, std::size_t records, std::size_t agents) {
  sample::Dice dice(seed);
  Log log(partitions);
  for (auto& partition : log) {
    EventTime now{0};
    for (std::size_t i = 0; i < records; ++i) {
      now = now + (dice.one_in(25) ? hours(30) : minutes(static_cast<std::int64_t>(dice.below(90))));
      partition.push_back({dice.below(agents), now, dice.bits()});
    }
  }
  return log;
}

/// What an output is known by: partition, offset and the state that spoke.
using Output = std::tuple<std::int32_t, std::int64_t, std::uint64_t>;

inline void apply(AgentState& state, const Record& record, Offset offset) {
  sample::Dice dice(record.seed ^ state.persona);
  state.persona = dice.bits() ^ static_cast<std::uint64_t>(offset.value);
  ++state.arrivals;
  state.last_time = std::max(state.last_time, record.time);
  state.evidence.alert[dice.below(kThreatSlots)] += 1.5F;
  state.acts.push_back(sample::act(dice));
  if (state.acts.size() > 150) state.forget_oldest_acts(1 + dice.below(100));
  if (dice.one_in(4)) state.sessions.push_back(sample::session(dice, dice.bits()));
  if (state.sessions.size() > 3 || (!state.sessions.empty() && dice.one_in(9))) state.sessions.erase(state.sessions.begin());
  if (!state.sessions.empty()) state.sessions.back().arrival = state.arrivals;
  if (dice.one_in(30)) state.containments.assign({{"agent:t/a", state.arrivals, dice.one_in(2), Level::Halt, "f", record.time}});
}

struct Options {
  unsigned lanes = 1;
  std::size_t budget_bytes = 30'000;
  bool threaded = false;
  CheckpointSettings checkpoint{.states_per_step = 3, .held_bytes = 64'000};
};

/// What outlives a crash besides the store.
struct World {
  std::set<Output> delivered;
  std::function<void(const Output&)> witness;  // told of each delivery, before it counts as acknowledged
  void deliver(const Output& output) {
    if (witness) witness(output);
    delivered.insert(output);
  }
};

/// One life of the process over a log.
class Life {
 public:
  Life(const Log& log, Store& store, World& world, Options options)
      : log_(log), store_(store), world_(world), options_(options), flusher_(std::make_unique<Flusher>(store_, flusher_settings())) {
    for (unsigned lane = 0; lane < options_.lanes; ++lane) {
      auto& shard = shards_.emplace_back(std::make_unique<Shard>());
      shard->table = std::make_unique<AgentTable>(
          store_, memories_, TableSettings{.budget_bytes = options_.budget_bytes, .expiry = days(1), .expected_agents = 1});
      shard->checkpoint = std::make_unique<Checkpoint>(*shard->table, *flusher_, store_, options_.checkpoint);
      shard->unacknowledged.resize(log.size());
    }
    for (std::size_t p = 0; p < log.size(); ++p) {
      const auto low = good(shards_[0]->checkpoint->restore(partition(p), std::chrono::seconds(60))).value_or(Offset{0});
      good(begin_lanes(store_, partition(p), low, options_.lanes));
      for (unsigned lane = 0; lane < options_.lanes; ++lane)
        shards_[lane]->checkpoint->assign(partition(p), low, static_cast<std::uint8_t>(lane));
      next_.push_back(static_cast<std::size_t>(low.value));
    }
  }
  /// A crash: nothing more reaches the store; of the outputs on their way any may have arrived.
  void crash(sample::Dice& dice) {
    store_.full = true;
    for (auto& shard : shards_)
      for (auto& waiting : shard->unacknowledged)
        for (const auto& output : waiting)
          if (dice.one_in(2)) world_.deliver(output);
    flusher_.reset();
    store_.full = false;
  }

  [[nodiscard]] bool read_all() const {
    for (std::size_t p = 0; p < log_.size(); ++p)
      if (next_[p] < log_[p].size()) return false;
    return true;
  }

  /// One of the things that may happen next.
  void act(sample::Dice& dice) {
    switch (dice.below(8)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return read(dice.below(log_.size()));
      case 4:
        return acknowledge(dice);
      case 5: {
        for (auto& shard : shards_) shard->checkpoint->mark();
        return;
      }
      case 6:
        return step();
      default: {
        for (auto& shard : shards_) shard->table->trim();
        return;
      }
    }
  }

  void full_disk(bool full) { store_.full = full; }

  /// Reads on to the end and stops in order.
  void finish() {
    store_.full = false;
    for (std::size_t p = 0; p < log_.size(); ++p)
      while (next_[p] < log_[p].size()) read(p);
    for (auto& shard : shards_)
      for (auto& waiting : shard->unacknowledged) {
        for (const auto& output : waiting) world_.deliver(output);
        waiting.clear();
      }
    for (auto& shard : shards_)
      if (good(shard->checkpoint->flush(horizons(*shard), std::chrono::seconds(60))) != 0)
        throw std::runtime_error("states were left behind");
  }

  [[nodiscard]] Offset low(std::size_t p) { return good(read_low(store_, partition(p))).value_or(Offset{0}); }
  /// Where the oldest output stands that nobody has acknowledged.
  [[nodiscard]] std::int64_t oldest_unacknowledged(std::size_t p) const {
    std::int64_t oldest = std::numeric_limits<std::int64_t>::max();
    for (const auto& shard : shards_)
      if (!shard->unacknowledged[p].empty()) oldest = std::min(oldest, std::get<1>(*shard->unacknowledged[p].begin()));
    return oldest;
  }
  [[nodiscard]] std::size_t table_bytes() const { return shards_[0]->table->bytes(); }
  [[nodiscard]] std::size_t dirty() const { return shards_[0]->table->dirty(); }
  [[nodiscard]] Flusher& flusher() { return *flusher_; }
  [[nodiscard]] Checkpoint& checkpoint() { return *shards_[0]->checkpoint; }
  [[nodiscard]] sample::FaultyStore& store() { return store_; }
  void step() {
    for (auto& shard : shards_) shard->checkpoint->step(horizons(*shard));
  }
  void read(std::size_t p) {
    if (next_[p] >= log_[p].size()) return;
    const Offset offset{static_cast<std::int64_t>(next_[p])};
    const Record& record = log_[p][next_[p]++];
    Shard& shard = *shards_[record.agent % options_.lanes];
    AgentState& state = *good(shard.table->open({partition(p), offset}, sample::key_of(record.agent), "corp", "a", record.time));
    if (offset.value <= state.lsn) return;
    apply(state, record, offset);
    shard.table->touch(state, offset);
    if (record.speaks()) shard.unacknowledged[p].emplace(partition(p).value, offset.value, state.persona);
  }

 private:
  struct Shard {
    std::unique_ptr<AgentTable> table;
    std::unique_ptr<Checkpoint> checkpoint;
    std::vector<std::set<Output>> unacknowledged;  // by partition
  };

  static Partition partition(std::size_t p) { return Partition{static_cast<std::int32_t>(p)}; }
  template <class T>
  static T good(std::expected<T, StoreError> result) {
    if (!result) throw std::runtime_error(result.error().message);
    if constexpr (!std::is_void_v<T>) return std::move(*result);
  }
  [[nodiscard]] FlusherSettings flusher_settings() const {
    return {.threaded = options_.threaded,
            .queue_bytes = 100'000,
            .sync_every = std::chrono::seconds(3600),
            .retry_every = std::chrono::milliseconds(1)};
  }

  void acknowledge(sample::Dice& dice) {
    for (auto& shard : shards_)
      for (auto& waiting : shard->unacknowledged)
        std::erase_if(waiting, [&](const Output& output) {
          if (!dice.one_in(3)) return false;
          world_.deliver(output);
          return true;
        });
  }

  [[nodiscard]] std::vector<Horizon> horizons(const Shard& shard) const {
    std::vector<Horizon> out;
    for (std::size_t p = 0; p < log_.size(); ++p) {
      const auto& waiting = shard.unacknowledged[p];
      const std::int64_t done = waiting.empty() ? static_cast<std::int64_t>(next_[p]) - 1 : std::get<1>(*waiting.begin()) - 1;
      out.push_back({partition(p), Offset{done}});
    }
    return out;
  }

  const Log& log_;
  sample::FaultyStore store_;
  World& world_;
  const Options options_;
  const sample::TextMemories memories_;
  std::unique_ptr<Flusher> flusher_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::size_t> next_;
};

/// All states of the store, each as one text.
inline std::map<std::pair<std::int32_t, std::uint64_t>, std::string> states_in(Store& store, std::size_t partitions, std::size_t agents) {
  const sample::TextMemories memories;
  AgentTable table(store, memories, {});
  std::map<std::pair<std::int32_t, std::uint64_t>, std::string> out;
  for (std::size_t p = 0; p < partitions; ++p)
    for (std::uint64_t agent = 0; agent < agents; ++agent) {
      const Partition partition{static_cast<std::int32_t>(p)};
      const auto state = table.find(partition, sample::key_of(agent));
      if (!state) throw std::runtime_error(state.error().message);
      if (*state) out[{partition.value, agent}] = sample::bytes_of(**state);
    }
  return out;
}

}  // namespace ringfence::toy
