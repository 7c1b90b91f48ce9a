// SPDX-License-Identifier: Apache-2.0
#include "models/recurrence_memory.h"

#include <algorithm>

namespace ringfence::recurrence {
namespace {

constexpr std::uint8_t kAgentVersion = 2;  // 1: at most 64 values
constexpr std::uint8_t kSessionVersion = 1;

void encode_all(Writer& out, const std::vector<std::uint32_t>& hashes) {
  out.varint(hashes.size());
  for (const std::uint32_t hash : hashes) out.varint(hash);
}

std::vector<std::uint32_t> decode_all(Reader& in, std::size_t most) {
  std::vector<std::uint32_t> hashes(in.count(1, most));
  for (std::uint32_t& hash : hashes) hash = in.varint32();
  return hashes;
}

}  // namespace

bool AgentRecurrence::gave(std::uint32_t value, std::uint64_t to_session) const {
  return std::ranges::any_of(values,
                             [&](const Value& one) { return one.hash == value && one.session != static_cast<std::uint32_t>(to_session); });
}

void AgentRecurrence::give(std::uint32_t value, std::uint64_t session) {
  const auto half = static_cast<std::uint32_t>(session);
  if (const auto known = std::ranges::find(values, value, &Value::hash); known != values.end()) {
    std::rotate(known, known + 1, values.end());
    return;
  }
  if (static_cast<std::size_t>(std::ranges::count(values, half, &Value::session)) == kOfSession) return;
  if (values.size() == kValues) values.erase(std::ranges::find_if(values, [&](const Value& one) { return one.session != half; }));
  values.push_back({value, half});
}

AgentRecurrence::Recurring& AgentRecurrence::recurring(std::uint64_t act) {
  const auto known = std::ranges::find(acts, act, &Recurring::act);
  if (known != acts.end()) {
    std::rotate(known, known + 1, acts.end());
    return acts.back();
  }
  if (acts.size() == kActs) acts.erase(acts.begin());
  acts.push_back({act, {}, {}, 0});
  return acts.back();
}

void AgentRecurrence::encode(Writer& out) const {
  out.u8(kAgentVersion);
  out.u64(first_reader);
  out.u8(blind ? 1 : 0);
  out.varint(values.size());
  for (const Value& one : values) {
    out.varint(one.hash);
    out.varint(one.session);
  }
  out.varint(acts.size());
  for (const Recurring& one : acts) {
    out.u64(one.act);
    out.varint(one.count);
    out.varint(one.sessions.size());
    for (std::size_t i = 0; i < one.sessions.size(); ++i) {
      out.text(one.sessions[i]);
      out.u64(one.keys[i]);
    }
  }
}

std::size_t AgentRecurrence::bytes() const {
  std::size_t bytes = sizeof(*this) + values.capacity() * sizeof(Value) + acts.capacity() * sizeof(Recurring);
  for (const Recurring& one : acts) {
    bytes += one.keys.capacity() * sizeof(std::uint64_t) + one.sessions.capacity() * sizeof(std::string);
    for (const std::string& id : one.sessions) bytes += id.capacity() > 15 ? id.capacity() + 1 : 0;
  }
  return bytes;
}

std::unique_ptr<ChannelMemory> AgentRecurrence::decode(Reader& in) {
  const std::uint8_t version = in.u8();
  if (version != 1 && version != kAgentVersion) return nullptr;
  auto memory = std::make_unique<AgentRecurrence>();
  memory->first_reader = in.u64();
  memory->blind = in.u8() == 1;
  memory->values.resize(in.count(2, kValues));
  for (Value& one : memory->values) {
    one.hash = in.varint32();
    one.session = in.varint32();
  }
  memory->acts.resize(in.count(sizeof(std::uint64_t) + 2, kActs));
  for (Recurring& one : memory->acts) {
    one.act = in.u64();
    one.count = in.varint32();
    const std::size_t sessions = in.count(1 + sizeof(std::uint64_t), kSessions);
    for (std::size_t i = 0; i < sessions; ++i) {
      one.sessions.emplace_back(in.text());
      one.keys.push_back(in.u64());
    }
  }
  return in.ok() ? std::move(memory) : nullptr;
}

void SessionRecurrence::encode(Writer& out) const {
  out.u8(kSessionVersion);
  out.u8(calls);
  encode_all(out, asked);
}

std::size_t SessionRecurrence::bytes() const { return sizeof(*this) + asked.capacity() * sizeof(std::uint32_t); }

std::unique_ptr<ChannelMemory> SessionRecurrence::decode(Reader& in) {
  if (in.u8() != kSessionVersion) return nullptr;
  auto memory = std::make_unique<SessionRecurrence>();
  memory->calls = in.u8();
  memory->asked = decode_all(in, kAsked);
  return in.ok() ? std::move(memory) : nullptr;
}

}  // namespace ringfence::recurrence
