// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace ringfence {

/// Runs the same work on N lanes and waits for all of them; lane 0 is the caller's own thread, so one lane costs nothing.
class ForkJoin {
 public:
  explicit ForkJoin(std::size_t lanes);
  ~ForkJoin();
  ForkJoin(const ForkJoin&) = delete;
  ForkJoin& operator=(const ForkJoin&) = delete;

  /// Calls `work(lane)` once for every lane, in parallel; returns when all have returned. `work` must not throw.
  void run(const std::function<void(std::size_t)>& work);
  [[nodiscard]] std::size_t lanes() const { return threads_.size() + 1; }

 private:
  void serve(const std::stop_token& stop, std::size_t lane);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  const std::function<void(std::size_t)>* work_ = nullptr;
  std::size_t round_ = 0, busy_ = 0;
  std::vector<std::jthread> threads_;
};

}  // namespace ringfence
