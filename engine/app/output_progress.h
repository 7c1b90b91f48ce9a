// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace ringfence {

/// Tells whoever waits for outputs to be stored that something has come in, so that nobody looks at a clock meanwhile. Thread-safe.
class OutputProgress {
 public:
  /// To be taken before the look that may find something missing: what comes in after it ends the wait.
  [[nodiscard]] std::uint64_t turn() const {
    const std::lock_guard lock(mutex_);
    return turn_;
  }
  void tell() {
    {
      const std::lock_guard lock(mutex_);
      ++turn_;
    }
    changed_.notify_all();
  }
  /// Waits until something has come in since `turn`; false where the deadline was first.
  bool wait(std::uint64_t turn, std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, deadline, [&] { return turn_ != turn; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t turn_ = 0;
};

}  // namespace ringfence
