// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/operate.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "engine/event/escape.h"
#include "engine/pipeline/judge_link.h"
#include "engine/state/borrowed_session.h"
#include "engine/verdict/act_scopes.h"
#include "engine/verdict/case.h"
#include "engine/verdict/contain.h"
#include "engine/verdict/foreign_calls.h"

namespace ringfence {
namespace {

constexpr int kApprovedTier = 4;

/// The command with what it meets.
struct Order {
  const Command& command;
  const ScopeParts& scope;
  AgentState& agent;
  const Persona* persona;  // null: the agent has no job
  Position at;
  std::string_view topic;
};

/// Who answers for it: the approver, where one is named.
const std::string& answerable(const Command& command) { return command.approver.empty() ? command.by : command.approver; }

/// The scope is a part of the agent's work.
bool of_part(const Order& order) { return is_part(order.scope.type); }

/// The sessions the scope reaches; of type session those of its id, borrowed or not.
std::vector<SessionState*> sessions_of(const Order& order) {
  std::vector<SessionState*> found;
  const auto named = [&](const SessionState& session) {
    return session.id == order.scope.session && stands_for_credential(session) == session_named(order.scope).empty();
  };
  for (SessionState& session : order.agent.sessions)
    if (!of_part(order) || named(session)) found.push_back(&session);
  return found;
}

bool clean(const Standing& standing) { return !standing.alert && !standing.throttle && !standing.held; }

/// Something of it would be judged on: a level, or evidence that has begun.
bool anything_stands(const Order& order) {
  if (std::ranges::any_of(order.agent.containments, [&](const Containment& c) { return c.contained && takes_in(order.scope, c.scope); }))
    return true;
  const auto stands = [](const SessionState* session) { return !clean(session->standing) || session->ledger || session->held_acts > 0; };
  if (std::ranges::any_of(sessions_of(order), stands)) return true;
  return !of_part(order) && (!clean(order.agent.standing) || order.agent.ledger);
}

std::optional<CommandAnswer> refused(const Order& order) {
  const Command& command = order.command;
  const std::string mark = halted_by(answerable(command));
  const auto own = [&](const Containment& c) { return c.contained && takes_in(order.scope, c.scope) && c.finding_uid == mark; };
  const bool own_halt = std::ranges::any_of(order.agent.containments, own);
  if (command.command == "approve") return own_halt ? std::optional(CommandAnswer::OwnHalt) : std::nullopt;
  if (command.command != "release" || order.persona == nullptr || order.persona->tier < kApprovedTier) return std::nullopt;
  if (command.approver.empty() || same_person(command.approver, command.by)) return CommandAnswer::NeedsApprover;
  return own_halt ? std::optional(CommandAnswer::OwnHalt) : std::nullopt;
}

void start_at_zero(SessionState& session) {
  session.evidence = {};
  session.ledger.reset();
  session.standing = {};
  session.held_acts = 0;
}

void start_at_zero(const Order& order) {
  bool shared = !of_part(order);
  for (SessionState* session : sessions_of(order)) {
    start_at_zero(*session);
    shared = shared || !session->borrowed;
  }
  if (!shared) return;  // a borrowed name never moved the agent's evidence
  // A session's acts moved the agent's evidence too: what is left of it would halt the session again at its next slip.
  order.agent.evidence = {};
  order.agent.ledger.reset();
  if (!of_part(order)) order.agent.standing = {};
}

/// The next epoch of what stands, as the person wants it. Behind everything that was said of the agent's time so far: what a writer has
/// sent under an epoch of its own (control_writer.h) must not hide it.
ContainmentRecord next_record(const Order& order, Containment& entry, bool contained) {
  ++entry.epoch;
  entry.contained = contained;
  const EventTime now = std::max(order.agent.last_time, entry.since) + milliseconds(1);
  if (!contained) entry.since = now;
  const ScopeParts parts = parse_scope(entry.scope).value_or(order.scope);
  ContainmentRecord record;
  record.scope = entry.scope;
  record.agent_id = parts.id;
  record.tenant = parts.tenant;
  record.session_id = session_named(parts);
  record.epoch = entry.epoch;
  record.contained = contained;
  record.level = entry.level;
  record.effective_at = now;
  record.finding_uid = entry.finding_uid;
  record.reason = order.command.reason;
  record.approver = answerable(order.command);
  record.cause_event_id = cause_of(order.command);
  record.position = order.at;
  if (order.persona != nullptr) record.persona = order.persona->reference();
  record.select = selection_of(parts);
  return record;
}

/// Who and why, for a reader: everything of it came from outside.
std::string told(const Command& command) {
  std::string text = printable(command.by);
  if (!command.approver.empty() && !same_person(command.approver, command.by)) text += ", approved by " + printable(command.approver);
  text += ": " + printable(command.reason, 1024);
  if (!command.ticket.empty()) text += " (" + printable(command.ticket) + ")";
  return text;
}

/// What stands goes back to a wider scope than the one named: the tree over its agent, or the agent over its session.
bool held_wider(const Order& order) {
  const auto& [type, tenant, id, session] = order.scope;
  if (type == "subtree") return false;
  const bool part = of_part(order);
  const auto over = [&](const Containment& c) {
    return c.contained && (c.scope == scope_key("subtree", tenant, id) || (part && c.scope == scope_key("agent", tenant, id)));
  };
  return std::ranges::any_of(order.agent.containments, over) || (part && order.agent.standing.held);
}

Operated release(const Order& order) {
  if (held_wider(order)) return {CommandAnswer::WiderScope, {}};
  if (!anything_stands(order)) return {CommandAnswer::NothingStands, {}};
  Judgement out;
  out.position = order.at;
  std::vector<std::string> uids;
  for (Containment& entry : order.agent.containments) {
    if (!entry.contained || !takes_in(order.scope, entry.scope)) continue;
    out.containments.push_back(next_record(order, entry, false));
    uids.push_back(entry.finding_uid);
  }
  start_at_zero(order);
  const auto of_scope = [&](const OpenFinding& finding) { return !of_part(order) || std::ranges::find(uids, finding.uid) != uids.end(); };
  out.findings =
      close_released(order.agent, of_scope, {"released", "Released by " + told(order.command)}, {order.persona, order.topic, order.at});
  return {CommandAnswer::Done, std::move(out)};
}

/// What went out as a hold because it lay beyond the blast radius goes out as what it is.
Operated approve(const Order& order) {
  Judgement out;
  out.position = order.at;
  bool by_people = false;  // an operator's halt waits for nobody
  for (Containment& entry : order.agent.containments) {
    if (!entry.contained || entry.level < Level::Halt || !takes_in(order.scope, entry.scope)) continue;
    if (is_halted_by_person(entry.finding_uid))
      by_people = true;
    else
      out.containments.push_back(next_record(order, entry, true));
  }
  if (out.containments.empty()) return {by_people ? CommandAnswer::Done : CommandAnswer::NothingStands, {}};
  return {CommandAnswer::Done, std::move(out)};
}

Operated purge(const Order& order) {
  if (order.scope.type != "agent") return {CommandAnswer::NotInState, {}};
  if (order.agent.contained()) return {CommandAnswer::StillContained, {}};
  Judgement out;
  out.position = order.at;
  out.findings = close_released(order.agent, [](const OpenFinding&) { return true; },
                                {"purged", "Forgotten at the word of " + told(order.command)}, {order.persona, order.topic, order.at});
  order.agent.start_afresh();
  return {CommandAnswer::Done, std::move(out)};
}

/// The operator's writer has published it: the state only knows, so that the engine neither repeats it nor forgets it at a release.
Operated halt(const Order& order) {
  const std::vector<SessionState*> sessions = sessions_of(order);
  if (order.scope.type == "session" && sessions.empty()) return {CommandAnswer::UnknownAgent, {}};
  auto entry = std::ranges::find(order.agent.containments, order.command.scope, &Containment::scope);
  if (entry != order.agent.containments.end() && entry->contained && entry->level >= Level::Halt) return {CommandAnswer::NothingStands, {}};
  if (entry == order.agent.containments.end()) {
    order.agent.containments.push_back({.scope = order.command.scope});
    entry = std::prev(order.agent.containments.end());
  }
  if (!entry->contained) entry->enforced = {}, entry->passed = {};
  entry->contained = true;
  entry->level = Level::Halt;
  entry->finding_uid = halted_by(order.command.by);
  entry->since = order.agent.last_time;
  const auto hold = [](Standing& standing) { standing.held = std::max(standing.held.value_or(Level::Observe), Level::Halt); };
  if (order.scope.type != "session") hold(order.agent.standing);
  if (order.scope.type == "session")
    for (SessionState* session : sessions) hold(session->standing);
  return {CommandAnswer::Done, {}};
}

bool is_tree(const std::string& scope) { return scope.starts_with("subtree:"); }

/// Of a tree the agents that it has contained by name.
Operated free_from_tree(const Order& order, const ForeignContainment& tree, std::optional<CommandAnswer> why_not) {
  const auto its = [&](const Containment& c) { return c.contained && !is_tree(c.scope) && c.finding_uid == tree.finding_uid; };
  if (tree.scope.type != "subtree" || std::ranges::none_of(order.agent.containments, its)) return {CommandAnswer::NothingStands, {}};
  return why_not ? Operated{*why_not, {}} : release(order);
}

/// A tree is named by its root and takes its members with it; whatever else a subject has stopped is named as it is.
bool reaches(const ScopeParts& named, const std::string& stands, const AgentState& subject) {
  const std::string key = scope_key(named.type, named.tenant, named.id);
  if (named.type == "agent") return stands == key;
  if (named.type != "subtree") return false;
  return std::ranges::any_of(subject.containments, [&](const Containment& c) { return c.contained && c.scope == key; });
}

/// Of all whom the subject stops the job that asks most of who frees them.
const Persona* strictest_persona(const AgentState& subject, const Rulebook& rules) {
  const Persona* strictest = nullptr;
  for (const Containment& entry : subject.containments) {
    const auto parts = parse_scope(entry.scope);
    if (!entry.contained || !parts) continue;
    Event event;
    event.tenant = parts->tenant;
    event.agent.id = parts->id;
    const Persona* const job = rules.set().match(event);
    if (job != nullptr && (strictest == nullptr || job->tier > strictest->tier)) strictest = job;
  }
  return strictest;
}

}  // namespace

std::string_view words_of(CommandAnswer answer) {
  switch (answer) {
    case CommandAnswer::Done:
      return "done";
    case CommandAnswer::UnknownAgent:
      return "nothing is known of that agent or session";
    case CommandAnswer::NothingStands:
      return "nothing changes: it stands as commanded already";
    case CommandAnswer::NeedsApprover:
      return "tier 4 is released only with an approver other than who releases";
    case CommandAnswer::OwnHalt:
      return "who halted cannot approve";
    case CommandAnswer::WiderScope:
      return "contained under another scope: release that one";
    case CommandAnswer::StillContained:
      return "contained: release it first";
    case CommandAnswer::NotInState:
      return "no agent's state answers for it";
  }
  return "";
}

Operated operate(const Command& command, const ScopeParts& scope, AgentState& agent, const Rulebook& rules, Position at,
                 std::string_view topic) {
  if (is_wide(scope)) return {CommandAnswer::NotInState, {}};
  const Order order{command, scope, agent, known_persona(agent, rules), at, topic};
  if (const auto why = refused(order)) return {*why, {}};
  if (command.command == "approve") return approve(order);
  if (command.command == "release") return release(order);
  if (command.command == "purge") return purge(order);
  return halt(order);
}

Operated free_member(const Command& command, const ForeignContainment& standing, AgentState& member, const Rulebook& rules, Position at,
                     std::string_view topic) {
  const ScopeParts scope{"agent", member.tenant, member.id, {}};
  const Order order{command, scope, member, known_persona(member, rules), at, topic};
  const bool commanded = !standing.by.empty();
  // What its calls made of the containment ends with it, whoever else still holds the agent.
  std::vector<FindingRecord> ended =
      forget_ended(member, standing, commanded ? "Released by " + told(command) : "", {order.persona, topic, at});
  Operated out = commanded ? free_from_tree(order, standing, refused(order)) : free_from_tree(order, standing, std::nullopt);
  if (ended.empty()) return out;
  if (!out.judgement) out.judgement.emplace().position = at;
  out.judgement->findings.insert(out.judgement->findings.begin(), std::make_move_iterator(ended.begin()),
                                 std::make_move_iterator(ended.end()));
  if (out.answer == CommandAnswer::NothingStands) out.answer = CommandAnswer::Done;
  return out;
}

Operated stop_member(const Command& command, const ForeignContainment& tree, AgentState& member, const Rulebook& rules, Position at) {
  auto record = contain_member(
      member, nullptr, tree,
      {.time = member.last_time, .cause_event_id = cause_of(command), .persona = known_persona(member, rules), .position = at});
  if (!record) return {CommandAnswer::NothingStands, {}};
  Operated out{CommandAnswer::Done, Judgement{}};
  out.judgement->position = at;
  out.judgement->containments.push_back(std::move(*record));
  return out;
}

bool held_by_tree(const Command& command, const ScopeParts& scope, const AgentState& agent, const ForeignContainments& foreign) {
  if (command.command != "release" || is_tree(command.scope) || is_wide(scope)) return false;
  return std::ranges::any_of(agent.containments,
                             [&](const Containment& c) { return c.contained && foreign.holds(agent.key, c.finding_uid); });
}

void join(Operated& out, Operated one) {
  out.answer = std::min(out.answer, one.answer);
  if (!one.judgement) return;
  if (out.judgement)
    join(*out.judgement, std::move(*one.judgement));
  else
    out.judgement = std::move(one.judgement);
}

void order_by_agent(Judgement& judgement) {
  std::ranges::stable_sort(judgement.containments, {}, &ContainmentRecord::agent_id);
  std::ranges::stable_sort(judgement.findings, {}, &FindingRecord::agent_id);
}

CommandAnswer operate_foreign(const Command& command, const ScopeParts& scope, ForeignContainments& foreign) {
  if (foreign.obey(command, scope)) return CommandAnswer::Done;
  return foreign.knows(command.scope) ? CommandAnswer::NothingStands : CommandAnswer::NotInState;
}

bool is_wide(const ScopeParts& scope) { return scope.type != "agent" && !is_part(scope.type) && scope.type != "subtree"; }

Operated operate_subject(const Command& command, const ScopeParts& scope, AgentState& subject, const Rulebook& rules, Position at,
                         std::string_view topic) {
  const bool frees = command.command == "release";
  if (!frees && command.command != "approve") return {CommandAnswer::NotInState, {}};
  std::vector<Containment*> reached;
  for (Containment& entry : subject.containments)
    if (entry.contained && reaches(scope, entry.scope, subject)) reached.push_back(&entry);
  if (reached.empty()) return {CommandAnswer::UnknownAgent, {}};
  const bool tree = std::ranges::any_of(subject.containments, [](const Containment& c) { return c.contained && is_tree(c.scope); });
  if (frees && tree && scope.type != "subtree") return {CommandAnswer::WiderScope, {}};

  const Order order{command, scope, subject, strictest_persona(subject, rules), at, topic};
  if (const auto why = refused(order)) return {*why, {}};
  Judgement out;
  out.position = at;
  std::vector<std::string> uids;
  bool any = false;
  for (Containment* entry : reached) {
    if (!frees && (entry->level < Level::Halt || entry->epoch == 0)) continue;
    any = true;
    if (entry->epoch == 0) {  // a tree that stands by its root's own record, which the root's writer frees
      entry->contained = false;
      continue;
    }
    out.containments.push_back(next_record(order, *entry, !frees));
    uids.push_back(entry->finding_uid);
  }
  if (!any) return {CommandAnswer::NothingStands, {}};
  if (!frees) return {CommandAnswer::Done, std::move(out)};
  start_at_zero(order);
  const auto of_these = [&](const OpenFinding& finding) { return tree || std::ranges::find(uids, finding.uid) != uids.end(); };
  out.findings = close_released(subject, of_these, {"released", "Released by " + told(command)}, {order.persona, topic, at});
  return {CommandAnswer::Done, std::move(out)};
}

}  // namespace ringfence
