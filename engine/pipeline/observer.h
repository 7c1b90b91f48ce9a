// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/event.h"

namespace ringfence {

/// Finds an outage that nobody announced from the failures of many agents, and says so as a fact that everyone else can replay: a decision
/// never reads across agents, it reads facts (detection.md §3.1, context mutes). A server is out when, of the agents that called it within
/// two minutes of event time, at least four in five now fail there, and at least five of these had been served before; it is back when
/// fewer than half fail. A failure is an error, or that an agent is denied what it was given before; that something is not there, or that
/// what it never had is denied, says nothing of a server, however many try.
///
/// An outage explains refusals, so this is also what attackers would like to fake: five that were served before and bring about errors
/// together can. The fact says that it was observed (`source.product`), and what was made up counts under it all the same. Of what was
/// served 1,024 calls a server are known by hash, one for another. At most 1,024 servers, 128 agents each, least recently used out; one
/// look through the agents of the server an act, and a second one where some of them have been still for two minutes. Looks at acts in
/// input order; no clock.
class FleetObserver {
 public:
  /// The fact that takes effect behind this event, as a canonical `context_change` record; mostly nothing.
  [[nodiscard]] std::optional<std::string> see(const Event& event);

  /// What it knows, to go on from after a restart; the same knowledge gives the same bytes.
  [[nodiscard]] std::string encode() const;
  /// False where the bytes are not of an observer: it then knows nothing.
  [[nodiscard]] bool restore(std::string_view bytes);

 private:
  struct Seen {
    std::uint64_t agent = 0;
    EventTime last;
    bool failing = false, served = false;
  };
  struct Server {
    bool out = false;
    EventTime latest;
    std::uint64_t used = 0;
    std::vector<Seen> agents;  // in order of their last act; those before `first` have left
    std::size_t first = 0;
    std::vector<std::uint32_t> given;  // what was served, each in the place its low bits name; empty until something was

    // Kept beside the agents, not encoded.
    std::size_t failing = 0, failing_served = 0;
    EventTime oldest;  // no agent's last act is older
    [[nodiscard]] std::span<const Seen> seen() const { return std::span(agents).subspan(first); }
    void count(const Seen& agent, bool joins);
  };
  /// Of the agents that called within two minutes: how many, how many fail, how many of these had been served.
  struct Tally {
    std::size_t active = 0, failing = 0, once_served = 0;
  };
  static Tally tally(Server& server);
  Server& server_of(std::uint64_t key);
  static void note(Server& server, const Event& event, bool failing);
  /// What the event says of its server, and the server; nothing where that is nothing.
  struct Sign {
    Server& server;
    bool failing = false;
  };
  std::optional<Sign> sign_of(const Event& event);

  std::map<std::uint64_t, Server> servers_;  // by hash of tenant and server
  std::uint64_t acts_ = 0;
};

}  // namespace ringfence
