// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/states.h"

#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "engine/event/hash.h"
#include "engine/state/agent_codec.h"
#include "engine/state/keyspace.h"
#include "engine/state/store.h"
#include "models/channel.h"

namespace ringfence::testing {
namespace {

struct Rows {
  AgentKey key;
  std::vector<std::pair<PartId, std::string>> parts;
};

DecodedAgent decoded(const Rows& rows) {
  std::vector<PartView> views;
  for (const auto& [id, bytes] : rows.parts) views.push_back({id, bytes});
  auto agent = decode_agent(rows.key, views, channel_memories());
  if (!agent) throw std::runtime_error(agent.error().message);
  if (agent->memories_dropped != 0) throw std::runtime_error("a memory of " + agent->state.id + " was not read");
  return std::move(*agent);
}

std::string described(const AgentState& state) {
  WrittenParts none;
  std::uint64_t hash = 0;
  for (const PartChange& part : encode_changes(state, none)) hash = hash64(part.bytes.value_or(""), hash + part.id.number);
  std::ostringstream out;
  out << std::hex << hash << std::dec << ": " << state.arrivals << " events, " << state.sessions.size() << " sessions, "
      << state.acts.size() << " acts, " << state.findings.size() << " findings, " << state.containments.size() << " containments";
  return out.str();
}

}  // namespace

std::map<std::string, std::string> states_in(const std::filesystem::path& directory, Place place) {
  auto store = rocksdb_store(directory.string());
  if (!store) throw std::runtime_error(store.error().message);
  std::vector<Rows> agents;
  const auto scanned = (*store)->scan("", [&](std::string_view key, std::string_view value) {
    const auto row = agent_part_of(key);
    if (!row || partition_of(key) >= kLinksPartition) return true;
    if (agents.empty() || agents.back().key != row->agent) agents.push_back({row->agent, {}});
    agents.back().parts.emplace_back(row->part, value);
    return true;
  });
  if (!scanned) throw std::runtime_error(scanned.error().message);
  std::map<std::string, std::string> out;
  for (const Rows& rows : agents) {
    DecodedAgent agent = decoded(rows);
    if (place == Place::Masked) agent.state.lsn = 0;
    out[agent.state.tenant + "/" + agent.state.id] = described(agent.state);
  }
  return out;
}

}  // namespace ringfence::testing
