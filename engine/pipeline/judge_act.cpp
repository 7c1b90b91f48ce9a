// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/judge_act.h"

#include <algorithm>

#include "engine/verdict/ledger.h"

namespace ringfence {
namespace {

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

/// The threats of this channel for whose analytics an exception covers the act: it is taken out of their evidence, and of theirs alone. A
/// mark less is always safe (detection.md §2.1).
ThreatSet excepted_threats(const Act& act, const Channel& channel) {
  ThreatSet threats = 0;
  if (act.persona.exceptions.empty()) return threats;
  for (const Bet& bet : channel.bets())
    if (excepted(act.persona, kThreats[static_cast<std::size_t>(bet.threat)].analytic, act)) threats |= only(bet.threat);
  return threats;
}

void take_evidence(const Reading& reading, ChannelId channel, ThreatSet excepted, Readings& out) {
  const auto mark = [&](std::uint8_t context, std::uint8_t cls) {
    out.marks.push_back({channel, context, cls});
    if (excepted != 0) out.excepted.push_back({out.marks.size() - 1, excepted});
  };
  if (reading.kind == Reading::Kind::Marked) {
    mark(reading.context, reading.cls);
    for (const Reading::Mark& next : reading.further) mark(next.context, next.cls);
  }
  for (Wager wager : reading.wagers) {
    // Of an excepted one only what speaks for the agent stays: a period's gains were paid for by the price of its first act.
    if ((excepted & only(wager.threat)) != 0) {
      wager.alert = std::min(wager.alert, 1.F);
      wager.declared = std::min(wager.declared, 1.F);
      if (wager.alert == 1 && wager.declared == 1) continue;
    }
    out.wagers.push_back({channel, wager});
  }
}

}  // namespace

void Readings::clear() {
  marks.clear();
  excepted.clear();
  wagers.clear();
  breaches.clear();
  links.clear();
  not_evaluable.clear();
  foreseen = false;
  lacking = 0;
  surprise.reset();
}

void ask_channel(const Channel& channel, const Act& act, Sighting sighting, Readings& out) {
  if (!asked(channel, sighting)) {
    if (sighting == Sighting::Request) {
      for (Breach& breach : channel.foresee(act)) out.breaches.push_back(std::move(breach)), out.foreseen = true;
      if (!channel.heed(act)) out.not_evaluable.push_back(channel.info().id);
    }
    if (sighting != Sighting::Outcome) return;
    for (Breach& breach : channel.read_late(act))
      if ((act.broken & late_bit(breach.analytic)) == 0) out.breaches.push_back(std::move(breach));
    for (LinkNote& note : channel.learn_outcome(act)) out.links.push_back(std::move(note));
    return;
  }
  Reading reading = channel.read(act);
  const bool evidence = reading.kind == Reading::Kind::Marked || !reading.wagers.empty();
  if (evidence) take_evidence(reading, channel.info().id, excepted_threats(act, channel), out);
  if (reading.kind == Reading::Kind::NotEvaluable) out.not_evaluable.push_back(channel.info().id);
  for (Breach& breach : reading.breaches) out.breaches.push_back(std::move(breach));
  for (LinkNote& note : reading.links) out.links.push_back(std::move(note));
  out.lacking |= reading.lacking;
  if (reading.surprise) out.surprise = reading.surprise;
}

bool move_evidence(const Act& act, const Tables& tables, Readings& readings) {
  for (const auto& [mark, threats] : readings.excepted) readings.marks[mark] = tables.without(readings.marks[mark], threats);
  if (readings.marks.empty() && readings.wagers.empty()) return false;
  const bool adds = std::ranges::any_of(readings.marks, [&](RowId id) { return tables.contributes(id); }) ||
                    std::ranges::any_of(readings.wagers, [&](const Wagered& made) { return raises(made, tables); });
  if (frozen(act.agent, act.session, act.persona)) return adds;
  const auto move = [&](const Step& step, Evidence& evidence, std::unique_ptr<Ledger>& ledger) {
    if (!ledger && !adds) return advance(evidence, step);  // there is nothing to open one for
    const Evidence before = evidence;
    advance(evidence, step);
    record(ledger, before, evidence, tables, readings.marks, act.event.id, act.event.time, readings.wagers);
  };
  const auto of_agent = [](const Wagered& made) { return made.wager.agent_only; };
  Step step = step_of(tables, readings.marks);
  for (const Wagered& made : readings.wagers)
    if (!of_agent(made)) stake(step, tables, made);
  if (!act.session.borrowed) {
    Step whole = step;
    for (const Wagered& made : readings.wagers)
      if (of_agent(made)) stake(whole, tables, made);
    move(whole, act.agent.evidence, act.agent.ledger);
  }
  std::erase_if(readings.wagers, of_agent);
  if (!readings.marks.empty() || !readings.wagers.empty()) move(step, act.session.evidence, act.session.ledger);
  return adds;
}

void follow_tables(AgentState& agent, std::uint64_t now) {
  if (agent.persona == now) return;
  if (agent.persona != 0) {
    rebase(agent.ledger, agent.evidence);
    for (SessionState& session : agent.sessions) rebase(session.ledger, session.evidence);
  }
  agent.persona = now;
}

std::vector<Analytic> newly_raised(const Decision& decision, const Act& act, const Tables& tables) {
  std::vector<Analytic> raised;
  for (const RaisedBreach& breach : decision.breaches) {
    if (std::ranges::find(raised, breach.analytic) == raised.end()) raised.push_back(breach.analytic);
  }
  if (!decision.crossing) return raised;
  const Leader lead = leader(act.agent, tables, decision.crossing->null, judged_alone(act), decision.heard);
  const Analytic crossed = kThreats[static_cast<std::size_t>(lead.threat)].analytic;
  if (std::ranges::find(raised, crossed) == raised.end()) raised.push_back(crossed);
  return raised;
}

void append(std::vector<FindingRecord>& to, std::vector<FindingRecord> from) {
  if (to.empty()) {
    to = std::move(from);
    return;
  }
  for (FindingRecord& record : from) to.push_back(std::move(record));
}

}  // namespace ringfence
