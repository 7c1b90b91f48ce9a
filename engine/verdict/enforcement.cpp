// SPDX-License-Identifier: Apache-2.0
#include "engine/verdict/enforcement.h"

#include <algorithm>

#include "engine/event/decode.h"
#include "engine/event/escape.h"
#include "engine/verdict/act_scopes.h"
#include "engine/verdict/contain.h"

namespace ringfence {
namespace {

constexpr std::size_t kGateChars = 80, kScopeChars = 256;
constexpr std::int64_t kNanosPerMs = 1'000'000;

/// As control records carry times.
EventTime in_milliseconds(EventTime time) { return EventTime{to_milliseconds(time) * kNanosPerMs}; }

Containment* confirmed_by(const Enforcement& enforcement, AgentState& agent) {
  const auto found = std::ranges::find(agent.containments, enforcement.scope, &Containment::scope);
  return found == agent.containments.end() ? nullptr : &*found;
}

std::string told_of(const Enforcement& enforcement) {
  std::string out = "Contained: " + std::string(name_of(enforcement.level)) + " is in force at ";
  for (std::size_t i = 0; i < enforcement.gates.size(); ++i) {
    const Enforcement::Gate& gate = enforcement.gates[i];
    out += (i == 0 ? "" : ", ") + printable(gate.name, kGateChars) + " since " + format_rfc3339(gate.applied_at);
  }
  return out + ".";
}

/// The last call that the confirmed level denies and that started too late.
const Containment::Passed::Last* late(const Containment& entry) {
  const Containment::Passed::Last* found = nullptr;
  for (const auto& [last, effect] : {std::pair(&entry.passed.read, Effect::Read), std::pair(&entry.passed.other, Effect::Write)}) {
    if (last->event_id.empty() || !denies(entry.enforced.level, effect) || last->started <= entry.enforced.from) continue;
    if (found == nullptr || last->started > found->started) found = last;
  }
  return found;
}

}  // namespace

EventTime Enforcement::from() const { return std::ranges::max_element(gates, {}, &Gate::applied_at)->applied_at + skew; }

EnforcementIs look_at(const Enforcement& enforcement, const AgentState& agent) {
  const auto entry = std::ranges::find(agent.containments, enforcement.scope, &Containment::scope);
  if (entry == agent.containments.end() || !entry->contained || enforcement.gates.empty()) return EnforcementIs::Unasked;
  if (enforcement.effective_at < in_milliseconds(entry->since)) return EnforcementIs::Unasked;
  return enforcement.level > entry->enforced.level ? EnforcementIs::News : EnforcementIs::Known;
}

std::vector<FindingRecord> take_enforcement(const Enforcement& enforcement, AgentState& agent, const Told& told) {
  std::vector<FindingRecord> records;
  if (look_at(enforcement, agent) != EnforcementIs::News) return records;
  Containment& entry = *confirmed_by(enforcement, agent);
  entry.enforced = {enforcement.level, enforcement.from()};
  std::vector<FindingRecord::Gate> gates;
  for (const Enforcement::Gate& gate : enforcement.gates) gates.push_back({gate.name, gate.applied_at});
  records = contained_finding(agent, entry.finding_uid, told_of(enforcement), std::move(gates), told);
  if (const Containment::Passed::Last* last = late(entry)) {
    Event event;
    event.kind = EventKind::ToolCall;
    event.time = agent.last_time;
    event.tenant = agent.tenant;
    event.agent.id = agent.id;
    event.id = last->event_id;
    event.outcome.status = Outcome::Ok;
    for (FindingRecord& record : violation_finding(agent, event, last->started, &entry, told)) records.push_back(std::move(record));
  }
  return records;
}

const Containment* passed_enforcement(AgentState& agent, const Event& event, EventTime started, std::optional<Effect> effect) {
  const Containment* broken = nullptr;
  for (Containment& entry : agent.containments) {
    if (!covers(entry, agent, event) || !denies(entry.level, effect) || event.time <= entry.since) continue;
    ++entry.passed.count;
    Containment::Passed::Last& last = effect == Effect::Read ? entry.passed.read : entry.passed.other;
    if (last.event_id.empty() || started > last.started) last = {started, std::string(event.id)};
    if (broken == nullptr && denies(entry.enforced.level, effect) && started > entry.enforced.from) broken = &entry;
  }
  return broken;
}

std::vector<FindingRecord> violation_finding(AgentState& agent, const Event& event, EventTime started, const Containment* broken,
                                             const Told& told) {
  std::string sentence = "A call that the containment denies went through: there is a way around the gates.";
  if (broken != nullptr) {
    sentence = "A call that the " + std::string(name_of(broken->enforced.level)) + " of " + printable(broken->scope, kScopeChars) + " (" +
               printable(broken->finding_uid, kGateChars) + ") denies went through: " + printable(event.id, kGateChars) + " started at " +
               format_rfc3339(started) + ", after every expected gate had confirmed it and the allowance for clocks had passed at " +
               format_rfc3339(broken->enforced.from) + ": there is a way around the gates.";
  }
  return fact_finding(agent, event, {Analytic::ContainmentViolated, Level::Halt, std::move(sentence)}, told);
}

}  // namespace ringfence
