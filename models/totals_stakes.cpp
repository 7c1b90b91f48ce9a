// SPDX-License-Identifier: Apache-2.0
#include "models/totals_stakes.h"

#include <cmath>
#include <utility>
#include <vector>

namespace ringfence::totals {

namespace {

constexpr std::uint8_t kVersion = 1;

void write(Writer& out, const Stake& stake) {
  out.u8(stake.begun ? 1 : 0);
  out.u64(stake.persona);
  for (const float given : stake.given) out.f32(given);
}

Stake read(Reader& in) {
  Stake stake;
  const std::uint8_t begun = in.u8();
  if (begun > 1) in.fail();
  stake.begun = begun == 1;
  stake.persona = in.u64();
  for (float& given : stake.given) {
    given = in.f32();
    if (!std::isfinite(given) || given <= 0) in.fail();
  }
  return stake;
}

}  // namespace

void AgentStakes::encode(Writer& out) const {
  out.u8(kVersion);
  out.varint(days.entries().size());
  for (const auto& day : days.entries()) {
    out.svarint(day.number);
    write(out, day.value);
  }
  out.svarint(staked_day);
  out.u64(staked_session);
  out.svarint(minute);
}

std::size_t AgentStakes::bytes() const { return sizeof(*this) + days.entries().capacity() * sizeof(decltype(days)::Entry); }

std::unique_ptr<ChannelMemory> AgentStakes::decode(Reader& in) {
  if (in.u8() != kVersion) return nullptr;
  auto memory = std::make_unique<AgentStakes>();
  std::vector<decltype(days)::Entry> read_days(in.count(2, decltype(days)::kMost));
  for (auto& day : read_days) {
    day.number = in.svarint();
    day.value = read(in);
  }
  memory->staked_day = in.svarint();
  memory->staked_session = in.u64();
  memory->minute = in.svarint();
  if (!in.ok() || !memory->days.restore(std::move(read_days))) return nullptr;
  return memory;
}

void SessionStake::encode(Writer& out) const {
  out.u8(kVersion);
  write(out, stake);
}

std::size_t SessionStake::bytes() const { return sizeof(*this); }

std::unique_ptr<ChannelMemory> SessionStake::decode(Reader& in) {
  if (in.u8() != kVersion) return nullptr;
  auto memory = std::make_unique<SessionStake>();
  memory->stake = read(in);
  return in.ok() ? std::move(memory) : nullptr;
}

}  // namespace ringfence::totals
