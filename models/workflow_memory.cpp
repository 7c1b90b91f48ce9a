// SPDX-License-Identifier: Apache-2.0
#include "models/workflow_memory.h"

#include <algorithm>
#include <limits>

namespace ringfence {
namespace {

constexpr std::uint8_t kVersion = 3, kAgentVersion = 2;
/// Versions before: of a session, which knew completions alone, or of open acts what they were asked for behind; of an agent, without
/// trust.
constexpr std::uint8_t kWithoutRequests = 1, kHeldAtRequest = 2, kAgentWithoutTrust = 1;
constexpr std::size_t kActionsKept = 2 * kActionsMax;
/// Before each open one lie two that are done at most, and so behind the last.
constexpr std::size_t kSteps = 3 * WorkflowSession::kOpen + 2;
enum Flag : std::uint8_t { kMoves = 1, kDone = 2 };

WorkflowSession::Step decode_step(Reader& in, std::uint8_t version) {
  WorkflowSession::Step step;
  step.event = in.u64();
  step.action = in.u64();
  if (version == kHeldAtRequest) (void)in.u64();
  step.asked = decode_moment(in);
  const std::uint8_t flags = in.u8();
  step.moves = (flags & kMoves) != 0;
  step.done = (flags & kDone) != 0;
  if (version == kVersion) step.lent = in.varint32();
  return step;
}

}  // namespace

bool WorkflowTrust::lend(std::size_t sessions) {
  if (owed_ >= (kMost + sessions) * kTenths) return false;
  owed_ += kTenths;
  return true;
}

void WorkflowTrust::keep(std::uint32_t acts) {
  const std::uint64_t made_up = std::uint64_t{acts} * (kTenths + 1);
  owed_ -= static_cast<std::uint32_t>(std::min<std::uint64_t>(made_up, owed_));
}

const WorkflowSession::Done* WorkflowSession::done(std::uint64_t action) const {
  const auto found = std::ranges::find(done_, action, &Done::action);
  return found == done_.end() ? nullptr : &*found;
}

void WorkflowSession::book(std::uint64_t action, EventTime time) {
  const auto found = std::ranges::find(done_, action, &Done::action);
  if (found == done_.end()) {
    if (done_.size() < kActionsKept) done_.push_back({action, time, 1});
    return;
  }
  found->first = std::min(found->first, time);
  if (found->times < std::numeric_limits<std::uint32_t>::max()) ++found->times;
}

void WorkflowSession::ask(Step step) {
  const auto open = [](const Step& one) { return !one.done; };
  if (std::ranges::count_if(steps_, open) >= std::ptrdiff_t{kOpen}) steps_.erase(std::ranges::find_if(steps_, open));
  insert(step);
}

std::optional<WorkflowSession::Step> WorkflowSession::take(std::uint64_t event) {
  const auto found = std::ranges::find_if(steps_, [&](const Step& step) { return !step.done && step.event == event; });
  if (found == steps_.end()) return std::nullopt;
  const Step step = *found;
  steps_.erase(found);
  return step;
}

void WorkflowSession::move_to(std::uint64_t action, Moment asked) {
  if (asked >= last_asked_) insert({.event = 0, .action = action, .asked = asked, .done = true, .moves = true});
}

/// Of what is done, that before the first open one is where the workflow stands, and between two open ones the first and the last are all
/// that is asked for.
void WorkflowSession::insert(const Step& step) {
  steps_.insert(std::ranges::upper_bound(steps_, step.asked, {}, &Step::asked), step);
  const auto open = std::ranges::find(steps_, false, &Step::done);
  if (open != steps_.begin()) {
    last_ = std::prev(open)->action;
    last_asked_ = std::prev(open)->asked;
    steps_.erase(steps_.begin(), open);
  }
  for (std::size_t i = 2; i < steps_.size();) {
    if (steps_[i - 2].done && steps_[i - 1].done && steps_[i].done)
      steps_.erase(steps_.begin() + static_cast<std::ptrdiff_t>(i) - 1);
    else
      ++i;
  }
}

std::uint64_t WorkflowSession::before(Moment asked) const {
  const auto found = std::ranges::find_if(steps_.rbegin(), steps_.rend(), [&](const Step& s) { return s.done && s.asked <= asked; });
  return found == steps_.rend() ? last_ : found->action;
}

std::uint64_t WorkflowSession::after(Moment asked) const {
  const auto found = std::ranges::find_if(steps_, [&](const Step& step) { return step.done && step.asked > asked; });
  return found == steps_.end() ? 0 : found->action;
}

WorkflowSession::Step* WorkflowSession::awaited(Moment asked, std::uint64_t action) {
  const auto bears = [&](const Step& step) { return step.asked <= asked && (step.done || (step.moves && step.action != action)); };
  const auto found = std::ranges::find_if(steps_.rbegin(), steps_.rend(), bears);
  return found == steps_.rend() || found->done ? nullptr : &*found;
}

std::uint64_t WorkflowSession::latest() const {
  const auto found = std::ranges::find_if(steps_.rbegin(), steps_.rend(), &Step::moves);
  return found == steps_.rend() ? last_ : found->action;
}

void WorkflowSession::encode(Writer& out) const {
  out.u8(kVersion);
  out.u64(last_);
  encode_moment(out, last_asked_);
  out.varint(steps_.size());
  for (const Step& step : steps_) {
    for (const std::uint64_t hash : {step.event, step.action}) out.u64(hash);
    encode_moment(out, step.asked);
    out.u8(static_cast<std::uint8_t>((step.moves ? unsigned{kMoves} : 0U) | (step.done ? unsigned{kDone} : 0U)));
    out.varint(step.lent);
  }
  trust.encode(out);
  out.u8(refused ? 1 : 0);
  for (const std::uint32_t count : judged) out.varint(count);
  out.varint(done_.size());
  for (const Done& one : done_) {
    out.u64(one.action);
    out.time(one.first);
    out.varint(one.times);
  }
}

std::size_t WorkflowSession::bytes() const { return sizeof(*this) + done_.capacity() * sizeof(Done) + steps_.capacity() * sizeof(Step); }

std::unique_ptr<ChannelMemory> WorkflowSession::decode(Reader& in) {
  const std::uint8_t version = in.u8();
  if (version < kWithoutRequests || version > kVersion) return nullptr;
  auto memory = std::make_unique<WorkflowSession>();
  memory->last_ = in.u64();
  if (version >= kHeldAtRequest) {
    memory->last_asked_ = decode_moment(in);
    for (std::size_t n = in.count(2 * sizeof(std::uint64_t) + 3, kSteps); n > 0 && in.ok(); --n)
      memory->steps_.push_back(decode_step(in, version));
  }
  if (version == kVersion) memory->trust.decode(in);
  memory->refused = in.u8() == 1;
  for (std::uint32_t& count : memory->judged) count = in.varint32();
  const std::size_t count = in.count(sizeof(std::uint64_t) + 2, kActionsKept);
  for (std::size_t i = 0; i < count; ++i) {
    Done& one = memory->done_.emplace_back();
    one.action = in.u64();
    one.first = in.time();
    one.times = in.varint32();
  }
  if (!in.ok()) return nullptr;
  return memory;
}

void WorkflowAgent::encode(Writer& out) const {
  out.u8(kAgentVersion);
  out.varint(due.size());
  for (const Due& one : due) {
    out.u64(one.action);
    out.u64(one.followup);
    out.time(one.since);
    out.time(one.deadline);
    out.u64(one.event);
  }
  trust.encode(out);
}

std::size_t WorkflowAgent::bytes() const { return sizeof(*this) + due.capacity() * sizeof(Due); }

std::unique_ptr<ChannelMemory> WorkflowAgent::decode(Reader& in) {
  const std::uint8_t version = in.u8();
  if (version != kAgentVersion && version != kAgentWithoutTrust) return nullptr;
  auto memory = std::make_unique<WorkflowAgent>();
  const std::size_t count = in.count(3 * sizeof(std::uint64_t) + 2, kMost);
  for (std::size_t i = 0; i < count; ++i) {
    Due& one = memory->due.emplace_back();
    one.action = in.u64();
    one.followup = in.u64();
    one.since = in.time();
    one.deadline = in.time();
    one.event = in.u64();
  }
  if (version == kAgentVersion) memory->trust.decode(in);
  if (!in.ok()) return nullptr;
  return memory;
}

}  // namespace ringfence
