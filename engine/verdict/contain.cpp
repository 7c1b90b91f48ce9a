// SPDX-License-Identifier: Apache-2.0
#include "engine/verdict/contain.h"

#include <algorithm>
#include <utility>

#include "engine/verdict/analytics.h"
#include "engine/verdict/case.h"

namespace ringfence {
namespace {

/// Credits a throttled subject starts with and may hold: a burst of ordinary work passes, guessing runs dry (control.md, throttle).
constexpr int kCreditsStart = 10;
constexpr int kCreditsCeiling = 20;

std::string session_scope(const AgentState& agent, const SessionState& session) {
  return session_scope_key(agent.tenant, agent.id, session.id);
}

Containment& entry_for(AgentState& agent, const std::string& scope) {
  const auto found = std::ranges::find(agent.containments, scope, &Containment::scope);
  if (found != agent.containments.end()) return *found;
  agent.containments.push_back({});
  agent.containments.back().scope = scope;
  return agent.containments.back();
}

Level desired_level(const Act& act, bool session_only) {
  const Standing& standing = session_only ? act.session.standing : act.agent.standing;
  const Level throttle = act.agent.standing.throttle ? Level::Throttle : Level::Observe;
  return std::max(standing.held.value_or(Level::Observe), throttle);
}

std::vector<ContainmentRecord::Select> selection(const Act& act, bool session_only) {
  std::vector<ContainmentRecord::Select> select;
  if (session_only) {
    select.push_back({"session.id", act.session.id});
  } else {
    select.push_back({"agent.id", act.agent.id});
    if (act.persona.response.scope == HaltScope::Subtree) select.push_back({"delegation.root", act.agent.id});
  }
  if (act.event.credential.fingerprint) {
    select.push_back({"credential.fingerprint", std::string(*act.event.credential.fingerprint)});
  }
  return select;
}

}  // namespace

std::string containment_scope(const Act& act) {
  if (contains_session_only(act.agent, act)) return session_scope(act.agent, act.session);
  const std::string_view type = act.persona.response.scope == HaltScope::Subtree ? "subtree" : "agent";
  return scope_key(type, act.agent.tenant, act.agent.id);
}

std::optional<ContainmentRecord> contain(const Act& act, const Decision& decision, const std::string& finding_uid, const std::string& reason,
                                         Position position) {
  if (act.persona.response.mode != Mode::Enforce) return std::nullopt;
  const bool session_only = contains_session_only(act.agent, act);
  const Level desired = desired_level(act, session_only);
  if (desired == Level::Observe && !decision.throttle_ended) return std::nullopt;  // as nearly always: nothing to name
  const std::string scope = containment_scope(act);
  const auto known = std::ranges::find(act.agent.containments, scope, &Containment::scope);
  const Level now = known != act.agent.containments.end() && known->contained ? known->level : Level::Observe;
  const bool ends = now == Level::Throttle && decision.throttle_ended && desired < Level::Throttle;
  if (desired <= now && !ends) return std::nullopt;

  Containment& entry = entry_for(act.agent, scope);
  ++entry.epoch;
  entry.contained = !ends;
  entry.level = ends ? Level::Throttle : desired;
  entry.since = act.event.time;
  if (!ends) entry.finding_uid = finding_uid;

  ContainmentRecord record;
  record.scope = scope;
  record.agent_id = act.agent.id;
  record.tenant = act.agent.tenant;
  if (session_only) record.session_id = act.session.id;
  record.epoch = entry.epoch;
  record.contained = entry.contained;
  record.level = entry.level;
  record.select = selection(act, session_only);
  record.effective_at = act.event.time;
  record.release_auto = entry.level == Level::Throttle;
  record.finding_uid = entry.finding_uid;
  record.reason = ends ? "evidence fell below a hundredth of the throttle's threshold" : reason;
  record.persona = act.persona.reference();
  record.cause_event_id = act.event.id;
  if (entry.level == Level::Throttle && entry.contained) {
    record.credits_start = kCreditsStart;
    record.credits_ceiling = kCreditsCeiling;
  }
  record.position = position;
  return record;
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

Level contained_level(const AgentState& agent, const SessionState& session) {
  Level level = Level::Observe;
  if (std::ranges::none_of(agent.containments, &Containment::contained)) return level;
  const std::string own_session = session_scope(agent, session);
  for (const Containment& c : agent.containments) {
    if (!c.contained) continue;
    if (c.scope.starts_with("session:") && c.scope != own_session) continue;
    level = std::max(level, c.level);
  }
  return level;
}

bool denies(Level level, std::optional<Effect> effect) {
  if (level >= Level::Halt) return true;
  return level == Level::Hold && effect != Effect::Read;
}

}  // namespace ringfence
