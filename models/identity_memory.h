// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/event/far_times.h"
#include "engine/event/ids.h"
#include "engine/state/channel_memory.h"

namespace ringfence::identity {

/// A few hashes, oldest first; the oldest leaves where there is no room.
template <std::size_t Most>
class Few {
 public:
  [[nodiscard]] bool empty() const { return hashes_.empty(); }
  [[nodiscard]] bool has(std::uint64_t hash) const {
    for (const std::uint64_t known : hashes_)
      if (known == hash) return true;
    return false;
  }
  /// True where it was not known.
  bool add(std::uint64_t hash) {
    if (has(hash)) return false;
    if (hashes_.size() == Most) hashes_.erase(hashes_.begin());
    hashes_.push_back(hash);
    return true;
  }
  void encode(Writer& out) const {
    out.varint(hashes_.size());
    for (const std::uint64_t hash : hashes_) out.u64(hash);
  }
  void decode(Reader& in) {
    hashes_.resize(in.count(sizeof(std::uint64_t), Most));
    for (std::uint64_t& hash : hashes_) hash = in.u64();
  }
  [[nodiscard]] std::size_t bytes() const { return hashes_.capacity() * sizeof(std::uint64_t); }
  void fetch_parts() const { fetch_ahead(hashes_); }

 private:
  std::vector<std::uint64_t> hashes_;
};

/// Keys that an agent has used while they were declared, and what is left of them once they have left the list: each is covered by one
/// rotation, so that a key which left with an earlier one is not valid again with the next. At most 8, oldest first; the oldest leaves.
class Keys {
 public:
  static constexpr std::size_t kMost = 8;
  /// The rotation in force: when the `credential` fact began, and how long what left the list stays valid behind it.
  struct Rotation {
    std::optional<EventTime> began;
    Nanos window;
    [[nodiscard]] bool covers(EventTime time) const { return began && between(*began, time) <= window; }
  };

  [[nodiscard]] bool empty() const { return keys_.empty(); }
  /// A key that is on the list.
  void add(std::uint64_t hash);
  /// A key that was never seen on the list is taken for the one that left it.
  void take(std::uint64_t hash, const Rotation& rotation);
  /// Of those that `listed` does not hold, notes when they left, and with which rotation: the one in force, or the next that begins within
  /// its window.
  template <class Listed>
  void note_list(const Listed& listed, const Rotation& rotation, EventTime now) {
    for (Key& key : keys_) listed(key.hash) ? key.stay() : key.leave(rotation, now);
  }
  /// It left the list, and the rotation it left with covers it still.
  [[nodiscard]] bool covers(std::uint64_t hash, const Rotation& rotation, EventTime now) const;

  void encode(Writer& out) const;
  void decode(Reader& in, std::uint8_t version);
  [[nodiscard]] std::size_t bytes() const { return keys_.capacity() * sizeof(Key); }

 private:
  struct Key {
    enum class State : std::uint8_t { Listed, Gone, Rotated };  // Gone: no rotation has covered it so far
    std::uint64_t hash = 0;
    State state = State::Listed;
    EventTime left;  // Gone: when that was seen; Rotated: when the rotation began

    void stay() { state = State::Listed, left = {}; }
    void leave(const Rotation& rotation, EventTime now);
  };
  [[nodiscard]] const Key* find(std::uint64_t hash) const;
  void push(Key key);

  std::vector<Key> keys_;
};

/// What speaks to the gateway, as hashes of what is said of it; 0: not said. An event may leave out what another one says, so only what two
/// both say tells them apart.
struct Client {
  /// `Whole`: all of it as one hash. Said by events, and all that is known of clients of a state of version 1.
  enum Part : std::uint8_t { Fingerprint, Address, Name, Whole };
  std::array<std::uint64_t, 4> parts{};

  [[nodiscard]] bool said() const;
  /// How many parts both say, where all of these are equal.
  [[nodiscard]] std::optional<std::size_t> agrees(const Client& other) const;
  [[nodiscard]] bool differs(const Client& other) const { return !agrees(other); }
  /// Adds what the same client has now said.
  void learn(const Client& more);

  void encode(Writer& out) const;
  void decode(Reader& in, std::uint8_t version);
};

/// A few clients, oldest first; the oldest leaves where there is no room.
class Clients {
 public:
  static constexpr std::size_t kMost = 8;
  [[nodiscard]] bool empty() const { return clients_.empty(); }
  /// True where it is none of those known.
  bool add(const Client& client);
  void encode(Writer& out) const;
  void decode(Reader& in, std::uint8_t version);
  [[nodiscard]] std::size_t bytes() const { return clients_.capacity() * sizeof(Client); }
  void fetch_parts() const { fetch_ahead(clients_); }

 private:
  std::vector<Client> clients_;
};

/// With what a session has been used so far.
class SessionIdentity final : public ChannelMemory {
 public:
  Few<8> fingerprints, kinds;
  Clients clients;

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  void fetch_parts() const override {
    for (const auto* few : {&fingerprints, &kinds}) few->fetch_parts();
    clients.fetch_parts();
  }
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);
};

/// The keys of an agent that were declared when it used them, and the places from which it acts.
class AgentIdentity final : public ChannelMemory {
 public:
  static constexpr std::size_t kPlaces = 8;
  static constexpr Nanos kAtOnce = minutes(5);

  struct Place {
    Client client;
    std::uint64_t run = 0;  // hash; 0: not said
    EventTime last;
    std::uint64_t step = 0;     // number of the act last made from here
    std::uint32_t returns = 0;  // times it came back while another place of the same kind was active
    bool told = false;
  };

  Keys keys;

  /// Notes an act and gives its place; of more than kPlaces the one longest unused leaves.
  Place& visit(const Client& client, std::uint64_t run, EventTime now);
  [[nodiscard]] std::vector<Place>& places() { return places_; }
  /// Visits the places where `other` has acted since.
  void follow(const AgentIdentity& other);

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  void fetch_parts() const override { fetch_ahead(places_); }
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);

 private:
  /// The run's place that shares most with what is said of the client, of several the one last acted from; null where each differs.
  [[nodiscard]] Place* place_of(const Client& client, std::uint64_t run);

  std::uint64_t steps_ = 0;
  std::vector<Place> places_;
};

}  // namespace ringfence::identity
