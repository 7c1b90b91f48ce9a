// SPDX-License-Identifier: Apache-2.0
#include "engine/verdict/contain.h"

#include <algorithm>
#include <utility>

#include "engine/state/borrowed_session.h"
#include "engine/verdict/act_scopes.h"
#include "engine/verdict/analytics.h"
#include "engine/verdict/case.h"
#include "engine/verdict/foreign_containments.h"

namespace ringfence {
namespace {

/// Credits a throttled subject starts with and may hold: a burst of ordinary work passes, guessing runs dry (control.md, throttle).
constexpr int kCreditsStart = 10;
constexpr int kCreditsCeiling = 20;

/// Whether the throttle of a scope still stands by its evidence. A session that is no longer live has none.
bool throttle_stands(const AgentState& agent, const Containment& containment) {
  if (!is_part(containment.scope)) return agent.standing.throttle;
  return std::ranges::any_of(agent.sessions, [&](const SessionState& session) {
    return session.standing.throttle && scope_of(agent, session) == containment.scope;
  });
}

std::string_view whole_scope(const Act& act) { return act.persona.response.scope == HaltScope::Subtree ? "subtree" : "agent"; }

Level desired_level(const Act& act, bool session_only) {
  const Standing& standing = session_only ? act.session.standing : act.agent.standing;
  return std::max(standing.held.value_or(Level::Observe), standing.throttle ? Level::Throttle : Level::Observe);
}

/// The level at which the scope is contained. A person who has halted an agent did not halt those it leads, and its standing still does not
/// say more than the person did.
Level contained_already(const AgentState& agent, const std::string& scope) {
  Level level = Level::Observe;
  for (const Containment& entry : agent.containments) {
    const bool by_person = is_halted_by_person(entry.finding_uid) && entry.scope == scope_key("agent", agent.tenant, agent.id);
    if (entry.contained && (entry.scope == scope || by_person)) level = std::max(level, entry.level);
  }
  return level;
}

/// What gates match a call by, any one entry enough (enforcement.md): so a session is contained without the credential its agent shares
/// with other sessions, but for acts under a borrowed name that have no session to name. Empty where they show no credential either: then
/// nothing tells their calls from those of the agent.
std::vector<ContainmentRecord::Select> selection(const Act& act, bool session_only) {
  if (session_only) {
    if (!act.event.session.id && !stands_for_credential(act.session)) return {};
    return selection_of(part_of(act.agent, act.session));
  }
  std::vector<ContainmentRecord::Select> select = selection_of({std::string(whole_scope(act)), act.agent.tenant, act.agent.id, {}});
  if (const auto& credential = act.event.credential.fingerprint) select.push_back({"credential.fingerprint", std::string(*credential)});
  return select;
}

/// The next state of a scope as a record; what the caller alone knows is filled in by it.
ContainmentRecord next_record(const Act& act, Containment& entry, bool contained, Level level, Position position) {
  ++entry.epoch;
  if (!entry.contained) entry.enforced = {}, entry.passed = {};
  entry.contained = contained;
  entry.level = level;
  entry.since = act.event.time;
  ContainmentRecord record;
  record.scope = entry.scope;
  record.agent_id = act.agent.id;
  record.tenant = act.agent.tenant;
  if (const auto parts = parse_scope(entry.scope)) record.session_id = session_named(*parts);
  record.epoch = entry.epoch;
  record.contained = contained;
  record.level = level;
  record.effective_at = act.event.time;
  record.release_auto = level == Level::Throttle;
  record.finding_uid = entry.finding_uid;
  record.persona = act.persona.reference();
  record.cause_event_id = act.event.id;
  record.position = position;
  return record;
}

/// Throttles whose evidence has fallen end by themselves, whichever of the agent's scopes they stand in and whatever mode the persona has
/// now.
void release_throttles(const Act& act, Position position, std::vector<ContainmentRecord>& records) {
  for (Containment& entry : act.agent.containments) {
    if (!entry.contained || entry.level != Level::Throttle || throttle_stands(act.agent, entry)) continue;
    records.push_back(next_record(act, entry, false, Level::Throttle, position));
    ContainmentRecord& record = records.back();
    record.select = selection_of(parse_scope(entry.scope).value_or(ScopeParts{"agent", act.agent.tenant, act.agent.id, {}}));
    record.reason = "evidence fell below a hundredth of the throttle's threshold";
  }
}

}  // namespace

Containment& entry_for(AgentState& agent, const std::string& scope) {
  const auto found = std::ranges::find(agent.containments, scope, &Containment::scope);
  return found != agent.containments.end() ? *found : agent.containments.emplace_back(Containment{.scope = scope});
}

std::string containment_scope(const Act& act) {
  if (contains_session_only(act.agent, act)) return scope_of(act.agent, act.session);
  return scope_key(whole_scope(act), act.agent.tenant, act.agent.id);
}

bool has_room_for_session(const AgentState& agent) {
  const auto of_session = [](const Containment& entry) { return is_part(entry.scope) && !is_foreign(entry); };
  return static_cast<std::size_t>(std::ranges::count_if(agent.containments, of_session)) < kContainedSessionsMost;
}

std::vector<ContainmentRecord> contain(const Act& act, const ContainmentCause& cause, Position position) {
  std::vector<ContainmentRecord> records;
  const bool enforced = act.persona.response.mode == Mode::Enforce;
  if (!enforced && act.agent.containments.empty()) return records;
  const bool session_only = contains_session_only(act.agent, act);
  const Level desired = enforced ? desired_level(act, session_only) : Level::Observe;
  if (desired >= Level::Throttle) {
    const std::string scope = containment_scope(act);
    const auto known = [&] {
      return std::ranges::find(act.agent.containments, scope, &Containment::scope) != act.agent.containments.end();
    };
    auto select = selection(act, session_only);
    const bool room = !session_only || known() || has_room_for_session(act.agent);
    if (desired > contained_already(act.agent, scope) && room && !select.empty()) {
      Containment& entry = entry_for(act.agent, scope);
      entry.finding_uid = cause.finding_uid;
      ContainmentRecord& record = records.emplace_back(next_record(act, entry, true, desired, position));
      record.select = std::move(select);
      record.reason = cause.reason;
      if (desired == Level::Throttle) {
        record.credits_start = kCreditsStart;
        record.credits_ceiling = kCreditsCeiling;
      }
    }
  }
  release_throttles(act, position, records);
  return records;
}

std::optional<ContainmentRecord> contain_member(AgentState& agent, SessionState* borrowing, const ForeignContainment& tree,
                                                const MemberStop& stop) {
  const ScopeParts scope = borrowing != nullptr ? part_of(agent, *borrowing) : ScopeParts{"agent", agent.tenant, agent.id, {}};
  Containment& entry = entry_for(agent, borrowing != nullptr ? scope_of(agent, *borrowing) : scope_key("agent", agent.tenant, agent.id));
  if (entry.contained && entry.level >= Level::Halt) return std::nullopt;
  if (!entry.contained) entry.enforced = {}, entry.passed = {};
  ++entry.epoch;
  entry.contained = true;
  entry.level = Level::Halt;
  entry.finding_uid = tree.finding_uid;
  entry.since = std::max(stop.time, entry.since + milliseconds(1));  // behind the release of an earlier one
  std::optional<Level>& held = (borrowing != nullptr ? borrowing->standing : agent.standing).held;
  held = std::max(held.value_or(Level::Observe), Level::Halt);
  ContainmentRecord record;
  record.scope = entry.scope;
  record.agent_id = agent.id;
  record.tenant = agent.tenant;
  record.session_id = session_named(scope);
  record.epoch = entry.epoch;
  record.select = selection_of(scope);
  record.effective_at = entry.since;
  record.finding_uid = tree.finding_uid;
  record.reason = works_in(tree.scope_text(), "a person has halted", tree.reason);
  record.approver = tree.by.empty() ? tree.finding_uid : tree.by;  // a person has decided: nothing holds it back
  if (stop.persona != nullptr) record.persona = stop.persona->reference();
  record.cause_event_id = stop.cause_event_id;
  record.position = stop.position;
  return record;
}

std::string works_in(std::string_view tree, std::string_view by, std::string_view reason) {
  std::string text = "works in " + std::string(tree) + ", which " + std::string(by);
  if (!reason.empty()) text.append(": ").append(reason);
  return text;
}

FindingRecord blast_radius_finding(const ContainmentRecord& held, std::string topic) {
  const auto at = held.persona.find('@');
  FindingRecord finding{.analytic = Analytic::ContainmentBlastRadius, .level = Level::Alert, .applied = Level::Alert};
  finding.activity = FindingRecord::Activity::Create;
  finding.uid = finding_uid(held.tenant, held.agent_id, held.cause_event_id, finding.analytic, held.persona);
  finding.title = std::string(info_of(finding.analytic).title);
  finding.sentence = "A " + std::string(name_of(held.wanted)) + " of this agent (" + held.finding_uid + ": " + held.reason +
                     ") went out as a hold: it lies beyond what may be halted without a person. It waits for approve.";
  finding.count = 1;
  finding.time = finding.created = finding.first_seen = finding.last_seen = held.effective_at;
  finding.event_id = held.cause_event_id;
  finding.tenant = held.tenant;
  finding.agent_id = held.agent_id;
  finding.session_id = held.session_id;
  finding.persona_id = held.persona.substr(0, at);
  if (at != std::string::npos) finding.persona_version = held.persona.substr(at + 1);
  finding.policy_applied = true;
  finding.topic = std::move(topic);
  finding.position = held.position;
  return finding;
}

Level contained_session(const AgentState& agent, const SessionState& session) {
  const auto found = agent.containments.empty() ? agent.containments.end()
                                                : std::ranges::find(agent.containments, scope_of(agent, session), &Containment::scope);
  return found != agent.containments.end() && found->contained ? found->level : Level::Observe;
}

bool denies(Level level, std::optional<Effect> effect) {
  if (level >= Level::Halt) return true;
  return level == Level::Hold && effect != Effect::Read;
}

}  // namespace ringfence
