// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/judge.h"

#include <algorithm>

#include "engine/verdict/case.h"
#include "engine/verdict/contain.h"
#include "engine/verdict/ledger.h"
#include "engine/verdict/policy.h"

namespace ringfence {
namespace {

constexpr std::string_view kThrottleCode = "429";

/// The event's session; ended ones (24 h without an event) and, of more than 64, the least recent make room.
SessionState& session_of(AgentState& agent, const Event& event) {
  const std::string_view id = event.session.id.value_or("-");
  const std::uint64_t key = hash64(id);
  std::erase_if(agent.sessions, [&](const SessionState& s) { return agent.last_time - s.last > limits::kSessionIdle; });
  auto found = std::ranges::find(agent.sessions, key, &SessionState::key);
  if (found == agent.sessions.end()) {
    if (agent.sessions.size() >= limits::kSessionsPerAgent) {
      agent.sessions.erase(std::ranges::min_element(agent.sessions, {}, &SessionState::arrival));
    }
    agent.sessions.emplace_back();
    found = std::prev(agent.sessions.end());
    found->id = id;
    found->key = key;
    found->last = event.time;
    if (const Level level = contained_level(agent, *found); level >= Level::Hold) found->standing.held = level;
  }
  found->last = std::max(found->last, event.time);
  found->arrival = agent.arrivals;
  return *found;
}

std::size_t persona_of(AgentState& agent, const Event& event, const Rulebook& rules) {
  AgentState::Derived& derived = agent.derived;
  const std::uint64_t bound = event.agent.persona ? hash64(*event.agent.persona) : 0;
  if (derived.rules != &rules || derived.bound != bound) {
    derived.rules = &rules;
    derived.bound = bound;
    derived.persona = rules.match(event);
  }
  return derived.persona;
}

/// Evidence outlives a change of the persona; what its ledgers count does not.
void follow_persona(AgentState& agent, const Persona& persona) {
  const std::uint64_t now = hash64(persona.sha256);
  if (agent.persona == now) return;
  if (agent.persona != 0) {
    rebase(agent.ledger, agent.evidence);
    for (SessionState& session : agent.sessions) rebase(session.ledger, session.evidence);
  }
  agent.persona = now;
}

bool own_refusal(const AgentState& agent, const SessionState& session, const Event& event, std::optional<Effect> effect) {
  if (event.outcome.status != Outcome::Denied) return false;
  const Level level = contained_level(agent, session);
  if (level == Level::Throttle) return event.outcome.code == kThrottleCode;
  return denies(level, effect);
}

/// A channel is asked once per act: about scope and flow at first sight, about the rest when the outcome is known.
bool asked(const Channel& channel, Sighting sighting) {
  switch (sighting) {
    case Sighting::Request: return channel.info().judges_requests;
    case Sighting::Outcome: return !channel.info().judges_requests;
    case Sighting::Whole: return true;
    case Sighting::Copy: return false;
  }
  return false;
}

struct Readings {
  std::vector<RowId> marks;
  std::vector<Breach> breaches;
  std::vector<ChannelId> not_evaluable;
};

/// An exception for a threat's analytic takes the act out of that channel's evidence: a mark less is always safe (detection.md §2.1).
bool evidence_excepted(const Act& act, std::string_view channel) {
  return !act.persona.exceptions.empty() && std::ranges::any_of(kThreats, [&](const ThreatInfo& threat) {
    return threat.family == channel && excepted(act.persona, threat.analytic, act);
  });
}

Readings ask_channels(const Act& act, Sighting sighting, std::span<const Channel* const> channels) {
  Readings out;
  for (const Channel* channel : channels) {
    if (!asked(*channel, sighting)) continue;
    Reading reading = channel->read(act);
    if (reading.kind == Reading::Kind::Marked && !evidence_excepted(act, channel->info().name)) {
      out.marks.push_back({channel->info().id, reading.context, reading.cls});
    }
    if (reading.kind == Reading::Kind::NotEvaluable) out.not_evaluable.push_back(channel->info().id);
    for (Breach& breach : reading.breaches) out.breaches.push_back(std::move(breach));
  }
  return out;
}

void move_evidence(const Act& act, const Tables& tables, std::span<const RowId> marks) {
  if (marks.empty() || frozen(act.agent, act.session, act.persona)) return;
  const auto move = [&](Evidence& evidence, std::unique_ptr<Ledger>& ledger) {
    const Evidence before = evidence;
    update(evidence, tables, marks);
    record(ledger, before, evidence, tables, marks, act.event.id, act.event.time);
  };
  move(act.agent.evidence, act.agent.ledger);
  move(act.session.evidence, act.session.ledger);
}

std::string tool_label(const Event& event) {
  std::string label = event.tool.server ? std::string(*event.tool.server) + "/" : std::string();
  return label + std::string(event.tool.name.value_or(""));
}

Judgement begin(const Event& event, const Circumstances& circumstances) {
  Judgement out;
  out.position = circumstances.position;
  Verdict& verdict = out.verdict;
  verdict.event_id = event.id;
  verdict.tenant = event.tenant;
  verdict.agent_id = event.agent.id;
  verdict.time = event.time;
  verdict.tool = tool_label(event);
  verdict.outcome = event.outcome.status;
  return out;
}

void append(std::vector<FindingRecord>& to, std::vector<FindingRecord> from) {
  for (FindingRecord& record : from) to.push_back(std::move(record));
}

void judge_unclassified(const Event& event, AgentState& agent, const Circumstances& circumstances, Judgement& out) {
  out.verdict.level = out.verdict.applied = std::max(Level::Alert, standing_level(agent));
  append(out.findings, fact_finding(agent, event, Analytic::AgentUnclassified, Level::Alert,
                                    "No persona applies to this agent: it has no declared job to be held against.", circumstances.topic,
                                    circumstances.position));
  if (!out.findings.empty()) out.verdict.raised.push_back(Analytic::AgentUnclassified);
}

/// What is new on this event: the breaches it made, and the threat whose evidence crossed a level.
std::vector<Analytic> newly_raised(const Decision& decision, const AgentState& agent, const Tables& tables) {
  std::vector<Analytic> raised;
  for (const RaisedBreach& breach : decision.breaches) {
    if (std::ranges::find(raised, breach.analytic) == raised.end()) raised.push_back(breach.analytic);
  }
  if (decision.crossing) raised.push_back(kThreats[static_cast<std::size_t>(leader(agent, tables, decision.crossing->null).threat)].analytic);
  return raised;
}

void judge_by_persona(const Event& event, Sighting sighting, AgentState& agent, SessionState& session, std::size_t index,
                      const Circumstances& circumstances, Judgement& out) {
  const Rulebook& rules = circumstances.rules;
  const Persona& persona = rules.persona(index);
  const Tables& tables = rules.tables(index);
  follow_persona(agent, persona);

  const ActionMatch match = match_action(persona, event);
  Act act{.event = event,
          .persona = persona,
          .set = rules.set(),
          .match = match,
          .effect = effect_of(persona, match.action, event),
          .agent = agent,
          .session = session};
  act.explained = circumstances.facts.explains(event, persona.id);
  act.own_refusal = own_refusal(agent, session, event, act.effect);

  const bool call = event.kind == EventKind::ToolCall;
  out.stopped = call && sighting != Sighting::Request && denies(contained_level(agent, session), act.effect);

  Readings readings = ask_channels(act, sighting, rules.channels());
  out.not_evaluable = std::move(readings.not_evaluable);
  move_evidence(act, tables, readings.marks);
  const Decision decision = decide(act, readings.breaches, tables);

  out.verdict.level = decision.level;
  out.verdict.applied = decision.applied;
  out.verdict.score = decision.score;
  const Leader lead = leader(agent, tables, Null::Declared);
  if (leading_ledger(agent, lead) != nullptr) out.verdict.threat = kThreats[static_cast<std::size_t>(lead.threat)].id;
  out.verdict.raised = newly_raised(decision, agent, tables);

  append(out.findings, findings_of({act, decision, tables, readings.marks, circumstances.topic, circumstances.position}, rules.channels()));
  if (out.stopped && circumstances.assume_gate && event.outcome.status == Outcome::Ok) {
    out.verdict.raised.push_back(Analytic::ContainmentViolated);
    append(out.findings, fact_finding(agent, event, Analytic::ContainmentViolated, Level::Halt,
                                      "A call that the containment in force denies went through.", circumstances.topic, circumstances.position));
  }
  const FindingRecord* cause = out.findings.empty() ? nullptr : &*std::ranges::max_element(out.findings, {}, &FindingRecord::level);
  if (auto record = contain(act, decision, cause ? cause->uid : "", cause ? cause->title : "", circumstances.position)) {
    out.containments.push_back(std::move(*record));
  }
}

}  // namespace

Judgement judge(const Event& event, Sighting sighting, AgentState& agent, const Circumstances& circumstances) {
  Judgement out = begin(event, circumstances);
  if (sighting == Sighting::Copy) {
    out.copy = true;
    return out;
  }
  if (agent.arrivals == 0 && agent.first_time == EventTime{}) agent.first_time = event.time;
  agent.last_time = agent.arrivals == 0 ? event.time : std::max(agent.last_time, event.time);
  ++agent.arrivals;
  agent.seen_verified = agent.seen_verified || event.agent.trust == Trust::Verified;
  append(out.findings, close_idle(agent, agent.last_time, circumstances.topic, circumstances.position));

  SessionState& session = session_of(agent, event);
  const std::size_t index = persona_of(agent, event, circumstances.rules);
  if (index == Rulebook::kNoPersona) {
    judge_unclassified(event, agent, circumstances, out);
  } else {
    judge_by_persona(event, sighting, agent, session, index, circumstances, out);
  }
  return out;
}

Judgement judge_refused(const Refusal& refusal, EventTime time, AgentState& agent, const Circumstances& circumstances) {
  Event event;
  event.kind = EventKind::Signal;
  event.time = time;
  event.tenant = agent.tenant;
  event.agent.id = agent.id;
  const std::string id = "refused-" + std::to_string(circumstances.position.partition.value) + "-" + std::to_string(circumstances.position.offset.value);
  event.id = id;
  Judgement out = begin(event, circumstances);
  out.verdict.event_id.clear();  // a refused record is no event: its finding speaks of it, no verdict does
  out.verdict.level = out.verdict.applied = std::max(Level::Alert, standing_level(agent));
  out.findings = fact_finding(agent, event, Analytic::FeedRefused, Level::Alert,
                              "A record of this agent was refused (" + std::string(name_of(refusal.reason)) + ": " + refusal.detail +
                                  "): what it did there was not judged.",
                              circumstances.topic, circumstances.position);
  return out;
}

}  // namespace ringfence
