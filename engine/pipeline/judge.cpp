// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/judge.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "engine/event/drill.h"
#include "engine/pipeline/drill_rules.h"
#include "engine/pipeline/judge_act.h"
#include "engine/pipeline/judge_containments.h"
#include "engine/pipeline/judge_unclassified.h"
#include "engine/pipeline/operate.h"
#include "engine/state/borrowed_session.h"
#include "engine/verdict/case.h"
#include "engine/verdict/contain.h"
#include "engine/verdict/ledger.h"
#include "engine/verdict/policy.h"
#include "models/scope_job.h"

namespace ringfence {
namespace {

/// Room for one more session under the agent's own name, or for one more that borrows it: the least recent of its kind leave.
void make_room_for_session(AgentState& agent, bool borrowed) {
  const std::size_t most = borrowed ? kBorrowedSessionsMost : limits::kSessionsPerAgent;
  const auto same = [&](const SessionState& session) { return session.borrowed == borrowed; };
  for (auto there = static_cast<std::size_t>(std::ranges::count_if(agent.sessions, same)); there >= most; --there) {
    const auto older = [&](const SessionState& a, const SessionState& b) { return same(a) != same(b) ? same(a) : a.arrival < b.arrival; };
    agent.sessions.erase(std::ranges::min_element(agent.sessions, older));
  }
}

/// The event's session; ended ones (24 h without an event) leave, and others where there is no room. One that comes back finds the
/// containment that was published for it.
SessionState& session_of(AgentState& agent, const Event& event) {
  const bool borrowed = borrows_name(agent, event);
  const bool by_credential = borrowed && !event.session.id && event.credential.fingerprint;
  const std::string_view id = by_credential ? *event.credential.fingerprint : event.session.id.value_or("-");
  const std::uint64_t key = by_credential ? borrowed_credential_key(id) : borrowed ? borrowed_key(id) : hash64(id);
  std::erase_if(agent.sessions, [&](const SessionState& s) { return agent.last_time - s.last > limits::kSessionIdle; });
  auto found = std::ranges::find(agent.sessions, key, &SessionState::key);
  if (found == agent.sessions.end()) {
    make_room_for_session(agent, borrowed);
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

/// The jobs along the chain this act was delegated over, nearest first, each once, as far as they are known and others than the agent's
/// own.
std::vector<const Persona*> parents_of(const Event& event, const Rulebook& rules, const Persona& own) {
  std::vector<const Persona*> jobs;
  if (!event.delegation.parent && !event.delegation.root && event.delegation.chain.empty()) return jobs;
  Event probe;
  probe.tenant = event.tenant;
  for (const std::string_view ancestor : scope::ancestors_of(event)) {
    probe.agent.id = ancestor;
    const Persona* const job = rules.set().match(probe);
    if (job != nullptr && job != &own && std::ranges::find(jobs, job) == jobs.end()) jobs.push_back(job);
  }
  return jobs;
}

std::string tool_label(const Event& event) {
  const std::string_view name = event.tool.name.value_or("");
  if (!event.tool.server) return std::string(name);
  std::string label;
  label.reserve(event.tool.server->size() + 1 + name.size());
  return label.append(*event.tool.server).append(1, '/').append(name);
}

void begin(const Event& event, const Circumstances& circumstances, Judgement& out) {
  out.position = circumstances.position;
  out.verdict.event_id = event.id;
  out.verdict.tenant = event.tenant;
  out.verdict.agent_id = event.agent.id;
  out.verdict.time = event.time;
  out.verdict.tool = tool_label(event);
  out.verdict.outcome = event.outcome.status;
}

void contain_act(const Act& act, const Circumstances& circumstances, Judgement& out) {
  const bool had_room = has_room_for_session(act.agent);
  std::ranges::move(contain(act, cause_of(act.agent, out.findings), circumstances.position), std::back_inserter(out.containments));
  if (!had_room || has_room_for_session(act.agent)) return;
  append(out.findings,
         fact_finding(act.agent, act.event,
                      {Analytic::ContainmentBlastRadius, Level::Alert,
                       std::to_string(kContainedSessionsMost) +
                           " sessions under this agent's name are contained one by one; further ones will not be. Stop what they "
                           "have in common, or the agent (halt credential:, user:, instance: or agent:)."},
                      {&act.persona, circumstances.topic, circumstances.position}));
}

/// The level of a refused record of the agent, which stands like that of any other break; a hold of it is the agent's, since nobody can
/// say which session it was.
void stand_refused(const Event& event, Level level, const Persona& persona, AgentState& agent, const Circumstances& circumstances,
                   Judgement& out) {
  if (level < Level::Hold || agent.standing.held.value_or(Level::Observe) >= level) return;
  agent.standing.held = level;
  Persona whole = persona;
  if (whole.response.scope == HaltScope::Session) whole.response.scope = HaltScope::Agent;
  SessionState nowhere;
  const Act act{
      .event = event, .persona = whole, .set = circumstances.rules.set(), .match = {}, .effect = {}, .agent = agent, .session = nowhere};
  std::ranges::move(contain(act, cause_of(agent, out.findings), circumstances.position), std::back_inserter(out.containments));
}

/// What a drill led to ends with it, without a person: it was nobody's. Of the agent nothing stays but its epochs.
void end_drill(AgentState& agent, const Circumstances& circumstances, Judgement& out) {
  const std::string scope = scope_key("agent", agent.tenant, agent.id);
  const Command release{"release", scope, "the drill has ended", "ringfence drill", "", ""};
  Operated ended = operate(release, *parse_scope(scope), agent, circumstances.rules, circumstances.position, circumstances.topic);
  if (!ended.judgement) return;
  append(out.findings, std::move(ended.judgement->findings));
  for (ContainmentRecord& record : ended.judgement->containments) out.containments.push_back(std::move(record));
  agent.start_afresh();
}

Judgement judge_drill(const Event& event, const Admission& admission, AgentState& agent, const Circumstances& given) {
  Judgement out = judge(event, admission, agent,
                        {.rules = drill_rules(),
                         .facts = given.facts,
                         .topic = given.topic,
                         .position = given.position,
                         .lsn = given.lsn,
                         .assume_gate = given.assume_gate});
  out.links.clear();  // it means nothing for anybody else
  if (event.kind == EventKind::TaskEnd && !out.copy) end_drill(agent, given, out);
  return out;
}

/// When the act's request came, where there is one.
std::optional<Moment> asked_when(const AgentState& agent, const Admission& admission) {
  if (admission.sighting != Sighting::Request && admission.sighting != Sighting::Outcome) return std::nullopt;
  return Moment{admission.first_seen, agent.acts_gone + admission.act};
}

/// A person's halt lies in the state and among what others have contained; one call under several is one.
std::uint64_t passed_calls(const AgentState& agent) {
  std::uint64_t passed = 0;
  for (const Containment& entry : agent.containments)
    if (entry.contained || is_foreign(entry)) passed = std::max(passed, entry.passed.count);
  return passed;
}

}  // namespace

void Judgement::clear() {
  Judgement fresh;
  const auto keep = [](auto& memory, auto& in) {
    memory.clear();
    in = std::move(memory);
  };
  keep(verdict.event_id, fresh.verdict.event_id);
  keep(verdict.tenant, fresh.verdict.tenant);
  keep(verdict.agent_id, fresh.verdict.agent_id);
  keep(verdict.tool, fresh.verdict.tool);
  keep(marks, fresh.marks);
  *this = std::move(fresh);
}

/// An act of an agent that has a job, on its way through the stages. Kept from batch to batch: what it holds is memory that has grown.
struct JudgeBatch::Hearing {
  std::vector<const Persona*> parents;
  const Tables* tables = nullptr;
  std::optional<Circumstances> circumstances;
  Contained contained;
  std::optional<Act> act;
  Sighting sighting{};
  std::size_t known = 0;  // the act's place in AgentState::acts
  Readings readings;
  bool adds = false;  // it spoke for a threat
  Decision decision;
  Judgement* out = nullptr;

  [[nodiscard]] Told told() const { return {&act->persona, circumstances->topic, circumstances->position}; }
  void open(const Event& event, const Admission& admission, AgentState& agent, SessionState& session, std::size_t persona);
  void decide_act();
  void conclude(std::span<const Channel* const> channels);
};

/// Finds out what the act is held against, and whether what contains the agent explains it.
void JudgeBatch::Hearing::open(const Event& event, const Admission& admission, AgentState& agent, SessionState& session,
                               std::size_t persona) {
  const Rulebook& rules = circumstances->rules;
  parents = parents_of(event, rules, rules.persona(persona));
  const Rulebook::Basis basis = rules.basis(persona, parents);
  tables = basis.tables;
  follow_tables(agent, basis.name);

  KnownAct& first = agent.acts[admission.act];
  const ActionMatch match = match_known(*basis.job, event, admission.sighting, first);
  sighting = admission.sighting;
  known = admission.act;
  act.emplace(Act{.event = event,
                  .persona = *basis.job,
                  .set = rules.set(),
                  .match = match,
                  .effect = effect_of(*basis.job, match.action, event),
                  .agent = agent,
                  .session = session,
                  .explained = circumstances->facts.explains(event, basis.job->id),
                  .held_before = has_raised_hold(first),
                  .limits_foreseen = has_foreseen_limits(first),
                  .plans = basis.plans,
                  .parents = parents,
                  .seems_out = circumstances->facts.seems_out(event, basis.job->id),
                  .args_told = sighting == Sighting::Outcome && !event.args && first.args != 0,
                  .asked = asked_when(agent, admission),
                  .broken = std::exchange(first.broken, std::uint8_t{0})});
  if (event.credential.fingerprint) act->credential_changed = circumstances->facts.credential_changed(event, basis.job->id);
  act->own_refusal = own_refusal(agent, event, act->effect, circumstances->foreign);
  contained = hold_against_containments(event, admission, agent, act->effect, *circumstances);
  out->stopped = contained.stopped;
  note_joined(contained, *out);
}

/// Evidence has moved: what comes of it.
void JudgeBatch::Hearing::decide_act() {
  AgentState& agent = act->agent;
  KnownAct& first = agent.acts[known];
  // Its request counted before anybody knew that it would be refused.
  if (act->event.outcome.status == Outcome::Denied && take_back_hold(first) && act->session.held_acts > 0) --act->session.held_acts;
  decision = decide(*act, readings.breaches, *tables, adds);
  if (decision.raised_hold) note_hold(first, decision.counted_hold);
  if (readings.foreseen) note_foreseen_limits(first);
  if (sighting == Sighting::Request)
    for (const RaisedBreach& breach : decision.breaches) first.broken |= late_bit(breach.analytic);

  out->not_evaluable = readings.not_evaluable;
  out->lacking = readings.lacking;
  out->verdict.surprise_bits = readings.surprise;
  out->verdict.level = decision.level;
  out->verdict.applied = decision.applied;
  out->verdict.score = decision.score;
  if (agent.ledger || std::ranges::any_of(agent.sessions, [](const SessionState& s) { return s.ledger != nullptr; })) {
    const Leader lead = leader(agent, *tables, Null::Declared, judged_alone(*act));
    if (leading_ledger(agent, lead) != nullptr) out->verdict.threat = kThreats[static_cast<std::size_t>(lead.threat)].id;
  }
  out->verdict.raised = newly_raised(decision, *act, *tables);
}

/// Findings, links and containments.
void JudgeBatch::Hearing::conclude(std::span<const Channel* const> channels) {
  const Circumstances& given = *circumstances;
  std::vector<FindingRecord> findings = findings_of({*act, decision, *tables, adds, given.topic, given.position}, channels);
  for (const FindingRecord& record : findings)  // one may begin without a level newly reached, where another threat leads now
    if (record.activity == FindingRecord::Activity::Create &&
        std::ranges::find(out->verdict.raised, record.analytic) == out->verdict.raised.end())
      out->verdict.raised.push_back(record.analytic);
  append(out->findings, std::move(findings));
  tell_violation(contained, act->agent, act->event, told(), *out);
  out->marks.reserve(readings.marks.size() + readings.wagers.size());
  out->marks = readings.marks;
  for (const Wagered& made : readings.wagers) out->marks.push_back(made.row());
  // What an agent stands accused of by itself is not held against its user and its root session too (a mark less is always safe).
  if (standing_level(act->agent) >= Level::Alert) readings.marks.clear();
  out->links = links_of(*act, readings.marks, std::move(readings.links), given.position.partition, given.lsn);
  contain_act(*act, given, *out);
  add_stop_of_tree(out->links, *act, out->containments, given.position.partition, given.lsn);
  out->passed = passed_calls(act->agent);
}

JudgeBatch::JudgeBatch() = default;
JudgeBatch::~JudgeBatch() = default;

void JudgeBatch::add(const Event& event, const Admission& admission, AgentState& agent, const Circumstances& circumstances,
                     Judgement& out) {
  if (is_drill(event.tenant) && &circumstances.rules != &drill_rules()) {
    out = judge_drill(event, admission, agent, circumstances);
    return;
  }
  begin(event, circumstances, out);
  if (admission.sighting == Sighting::Copy) {
    out.copy = true;
    return;
  }
  if (agent.arrivals == 0 && agent.first_time == EventTime{}) agent.first_time = event.time;
  agent.last_time = agent.arrivals == 0 ? event.time : std::max(agent.last_time, event.time);
  ++agent.arrivals;
  agent.seen_verified = agent.seen_verified || event.agent.trust == Trust::Verified;
  const std::size_t index = persona_of(agent, event, circumstances.rules);
  const Persona* const persona = index == Rulebook::kNoPersona ? nullptr : &circumstances.rules.persona(index);
  if (!agent.findings.empty())
    append(out.findings, close_idle(agent, agent.last_time, {persona, circumstances.topic, circumstances.position}));
  if (circumstances.foreign != nullptr && !agent.containments.empty())
    append(out.findings, forget_ended(agent, *circumstances.foreign, {persona, circumstances.topic, circumstances.position}));

  SessionState& session = session_of(agent, event);
  contain_in_trees(event, agent, session, persona, circumstances, out);
  if (persona == nullptr) {
    const Contained contained = hold_against_containments(event, admission, agent, event.tool.effect, circumstances);
    out.stopped = contained.stopped;
    note_joined(contained, out);
    judge_unclassified({event, admission.sighting, agent, session, circumstances, agent.acts[admission.act]}, out);
    tell_violation(contained, agent, event, {nullptr, circumstances.topic, circumstances.position}, out);
    out.passed = passed_calls(agent);
    return;
  }
  forget_unclassified(agent);  // it has a job now
  if (size_ == hearings_.size()) hearings_.push_back(std::make_unique<Hearing>());
  Hearing& hearing = *hearings_[size_++];
  hearing.circumstances.emplace(circumstances);
  hearing.out = &out;
  hearing.open(event, admission, agent, session, index);
}

void JudgeBatch::judge() {
  const auto hearings = std::span(hearings_).first(std::exchange(size_, 0));
  if (hearings.empty()) return;
  const auto channels = hearings.front()->circumstances->rules.channels();
  for (const auto& hearing : hearings) hearing->readings.clear();
  for (const Channel* const channel : channels)
    for (const auto& hearing : hearings) ask_channel(*channel, *hearing->act, hearing->sighting, hearing->readings);
  for (const auto& hearing : hearings) hearing->adds = move_evidence(*hearing->act, *hearing->tables, hearing->readings);
  for (const auto& hearing : hearings) hearing->decide_act();
  for (const auto& hearing : hearings) hearing->conclude(channels);
}

Judgement judge(const Event& event, const Admission& admission, AgentState& agent, const Circumstances& circumstances) {
  Judgement out;
  JudgeBatch batch;
  batch.add(event, admission, agent, circumstances, out);
  batch.judge();
  return out;
}

const Persona* known_persona(const AgentState& agent, const Rulebook& in_force) {
  const Rulebook& rules = rules_of(agent.tenant, in_force);
  const std::size_t index = rules.persona_named(agent.persona);
  if (index != Rulebook::kNoPersona) return &rules.persona(index);
  Event event;
  event.tenant = agent.tenant;
  event.agent.id = agent.id;
  return rules.set().match(event);
}

Judgement judge_refused(const Refusal& refusal, EventTime time, AgentState& agent, const Circumstances& circumstances) {
  Event event;
  event.kind = EventKind::Signal;
  event.time = time;
  event.tenant = agent.tenant;
  event.agent.id = agent.id;
  event.agent.trust = Trust::Verified;  // whoever sent it, the feed says that it is this agent's
  // By the place among all that was read into these states: lines of two files have the same number.
  const std::string id = "refused-" + std::to_string(circumstances.position.partition.value) + "-" + std::to_string(circumstances.lsn);
  event.id = id;
  Judgement out;
  begin(event, circumstances, out);
  out.verdict.event_id.clear();  // a refused record is no event: its finding speaks of it, no verdict does
  const Persona* const persona = known_persona(agent, circumstances.rules);
  const Level level = persona != nullptr ? level_of({.analytic = Analytic::FeedRefused}, *persona, std::nullopt) : Level::Alert;
  out.verdict.level = std::max(level, standing_level(agent));
  out.verdict.applied = persona != nullptr ? applied_level(out.verdict.level, persona->response.mode) : out.verdict.level;
  out.verdict.raised.push_back(Analytic::FeedRefused);
  out.findings = fact_finding(agent, event,
                              {Analytic::FeedRefused, level,
                               "A record of this agent was refused (" + std::string(name_of(refusal.reason)) + ": " + refusal.detail +
                                   "): what it did there was not judged."},
                              {persona, circumstances.topic, circumstances.position});
  if (persona != nullptr) stand_refused(event, level, *persona, agent, circumstances, out);
  return out;
}

}  // namespace ringfence
