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

std::size_t heap(const std::unique_ptr<Ledger>& ledger) { return ledger ? ledger->bytes() : 0; }

std::size_t heap(const std::array<std::unique_ptr<ChannelMemory>, kChannels>& memories) {
  std::size_t sum = 0;
  for (const auto& memory : memories)
    if (memory) sum += memory->bytes();
  return sum;
}

std::size_t heap(const std::vector<TaskScope>& tasks) {
  std::size_t sum = tasks.capacity() * sizeof(TaskScope);
  for (const auto& t : tasks) sum += heap(t.id) + heap(t.actions) + heap(t.destinations) + heap(t.resources);
  return sum;
}

std::size_t heap(const std::unique_ptr<Past>& past) { return past ? sizeof(Past) + heap(past->memory) + heap(past->tasks) : 0; }

}  // namespace

std::string_view Ledger::sample(const Row& row, std::size_t which) const {
  const std::uint32_t number = row.samples.at(which);
  return number == 0 ? std::string_view() : std::string_view(events_[number - 1].id);
}

void Ledger::keep(Row& row, std::size_t which, std::string_view event_id) {
  if (latest_ != 0 && std::ranges::find(row.samples, latest_) != row.samples.end() && events_[latest_ - 1].id == event_id) return;
  std::uint32_t& number = row.samples.at(which);
  if (number != 0 && --events_[number - 1].rows == 0) ++free_;
  number = event_id.empty() ? 0 : number_of(event_id);
  if (number != 0) ++events_[number - 1].rows;
}

/// Of an event that is known, else of a place that it takes. Ids come by the dozen, so the latest is the one; when a state is read they
/// come row by row, and then it is one of the last: more are not looked through, and a known one may be kept twice.
std::uint32_t Ledger::number_of(std::string_view event_id) {
  constexpr std::size_t kLookedThrough = 32;
  const auto known = [&](const Sampled& event) { return event.rows > 0 && event.id == event_id; };
  if (latest_ != 0 && known(events_[latest_ - 1])) return latest_;
  auto found = std::find_if(events_.end() - static_cast<std::ptrdiff_t>(std::min(events_.size(), kLookedThrough)), events_.end(), known);
  if (found == events_.end()) {
    if (free_ > 0) {
      found = std::ranges::find(events_, 0U, &Sampled::rows);
      --free_;
    } else {
      found = events_.emplace(events_.end());
    }
    found->id = event_id;
  }
  latest_ = static_cast<std::uint32_t>(found - events_.begin()) + 1;
  return latest_;
}

void Ledger::clear_rows() {
  rows.clear();
  events_.clear();
  latest_ = free_ = 0;
}

std::size_t Ledger::bytes() const {
  std::size_t sum = sizeof(Ledger) + rows.capacity() * sizeof(Row) + events_.capacity() * sizeof(Sampled);
  for (const Sampled& event : events_) sum += heap(event.id);
  return sum;
}

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
  sum += sessions.capacity() * sizeof(SessionState) + heap(tasks) + acts.capacity() * sizeof(KnownAct);
  sum += findings.capacity() * sizeof(OpenFinding) + containments.capacity() * sizeof(Containment);
  for (const auto& s : sessions) sum += heap(s.id) + heap(s.ledger) + heap(s.memory) + heap(s.apart);
  for (const auto& f : findings) sum += heap(f.uid);
  for (const auto& c : containments)
    sum += heap(c.scope) + heap(c.finding_uid) + heap(c.passed.read.event_id) + heap(c.passed.other.event_id);
  return sum;
}

}  // namespace ringfence
