// SPDX-License-Identifier: Apache-2.0
#include "models/outcome_memory.h"

#include <algorithm>

namespace ringfence::outcome {
namespace {

constexpr std::uint8_t kVersion = 2;  // 1: without what was asked for, and when it was that acts destroyed

}  // namespace

void SessionOutcome::ask(std::uint64_t id, std::uint64_t act) {
  if (asked.size() == kAsked) asked.erase(asked.begin());
  asked.push_back({id, act});
}

std::optional<std::uint64_t> SessionOutcome::answer(std::uint64_t id) {
  const auto found = std::ranges::find(asked, id, &Asked::id);
  if (found == asked.end()) return std::nullopt;
  const std::uint64_t act = found->act;
  asked.erase(found);
  return act;
}

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
  out.varint(asked.size());
  for (const Asked& one : asked) {
    out.u64(one.id);
    out.u64(one.act);
  }
  encode_moment(out, spree_ended);
}

std::size_t SessionOutcome::bytes() const {
  std::size_t bytes =
      sizeof(*this) + recent.capacity() * sizeof(Seen) + failures.capacity() * sizeof(Failure) + asked.capacity() * sizeof(Asked);
  for (const Failure& one : failures) bytes += one.label.capacity() > 15 ? one.label.capacity() + 1 : 0;
  return bytes;
}

std::unique_ptr<ChannelMemory> SessionOutcome::decode(Reader& in) {
  const std::uint8_t version = in.u8();
  if (version != 1 && version != kVersion) return nullptr;
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
  if (version != 1) memory->asked.resize(in.count(sizeof(Asked), kAsked));
  for (Asked& one : memory->asked) {
    one.id = in.u64();
    one.act = in.u64();
  }
  if (version != 1) memory->spree_ended = decode_moment(in);
  return in.ok() ? std::move(memory) : nullptr;
}

}  // namespace ringfence::outcome
