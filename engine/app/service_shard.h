// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "engine/app/active_agents.h"
#include "engine/app/input_log.h"
#include "engine/app/live_view.h"
#include "engine/app/service.h"
#include "engine/app/wall_clock.h"
#include "engine/pipeline/fact_journal.h"

namespace ringfence {

using Steady = std::chrono::steady_clock;
using Millis = std::chrono::milliseconds;

/// How long leaving partitions waits for acknowledgements and for the store, each. What is not done by then is judged again by the next
/// owner.
inline constexpr Millis kDrainWithin{10'000};
/// How long the states of a partition that came may take to be read from the changelog; below the time after which the group gives the
/// partition to another.
inline constexpr Millis kChangelogWithin{240'000};

/// What every thread that judges has: states behind a table of its own, and how far each of its partitions has come. Partitions of links
/// are numbered from kLinksPartition here.
struct Service::Lane {
  Lane(Store& store, Flusher& flusher, const Settings& settings, std::size_t budget)
      : table(store, channel_memories(), {.budget_bytes = budget, .expiry = settings.state.expiry}), checkpoint(table, flusher, store) {}

  /// An operators' command that waits for its place. One that came while nobody served waits until everything is judged that was there
  /// then: what it speaks of may be in it.
  struct Order {
    ContextChange change;
    bool at_once = true;
  };
  struct Owned {
    Offset applied;
    std::atomic<std::int64_t> low{0};
    FactJournal facts;
    std::optional<LogMark> newest;  // of what was read
    Offset noted{-1};               // of the mark that was given to the store last
    std::vector<Order> orders;      // oldest first
    std::optional<Offset> end;      // of the partition, as first heard since it came; where an order waits for it
  };

  AgentTable table;
  Checkpoint checkpoint;
  std::unique_ptr<ServiceOutputs> outputs;
  InputLog* log = nullptr;                      // of its topic
  std::map<Partition, std::string> distrusted;  // of those owned, whose log is not the one that was read, and why; serving thread
  std::map<Partition, Owned> owned;             // changed only while the thread is parked
  std::map<Partition, Offset> left_at;          // the low-water marks of partitions that left; serving thread
  Steady::time_point next_mark, next_orders;
  Gauge* oldest_dirty_ns = nullptr;
  std::jthread thread;

  /// Every record up to here has been applied and what it caused is stored, for each partition.
  [[nodiscard]] std::vector<Horizon> horizons() const;
  /// These were applied, in order.
  void applied(std::span<const Record> records);
  /// By what was read last the logs are known again: to the store with the next batch.
  void note_logs();
  /// Every output of its partitions is stored for good.
  [[nodiscard]] bool all_acknowledged() const;
  /// Where the partition would go on from after a restart.
  [[nodiscard]] std::optional<Offset> low(Partition partition) const;
};

/// One shard: its thread, its agents, and how far each of its partitions has come.
struct Service::ShardRun : Lane {
  ShardRun(std::size_t number, Store& store, Flusher& flusher, const Settings& settings, std::size_t shards, RuleSet rules)
      : Lane(store, flusher, settings, settings.state.memory_limit / shards),
        index(number),
        shard(table, rules.rules, {}),
        in_force(std::move(rules)) {}

  std::size_t index;
  Shard shard;
  EventDecoder decoder;
  Window window;
  ActiveAgents active;
  std::atomic<std::size_t> active_count{0};
  std::uint64_t rules_version = 0;
  std::size_t changes_taken = 0;
  std::int64_t context_next = 0;  // offset of the context topic behind the last change taken
  RuleSet in_force;
  std::vector<std::string> observed;  // facts of the own observer that are to take effect; under the service's mutex
  std::atomic<std::size_t> observed_count{0};
  Steady::time_point next_change;
  std::size_t words_read = 0;        // of what gates have confirmed
  std::size_t lifted_read = 0;       // of what was released since, as far as it is among them
  std::vector<ContextChange> words;  // read and not taken: the states may yet come to what they are about
  bool contained = false;            // something was, since words were looked at
  Steady::time_point next_words;
  LiveView view;
  ActiveNote active_note;
};

[[nodiscard]] Nanos steady_now();
[[nodiscard]] RunError of_kafka(const KafkaError& error);
[[nodiscard]] RunError of_store(const StoreError& error);
[[nodiscard]] RunError of_sink(const SinkError& error);
/// Name of the record by which a partition's log is known again.
[[nodiscard]] std::string log_record(Partition partition);
/// Name of what the fleet observer knows in the store.
inline constexpr std::string_view kObserverRecord = "observer";
/// Name of the persona sets by which links are judged, newest first.
inline constexpr std::string_view kLinkSetsRecord = "links/sets";
/// The name by which this process is a member of its groups.
[[nodiscard]] std::string instance_of(const Settings& settings);
/// Name of a partition's facts in the store.
[[nodiscard]] std::string facts_record(Partition partition);
/// Name of what other writers have put over a partition's agents in the store.
[[nodiscard]] std::string foreign_record(Partition partition);
[[nodiscard]] std::string trees_record(Partition partition);
/// Name of the offset of the context topic from which on no operators' command has been obeyed in a partition.
[[nodiscard]] std::string commands_record(Partition partition);
/// Name of what of the context has taken effect in a partition: `next digest`, the offset of the context topic from which on nothing has,
/// and the digest of the persona set's record.
[[nodiscard]] std::string in_force_record(Partition partition);

}  // namespace ringfence
