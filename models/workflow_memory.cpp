// SPDX-License-Identifier: Apache-2.0
#include "models/workflow_memory.h"

#include <algorithm>
#include <limits>

namespace ringfence {
namespace {

constexpr std::uint8_t kVersion = 2, kAgentVersion = 1;
/// The version before of a session, which knew completions alone.
constexpr std::uint8_t kWithoutRequests = 1;
constexpr std::size_t kActionsKept = 2 * kActionsMax;

}  // namespace

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

void WorkflowSession::keep(Open act) {
  if (open_.size() == kOpen) open_.erase(open_.begin());
  open_.push_back(act);
}

std::optional<WorkflowSession::Open> WorkflowSession::take(std::uint64_t event) {
  const auto found = std::ranges::find(open_, event, &Open::event);
  if (found == open_.end()) return std::nullopt;
  const Open act = *found;
  open_.erase(found);
  return act;
}

std::uint64_t WorkflowSession::latest() const {
  const auto moving = std::ranges::find_if(open_.rbegin(), open_.rend(), &Open::moves);
  return moving != open_.rend() && moving->asked >= last_asked ? moving->action : last;
}

void WorkflowSession::encode(Writer& out) const {
  out.u8(kVersion);
  out.u64(last);
  encode_moment(out, last_asked);
  out.varint(open_.size());
  for (const Open& act : open_) {
    for (const std::uint64_t hash : {act.event, act.action, act.behind}) out.u64(hash);
    encode_moment(out, act.asked);
    out.u8(act.moves ? 1 : 0);
  }
  out.u8(refused ? 1 : 0);
  for (const std::uint32_t count : judged) out.varint(count);
  out.varint(done_.size());
  for (const Done& one : done_) {
    out.u64(one.action);
    out.time(one.first);
    out.varint(one.times);
  }
}

std::size_t WorkflowSession::bytes() const { return sizeof(*this) + done_.capacity() * sizeof(Done) + open_.capacity() * sizeof(Open); }

std::unique_ptr<ChannelMemory> WorkflowSession::decode(Reader& in) {
  const std::uint8_t version = in.u8();
  if (version != kVersion && version != kWithoutRequests) return nullptr;
  auto memory = std::make_unique<WorkflowSession>();
  memory->last = in.u64();
  if (version == kVersion) {
    memory->last_asked = decode_moment(in);
    for (std::size_t n = in.count(3 * sizeof(std::uint64_t) + 3, kOpen); n > 0 && in.ok(); --n) {
      Open& act = memory->open_.emplace_back();
      for (std::uint64_t* hash : {&act.event, &act.action, &act.behind}) *hash = in.u64();
      act.asked = decode_moment(in);
      act.moves = in.u8() == 1;
    }
  }
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
}

std::size_t WorkflowAgent::bytes() const { return sizeof(*this) + due.capacity() * sizeof(Due); }

std::unique_ptr<ChannelMemory> WorkflowAgent::decode(Reader& in) {
  if (in.u8() != kAgentVersion) return nullptr;
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
  if (!in.ok()) return nullptr;
  return memory;
}

}  // namespace ringfence
