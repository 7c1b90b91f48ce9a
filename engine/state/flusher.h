// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <expected>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "engine/state/store.h"

namespace ringfence {

struct FlusherSettings {
  bool threaded = true;  // false: batches are written by the caller of `offer` and `poll`, for replays and tests; all else is the same
  std::size_t queue_bytes = std::size_t{64} << 20U;
  std::chrono::milliseconds sync_every{1000};
  std::chrono::milliseconds retry_every{500};
};

/// Writes batches to the store in the order they were offered, one process-wide. After a fault it writes nothing further until the same
/// batch went through, tried again each `retry_every`: so the store is always a prefix of what was offered. Thread-safe; shards share one.
class Flusher {
 public:
  Flusher(Store& store, FlusherSettings settings);
  /// Tries once to write and sync what is left; what cannot be written is lost with the process, and found again by replay from `low`.
  ~Flusher();
  Flusher(const Flusher&) = delete;
  Flusher& operator=(const Flusher&) = delete;

  /// False while the queue is full: do not offer. A batch offered nonetheless is taken, so the bound is `queue_bytes` and a batch a shard.
  [[nodiscard]] bool has_room() const;
  /// Queues a batch and gives its number, counted from 1.
  std::uint64_t offer(std::vector<StoreWrite> batch);
  /// The number of the last batch that is in the store, with all before it. Cheap.
  [[nodiscard]] std::uint64_t written() const { return written_.load(std::memory_order_acquire); }
  /// When the oldest batch that is not in the store was offered, by the steady clock; 0 where none waits. Cheap.
  [[nodiscard]] std::int64_t waiting_since_ns() const { return waiting_since_ns_.load(std::memory_order_relaxed); }
  /// Without a thread: tries to write what is queued after a fault. With one: nothing.
  void poll();
  /// Waits until all that was offered before is written and synced to disk; the fault that stood in the way, if that takes longer.
  [[nodiscard]] std::expected<void, StoreError> drain(std::chrono::milliseconds at_most);

  /// For the alarm and the metrics. A `fault` stands from the first failed try until the next success.
  struct Health {
    std::optional<StoreError> fault;
    std::uint64_t failed_tries = 0;
    std::uint64_t offered = 0, written = 0, synced = 0;  // batch numbers
    std::size_t queued_bytes = 0;
  };
  [[nodiscard]] Health health() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Batch {
    std::vector<StoreWrite> writes;
    std::size_t bytes = 0;
    std::int64_t offered_ns = 0;
  };

  void run(const std::stop_token& stop);
  [[nodiscard]] bool can_write(Clock::time_point now) const;
  [[nodiscard]] bool should_sync(Clock::time_point now) const;
  [[nodiscard]] std::optional<Clock::time_point> next_deadline() const;
  bool write_front(std::unique_lock<std::mutex>& lock);
  bool sync(std::unique_lock<std::mutex>& lock);
  bool note(const std::expected<void, StoreError>& done);

  Store& store_;
  const FlusherSettings settings_;
  mutable std::mutex mutex_;
  std::condition_variable_any wake_, progress_;
  std::deque<Batch> queue_;  // the front is being written
  std::size_t queued_bytes_ = 0;
  std::uint64_t offered_ = 0, synced_ = 0, failed_tries_ = 0;
  std::atomic<std::uint64_t> written_{0};
  std::atomic<std::int64_t> waiting_since_ns_{0};
  std::optional<StoreError> fault_;
  Clock::time_point retry_at_{}, sync_at_{};
  std::uint64_t drain_to_ = 0;  // the highest batch someone waits for
  std::jthread thread_;         // last: stops before what it uses goes
};

}  // namespace ringfence
