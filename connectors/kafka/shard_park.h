// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <vector>

namespace ringfence {

/// A barrier at which all shard threads stand still between two polls, so that one other thread may change what they own. While it holds
/// them it may touch whatever they touch.
class ShardPark {
 public:
  explicit ShardPark(std::size_t shards) : running_(shards, 0) {}

  /// Shard thread, before each poll: stands still while the park is closed. Costs one load when it is open.
  void pass(std::size_t shard) {
    if (running_[shard] != 0 && !closed_.load(std::memory_order_acquire)) return;
    stand(shard);
  }
  /// Shard thread: will not poll again.
  void leave(std::size_t shard);

  /// Closes the park, calls `wake` to end what shards wait for, and waits until no shard runs. False where one still does at the deadline;
  /// the park then is open again.
  [[nodiscard]] bool close(std::chrono::milliseconds within, const std::function<void()>& wake);
  void open();

 private:
  void stand(std::size_t shard);

  std::atomic<bool> closed_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t running_count_ = 0;
  std::vector<char> running_;  // element k: read and written by shard k alone
};

}  // namespace ringfence
