// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/judge.h"

#include <algorithm>

#include "engine/event/escape.h"
#include "engine/verdict/case.h"
#include "engine/verdict/contain.h"
#include "engine/verdict/ledger.h"
#include "engine/verdict/policy.h"
#include "models/scope_job.h"
#include "models/shadow.h"

namespace ringfence {
namespace {

constexpr std::string_view kThrottleCode = "429";

/// The event's session; ended ones (24 h without an event) and, of more than 64, the least recent make room. One that comes back finds the
/// containment that was published for it.
SessionState& session_of(AgentState& agent, const Event& event) {
  const std::string_view id = event.session.id.value_or("-");
  const bool borrowed = borrows_name(agent, event);
  const std::uint64_t key = borrowed ? borrowed_key(id) : hash64(id);
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
    found->borrowed = borrowed;
    if (const Level level = contained_session(agent, *found); level >= Level::Hold) found->standing.held = level;
  }
  found->last = agent.last_time;
  found->arrival = agent.arrivals;
  return *found;
}

std::size_t persona_of(AgentState& agent, const Event& event, const Rulebook& rules) {
  AgentState::Derived& derived = agent.derived;
  const std::uint64_t bound = event.agent.persona ? hash64(*event.agent.persona) : 0;
  if (derived.rules != rules.stamp() || derived.bound != bound) {
    derived.rules = rules.stamp();
    derived.bound = bound;
    derived.persona = rules.match(event);
  }
  return derived.persona;
}

/// The job of an agent whose record shows no more than its name: the one it was last judged by, else the one that applies to the name.
const Persona* known_persona(const AgentState& agent, const Event& event, const Rulebook& rules) {
  for (const Persona& persona : rules.set().personas()) {
    if (agent.persona == hash64(persona.sha256)) return &persona;
  }
  return rules.set().match(event);
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
  return std::ranges::any_of(agent.containments, [&](const Containment& c) {
    return covers(c, agent, session) && (c.level == Level::Throttle ? event.outcome.code == kThrottleCode : denies(c.level, effect));
  });
}

/// A channel is asked once per act: about scope and flow at first sight, about the rest when the outcome is known.
bool asked(const Channel& channel, Sighting sighting) {
  switch (sighting) {
    case Sighting::Request:
      return channel.info().judges_requests;
    case Sighting::Outcome:
      return !channel.info().judges_requests;
    case Sighting::Whole:
      return true;
    case Sighting::Copy:
      return false;
  }
  return false;
}

struct Readings {
  std::vector<RowId> marks;
  std::vector<Wagered> wagers;
  std::vector<Breach> breaches;
  std::vector<LinkNote> links;
  std::vector<ChannelId> not_evaluable;
};

/// An exception for a threat's analytic takes the act out of its channel's evidence: a mark less is always safe (detection.md §2.1).
bool evidence_excepted(const Act& act, const Channel& channel) {
  return !act.persona.exceptions.empty() && std::ranges::any_of(channel.bets(), [&](const Bet& bet) {
    return bet.loosen <= 1 && excepted(act.persona, kThreats[static_cast<std::size_t>(bet.threat)].analytic, act);
  });
}

void take_evidence(Reading& reading, ChannelId channel, Readings& out) {
  if (reading.kind == Reading::Kind::Marked) out.marks.push_back({channel, reading.context, reading.cls});
  for (const Wager& wager : reading.wagers) out.wagers.push_back({channel, wager});
}

/// Of an excepted act only what speaks for the agent stays: a period's gains were paid for by the price of its first act.
void take_price(const Reading& reading, ChannelId channel, Readings& out) {
  for (Wager wager : reading.wagers) {
    wager.alert = std::min(wager.alert, 1.F);
    wager.declared = std::min(wager.declared, 1.F);
    if (wager.alert < 1 || wager.declared < 1) out.wagers.push_back({channel, wager});
  }
}

Readings ask_channels(const Act& act, Sighting sighting, std::span<const Channel* const> channels) {
  Readings out;
  out.marks.reserve(channels.size());
  for (const Channel* channel : channels) {
    if (!asked(*channel, sighting)) {
      if (sighting == Sighting::Outcome) channel->learn_outcome(act);
      continue;
    }
    Reading reading = channel->read(act);
    const bool evidence = reading.kind == Reading::Kind::Marked || !reading.wagers.empty();
    if (evidence && evidence_excepted(act, *channel)) {
      take_price(reading, channel->info().id, out);
    } else if (evidence) {
      take_evidence(reading, channel->info().id, out);
    }
    if (reading.kind == Reading::Kind::NotEvaluable) out.not_evaluable.push_back(channel->info().id);
    for (Breach& breach : reading.breaches) out.breaches.push_back(std::move(breach));
    for (LinkNote& note : reading.links) out.links.push_back(std::move(note));
  }
  return out;
}

/// True where the act spoke for any threat.
bool move_evidence(const Act& act, const Tables& tables, Readings& readings) {
  if (readings.marks.empty() && readings.wagers.empty()) return false;
  const bool adds = std::ranges::any_of(readings.marks, [&](RowId id) { return tables.contributes(id); }) ||
                    std::ranges::any_of(readings.wagers, [&](const Wagered& made) { return raises(made, tables); });
  if (frozen(act.agent, act.session, act.persona)) return adds;
  Step step = step_of(tables, readings.marks, readings.wagers);
  const auto move = [&](Evidence& evidence, std::unique_ptr<Ledger>& ledger) {
    if (!ledger && !adds) return advance(evidence, step);  // there is nothing to open one for
    const Evidence before = evidence;
    advance(evidence, step);
    record(ledger, before, evidence, tables, readings.marks, act.event.id, act.event.time, readings.wagers);
  };
  if (!act.session.borrowed) move(act.agent.evidence, act.agent.ledger);
  if (std::erase_if(readings.wagers, [](const Wagered& made) { return made.wager.agent_only; }) > 0)
    step = step_of(tables, readings.marks, readings.wagers);
  if (!readings.marks.empty() || !readings.wagers.empty()) move(act.session.evidence, act.session.ledger);
  return adds;
}

std::string tool_label(const Event& event) {
  std::string label;
  if (event.tool.server) label.append(*event.tool.server).append("/");
  return label.append(event.tool.name.value_or(""));
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
  if (to.empty()) {
    to = std::move(from);
    return;
  }
  for (FindingRecord& record : from) to.push_back(std::move(record));
}

/// A gate that had applied the containment in force would have denied this call: it had been published when the call started.
bool would_be_stopped(const Event& event, const Admission& admission, const AgentState& agent, const SessionState& session,
                      std::optional<Effect> effect) {
  if (event.kind != EventKind::ToolCall || admission.sighting == Sighting::Request || agent.containments.empty()) return false;
  const double length_ns = std::clamp(event.duration_ms.value_or(0) * 1e6, 0., 1e18);
  const EventTime started = std::min(event.time - Nanos{static_cast<std::int64_t>(length_ns)}, admission.first_seen);
  return denies(contained_level(agent, session, started), effect);
}

constexpr auto kShadowSlot = static_cast<std::size_t>(ChannelId::Shadow);

/// Counts the call once, and says what the agent's calls have come to.
std::string unclassified_words(const Event& event, Sighting sighting, AgentState& agent, const PersonaSet& set) {
  std::string words = "No persona applies to this agent: it has no declared job to be held against.";
  auto& slot = agent.memory[kShadowSlot];
  if (event.kind == EventKind::ToolCall && sighting != Sighting::Request) {
    if (!slot) slot = std::make_unique<ShadowProfile>();
    static_cast<ShadowProfile&>(*slot).note(event);
  }
  if (!slot) return words;
  const auto& profile = static_cast<const ShadowProfile&>(*slot);
  if (profile.calls < kShadowCalls || !record_due(agent, Analytic::AgentUnclassified, Level::Alert)) return words;
  const ShadowFit fit = fit_shadow(profile, set);
  words += " Seen in " + job_in_words(profile) + ".";
  words += fit.fits() ? " That is the job " + printable(fit.persona->reference(), 80) + "." : " No known job explains it.";
  return words;
}

/// No act of anybody's touches a decoy, whoever declared it: the one tripwire that needs no job.
bool touches_decoy(const Event& event, AgentState& agent, SessionState& session, const PersonaSet& set) {
  if (event.kind != EventKind::ToolCall) return false;
  return std::ranges::any_of(set.personas(), [&](const Persona& persona) {
    if (persona.decoys.empty() || (!persona.tenants.empty() && !persona.tenants.matches(event.tenant))) return false;
    return !scope::judge_decoys(
                {.event = event, .persona = persona, .set = set, .match = {}, .effect = {}, .agent = agent, .session = session})
                .breaches.empty();
  });
}

/// Never by statistics: an agent without a job has no limits to be held against.
void judge_unclassified(const Event& event, Sighting sighting, AgentState& agent, SessionState& session, const Circumstances& circumstances,
                        Judgement& out) {
  out.verdict.level = out.verdict.applied = std::max(Level::Alert, standing_level(agent));
  const PersonaSet& set = circumstances.rules.set();
  const auto tell = [&](Analytic analytic, std::string words) {
    const auto made =
        fact_finding(agent, event, {analytic, Level::Alert, std::move(words)}, {nullptr, circumstances.topic, circumstances.position});
    if (!made.empty()) out.verdict.raised.push_back(analytic);
    append(out.findings, made);
  };
  tell(Analytic::AgentUnclassified, unclassified_words(event, sighting, agent, set));
  if (touches_decoy(event, agent, session, set))
    tell(Analytic::DecoyTouched, "An agent without a declared job touched a decoy that no honest act touches.");
}

/// What is new on this event: the breaches it made, and the threat whose evidence crossed a level.
std::vector<Analytic> newly_raised(const Decision& decision, const Act& act, const Tables& tables) {
  std::vector<Analytic> raised;
  for (const RaisedBreach& breach : decision.breaches) {
    if (std::ranges::find(raised, breach.analytic) == raised.end()) raised.push_back(breach.analytic);
  }
  if (!decision.crossing) return raised;
  const Leader lead = leader(act.agent, tables, decision.crossing->null, judged_alone(act));
  raised.push_back(kThreats[static_cast<std::size_t>(lead.threat)].analytic);
  return raised;
}

void judge_by_persona(const Event& event, const Admission& admission, AgentState& agent, SessionState& session, std::size_t index,
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
          .session = session,
          .plans = rules.plans(index)};
  act.explained = circumstances.facts.explains(event, persona.id);
  if (event.credential.fingerprint) act.credential_changed = circumstances.facts.credential_changed(event, persona.id);
  act.own_refusal = own_refusal(agent, session, event, act.effect);

  KnownAct& known = agent.acts[admission.act];
  act.held_before = has_raised_hold(known);
  out.stopped = would_be_stopped(event, admission, agent, session, act.effect);

  Readings readings = ask_channels(act, admission.sighting, rules.channels());
  out.not_evaluable = std::move(readings.not_evaluable);
  const bool adds = move_evidence(act, tables, readings);
  const Decision decision = decide(act, readings.breaches, tables, adds);
  if (decision.raised_hold) note_hold(known);

  out.verdict.level = decision.level;
  out.verdict.applied = decision.applied;
  out.verdict.score = decision.score;
  if (agent.ledger || std::ranges::any_of(agent.sessions, [](const SessionState& s) { return s.ledger != nullptr; })) {
    const Leader lead = leader(agent, tables, Null::Declared, judged_alone(act));
    if (leading_ledger(agent, lead) != nullptr) out.verdict.threat = kThreats[static_cast<std::size_t>(lead.threat)].id;
  }
  out.verdict.raised = newly_raised(decision, act, tables);

  append(out.findings, findings_of({act, decision, tables, adds, circumstances.topic, circumstances.position}, rules.channels()));
  if (out.stopped && circumstances.assume_gate && event.outcome.status == Outcome::Ok) {
    out.verdict.raised.push_back(Analytic::ContainmentViolated);
    append(out.findings,
           fact_finding(agent, event,
                        {Analytic::ContainmentViolated, Level::Halt, "A call that the containment in force denies went through."},
                        {&persona, circumstances.topic, circumstances.position}));
  }
  out.marks = readings.marks;
  for (const Wagered& made : readings.wagers) out.marks.push_back(made.row());
  // What an agent stands accused of by itself is not held against its user and its root session too (a mark less is always safe).
  if (standing_level(agent) >= Level::Alert) readings.marks.clear();
  out.links = links_of(act, readings.marks, std::move(readings.links), circumstances.position.partition, circumstances.lsn);
  out.containments = contain(act, cause_of(agent, out.findings), circumstances.position);
}

}  // namespace

Judgement judge(const Event& event, const Admission& admission, AgentState& agent, const Circumstances& circumstances) {
  Judgement out = begin(event, circumstances);
  if (admission.sighting == Sighting::Copy) {
    out.copy = true;
    return out;
  }
  if (agent.arrivals == 0 && agent.first_time == EventTime{}) agent.first_time = event.time;
  agent.last_time = agent.arrivals == 0 ? event.time : std::max(agent.last_time, event.time);
  ++agent.arrivals;
  agent.seen_verified = agent.seen_verified || event.agent.trust == Trust::Verified;
  const std::size_t index = persona_of(agent, event, circumstances.rules);
  const Persona* const persona = index == Rulebook::kNoPersona ? nullptr : &circumstances.rules.persona(index);
  if (!agent.findings.empty())
    append(out.findings, close_idle(agent, agent.last_time, {persona, circumstances.topic, circumstances.position}));

  SessionState& session = session_of(agent, event);
  if (persona == nullptr) {
    out.stopped = would_be_stopped(event, admission, agent, session, event.tool.effect);
    judge_unclassified(event, admission.sighting, agent, session, circumstances, out);
  } else {
    agent.memory[kShadowSlot].reset();  // it has a job now
    judge_by_persona(event, admission, agent, session, index, circumstances, out);
  }
  return out;
}

Judgement judge_refused(const Refusal& refusal, EventTime time, AgentState& agent, const Circumstances& circumstances) {
  Event event;
  event.kind = EventKind::Signal;
  event.time = time;
  event.tenant = agent.tenant;
  event.agent.id = agent.id;
  const std::string id =
      "refused-" + std::to_string(circumstances.position.partition.value) + "-" + std::to_string(circumstances.position.offset.value);
  event.id = id;
  Judgement out = begin(event, circumstances);
  out.verdict.event_id.clear();  // a refused record is no event: its finding speaks of it, no verdict does
  const Persona* const persona = known_persona(agent, event, circumstances.rules);
  out.verdict.level = std::max(Level::Alert, standing_level(agent));
  out.verdict.applied = persona != nullptr ? applied_level(out.verdict.level, persona->response.mode) : out.verdict.level;
  out.verdict.raised.push_back(Analytic::FeedRefused);
  out.findings = fact_finding(agent, event,
                              {Analytic::FeedRefused, Level::Alert,
                               "A record of this agent was refused (" + std::string(name_of(refusal.reason)) + ": " + refusal.detail +
                                   "): what it did there was not judged."},
                              {persona, circumstances.topic, circumstances.position});
  return out;
}

}  // namespace ringfence
