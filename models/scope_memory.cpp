// SPDX-License-Identifier: Apache-2.0
#include "models/scope_memory.h"

#include <algorithm>
#include <limits>

#include "engine/event/event.h"

namespace ringfence::scope {

namespace {
constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kHeard = 1;
constexpr std::uint8_t kUnheard = 2;
constexpr std::uint8_t kOverflowed = 4;
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
    const std::uint64_t count = in.varint();
    if (count > std::numeric_limits<std::uint32_t>::max()) in.fail();
    day.value = static_cast<std::uint32_t>(count);
  }
  if (!in.ok() || !memory->new_destinations.restore(std::move(days))) return nullptr;
  return memory;
}

void SessionMemory::give(std::string_view value) {
  const std::uint64_t hash = hash64(value);
  const auto place = std::ranges::lower_bound(given_, hash);
  if (place != given_.end() && *place == hash) return;
  if (given_.size() == kGivenMost) {
    overflowed_ = true;
    return;
  }
  given_.insert(place, hash);
}

bool SessionMemory::gave(std::string_view value) const { return std::ranges::binary_search(given_, hash64(value)); }

void SessionMemory::encode(Writer& out) const {
  out.u8(kVersion);
  out.u8(static_cast<std::uint8_t>((heard ? kHeard : 0) | (unheard ? kUnheard : 0) | (overflowed_ ? kOverflowed : 0)));
  out.varint(given_.size());
  for (const std::uint64_t value : given_) out.u64(value);
}

std::size_t SessionMemory::bytes() const { return sizeof(*this) + given_.capacity() * sizeof(std::uint64_t); }

std::unique_ptr<ChannelMemory> SessionMemory::decode(Reader& in) {
  if (in.u8() != kVersion) return nullptr;
  auto memory = std::make_unique<SessionMemory>();
  const std::uint8_t flags = in.u8();
  memory->heard = (flags & kHeard) != 0;
  memory->unheard = (flags & kUnheard) != 0;
  memory->overflowed_ = (flags & kOverflowed) != 0;
  const std::size_t count = in.count(sizeof(std::uint64_t), kGivenMost);
  for (std::size_t i = 0; i < count; ++i) memory->given_.push_back(in.u64());
  if (!in.ok() || !std::ranges::is_sorted(memory->given_)) return nullptr;
  return memory;
}

}  // namespace ringfence::scope
