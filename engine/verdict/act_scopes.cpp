// SPDX-License-Identifier: Apache-2.0
#include "engine/verdict/act_scopes.h"

#include <algorithm>

#include "engine/event/escape.h"
#include "engine/state/borrowed_session.h"

namespace ringfence {
namespace {

constexpr std::string_view kSession = "session", kBorrowed = "borrowed";

}  // namespace

std::string borrowed_scope_key(std::string_view tenant, std::string_view agent_id, std::string_view fingerprint) {
  return scope_key(kBorrowed, tenant, percent_encoded(agent_id) + "/" + percent_encoded(fingerprint));
}

ScopeParts part_of(const AgentState& agent, const SessionState& session) {
  return {std::string(stands_for_credential(session) ? kBorrowed : kSession), agent.tenant, agent.id, session.id};
}

std::string scope_of(const AgentState& agent, const SessionState& session) {
  return (stands_for_credential(session) ? borrowed_scope_key : session_scope_key)(agent.tenant, agent.id, session.id);
}

bool is_part(std::string_view scope) {
  const std::string_view type = scope.substr(0, scope.find(':'));
  return type == kSession || type == kBorrowed;
}

std::string session_named(const ScopeParts& scope) { return scope.type == kSession ? scope.session : std::string(); }

std::vector<ContainmentRecord::Select> selection_of(const ScopeParts& scope) {
  if (scope.type == kSession) return {{"session.id", scope.session}};
  if (scope.type == kBorrowed) return {{"credential.fingerprint", scope.session}};
  if (scope.type == "subtree") return {{"agent.id", scope.id}, {"delegation.root", scope.id}};
  return {{"agent.id", scope.id}};
}

Level highest(const Standing& standing) {
  const Level level = standing.throttle ? Level::Throttle : standing.alert ? Level::Alert : Level::Observe;
  return std::max(level, standing.held.value_or(Level::Observe));
}

Level standing_over(const AgentState& agent, const SessionState& session) {
  return std::max(highest(agent.standing), highest(session.standing));
}

bool covers(const Containment& containment, const AgentState& agent, const Event& event) {
  if (!containment.contained) return false;
  if (!is_part(containment.scope)) return true;
  const auto is = [&](const Text& id, const auto& key_of) { return id && containment.scope == key_of(agent.tenant, agent.id, *id); };
  return is(event.session.id, session_scope_key) || is(event.credential.fingerprint, borrowed_scope_key);
}

Level contained_level(const AgentState& agent, const Event& event, EventTime started) {
  Level level = Level::Observe;
  for (const Containment& c : agent.containments) {
    if (covers(c, agent, event) && c.since < started) level = std::max(level, c.level);
  }
  return level;
}

}  // namespace ringfence
