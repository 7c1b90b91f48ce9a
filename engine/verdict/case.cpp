// SPDX-License-Identifier: Apache-2.0
#include "engine/verdict/case.h"

#include <algorithm>

#include "engine/event/sha256.h"
#include "engine/verdict/analytics.h"
#include "engine/verdict/contain.h"
#include "engine/verdict/contribution.h"
#include "engine/verdict/counterfactual.h"
#include "engine/verdict/ledger.h"

namespace ringfence {
namespace {

std::string text(const Text& t) { return std::string(t.value_or("")); }

FindingRecord describe_event(const Event& event, std::string_view topic, Position position) {
  FindingRecord r;
  r.time = event.time;
  r.event_id = event.id;
  r.tenant = event.tenant;
  r.agent_id = event.agent.id;
  r.agent_name = text(event.agent.name);
  r.user_id = text(event.user.id);
  r.session_id = text(event.session.id);
  r.tool_server = text(event.tool.server);
  r.tool_name = text(event.tool.name);
  r.outcome = event.outcome.status;
  r.outcome_code = text(event.outcome.code);
  r.client_address = text(event.client.address);
  r.credential_fingerprint = text(event.credential.fingerprint);
  r.topic = topic;
  r.position = position;
  return r;
}

void describe_persona(FindingRecord& r, const Persona& persona) {
  if (r.agent_name.empty()) r.agent_name = persona.id;
  r.persona_id = persona.id;
  r.persona_version = persona.version;
  r.persona_sha256 = persona.sha256;
  r.owner_team = persona.owner_team;
  r.policy_applied = persona.response.mode == Mode::Enforce;
}

void describe_finding(FindingRecord& r, const OpenFinding& finding) {
  r.uid = finding.uid;
  r.number = finding.records;
  r.analytic = finding.analytic;
  r.level = finding.level;
  r.severity = finding.severity;
  r.count = finding.count;
  r.created = finding.created;
  r.first_seen = finding.first_seen;
  r.last_seen = finding.last_seen;
}

/// An agent without a job has no mode either: nothing is held back.
Mode mode_of(const Told& told) { return told.persona != nullptr ? told.persona->response.mode : Mode::Enforce; }

/// Calls of what the finding led to are refused, as far as gates say.
bool enforced(const AgentState& agent, const OpenFinding& finding) {
  return std::ranges::any_of(agent.containments, [&](const Containment& c) {
    return c.contained && c.finding_uid == finding.uid && c.enforced.level >= Level::Hold;
  });
}

std::optional<FindingRecord> write(AgentState& agent, FindingRecord base, const Event& event, Contribution part) {
  const Booked booked = book(agent, event, base.persona_sha256, part);
  if (booked.finding == nullptr) return std::nullopt;
  const OpenFinding& finding = *booked.finding;
  describe_finding(base, finding);
  base.activity = booked.activity;
  base.applied = applied_level(finding.level, part.mode);
  // What raised the finding may be another analytic of the family than what this act adds.
  base.title = finding.analytic == part.analytic ? std::move(part.title) : std::string(info_of(finding.analytic).title);
  base.sentence = std::move(part.sentence);
  base.breaches = std::move(part.breaches);
  base.held_acts = part.held_acts;
  base.explanation = std::move(part.explanation);
  base.identifier_shape = std::move(part.identifier_shape);
  base.grounded = part.grounded;
  base.enforced = enforced(agent, finding);
  return base;
}

std::string joined(const std::vector<std::string>& clauses) {
  std::string out;
  for (const std::string& clause : clauses) out += (out.empty() ? "" : "; ") + clause;
  return out;
}

/// Declared breaches of one act, a contribution per family in the order first met.
std::vector<Contribution> declared(const Judged& judged) {
  std::vector<Contribution> parts;
  for (const RaisedBreach& breach : judged.decision.breaches) {
    const auto same = [&](const Contribution& p) { return family_of(p.analytic) == family_of(breach.analytic); };
    auto part = std::ranges::find_if(parts, same);
    if (part == parts.end()) {
      parts.push_back({.analytic = breach.analytic,
                       .level = breach.level,
                       .severity = breach.severity,
                       .first_seen = judged.act.event.time,
                       .origin = breach.origin});
      part = std::prev(parts.end());
    } else if (breach.level > part->level) {
      part->analytic = breach.analytic;
      part->level = breach.level;
      part->origin = breach.origin;
      part->severity = breach.severity;
    } else if (breach.analytic == part->analytic && severity_told(breach) > severity_told(*part)) {
      part->severity = breach.severity;
    }
    part->breaches.push_back(breach.what);
  }
  for (Contribution& part : parts) {
    part.mode = judged.act.persona.response.mode;
    part.title = info_of(part.analytic).title;
    part.sentence = joined(part.breaches) + ".";
    if (judged.decision.halted_by_holds && part.level >= Level::Hold) {
      part.level = Level::Halt;
      part.severity.reset();
      part.held_acts = judged.act.session.held_acts;
      part.sentence += " " + std::to_string(part.held_acts) + " acts of this session were each held: a halt by policy.";
    }
  }
  return parts;
}

double threshold_of(const Persona& persona, Level level) {
  const Thresholds& t = persona.response.scores;
  const Level of = by_score(level);
  return of == Level::Halt ? t.halt : of == Level::Throttle ? t.throttle : t.alert;
}

/// Moves the contributing events no finding has told of yet from the ledgers to the part.
void take_counts(const Act& act, const Ledger* leading, Contribution& part) {
  if (leading != nullptr && leading->contributions > 0) {
    part.count = leading->contributions;
    part.first_seen = leading->opened;
  }
  if (act.session.borrowed) return settle(act.session.ledger.get(), act.event.time);
  settle(act.agent.ledger.get(), act.event.time);
  for (SessionState& session : act.agent.sessions)
    if (!session.borrowed) settle(session.ledger.get(), act.event.time);
}

/// What an act broke has told of it: it is no longer one that no finding has counted.
void count_as_told(const Act& act) {
  if (!act.session.borrowed) take_back_contribution(act.agent.ledger.get());
  take_back_contribution(act.session.ledger.get());
}

/// The threat is the channel's own, not merely borne out by it.
bool bets_on(const Channel& channel, Threat threat) {
  return std::ranges::any_of(channel.bets(), [&](const Bet& bet) { return bet.threat == threat && bet.loosen <= 1; });
}

/// What the evidence adds: a level newly reached, or one more contributing event under a finding that is open.
std::optional<Contribution> statistical(const Judged& judged, std::span<const Channel* const> channels) {
  const auto& crossing = judged.decision.crossing;
  if (!crossing && !judged.adds) return std::nullopt;

  const Null null = crossing                                                            ? crossing->null
                    : judged.decision.score >= judged.act.persona.response.scores.alert ? Null::Declared
                                                                                        : Null::Alert;
  const SessionState* const alone = judged_alone(judged.act);
  const ThreatSet heard = judged.decision.heard;
  const Leader lead = leader(judged.act.agent, judged.tables, null, alone, heard);
  const ThreatInfo& threat = kThreats[static_cast<std::size_t>(lead.threat)];
  OpenFinding* open = open_in_family(judged.act.agent, threat.family);
  const Level standing = judged.decision.by_evidence;
  if (!crossing && open == nullptr && standing == Level::Observe) return std::nullopt;
  const Level level = crossing ? crossing->level : open != nullptr ? open->level : standing;
  const Level reached = crossing ? crossing->reached : std::max(standing, Level::Alert);

  Contribution part{.analytic = threat.analytic, .level = level, .first_seen = judged.act.event.time};
  part.mode = judged.act.persona.response.mode;
  take_counts(judged.act, leading_ledger(judged.act.agent, lead), part);
  part.explanation = explain({judged.act.agent, judged.tables, null, alone, heard}, judged.act.persona,
                             threshold_of(judged.act.persona, reached), channels);
  if (part.explanation) part.explanation->threshold_of = reached;
  if (part.explanation && null == Null::Alert) {  // both are said, `score` always being the declared null's
    part.explanation->score = judged.decision.score;
    part.explanation->alert_score = judged.decision.alert_score;
  }

  const auto channel = std::ranges::find_if(channels, [&](const Channel* c) { return bets_on(*c, lead.threat); });
  if (channel != channels.end()) {
    Description words = (*channel)->describe(judged.act, lead.threat);
    part.title = words.title.empty() ? std::string(info_of(part.analytic).title) : std::move(words.title);
    part.sentence = std::move(words.sentence);
    part.identifier_shape = std::move(words.identifier_shape);
    part.grounded = words.grounded;
  }
  return part;
}

/// An event contributes once to a family: what its evidence adds goes with what it broke.
void join(std::vector<Contribution>& parts, Contribution evidence) {
  const auto same = [&](const Contribution& part) { return family_of(part.analytic) == family_of(evidence.analytic); };
  const auto part = std::ranges::find_if(parts, same);
  if (part == parts.end()) return parts.push_back(std::move(evidence));
  if (evidence.level >= part->level) {
    part->analytic = evidence.analytic;
    part->level = evidence.level;
    part->severity = evidence.severity;
    part->title = std::move(evidence.title);
  }
  part->sentence += (evidence.sentence.empty() ? "" : " ") + evidence.sentence;
  part->explanation = std::move(evidence.explanation);
  part->identifier_shape = std::move(evidence.identifier_shape);
  part->grounded = evidence.grounded;
  part->count = evidence.count;
  part->first_seen = std::min(part->first_seen, evidence.first_seen);
}

/// The next record of a finding that no act of the agent caused.
FindingRecord without_act(const AgentState& agent, OpenFinding& finding, EventTime time, const Told& told) {
  ++finding.records;
  FindingRecord r;
  describe_finding(r, finding);
  r.applied = applied_level(finding.level, mode_of(told));
  r.title = info_of(finding.analytic).title;
  r.time = time;
  r.tenant = agent.tenant;
  r.agent_id = agent.id;
  if (told.persona != nullptr) describe_persona(r, *told.persona);
  if (r.agent_name.empty()) r.agent_name = agent.id;
  r.topic = told.topic;
  r.position = told.position;
  return r;
}

FindingRecord closed(const AgentState& agent, OpenFinding& finding, EventTime time, const Ending& ending, const Told& told) {
  FindingRecord r = without_act(agent, finding, time, told);
  r.activity = FindingRecord::Activity::Close;
  r.sentence = ending.sentence;
  r.close_reason = ending.reason;
  return r;
}

}  // namespace

std::vector<FindingRecord> findings_of(const Judged& judged, std::span<const Channel* const> channels) {
  const Event& event = judged.act.event;
  std::vector<Contribution> parts = declared(judged);
  auto evidence = statistical(judged, channels);
  if (!evidence && judged.adds && !parts.empty()) count_as_told(judged.act);
  if (evidence) join(parts, std::move(*evidence));
  std::vector<FindingRecord> records;
  if (parts.empty()) return records;

  FindingRecord base = describe_event(event, judged.topic, judged.position);
  describe_persona(base, judged.act.persona);
  base.score = judged.decision.score;
  for (Contribution& part : parts) {
    if (auto record = write(judged.act.agent, base, event, std::move(part))) {
      if (record->explanation) {
        const Null null = record->explanation->null == "alert" ? Null::Alert : Null::Declared;
        record->explanation->would_differ = what_would_differ(
            {judged.act.agent, judged.tables, null, judged_alone(judged.act), judged.decision.heard}, judged.act.persona, channels);
      }
      records.push_back(std::move(*record));
    }
  }
  return records;
}

std::vector<FindingRecord> close_idle(AgentState& agent, EventTime now, const Told& told) {
  std::vector<FindingRecord> records;
  const auto idle = [&](const OpenFinding& f) { return now - f.last_seen >= limits::kFindingIdle; };
  const Ending ending{"idle", "No further contribution for 24 hours of the agent's own time."};
  for (OpenFinding& finding : agent.findings)
    if (idle(finding)) records.push_back(closed(agent, finding, finding.last_seen + limits::kFindingIdle, ending, told));
  std::erase_if(agent.findings, idle);
  return records;
}

std::vector<FindingRecord> close_released(AgentState& agent, const std::function<bool(const OpenFinding&)>& which, const Ending& ending,
                                          const Told& told) {
  std::vector<FindingRecord> records;
  for (OpenFinding& finding : agent.findings)
    if (which(finding)) records.push_back(closed(agent, finding, agent.last_time, ending, told));
  std::erase_if(agent.findings, which);
  return records;
}

std::vector<FindingRecord> contained_finding(AgentState& agent, const std::string& uid, std::string sentence,
                                             std::vector<FindingRecord::Gate> gates, const Told& told) {
  const auto finding = std::ranges::find(agent.findings, uid, &OpenFinding::uid);
  if (finding == agent.findings.end()) return {};
  const EventTime time = std::ranges::max_element(gates, {}, &FindingRecord::Gate::applied_at)->applied_at;
  FindingRecord r = without_act(agent, *finding, time, told);
  r.activity = FindingRecord::Activity::Update;
  r.sentence = std::move(sentence);
  r.enforced = true;
  r.gates = std::move(gates);
  return {std::move(r)};
}

bool record_due(const AgentState& agent, Analytic analytic, Level level) {
  const auto same = [&](const OpenFinding& f) { return family_of(f.analytic) == family_of(analytic); };
  const auto open = std::ranges::find_if(agent.findings, same);
  if (open == agent.findings.end()) return true;
  OpenFinding next = *open;
  ++next.count;
  return due(next, level, severity_of(level));
}

std::vector<FindingRecord> fact_finding(AgentState& agent, const Event& event, Fact fact, const Told& told) {
  Contribution part{.analytic = fact.analytic,
                    .level = fact.level,
                    .title = std::string(info_of(fact.analytic).title),
                    .sentence = std::move(fact.sentence),
                    .mode = mode_of(told),
                    .first_seen = event.time,
                    .about = fact.about};
  if (fact.about != nullptr) part.origin = std::string(event.id) + "#" + fact.about->scope;
  std::vector<FindingRecord> records;
  FindingRecord base = describe_event(event, told.topic, told.position);
  if (told.persona != nullptr) describe_persona(base, *told.persona);
  if (auto record = write(agent, std::move(base), event, std::move(part))) records.push_back(std::move(*record));
  return records;
}

ContainmentCause cause_of(const AgentState& agent, std::span<const FindingRecord> records) {
  const FindingRecord* made = nullptr;
  for (const FindingRecord& record : records) {
    const bool open = record.activity != FindingRecord::Activity::Close;
    if (open && (made == nullptr || record.level > made->level)) made = &record;
  }
  if (made != nullptr) return {made->uid, made->title};
  const auto open = std::ranges::max_element(agent.findings, {}, &OpenFinding::level);
  return open == agent.findings.end() ? ContainmentCause{} : ContainmentCause{open->uid, std::string(info_of(open->analytic).title)};
}

std::string finding_uid(std::string_view tenant, std::string_view agent, std::string_view event_id, Analytic analytic,
                        std::string_view persona_sha256) {
  Writer parts;
  for (const std::string_view part : {tenant, agent, event_id, uid_of(analytic), persona_sha256}) parts.text(part);
  return "rf-" + sha256_hex(parts.bytes()).substr(0, 16);
}

}  // namespace ringfence
