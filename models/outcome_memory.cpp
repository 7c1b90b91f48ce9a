// SPDX-License-Identifier: Apache-2.0
#include "models/outcome_memory.h"

namespace ringfence::outcome {
namespace {

constexpr std::uint8_t kVersion = 1;

}  // namespace

void SessionOutcome::encode(Writer& out) const {
  out.u8(kVersion);
  out.varint(recent.size());
  for (const Seen& one : recent) {
    out.u64(one.act);
    out.u64(one.result);
    out.time(one.time);
  }
  out.varint(repeats);
  out.varint(failed);
  out.varint(failures.size());
  for (const Failure& one : failures) {
    out.u64(one.task);
    out.u64(one.action);
    out.u64(one.target);
    out.text(one.label);
  }
  out.u8(after_destruction ? 1 : 0);
  out.varint(destroyed);
}

std::size_t SessionOutcome::bytes() const {
  std::size_t bytes = sizeof(*this) + recent.capacity() * sizeof(Seen) + failures.capacity() * sizeof(Failure);
  for (const Failure& one : failures) bytes += one.label.capacity() > 15 ? one.label.capacity() + 1 : 0;
  return bytes;
}

std::unique_ptr<ChannelMemory> SessionOutcome::decode(Reader& in) {
  if (in.u8() != kVersion) return nullptr;
  auto memory = std::make_unique<SessionOutcome>();
  memory->recent.resize(in.count(2 * sizeof(std::uint64_t) + 1, kRecent));
  for (Seen& one : memory->recent) {
    one.act = in.u64();
    one.result = in.u64();
    one.time = in.time();
  }
  memory->repeats = in.varint32();
  memory->failed = in.varint32();
  memory->failures.resize(in.count(3 * sizeof(std::uint64_t) + 1, kFailures));
  for (Failure& one : memory->failures) {
    one.task = in.u64();
    one.action = in.u64();
    one.target = in.u64();
    one.label = in.text();
    if (one.label.size() > kLabelBytes) in.fail();
  }
  memory->after_destruction = in.u8() == 1;
  memory->destroyed = in.varint32();
  return in.ok() ? std::move(memory) : nullptr;
}

}  // namespace ringfence::outcome
