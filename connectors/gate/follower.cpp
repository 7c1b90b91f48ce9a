// SPDX-License-Identifier: Apache-2.0
#include "connectors/gate/follower.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/event/escape.h"

namespace ringfence {
namespace {

constexpr std::size_t kBatch = 1024;
constexpr std::chrono::milliseconds kWait{100};
constexpr std::chrono::milliseconds kPauseAfterFault{100};
constexpr std::size_t kUnstoredMax = 32 * kBatch;
constexpr std::size_t kFaultChars = 500;
constexpr std::size_t kUnsentMax = 200'000;  // acknowledgements that wait for their way out; every record is said again after a restart

}  // namespace

WallTime Follower::wall_now() {
  return WallTime{std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count()};
}

std::uint32_t Follower::minute_now() {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::minutes>(std::chrono::steady_clock::now().time_since_epoch()).count());
}

Follower::Follower(Settings settings, Parts parts, Notice notice)
    : settings_(std::move(settings)), parts_(std::move(parts)), notice_(std::move(notice)), state_(settings_.state) {}

std::expected<std::unique_ptr<Follower>, SinkError> Follower::start(Settings settings, Parts parts, Notice notice) {
  std::unique_ptr<Follower> follower(new Follower(std::move(settings), std::move(parts), std::move(notice)));
  if (auto loaded = follower->load(); !loaded) return std::unexpected(loaded.error());
  follower->thread_ = std::jthread([self = follower.get()](const std::stop_token& stop) { self->run(stop); });
  return follower;
}

Follower::~Follower() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

std::expected<void, SinkError> Follower::load() {
  auto entries = parts_.store.load();
  if (!entries) return std::unexpected(entries.error());
  // In the order of the log, so what a later line overtook is refused or repeated here as it was there.
  auto step = state_.take(*entries, minute_now(), settings_.verify_threads);
  const auto left_out = parts_.store.judge(*entries, step.unverified);
  if (!left_out) return std::unexpected(left_out.error());
  // What was in force must not end with a change of the settings unless somebody says so.
  if (left_out->not_for_this_reader) return std::unexpected(*left_out->not_for_this_reader);
  if (left_out->of_unknown_keys > 0)
    notice_("stored records are no longer in force: no key trusted now has signed them", std::to_string(left_out->of_unknown_keys));
  began_with_state_ = state_.knows_anything();
  put_in_force();
  state_.applied(step.acks, wall_now());
  know_generations();
  look();
  return {};
}

void Follower::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    auto batch = parts_.feed->read(kBatch, kWait);
    if (batch) {
      if (std::exchange(feed_away_, false)) notice_("the control log is there again", "");
      take(*batch);
    } else {
      if (!std::exchange(feed_away_, true)) notice_("the control log is away", batch.error().message);
      feed_fault_ = printable(batch.error().message, kFaultChars);
      std::unique_lock lock(mutex_);
      ++figures_.feed_faults;
      pause_.wait_for(lock, stop, kPauseAfterFault, [] { return false; });  // only a stop cuts it short
    }
    // While the log comes in whole batches it is in force batch by batch, but synced and acknowledged once.
    const bool more = batch && batch->entries.size() == kBatch && unstored_.size() < kUnstoredMax;
    if (!more) store();
    // What is acknowledged is also answered: the look that lets the gate answer comes first.
    look();
    if (!more) acknowledge();
  }
}

void Follower::take(const ControlLog::Batch& batch) {
  auto step = state_.take(batch.entries, minute_now(), settings_.verify_threads);
  if (step.changed) put_in_force();
  state_.applied(step.acks, wall_now());
  if (batch.caught_up) state_.caught_up();
  count(step);
  if (!step.stored.empty()) know_generations();
  // An old heartbeat says nothing of now: while the log comes in whole batches only the last ones are answered.
  if (batch.entries.size() == kBatch) step.beats.clear();
  for (GateAck& beat : step.beats) {
    if (beat.status == AckStatus::Applied) beat.applied_at = wall_now();
    unsent_.push_back(std::move(beat));
  }
  std::ranges::move(step.stored, std::back_inserter(unstored_));
  std::ranges::move(step.acks, std::back_inserter(unsent_));
}

void Follower::put_in_force() {
  auto next = state_.table();
  const std::size_t in_force = next->size();
  table_.store(std::move(next));
  const std::lock_guard lock(mutex_);
  ++figures_.tables;
  figures_.in_force = in_force;
  figures_.contained = state_.contained();
}

/// Stores what was accepted. After a fault the whole state is written anew as soon as the disk takes it, and nothing is acknowledged
/// before.
void Follower::store() {
  std::expected<void, SinkError> done;
  if (!rewrite_ && unstored_.empty()) return;
  if (!rewrite_) done = parts_.store.append(unstored_);
  unstored_.clear();
  if (done && (rewrite_ || (state_.knows_anything() && parts_.store.wants_compaction(state_.size()))))
    done = parts_.store.replace(state_.snapshot());
  if (done.has_value() == !rewrite_) return;
  rewrite_ = !done;
  notice_(done ? "the gate's state is stored again" : "the gate's state cannot be stored", done ? "" : done.error().message);
  if (done) return;
  const std::lock_guard lock(mutex_);
  ++figures_.store_faults;
}

void Follower::acknowledge() {
  if (rewrite_) return;
  std::size_t sent = 0;
  for (; sent < unsent_.size(); ++sent) {
    const GateAck& ack = unsent_[sent];
    if (parts_.acks->send(ack_key(settings_.gate, ack.key), encode_ack(ack, settings_.gate))) continue;
    const std::lock_guard lock(mutex_);
    ++figures_.acks_failed;
    break;
  }
  unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(sent));
  if (unsent_.size() > kUnsentMax) unsent_.erase(unsent_.begin(), unsent_.end() - static_cast<std::ptrdiff_t>(kUnsentMax));
}

void Follower::look() {
  GateReadiness now = state_.readiness(wall_now());
  if (feed_away_) now.why += (now.why.empty() ? "" : "; ") + std::string("the control log is away");
  const bool certain = now.caught_up && now.agrees && now.fresh;
  answers_.store(settings_.fail_closed ? certain : began_with_state_ || now.caught_up, std::memory_order_relaxed);
  // The words of a fault hold times and counts that change: they are shown, and are no news.
  const bool news = std::exchange(told_, now.why) != now.why;
  if (feed_away_) now.why += ": " + feed_fault_;
  {
    const std::lock_guard lock(mutex_);
    readiness_ = now;
  }
  if (news) notice_(now.why.empty() ? "ready" : "readiness", now.why);  // once it is so
}

void Follower::know_generations() {
  auto now = state_.generations();
  const std::lock_guard lock(mutex_);
  generations_ = std::move(now);
}

std::uint64_t Follower::generation(std::string_view writer) const {
  const std::lock_guard lock(mutex_);
  const auto found = generations_.find(writer);
  return found == generations_.end() ? 0 : found->second;
}

void Follower::count(const ControlState::Step& step) {
  const std::lock_guard lock(mutex_);
  for (const GateAck& ack : step.acks) ++figures_.records[ack.status];
  if (step.unanswered > 0) figures_.records[AckStatus::BadSignature] += step.unanswered;
}

GateReadiness Follower::readiness() const {
  const std::lock_guard lock(mutex_);
  return readiness_;
}

FollowerFigures Follower::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

}  // namespace ringfence
