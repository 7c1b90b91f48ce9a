// SPDX-License-Identifier: Apache-2.0
#include "models/identity_memory.h"

#include <algorithm>
#include <limits>

namespace ringfence::identity {
namespace {

/// 1: a client is one hash of all that was said of it; 2: of keys nothing is known but that they were declared.
constexpr std::uint8_t kVersion = 3;
constexpr std::size_t kPlaceBytes = sizeof(std::uint64_t) + 5;

bool readable(std::uint8_t version) { return version >= 1 && version <= kVersion; }

}  // namespace

void Keys::Key::leave(const Rotation& rotation, EventTime now) {
  if (state == State::Rotated) return;
  if (rotation.covers(now) && (state == State::Listed || between(left, *rotation.began) <= rotation.window)) {
    state = State::Rotated;
    left = *rotation.began;
  } else if (state == State::Listed) {
    state = State::Gone;
    left = now;
  }
}

const Keys::Key* Keys::find(std::uint64_t hash) const {
  const auto found = std::ranges::find(keys_, hash, &Key::hash);
  return found == keys_.end() ? nullptr : &*found;
}

void Keys::push(Key key) {
  if (find(key.hash) != nullptr) return;
  if (keys_.size() == kMost) keys_.erase(keys_.begin());
  keys_.push_back(key);
}

void Keys::add(std::uint64_t hash) { push({.hash = hash, .state = Key::State::Listed, .left = {}}); }

void Keys::take(std::uint64_t hash, const Rotation& rotation) {
  if (rotation.began) push({.hash = hash, .state = Key::State::Rotated, .left = *rotation.began});
}

bool Keys::covers(std::uint64_t hash, const Rotation& rotation, EventTime now) const {
  const Key* const known = find(hash);
  if (known == nullptr) return false;
  Key key = *known;
  key.leave(rotation, now);
  return key.state == Key::State::Rotated && between(key.left, now) <= rotation.window;
}

void Keys::encode(Writer& out) const {
  out.varint(keys_.size());
  for (const Key& key : keys_) {
    out.u64(key.hash);
    out.u8(static_cast<std::uint8_t>(key.state));
    if (key.state != Key::State::Listed) out.time(key.left);
  }
}

void Keys::decode(Reader& in, std::uint8_t version) {
  keys_.resize(in.count(sizeof(std::uint64_t), kMost));
  for (Key& key : keys_) {
    key.hash = in.u64();
    const std::uint8_t state = version >= 3 ? in.u8() : std::uint8_t{0};
    if (state > static_cast<std::uint8_t>(Key::State::Rotated)) return in.fail();
    key.state = static_cast<Key::State>(state);
    if (key.state != Key::State::Listed) key.left = in.time();
  }
  if (version >= 3) return;
  if (const std::uint64_t taken = in.u64(); taken != 0 && keys_.empty()) add(taken);
}

bool Client::said() const {
  return std::ranges::any_of(parts, [](std::uint64_t part) { return part != 0; });
}

std::optional<std::size_t> Client::agrees(const Client& other) const {
  std::size_t shared = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts.at(i) == 0 || other.parts.at(i) == 0) continue;
    if (parts.at(i) != other.parts.at(i)) return std::nullopt;
    ++shared;
  }
  return shared;
}

void Client::learn(const Client& more) {
  for (const Part part : {Fingerprint, Address, Name})
    if (parts.at(part) == 0) parts.at(part) = more.parts.at(part);
  if (more.said()) parts.at(Whole) = 0;
}

void Client::encode(Writer& out) const {
  std::uint8_t present = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) present |= static_cast<std::uint8_t>(parts.at(i) != 0 ? 1U << i : 0U);
  out.u8(present);
  for (const std::uint64_t part : parts)
    if (part != 0) out.u64(part);
}

void Client::decode(Reader& in, std::uint8_t version) {
  if (version == 1) {
    parts.at(Whole) = in.u64();
    return;
  }
  const std::uint8_t present = in.u8();
  for (std::size_t i = 0; i < parts.size(); ++i)
    if ((present >> i & 1U) != 0) parts.at(i) = in.u64();
}

bool Clients::add(const Client& client) {
  Client* known = nullptr;
  std::size_t most = 0;
  for (Client& one : clients_) {
    const auto shared = one.agrees(client);
    if (!shared || (known != nullptr && *shared <= most)) continue;
    known = &one;
    most = *shared;
  }
  if (known != nullptr) {
    known->learn(client);
    return false;
  }
  if (clients_.size() == kMost) clients_.erase(clients_.begin());
  clients_.emplace_back().learn(client);
  return true;
}

void Clients::encode(Writer& out) const {
  out.varint(clients_.size());
  for (const Client& client : clients_) client.encode(out);
}

void Clients::decode(Reader& in, std::uint8_t version) {
  clients_.resize(in.count(1, kMost));
  for (Client& client : clients_) client.decode(in, version);
}

void SessionIdentity::encode(Writer& out) const {
  out.u8(kVersion);
  fingerprints.encode(out);
  kinds.encode(out);
  clients.encode(out);
}

std::size_t SessionIdentity::bytes() const { return sizeof(*this) + fingerprints.bytes() + kinds.bytes() + clients.bytes(); }

std::unique_ptr<ChannelMemory> SessionIdentity::decode(Reader& in) {
  const std::uint8_t version = in.u8();
  if (!readable(version)) return nullptr;
  auto memory = std::make_unique<SessionIdentity>();
  memory->fingerprints.decode(in);
  memory->kinds.decode(in);
  memory->clients.decode(in, version);
  return in.ok() ? std::move(memory) : nullptr;
}

AgentIdentity::Place* AgentIdentity::place_of(const Client& client, std::uint64_t run) {
  Place* found = nullptr;
  std::size_t most = 0;
  for (Place& place : places_) {
    const auto shared = place.run == run ? place.client.agrees(client) : std::nullopt;
    if (!shared || (found != nullptr && (*shared < most || (*shared == most && place.step < found->step)))) continue;
    found = &place;
    most = *shared;
  }
  return found;
}

AgentIdentity::Place& AgentIdentity::visit(const Client& client, std::uint64_t run, EventTime now) {
  Place* const here = place_of(client, run);
  if (here == nullptr) {
    if (places_.size() == kPlaces) places_.erase(std::ranges::min_element(places_, {}, &Place::step));
    Place& made = places_.emplace_back(Place{.run = run, .last = now, .step = ++steps_});
    made.client.learn(client);
    return made;
  }
  here->client.learn(client);
  // Someone else acted from another place since, and neither has been away for long.
  const auto between = [&](const Place& other) {
    return &other != here && other.step > here->step && other.last - here->last <= kAtOnce && now - other.last <= kAtOnce;
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

void AgentIdentity::follow(const AgentIdentity& other) {
  std::vector<const Place*> others;
  for (const Place& place : other.places_) others.push_back(&place);
  std::ranges::sort(others, {}, &Place::step);
  for (const Place* const place : others) {
    const Place* const known = place_of(place->client, place->run);
    if (known == nullptr || known->last < place->last) visit(place->client, place->run, place->last);
  }
}

void AgentIdentity::encode(Writer& out) const {
  out.u8(kVersion);
  keys.encode(out);
  out.varint(steps_);
  out.varint(places_.size());
  for (const Place& place : places_) {
    place.client.encode(out);
    out.u64(place.run);
    out.time(place.last);
    out.varint(place.step);
    out.varint(place.returns);
    out.u8(place.told ? 1 : 0);
  }
}

std::size_t AgentIdentity::bytes() const { return sizeof(*this) + keys.bytes() + places_.capacity() * sizeof(Place); }

std::unique_ptr<ChannelMemory> AgentIdentity::decode(Reader& in) {
  const std::uint8_t version = in.u8();
  if (!readable(version)) return nullptr;
  auto memory = std::make_unique<AgentIdentity>();
  memory->keys.decode(in, version);
  memory->steps_ = in.varint();
  memory->places_.resize(in.count(kPlaceBytes, kPlaces));
  for (Place& place : memory->places_) {
    place.client.decode(in, version);
    place.run = in.u64();
    place.last = in.time();
    place.step = in.varint();
    place.returns = in.varint32();
    place.told = in.u8() == 1;
  }
  return in.ok() ? std::move(memory) : nullptr;
}

}  // namespace ringfence::identity
