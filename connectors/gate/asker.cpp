// SPDX-License-Identifier: Apache-2.0
#include "connectors/gate/asker.h"

#include <algorithm>
#include <utility>

#include "engine/event/sha256.h"

namespace ringfence {
namespace {

constexpr std::chrono::milliseconds kWait{100};
constexpr std::chrono::milliseconds kPauseAfterFault{50};

void add(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) { counter.fetch_add(by, std::memory_order_relaxed); }

}  // namespace

std::string_view name_of(AskEnd end) {
  static constexpr std::array<std::string_view, kAskEnds> kNames{"answered", "late", "unsent", "full", "unaskable"};
  return kNames[static_cast<std::size_t>(end)];
}

Asker::Asker(Settings settings, std::unique_ptr<AskFeed> feed) : settings_(std::move(settings)), feed_(std::move(feed)) {
  hearing_ = std::jthread([this](const std::stop_token& stop) { hear(stop); });
  watching_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
}

Asker::~Asker() {
  hearing_.request_stop();
  watching_.request_stop();
  hearing_.join();
  watching_.join();
  for (auto& [asked, waiting] : std::exchange(waiting_, {})) waiting.done(counted(without_answer(AskEnd::Late, waiting.without)));
}

void Asker::ask(const std::string& agent, const std::string& event, WithoutAnswer without, Done done) {
  const std::string asked = sha256_hex(event);
  const auto now = Clock::now();
  bool full = false, first = false;
  {
    // Before it is sent: the answer may be faster than this thread.
    const std::lock_guard lock(mutex_);
    full = waiting_.size() >= settings_.waiting_max;
    if (!full) {
      first = deadlines_.empty();
      waiting_.emplace(asked, Waiting{now, without, std::move(done)});
      deadlines_.emplace_back(now + settings_.deadline, asked);
      tally_.waiting.store(waiting_.size(), std::memory_order_relaxed);
    }
  }
  // NOLINTNEXTLINE(bugprone-use-after-move): it was taken only where there was room.
  if (full) return done(counted(without_answer(AskEnd::Full, without)));
  if (first) changed_.notify_all();
  if (feed_->send(agent, event)) return;
  if (auto mine = taken(asked)) mine->done(counted(without_answer(AskEnd::Unsent, without)));
}

AskResult Asker::unaskable(WithoutAnswer without) { return counted(without_answer(AskEnd::Unaskable, without)); }

/// Whoever takes a question out ends it: nobody else finds it any more.
std::optional<Asker::Waiting> Asker::taken(const std::string& asked) {
  const std::lock_guard lock(mutex_);
  auto found = waiting_.extract(asked);
  tally_.waiting.store(waiting_.size(), std::memory_order_relaxed);
  if (found.empty()) return std::nullopt;
  return std::move(found.mapped());
}

AskResult Asker::counted(AskResult result) {
  add((result.allowed ? tally_.allowed : tally_.refused)[static_cast<std::size_t>(result.end)]);
  return result;
}

void Asker::hear(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto tokens = feed_->read(kWait);
    if (!tokens) {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, stop, kPauseAfterFault, [] { return false; });  // only a stop cuts it short
      continue;
    }
    for (const std::string& token : *tokens) take(token);
  }
}

void Asker::take(const std::string& token) {
  const auto answer = verify_answer(token, settings_.trusted, settings_.audience, settings_.issuer);
  if (!answer || answer->gate != settings_.gate || answer->generation < settings_.generation(answer->writer)) return add(tally_.untrusted);
  const auto mine = taken(answer->asked);
  if (!mine) return add(tally_.stray);
  const auto took = Clock::now() - mine->began;
  const auto bound = std::ranges::lower_bound(AskTally::kBounds, std::chrono::nanoseconds(took).count());
  add(tally_.took[static_cast<std::size_t>(bound - AskTally::kBounds.begin())]);
  add(tally_.took_ns, static_cast<std::uint64_t>(std::chrono::nanoseconds(took).count()));
  mine->done(counted({AskEnd::Answered, answer->allowed, answer->finding_uid}));
}

void Asker::watch(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (deadlines_.empty()) {
      changed_.wait(lock, stop, [this] { return !deadlines_.empty(); });
      continue;
    }
    const auto due = deadlines_.front().first;
    if (Clock::now() < due) {
      changed_.wait_until(lock, stop, due, [] { return false; });  // the first one's deadline is the earliest, whatever comes
      continue;
    }
    const std::string asked = std::move(deadlines_.front().second);
    deadlines_.pop_front();
    lock.unlock();
    if (auto late = taken(asked)) late->done(counted(without_answer(AskEnd::Late, late->without)));
    lock.lock();
  }
}

}  // namespace ringfence
