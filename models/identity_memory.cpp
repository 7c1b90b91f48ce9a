// SPDX-License-Identifier: Apache-2.0
#include "models/identity_memory.h"

#include <algorithm>
#include <limits>

namespace ringfence::identity {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kPlaceBytes = 2 * sizeof(std::uint64_t) + 4;

}  // namespace

void SessionIdentity::encode(Writer& out) const {
  out.u8(kVersion);
  fingerprints.encode(out);
  kinds.encode(out);
  clients.encode(out);
}

std::size_t SessionIdentity::bytes() const { return sizeof(*this) + fingerprints.bytes() + kinds.bytes() + clients.bytes(); }

std::unique_ptr<ChannelMemory> SessionIdentity::decode(Reader& in) {
  if (in.u8() != kVersion) return nullptr;
  auto memory = std::make_unique<SessionIdentity>();
  memory->fingerprints.decode(in);
  memory->kinds.decode(in);
  memory->clients.decode(in);
  return in.ok() ? std::move(memory) : nullptr;
}

AgentIdentity::Place& AgentIdentity::visit(std::uint64_t client, std::uint64_t run, EventTime now) {
  const auto same = [&](const Place& place) { return place.client == client && place.run == run; };
  auto here = std::ranges::find_if(places_, same);
  if (here == places_.end()) {
    if (places_.size() == kPlaces) places_.erase(std::ranges::min_element(places_, {}, &Place::step));
    places_.push_back({client, run, now, ++steps_, 0, false});
    return places_.back();
  }
  // Someone else acted from another place since, and neither has been away for long.
  const auto between = [&](const Place& other) {
    return !same(other) && other.step > here->step && other.last - here->last <= kAtOnce && now - other.last <= kAtOnce;
  };
  if (std::ranges::any_of(places_, between) && here->returns < std::numeric_limits<std::uint32_t>::max()) {
    ++here->returns;
  } else if (now - here->last > kAtOnce) {
    here->returns = 0;
  }
  here->last = std::max(here->last, now);
  here->step = ++steps_;
  return *here;
}

void AgentIdentity::encode(Writer& out) const {
  out.u8(kVersion);
  declared.encode(out);
  out.u64(borrowed);
  out.varint(steps_);
  out.varint(places_.size());
  for (const Place& place : places_) {
    out.u64(place.client);
    out.u64(place.run);
    out.time(place.last);
    out.varint(place.step);
    out.varint(place.returns);
    out.u8(place.told ? 1 : 0);
  }
}

std::size_t AgentIdentity::bytes() const { return sizeof(*this) + declared.bytes() + places_.capacity() * sizeof(Place); }

std::unique_ptr<ChannelMemory> AgentIdentity::decode(Reader& in) {
  if (in.u8() != kVersion) return nullptr;
  auto memory = std::make_unique<AgentIdentity>();
  memory->declared.decode(in);
  memory->borrowed = in.u64();
  memory->steps_ = in.varint();
  memory->places_.resize(in.count(kPlaceBytes, kPlaces));
  for (Place& place : memory->places_) {
    place.client = in.u64();
    place.run = in.u64();
    place.last = in.time();
    place.step = in.varint();
    place.returns = in.varint32();
    place.told = in.u8() == 1;
  }
  return in.ok() ? std::move(memory) : nullptr;
}

}  // namespace ringfence::identity
