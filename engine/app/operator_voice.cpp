// SPDX-License-Identifier: Apache-2.0
#include "engine/app/operator_voice.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "engine/app/wall_clock.h"

namespace ringfence {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBatch = 1000;
/// Ahead of each further attempt, longer from one to the next.
constexpr std::chrono::milliseconds kAgain{5}, kAgainMost{200};
/// Between looks at a log that does not wait itself.
constexpr std::chrono::milliseconds kLook{2};

std::unexpected<std::string> in_time(const char* what) { return std::unexpected(std::string(what) + " in time"); }

std::uint64_t least_epoch() { return static_cast<std::uint64_t>(std::max<std::int64_t>(wall_now().value / 1'000'000, 1)); }

}  // namespace

OperatorVoice::OperatorVoice(const Settings& settings, const SigningKey& key, const TrustedKeys& trusted, ControlLog& log,
                             OutputProgress& progress)
    : log_(log),
      progress_(progress),
      key_(key),
      trusted_(trusted),
      issuer_{.iss = settings.iss, .aud = settings.aud, .writer = std::string(kOperatorWriter)},
      within_(settings.within),
      writer_(issuer_, settings.claimant, {key, trusted, log, radius_}) {}

OperatorVoice::Done OperatorVoice::read_to_end(const std::string& scope, std::function<void(const ControlEntry&)> each) {
  scope_ = scope;
  each_ = std::move(each);
  const auto at_end = [](const ControlLog::Batch& batch) { return batch.caught_up && batch.entries.empty(); };
  return read_until(Clock::now() + within_, at_end);
}

template <class Enough>
OperatorVoice::Done OperatorVoice::read_until(Deadline deadline, Enough enough) {
  while (true) {
    const std::uint64_t turn = progress_.turn();
    const auto batch = log_.read(kBatch);
    if (!batch) return std::unexpected(batch.error().message);
    if (batch->anew) {
      writer_.log_began_anew();
      if (heard_ == Heard::NotYet) heard_ = Heard::Passed;  // it went with the log
    }
    for (const ControlEntry& entry : batch->entries) take(entry);
    if (enough(*batch)) return {};
    if (Clock::now() > deadline) return in_time("the end of the control log was not reached");
    if (batch->entries.empty()) static_cast<void>(progress_.wait(turn, Clock::now() + kLook));
  }
}

void OperatorVoice::take(const ControlEntry& entry) {
  if (each_) each_(entry);
  const bool counts = writer_.observe(entry);
  if (entry.key.starts_with('~') || !entry.key.ends_with("#" + std::string(kOperatorWriter))) return;
  if (counts)
    astray_.erase(entry.key);
  else
    astray_.insert(entry.key);
  const auto message = verify_control(entry.key, entry.value, trusted_, issuer_.aud.front());
  const auto* said = message ? std::get_if<SignedContainment>(&message->body) : nullptr;
  if (said == nullptr) return;
  if (message->jti == said_ && said->record.epoch == said_epoch_)
    heard_ = counts && writer_.state() == ControlWriter::State::Speaking ? Heard::Counts : Heard::Passed;
  if (said->record.scope != scope_) return;
  const bool later = !last_ || said->record.epoch > last_->epoch;
  if (later) last_ = said->record;
  if (later || (counts && said->record.epoch == last_->epoch)) last_kid_ = kid_of_jws(entry.value).value_or(std::string());
}

/// Where the last claim holds no more, the next.
OperatorVoice::Done OperatorVoice::claim() {
  writer_.claim_again();
  if (auto claimed = writer_.caught_up(wall_now()); !claimed) return std::unexpected(claimed.error().message);
  issuer_.generation = writer_.generation();
  return {};
}

/// With a claim ahead of it.
OperatorVoice::Done OperatorVoice::send(const ContainmentRecord& record, Deadline deadline) {
  if (auto claimed = claim(); !claimed) return claimed;
  const auto ticket = log_.append(control_key(record.scope, kOperatorWriter), sign_jws(key_, encode_containment(record, issuer_, said_)));
  if (!ticket) return std::unexpected(ticket.error().message);
  return wait_stored(*ticket, deadline);
}

OperatorVoice::Done OperatorVoice::wait_stored(std::uint64_t ticket, Deadline deadline) {
  while (Clock::now() < deadline) {
    const std::uint64_t turn = progress_.turn();
    const auto stored = log_.acknowledged();
    if (!stored) return std::unexpected(stored.error().message);
    if (*stored >= ticket) return {};
    if (!progress_.wait(turn, deadline)) break;
  }
  return in_time("the control log did not acknowledge");
}

/// What stands under another key, and whatever of people's words was put astray: by somebody else who spoke meanwhile, or by who may write
/// the log.
OperatorVoice::Done OperatorVoice::say_again(Deadline deadline) {
  while (Clock::now() < deadline) {
    if (auto claimed = claim(); !claimed) return claimed;
    const auto ticket = writer_.say_again(std::exchange(astray_, {}));
    if (!ticket) return std::unexpected(ticket.error().message);
    if (!*ticket) return {};
    if (auto stored = wait_stored(**ticket, deadline); !stored) return stored;
    const auto at_end = [](const ControlLog::Batch& batch) { return batch.caught_up && batch.entries.empty(); };
    if (auto read = read_until(deadline, at_end); !read) return read;
    if (writer_.state() == ControlWriter::State::Speaking && astray_.empty()) return {};
  }
  return in_time("what stands under another key was not said again");
}

OperatorVoice::Done OperatorVoice::take_over() {
  if (!writer_.holds_others_words()) return {};
  return say_again(Clock::now() + within_);
}

OperatorVoice::Done OperatorVoice::say(ContainmentRecord record, const std::string& jti) {
  const Deadline deadline = Clock::now() + within_;
  for (auto again = kAgain; Clock::now() < deadline; again = std::min(2 * again, kAgainMost)) {
    record.epoch = std::max(last_ ? last_->epoch + 1 : 1, least_epoch());
    said_ = jti;
    said_epoch_ = record.epoch;
    heard_ = Heard::NotYet;
    if (auto sent = send(record, deadline); !sent) return sent;
    auto read = read_until(deadline, [this](const ControlLog::Batch&) { return heard_ != Heard::NotYet; });
    if (!read) return read;
    if (heard_ == Heard::Counts) return say_again(Clock::now() + within_);
    const Deadline then = Clock::now() + again;
    if (auto waited = read_until(deadline, [then](const ControlLog::Batch&) { return Clock::now() >= then; }); !waited) return waited;
  }
  return in_time("others spoke as operator, and this was not heard");
}

}  // namespace ringfence
