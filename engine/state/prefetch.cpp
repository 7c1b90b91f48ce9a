// SPDX-License-Identifier: Apache-2.0
#include "engine/state/prefetch.h"

#include <algorithm>
#include <cstddef>

namespace ringfence {
namespace {

constexpr std::size_t kCacheLine = 64;
/// Of a memory or a ledger: what is read of most at every event, and all of a small one.
constexpr std::size_t kLines = 4;
/// Below this many acts all of them are looked through (admit.cpp), the newest first.
constexpr std::size_t kActLines = 8;

void fetch(const void* begin, std::size_t lines) {
  for (std::size_t line = 0; line < lines; ++line) __builtin_prefetch(static_cast<const char*>(begin) + line * kCacheLine);
}

void fetch_scope(const std::unique_ptr<Ledger>& ledger, const std::array<std::unique_ptr<ChannelMemory>, kChannels>& memories) {
  if (ledger) fetch(ledger.get(), sizeof(Ledger) / kCacheLine);
  for (const auto& memory : memories)
    if (memory) fetch(memory.get(), kLines);
}

}  // namespace

void prefetch_scopes(const AgentState& agent) {
  if (!agent.sessions.empty()) fetch(&agent.sessions.back(), sizeof(SessionState) / kCacheLine);
  if (!agent.acts.empty()) fetch(agent.acts.data() + agent.acts.size() - std::min(agent.acts.size(), kActLines), kActLines);
  fetch_scope(agent.ledger, agent.memory);
}

void prefetch_memories(const AgentState& agent) {
  if (agent.ledger) fetch(agent.ledger->rows.data(), kLines);
  if (agent.sessions.empty()) return;
  const SessionState& session = agent.sessions.back();
  fetch_scope(session.ledger, session.memory);
}

}  // namespace ringfence
