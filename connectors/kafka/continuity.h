// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/event/ids.h"

namespace ringfence {

/// Watches one partition's offsets come by: every record must be the one after the last. This catches records that a client library lost on
/// the way, for one comparison each.
///
/// A jump is first answered by seeking back. Only what is missing again after that is missing in the log itself (compaction, transactions'
/// markers) and is passed over, counted. Damaged bytes get the same second chance, then the partition stands still: a hole nobody vouches
/// for is never passed over.
///
/// Written by the shard that owns the partition, and by the serving thread while all shards are parked; `next` and `standing` may be read
/// by anyone.
class Continuity {
 public:
  enum class Verdict : std::uint8_t {
    Take,     // the expected record
    Hole,     // the log has no record between the expected one and this one: take it, and count
    Gap,      // records are missing: seek back to `next`; this one is dropped and will come again
    Corrupt,  // damaged twice: the partition stands still
    Drop,     // already seen, fetched before a seek, or of a partition that is not ours or stands still
  };

  /// The partition is ours from here on. Without an offset its first record sets it.
  void begin(std::int64_t next, bool holes_expected) {
    holes_expected_ = holes_expected;
    set(State::Following);
    next_.store(next, std::memory_order_relaxed);
  }
  /// A seek to `next` is under way.
  void sought(std::int64_t next) {
    set(State::Confirming);
    next_.store(next, std::memory_order_relaxed);
  }
  void stop() { set(State::Standing); }
  void end() {
    set(State::Absent);
    next_.store(kUnknown, std::memory_order_relaxed);
  }

  [[nodiscard]] Verdict judge(std::int64_t offset) {
    const State state = state_.load(std::memory_order_relaxed);
    if (state != State::Following && state != State::Confirming) return Verdict::Drop;
    const std::int64_t next = next_.load(std::memory_order_relaxed);
    if (offset == next || next == kUnknown) {
      set(State::Following);
      next_.store(offset + 1, std::memory_order_relaxed);
      return Verdict::Take;
    }
    if (offset < next) return Verdict::Drop;
    if (state == State::Following && !holes_expected_) {
      set(State::Seeking);
      return Verdict::Gap;
    }
    set(State::Following);
    next_.store(offset + 1, std::memory_order_relaxed);
    return Verdict::Hole;
  }

  /// The client could not read what it fetched.
  [[nodiscard]] Verdict judge_damaged() {
    const State state = state_.load(std::memory_order_relaxed);
    if (state == State::Following) {
      set(State::Seeking);
      return Verdict::Gap;
    }
    if (state != State::Confirming) return Verdict::Drop;
    set(State::Standing);
    return Verdict::Corrupt;
  }

  /// Offset of the record expected next; `kUnknown` where the partition is not ours or began at the log's start and showed none yet.
  [[nodiscard]] std::int64_t next() const { return next_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool assigned() const { return state_.load(std::memory_order_relaxed) != State::Absent; }
  [[nodiscard]] bool standing() const { return state_.load(std::memory_order_relaxed) == State::Standing; }

  static constexpr std::int64_t kUnknown = -1;

 private:
  enum class State : std::uint8_t { Absent, Following, Seeking, Confirming, Standing };
  void set(State state) { state_.store(state, std::memory_order_relaxed); }

  std::atomic<State> state_{State::Absent};
  bool holes_expected_ = false;
  std::atomic<std::int64_t> next_{kUnknown};
};

}  // namespace ringfence
