// SPDX-License-Identifier: Apache-2.0
#include "engine/state/agent_state.h"

#include <algorithm>

namespace ringfence {
namespace {

/// Heap bytes of a string beyond the object itself.
std::size_t heap(const std::string& text) { return text.capacity() > 15 ? text.capacity() + 1 : 0; }

std::size_t heap(const std::optional<std::vector<std::string>>& list) {
  if (!list) return 0;
  std::size_t sum = list->capacity() * sizeof(std::string);
  for (const auto& text : *list) sum += heap(text);
  return sum;
}

std::size_t heap(const std::unique_ptr<Ledger>& ledger) {
  if (!ledger) return 0;
  std::size_t sum = sizeof(Ledger) + ledger->rows.capacity() * sizeof(Ledger::Row);
  for (const auto& row : ledger->rows)
    for (const auto& sample : row.samples) sum += heap(sample);
  return sum;
}

std::size_t heap(const std::array<std::unique_ptr<ChannelMemory>, kChannels>& memories) {
  std::size_t sum = 0;
  for (const auto& memory : memories)
    if (memory) sum += memory->bytes();
  return sum;
}

}  // namespace

void AgentState::forget_oldest_acts(std::size_t n) {
  n = std::min(n, acts.size());
  acts.erase(acts.begin(), acts.begin() + static_cast<std::ptrdiff_t>(n));
  acts_gone += n;
}

void AgentState::start_afresh() {
  AgentState fresh;
  fresh.key = key;
  fresh.tenant = std::move(tenant);
  fresh.id = std::move(id);
  fresh.lsn = lsn;
  fresh.first_time = first_time;
  fresh.findings = std::move(findings);
  fresh.containments = std::move(containments);
  *this = std::move(fresh);
}

bool AgentState::contained() const {
  return std::ranges::any_of(containments, [](const Containment& c) { return c.contained; });
}

std::size_t AgentState::bytes() const {
  std::size_t sum = sizeof(AgentState) + heap(tenant) + heap(id) + heap(ledger) + heap(memory);
  sum += sessions.capacity() * sizeof(SessionState) + tasks.capacity() * sizeof(TaskScope) + acts.capacity() * sizeof(KnownAct);
  sum += findings.capacity() * sizeof(OpenFinding) + containments.capacity() * sizeof(Containment);
  for (const auto& s : sessions) sum += heap(s.id) + heap(s.ledger) + heap(s.memory);
  for (const auto& t : tasks) sum += heap(t.id) + heap(t.actions) + heap(t.destinations) + heap(t.resources);
  for (const auto& f : findings) sum += heap(f.uid);
  for (const auto& c : containments)
    sum += heap(c.scope) + heap(c.finding_uid) + heap(c.passed.read.event_id) + heap(c.passed.other.event_id);
  return sum;
}

}  // namespace ringfence
