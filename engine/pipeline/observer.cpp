// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/observer.h"

#include <algorithm>

#include "engine/event/decode.h"
#include "engine/event/escape.h"
#include "engine/event/hash.h"
#include "engine/event/short_hash.h"
#include "engine/state/codec.h"

namespace ringfence {
namespace {

constexpr std::size_t kServers = 1024, kAgents = 128;
constexpr std::size_t kGiven = 1024;
constexpr Nanos kActive = minutes(2);
constexpr std::size_t kLeastAgents = 5;
constexpr std::size_t kOutTimes = 5, kOutOf = 4;  // 5 * failing >= 4 * active

std::string fact(const Event& event, bool out) {
  return R"({"v":1,"kind":"context_change","id":"fleet-)" + std::string(out ? "outage-" : "recovery-") +
         std::to_string(hash64(*event.tool.server, hash64(event.tenant))) + "-" + std::to_string(event.time.value) + R"(","time":")" +
         format_rfc3339(event.time) + R"(","tenant":)" + json_quoted(event.tenant) + R"(,"source":{"product":)" +
         json_quoted(kObservingProduct) + R"(},"change":")" + (out ? "outage_start" : "outage_end") + R"(","scope":)" +
         json_quoted("server:" + std::string(*event.tool.server)) + "}";
}

std::uint64_t server_key(const Event& event) { return short_hash::of(*event.tool.server, short_hash::of(event.tenant)); }

/// The very call: who, which tool, and all that the event shows of what was asked for.
std::uint32_t call_key(const Event& event) {
  std::uint64_t hash = short_hash::of(event.tool.name.value_or(""), hash64(event.agent.id));
  hash = hash64(event.resource.uri.value_or(""), hash);
  if (event.args) hash ^= event.args->hash.low;
  if (event.arg_ids)
    for (const std::string_view id : *event.arg_ids) hash = hash64(id, hash);
  return std::max(static_cast<std::uint32_t>(hash ^ (hash >> 32U)), std::uint32_t{1});
}

}  // namespace

FleetObserver::Server& FleetObserver::server_of(std::uint64_t key) {
  const auto known = servers_.find(key);
  if (known != servers_.end()) return known->second;
  if (servers_.size() >= kServers) {
    servers_.erase(std::ranges::min_element(servers_, {}, [](const auto& entry) { return entry.second.used; }));
  }
  return servers_[key];
}

void FleetObserver::note(Server& server, const Event& event, bool failing) {
  const std::uint64_t agent = hash64(event.agent.id);
  const auto begin = server.agents.begin() + static_cast<std::ptrdiff_t>(server.first);
  const auto found = std::find_if(begin, server.agents.end(), [agent](const Seen& one) { return one.agent == agent; });
  Seen seen{.agent = agent};
  if (found != server.agents.end()) {
    seen = *found;
    server.count(seen, false);
    server.agents.erase(found);
  } else if (server.seen().size() >= kAgents) {
    server.count(*begin, false);
    if (++server.first == kAgents) {  // moved up once for so many that left
      server.agents.erase(server.agents.begin(), begin + 1);
      server.first = 0;
    }
  }
  seen.last = std::max(seen.last, event.time);
  seen.failing = failing;
  seen.served = seen.served || !failing;
  server.count(seen, true);
  server.oldest = server.seen().empty() ? seen.last : std::min(server.oldest, seen.last);
  server.agents.push_back(seen);
}

void FleetObserver::Server::count(const Seen& agent, bool joins) {
  const auto change = [joins](std::size_t& count, bool counts) { count = joins ? count + (counts ? 1 : 0) : count - (counts ? 1 : 0); };
  change(failing, agent.failing);
  change(failing_served, agent.failing && agent.served);
}

FleetObserver::Tally FleetObserver::tally(Server& server) {
  if (server.latest - server.oldest <= kActive) return {server.seen().size(), server.failing, server.failing_served};
  Tally of;
  server.oldest = server.latest;
  for (const Seen& seen : server.seen()) {
    server.oldest = std::min(server.oldest, seen.last);
    if (server.latest - seen.last > kActive) continue;
    ++of.active;
    of.failing += seen.failing ? 1 : 0;
    of.once_served += seen.failing && seen.served ? 1 : 0;
  }
  return of;
}

std::optional<FleetObserver::Sign> FleetObserver::sign_of(const Event& event) {
  const Outcome status = event.outcome.status;
  if (status == Outcome::Unknown || is_miss(event)) return std::nullopt;
  const std::uint64_t key = server_key(event);
  if (status == Outcome::Error) return Sign{server_of(key), true};
  const std::uint32_t call = call_key(event);
  if (status == Outcome::Denied) {
    const auto known = servers_.find(key);
    const bool had = known != servers_.end() && !known->second.given.empty() && known->second.given[call % kGiven] == call;
    return had ? std::optional(Sign{known->second, true}) : std::nullopt;
  }
  Server& server = server_of(key);
  server.given.resize(kGiven);
  server.given[call % kGiven] = call;
  return Sign{server, false};
}

std::optional<std::string> FleetObserver::see(const Event& event) {
  if (event.kind != EventKind::ToolCall || event.phase == Phase::Request || !event.tool.server) return std::nullopt;
  const std::optional<Sign> sign = sign_of(event);
  if (!sign) return std::nullopt;
  Server& server = sign->server;
  server.used = ++acts_;
  server.latest = std::max(server.latest, event.time);
  note(server, event, sign->failing);

  const auto [active, failing, once_served] = tally(server);
  if (!server.out && once_served >= kLeastAgents && kOutTimes * failing >= kOutOf * active) {
    server.out = true;
    return fact(event, true);
  }
  if (server.out && 2 * failing < active) {
    server.out = false;
    return fact(event, false);
  }
  return std::nullopt;
}

std::string FleetObserver::encode() const {
  Writer out;
  out.varint(acts_);
  out.varint(servers_.size());
  for (const auto& [key, server] : servers_) {
    out.u64(key);
    out.u8(server.out ? 1 : 0);
    out.time(server.latest);
    out.varint(server.used);
    out.varint(server.seen().size());
    for (const Seen& seen : server.seen()) {
      out.u64(seen.agent);
      out.time(seen.last);
      out.u8(static_cast<std::uint8_t>((seen.failing ? 1U : 0U) | (seen.served ? 2U : 0U)));
    }
  }
  for (const auto& [key, server] : servers_) {
    out.varint(server.given.size() - static_cast<std::size_t>(std::ranges::count(server.given, 0U)));
    for (const std::uint32_t call : server.given)
      if (call != 0) out.varint(call);
  }
  return out.take();
}

bool FleetObserver::restore(std::string_view bytes) {
  Reader in(bytes);
  servers_.clear();
  acts_ = in.varint();
  const std::size_t servers = in.count(12, kServers);
  for (std::size_t i = 0; i < servers && in.ok(); ++i) {
    Server& server = servers_[in.u64()];
    server = {};
    server.out = in.u8() == 1;
    server.latest = in.time();
    server.used = in.varint();
    server.agents.resize(in.count(10, kAgents));
    server.oldest = server.latest;
    for (Seen& seen : server.agents) {
      seen.agent = in.u64();
      seen.last = in.time();
      const std::uint8_t flags = in.u8();
      seen.failing = (flags & 1U) != 0;
      seen.served = (flags & 2U) != 0;
      server.count(seen, true);
      server.oldest = std::min(server.oldest, seen.last);
    }
  }
  if (in.ok() && in.at_end()) return true;  // of an engine that did not know what was served: it is learned anew
  for (auto& [key, server] : servers_) {
    if (!in.ok()) break;
    const std::size_t calls = in.count(1, kGiven);
    if (calls > 0) server.given.resize(kGiven);
    for (std::size_t i = 0; i < calls; ++i) {
      const std::uint32_t call = in.varint32();
      server.given[call % kGiven] = call;
    }
  }
  if (in.ok() && in.at_end()) return true;
  servers_.clear();
  acts_ = 0;
  return false;
}

}  // namespace ringfence
