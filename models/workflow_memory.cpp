// SPDX-License-Identifier: Apache-2.0
#include "models/workflow_memory.h"

#include <algorithm>
#include <limits>

namespace ringfence {
namespace {

constexpr std::uint8_t kVersion = 1;
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

void WorkflowSession::encode(Writer& out) const {
  out.u8(kVersion);
  out.u64(last);
  out.u8(refused ? 1 : 0);
  for (const std::uint32_t count : judged) out.varint(count);
  out.varint(done_.size());
  for (const Done& one : done_) {
    out.u64(one.action);
    out.time(one.first);
    out.varint(one.times);
  }
}

std::size_t WorkflowSession::bytes() const { return sizeof(*this) + done_.capacity() * sizeof(Done); }

std::unique_ptr<ChannelMemory> WorkflowSession::decode(Reader& in) {
  if (in.u8() != kVersion) return nullptr;
  auto memory = std::make_unique<WorkflowSession>();
  memory->last = in.u64();
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
  out.u8(kVersion);
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
  if (in.u8() != kVersion) return nullptr;
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
