// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/shard_park.h"

namespace ringfence {

void ShardPark::stand(std::size_t shard) {
  std::unique_lock lock(mutex_);
  if (running_[shard] != 0) {
    running_[shard] = 0;
    --running_count_;
    changed_.notify_all();
  }
  changed_.wait(lock, [&] { return !closed_.load(std::memory_order_relaxed); });
  running_[shard] = 1;
  ++running_count_;
}

void ShardPark::leave(std::size_t shard) {
  const std::lock_guard lock(mutex_);
  if (running_[shard] == 0) return;
  running_[shard] = 0;
  --running_count_;
  changed_.notify_all();
}

bool ShardPark::close(std::chrono::milliseconds within, const std::function<void()>& wake) {
  std::unique_lock lock(mutex_);
  closed_.store(true, std::memory_order_release);
  // Only after the flag: a shard that is woken finds the park closed.
  wake();
  if (changed_.wait_for(lock, within, [&] { return running_count_ == 0; })) return true;
  closed_.store(false, std::memory_order_release);
  changed_.notify_all();
  return false;
}

void ShardPark::open() {
  const std::lock_guard lock(mutex_);
  closed_.store(false, std::memory_order_release);
  changed_.notify_all();
}

}  // namespace ringfence
