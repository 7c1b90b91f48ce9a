// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/event/decode.h"
#include "engine/event/ids.h"
#include "engine/event/level.h"
#include "engine/pipeline/evaluability.h"

namespace ringfence {

/// A count that one thread raises and any thread reads; no locked instruction.
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A count that several threads raise.
class SharedCounter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A value that one thread sets and any thread reads.
class Gauge {
 public:
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

/// How long something took, counted in fixed buckets; one thread observes.
class LatencyHistogram {
 public:
  /// Upper bounds of the buckets, included; what took longer has a bucket of its own.
  static constexpr std::array<Nanos, 16> kBounds = {Nanos{50'000},     Nanos{100'000},   Nanos{200'000},    Nanos{500'000},
                                                    milliseconds(1),   milliseconds(2),  milliseconds(5),   milliseconds(10),
                                                    milliseconds(20),  milliseconds(50), milliseconds(100), milliseconds(200),
                                                    milliseconds(500), seconds(1),       seconds(2),        seconds(5)};

  /// Negative lengths, from clocks that were set back, count as zero.
  void observe(Nanos length) {
    const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), length);
    buckets_[static_cast<std::size_t>(bound - kBounds.begin())].add();
    sum_ns_.add(static_cast<std::uint64_t>(std::max<std::int64_t>(length.value, 0)));
  }
  [[nodiscard]] std::uint64_t bucket(std::size_t index) const { return buckets_[index].value(); }
  [[nodiscard]] std::uint64_t sum_ns() const { return sum_ns_.value(); }

 private:
  std::array<Counter, kBounds.size() + 1> buckets_;
  Counter sum_ns_;
};

/// What one shard counts, written by its thread alone. A cache line of its own, so that shards do not slow each other.
struct alignas(64) ShardCounters {
  static constexpr std::size_t kReasons = static_cast<std::size_t>(RefusalReason::Unmapped) + 1;

  Counter events;  // judged, copies of known acts among them
  Counter copies;  // of known acts: no further effect
  std::array<Counter, kReasons> refused;
  std::array<Counter, kLevels> verdicts;  // events after which the agent stood at this level
  LatencyHistogram decision;              // from the record's arrival in the process to the decision
  Gauge lag_records;                      // records in the shard's partitions not yet judged
  Gauge feed_delay_ns;                    // of the latest record: its arrival less its event time
  Gauge oldest_dirty_ns;                  // steady clock when the oldest unwritten state became so; 0: all are written
  Gauge state_bytes;                      // memory of states
  Gauge agents;                           // in memory
  Gauge memories_dropped;                 // of stored states, that could not be read

  Counter& refused_for(RefusalReason reason) { return refused[static_cast<std::size_t>(reason)]; }
  Counter& verdicts_at(Level level) { return verdicts[static_cast<std::size_t>(level)]; }
};

/// What the thread that judges links counts.
struct alignas(64) LinkCounters {
  Counter judged;
  Counter repeated;                                           // was here before: no further effect
  Counter unknown;                                            // of a persona that is not in force here: no effect
  Counter refused;                                            // to the dead letter
  Gauge lag_records, oldest_dirty_ns, state_bytes, subjects;  // as a shard's
  Gauge memories_dropped;                                     // likewise
};

/// Stages of a drill, which engine/app/drill.h names.
inline constexpr std::size_t kDrillStages = 7;

/// What the process as a whole counts, by any thread.
struct ProcessCounters {
  struct Output {
    SharedCounter acknowledged, failed;  // records; failed attempts, each retried
  };
  Output findings, control, dead_letter, links, audit;
  Output answers;                          // to gates that asked before an act; `acknowledged`: sent
  Output observer_facts;                   // outages and recoveries that the fleet observer found
  Gauge standing_events, standing_links;   // partitions that are not read on; serving thread
  Gauge changelog_waiting;                 // states that wait for room in the changelog; serving thread
  Gauge changelog_passed_over;             // that it does not take; serving thread
  Counter store_faults;                    // refused tries to write states; serving thread
  SharedCounter reloads, reloads_refused;  // of persona sets
  SharedCounter drills_passed, drills_failed;
  std::array<Gauge, kDrillStages> drill_stage_ns;  // of the latest drill: from the forbidden call
  Gauge drill_passed_ns;                           // when one last did, since 1970; 0: not since the start
};

/// All counters of a running service and their page for Prometheus. The counters are written while the page is made: each number is right
/// by itself, two of them may be an event apart.
class ServiceMetrics {
 public:
  explicit ServiceMetrics(std::size_t shards);

  [[nodiscard]] std::size_t shards() const { return count_; }
  [[nodiscard]] ShardCounters& shard(std::size_t index) { return shards_[index]; }
  [[nodiscard]] LinkCounters& links() { return links_; }
  [[nodiscard]] ProcessCounters& process() { return process_; }
  /// Where a shard counts what it could not judge; before the page is served, and alive as long as it is.
  void watch(const Evaluability& shard) { evaluability_.push_back(&shard); }
  /// Prometheus text format 0.0.4. `steady_now` is the clock of `oldest_dirty_ns`.
  [[nodiscard]] std::string exposition(Nanos steady_now) const;

 private:
  std::size_t count_;
  std::unique_ptr<ShardCounters[]> shards_;
  LinkCounters links_;
  ProcessCounters process_;
  std::vector<const Evaluability*> evaluability_;
};

}  // namespace ringfence
