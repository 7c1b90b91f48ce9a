// SPDX-License-Identifier: Apache-2.0
#include "engine/state/prefetch.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace ringfence {
namespace {

/// A new act is written behind the last; of those before it few events read any (admit.cpp).
constexpr std::size_t kActBytes = 128;

template <class T>
void fetch_last(const std::vector<T>& elements, std::size_t bytes) {
  const std::size_t there = elements.size() * sizeof(T);
  fetch_ahead(reinterpret_cast<const char*>(elements.data()) + there - std::min(there, bytes), bytes);
}

void fetch_scope(const std::unique_ptr<Ledger>& ledger, const std::array<std::unique_ptr<ChannelMemory>, kChannels>& memories) {
  if (ledger) fetch_ahead(ledger.get(), sizeof(Ledger));
  for (const auto& memory : memories)
    if (memory) fetch_ahead(memory.get(), ChannelMemory::kFetched);
}

void fetch_parts(const std::unique_ptr<Ledger>& ledger, const std::array<std::unique_ptr<ChannelMemory>, kChannels>& memories) {
  if (ledger) fetch_ahead(ledger->rows, 1024);
  for (const auto& memory : memories)
    if (memory) memory->fetch_parts();
}

}  // namespace

void prefetch_scopes(const AgentState& agent) {
  if (!agent.sessions.empty()) fetch_ahead(&agent.sessions.back(), sizeof(SessionState));
  fetch_last(agent.acts, kActBytes);
  fetch_scope(agent.ledger, agent.memory);
}

void prefetch_memories(const AgentState& agent) {
  fetch_parts(agent.ledger, agent.memory);
  if (agent.sessions.empty()) return;
  const SessionState& session = agent.sessions.back();
  fetch_scope(session.ledger, session.memory);
}

void prefetch_parts(const AgentState& agent) {
  if (agent.sessions.empty()) return;
  const SessionState& session = agent.sessions.back();
  fetch_parts(session.ledger, session.memory);
}

}  // namespace ringfence
