// SPDX-License-Identifier: Apache-2.0
#include "engine/app/fork_join.h"

namespace ringfence {

ForkJoin::ForkJoin(std::size_t lanes) {
  for (std::size_t lane = 1; lane < lanes; ++lane) {
    threads_.emplace_back([this, lane](const std::stop_token& stop) { serve(stop, lane); });
  }
}

ForkJoin::~ForkJoin() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

void ForkJoin::run(const std::function<void(std::size_t)>& work) {
  if (!threads_.empty()) {
    const std::lock_guard lock(mutex_);
    work_ = &work;
    busy_ = threads_.size();
    ++round_;
  }
  changed_.notify_all();
  work(0);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return busy_ == 0; });
}

void ForkJoin::serve(const std::stop_token& stop, std::size_t lane) {
  std::size_t seen = 0;
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [&] { return round_ != seen; })) {
    seen = round_;
    const auto* work = work_;
    lock.unlock();
    (*work)(lane);
    lock.lock();
    if (--busy_ == 0) changed_.notify_all();
  }
}

}  // namespace ringfence
