// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace ringfence {

/// The newest of what is replaced as a whole and never changed. Any thread; nobody waits longer than another's copy of a pointer takes.
/// In place of std::atomic<std::shared_ptr>, whose `load` orders its reading before no later `store` in libstdc++ 12: it unlocks relaxed.
template <class T>
class Published {
 public:
  Published() = default;
  explicit Published(std::shared_ptr<const T> first) : value_(std::move(first)) {}

  [[nodiscard]] std::shared_ptr<const T> load() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }
  /// What it replaces ends with its last reader, and not under the lock.
  void store(std::shared_ptr<const T> next) {
    const std::lock_guard lock(mutex_);
    value_.swap(next);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> value_;
};

}  // namespace ringfence
