// SPDX-License-Identifier: Apache-2.0
#include "engine/state/flusher.h"

#include <utility>

namespace ringfence {

Flusher::Flusher(Store& store, FlusherSettings settings) : store_(store), settings_(settings) {
  if (settings_.threaded) thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

Flusher::~Flusher() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  std::unique_lock lock(mutex_);
  while (!queue_.empty())
    if (!write_front(lock)) return;
  if (synced_ < written_) sync(lock);
}

bool Flusher::has_room() const {
  const std::scoped_lock lock(mutex_);
  return queued_bytes_ < settings_.queue_bytes;
}

std::uint64_t Flusher::offer(std::vector<StoreWrite> batch) {
  std::size_t bytes = 0;
  for (const auto& write : batch) bytes += sizeof(StoreWrite) + write.key.size() + write.value.size();
  std::uint64_t number = 0;
  {
    const std::scoped_lock lock(mutex_);
    const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
    queue_.push_back({std::move(batch), bytes, now});
    waiting_since_ns_.store(queue_.front().offered_ns, std::memory_order_relaxed);
    queued_bytes_ += bytes;
    number = ++offered_;
  }
  if (settings_.threaded)
    wake_.notify_one();
  else
    poll();
  return number;
}

void Flusher::poll() {
  if (settings_.threaded) return;
  std::unique_lock lock(mutex_);
  while (!queue_.empty())
    if (!write_front(lock)) return;
}

std::expected<void, StoreError> Flusher::drain(std::chrono::milliseconds at_most) {
  poll();
  std::unique_lock lock(mutex_);
  const std::uint64_t target = offered_;
  if (!settings_.threaded) {
    if (queue_.empty() && synced_ < written_) sync(lock);
  } else {
    drain_to_ = target;
    wake_.notify_one();
    progress_.wait_until(lock, Clock::now() + at_most, [&] { return synced_ >= target; });
  }
  if (synced_ >= target) return {};
  return std::unexpected(fault_.value_or(StoreError{StoreError::Kind::Io, "the state store did not take everything in time"}));
}

Flusher::Health Flusher::health() const {
  const std::scoped_lock lock(mutex_);
  return {fault_, failed_tries_, offered_, written_, synced_, queued_bytes_};
}

void Flusher::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto now = Clock::now();
    if (should_sync(now)) {
      sync(lock);
    } else if (can_write(now)) {
      write_front(lock);
    } else {
      const auto ready = [this] { return can_write(Clock::now()) || should_sync(Clock::now()); };
      if (const auto deadline = next_deadline())
        wake_.wait_until(lock, stop, *deadline, ready);
      else
        wake_.wait(lock, stop, ready);
    }
  }
}

bool Flusher::can_write(Clock::time_point now) const { return !queue_.empty() && (!fault_ || now >= retry_at_); }

bool Flusher::should_sync(Clock::time_point now) const {
  if (synced_ == written_) return false;
  if (fault_) return queue_.empty() && now >= retry_at_;
  return now >= sync_at_ || (synced_ < drain_to_ && written_ >= drain_to_);
}

std::optional<Flusher::Clock::time_point> Flusher::next_deadline() const {
  if (fault_) return retry_at_;
  if (synced_ != written_) return sync_at_;
  return std::nullopt;
}

bool Flusher::write_front(std::unique_lock<std::mutex>& lock) {
  const Batch& front = queue_.front();  // a deque's front stays where it is while others are pushed
  lock.unlock();
  const auto done = store_.write(front.writes);
  lock.lock();
  if (!note(done)) return false;
  queued_bytes_ -= front.bytes;
  queue_.pop_front();
  waiting_since_ns_.store(queue_.empty() ? 0 : queue_.front().offered_ns, std::memory_order_relaxed);
  if (synced_ == written_) sync_at_ = Clock::now() + settings_.sync_every;
  written_.fetch_add(1, std::memory_order_release);
  progress_.notify_all();
  return true;
}

bool Flusher::sync(std::unique_lock<std::mutex>& lock) {
  const std::uint64_t upto = written_;
  lock.unlock();
  const auto done = store_.sync();
  lock.lock();
  if (!note(done)) return false;
  synced_ = upto;
  sync_at_ = Clock::now() + settings_.sync_every;
  progress_.notify_all();
  return true;
}

bool Flusher::note(const std::expected<void, StoreError>& done) {
  if (done) {
    fault_.reset();
    return true;
  }
  fault_ = done.error();
  ++failed_tries_;
  retry_at_ = Clock::now() + settings_.retry_every;
  return false;
}

}  // namespace ringfence
