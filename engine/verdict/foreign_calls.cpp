// SPDX-License-Identifier: Apache-2.0
#include "engine/verdict/foreign_calls.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "engine/event/decode.h"
#include "engine/event/escape.h"
#include "engine/verdict/contain.h"

namespace ringfence {
namespace {

constexpr std::size_t kNameChars = 80, kScopeChars = 256;

Containment* kept_of(AgentState& agent, const ForeignContainment& standing) {
  const auto found = std::ranges::find(agent.containments, standing.key, &Containment::scope);
  return found == agent.containments.end() ? nullptr : &*found;
}

/// Counts the call; true where it went around the gates, as far as they have spoken.
bool count(Containment& kept, const Event& event, EventTime started, std::optional<Effect> effect) {
  ++kept.passed.count;
  Containment::Passed::Last& last = effect == Effect::Read ? kept.passed.read : kept.passed.other;
  if (last.event_id.empty() || started > last.started) last = {started, std::string(event.id)};
  return denies(kept.enforced.level, effect) && started > kept.enforced.from;
}

/// The gates have spoken since: the last call before that had started too late.
const Containment::Passed::Last* late(const Containment& kept) {
  const auto too_late = [&](const Containment::Passed::Last& last, Effect effect) {
    return !last.event_id.empty() && denies(kept.enforced.level, effect) && last.started > kept.enforced.from;
  };
  const Containment::Passed& passed = kept.passed;
  const bool read = too_late(passed.read, Effect::Read), other = too_late(passed.other, Effect::Write);
  if (read && other) return passed.read.started > passed.other.started ? &passed.read : &passed.other;
  return read ? &passed.read : other ? &passed.other : nullptr;
}

std::string told_of(const GoneRound& call) {
  const ForeignContainment& standing = *call.standing;
  std::string text = "A call that the " + std::string(name_of(standing.enforced)) + " of " + printable(standing.scope_text(), kScopeChars) +
                     " by " + printable(standing.writer(), kNameChars) + " (" + printable(standing.finding_uid, kNameChars) +
                     ") denies went through: " + printable(call.event_id, kNameChars) + " started at " + format_rfc3339(call.started) +
                     ", after every expected gate had confirmed it (";
  for (std::size_t i = 0; i < standing.gates.size(); ++i)
    text += (i == 0 ? "" : ", ") + printable(standing.gates[i].name, kNameChars) + " since " + format_rfc3339(standing.gates[i].applied_at);
  return text + ") and the allowance for clocks had passed at " + format_rfc3339(standing.from) + ": there is a way around the gates.";
}

template <class Ended>
std::vector<FindingRecord> forget(AgentState& agent, const Ended& ended, const std::string& how, const Told& told) {
  std::vector<FindingRecord> records;
  for (const Containment& entry : agent.containments) {
    if (!ended(entry)) continue;
    const auto its = [&](const OpenFinding& finding) { return finding.uid == entry.finding_uid; };
    const Ending ending{"released", how.empty() ? "Released: " + printable(entry.scope, kScopeChars) + " no longer stands." : how};
    std::ranges::move(close_released(agent, its, ending, told), std::back_inserter(records));
  }
  std::erase_if(agent.containments, ended);
  return records;
}

}  // namespace

std::vector<GoneRound> passed_foreign(AgentState& agent, const std::vector<const ForeignContainment*>& over, const Event& event,
                                      EventTime started, std::optional<Effect> effect) {
  std::vector<GoneRound> found;
  for (const ForeignContainment* const standing : over) {
    const bool passed = event.outcome.status == Outcome::Ok && denies(standing->level, effect);
    Containment* kept = kept_of(agent, *standing);
    if (kept == nullptr && !passed) continue;
    if (kept == nullptr) {
      agent.containments.push_back({.scope = standing->key, .epoch = standing->number, .level = standing->level, .since = event.time});
      kept = &agent.containments.back();
    }
    const bool news = standing->enforced != kept->enforced.level || standing->from != kept->enforced.from;
    kept->enforced = {standing->enforced, standing->from};
    if (const auto* last = news ? late(*kept) : nullptr) found.push_back({standing, last->event_id, last->started});
    if (passed && count(*kept, event, started, effect)) found.push_back({standing, std::string(event.id), started});
  }
  return found;
}

std::vector<FindingRecord> gone_round_findings(AgentState& agent, const std::vector<GoneRound>& calls, const Event& event,
                                               const Told& told) {
  std::vector<FindingRecord> records;
  for (const GoneRound& call : calls) {
    Event earlier;
    if (call.event_id != event.id) {
      earlier.kind = EventKind::ToolCall;
      earlier.time = event.time;
      earlier.tenant = agent.tenant;
      earlier.agent.id = agent.id;
      earlier.id = call.event_id;
      earlier.outcome.status = Outcome::Ok;
    }
    std::ranges::move(fact_finding(agent, call.event_id == event.id ? event : earlier,
                                   {.analytic = Analytic::ContainmentViolated,
                                    .level = Level::Halt,
                                    .sentence = told_of(call),
                                    .about = kept_of(agent, *call.standing)},
                                   told),
                      std::back_inserter(records));
  }
  return records;
}

std::vector<FindingRecord> forget_ended(AgentState& agent, const ForeignContainments& foreign, const Told& told) {
  const auto ended = [&](const Containment& entry) {
    if (!is_foreign(entry)) return false;
    const ForeignContainment* const standing = foreign.find(entry.scope);
    return standing == nullptr || standing->number != entry.epoch;
  };
  return forget(agent, ended, "", told);
}

std::vector<FindingRecord> forget_ended(AgentState& agent, const ForeignContainment& standing, const std::string& how, const Told& told) {
  return forget(agent, [&](const Containment& entry) { return entry.scope == standing.key && entry.epoch == standing.number; }, how, told);
}

}  // namespace ringfence
