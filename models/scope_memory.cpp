// SPDX-License-Identifier: Apache-2.0
#include "models/scope_memory.h"

#include <algorithm>
#include <limits>

namespace ringfence::scope {

namespace {
/// 1 says nothing of destinations that are no longer kept; written while there is room for all. 2 with `left_` unknown, as 1 with a full
/// list, is of a former build.
constexpr std::uint8_t kVersion = 1, kVersionLeft = 2, kVersionUnsure = 3;
constexpr std::uint32_t kLeftUnknown = std::numeric_limits<std::uint32_t>::max();
}  // namespace

AgentMemory::Contacted AgentMemory::contacted(std::uint64_t destination) {
  const auto place = std::ranges::find(destinations, destination);
  if (place == destinations.end()) return knows(destination);
  std::rotate(place, place + 1, destinations.end());
  return Contacted::Before;
}

AgentMemory::Contacted AgentMemory::knows(std::uint64_t destination) const {
  if (std::ranges::find(destinations, destination) != destinations.end()) return Contacted::Before;
  if (!left_among_.holds(destination)) return unsure_ > 0 ? Contacted::Perhaps : Contacted::Never;
  return left_ > kLeftMost ? Contacted::Perhaps : Contacted::Before;
}

void AgentMemory::contact(std::uint64_t destination) {
  if (unsure_ > 0) --unsure_;
  if (destinations.size() == limits::kDestinationsPerAgent) {
    const std::uint64_t oldest = destinations.front();
    destinations.erase(destinations.begin());
    if (!left_among_.holds(oldest) && left_ < kLeftUnknown - 1) ++left_;
    left_among_.add(oldest);
  }
  destinations.push_back(destination);
}

void AgentMemory::encode(Writer& out) const {
  const bool full = destinations.size() == limits::kDestinationsPerAgent;
  out.u8(unsure_ > 0 ? kVersionUnsure : full ? kVersionLeft : kVersion);
  out.u8(last ? 1 : 0);
  if (last) out.time(*last);
  out.varint(destinations.size());
  for (const std::uint64_t destination : destinations) out.u64(destination);
  out.varint(new_destinations.entries().size());
  for (const auto& day : new_destinations.entries()) {
    out.svarint(day.number);
    out.varint(day.value);
  }
  if (!full) return;
  if (unsure_ > 0) out.varint(unsure_);
  out.varint(left_);
  left_among_.encode(out);
}

std::size_t AgentMemory::bytes() const {
  return sizeof(*this) + destinations.capacity() * sizeof(std::uint64_t) +
         new_destinations.entries().capacity() * sizeof(new_destinations.entries().front()) + left_among_.bytes() - sizeof(left_among_);
}

std::unique_ptr<ChannelMemory> AgentMemory::decode(Reader& in) {
  const std::uint8_t version = in.u8();
  if (version < kVersion || version > kVersionUnsure) return nullptr;
  auto memory = std::make_unique<AgentMemory>();
  if (in.u8() == 1) memory->last = in.time();
  const std::size_t known = in.count(sizeof(std::uint64_t), limits::kDestinationsPerAgent);
  for (std::size_t i = 0; i < known; ++i) memory->destinations.push_back(in.u64());
  std::vector<RecentPeriods<std::uint32_t, 3>::Entry> days(in.count(2, 3));
  for (auto& day : days) {
    day.number = in.svarint();
    day.value = in.varint32();
  }
  const bool full = known == limits::kDestinationsPerAgent;
  if (version == kVersionUnsure) memory->unsure_ = in.varint32();
  if (memory->unsure_ > limits::kDestinationsPerAgent || (version != kVersion && !full)) return nullptr;
  if (version != kVersion) {
    memory->left_ = in.varint32();
    memory->left_among_.decode(in);
  }
  if (full && (version == kVersion || memory->left_ == kLeftUnknown)) memory->unsure_ = limits::kDestinationsPerAgent;
  if (memory->left_ == kLeftUnknown) --memory->left_;
  if (!in.ok() || !memory->new_destinations.restore(std::move(days))) return nullptr;
  return memory;
}

}  // namespace ringfence::scope
