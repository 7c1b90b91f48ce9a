// SPDX-License-Identifier: Apache-2.0
#include "models/scope_memory.h"

#include <algorithm>
#include <limits>

namespace ringfence::scope {

namespace {
constexpr std::uint8_t kVersion = 1;
}  // namespace

bool AgentMemory::contacted_before(std::uint64_t destination) {
  const auto place = std::ranges::find(destinations, destination);
  if (place == destinations.end()) return false;
  std::rotate(place, place + 1, destinations.end());
  return true;
}

void AgentMemory::contact(std::uint64_t destination) {
  if (destinations.size() == limits::kDestinationsPerAgent) destinations.erase(destinations.begin());
  destinations.push_back(destination);
}

void AgentMemory::encode(Writer& out) const {
  out.u8(kVersion);
  out.u8(last ? 1 : 0);
  if (last) out.time(*last);
  out.varint(destinations.size());
  for (const std::uint64_t destination : destinations) out.u64(destination);
  out.varint(new_destinations.entries().size());
  for (const auto& day : new_destinations.entries()) {
    out.svarint(day.number);
    out.varint(day.value);
  }
}

std::size_t AgentMemory::bytes() const {
  return sizeof(*this) + destinations.capacity() * sizeof(std::uint64_t) +
         new_destinations.entries().capacity() * sizeof(new_destinations.entries().front());
}

std::unique_ptr<ChannelMemory> AgentMemory::decode(Reader& in) {
  if (in.u8() != kVersion) return nullptr;
  auto memory = std::make_unique<AgentMemory>();
  if (in.u8() == 1) memory->last = in.time();
  const std::size_t known = in.count(sizeof(std::uint64_t), limits::kDestinationsPerAgent);
  for (std::size_t i = 0; i < known; ++i) memory->destinations.push_back(in.u64());
  std::vector<RecentPeriods<std::uint32_t, 3>::Entry> days(in.count(2, 3));
  for (auto& day : days) {
    day.number = in.svarint();
    day.value = in.varint32();
  }
  if (!in.ok() || !memory->new_destinations.restore(std::move(days))) return nullptr;
  return memory;
}

}  // namespace ringfence::scope
