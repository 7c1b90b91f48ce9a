// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/judge_unclassified.h"

#include <algorithm>
#include <bit>
#include <string>

#include "engine/event/escape.h"
#include "engine/pipeline/judge_act.h"
#include "engine/verdict/act_scopes.h"
#include "engine/verdict/case.h"
#include "engine/verdict/policy.h"
#include "models/scope_job.h"
#include "models/shadow.h"

namespace ringfence {
namespace {

constexpr auto kShadowSlot = static_cast<std::size_t>(ChannelId::Shadow);

const ShadowProfile* profile_of(const AgentState& agent) { return static_cast<const ShadowProfile*>(agent.memory[kShadowSlot].get()); }

/// Each call counts once, and under a borrowed name none; true where this one does.
bool count_call(const Unclassified& seen) {
  if (seen.event.kind != EventKind::ToolCall || seen.sighting == Sighting::Request || seen.session.borrowed) return false;
  auto& slot = seen.agent.memory[kShadowSlot];
  if (!slot) slot = std::make_unique<ShadowProfile>();
  static_cast<ShadowProfile&>(*slot).note(seen.event);
  return true;
}

/// What the agent's calls have come to.
std::string unclassified_words(const AgentState& agent, const PersonaSet& set) {
  std::string words = "No persona applies to this agent: it has no declared job to be held against.";
  const ShadowProfile* const profile = profile_of(agent);
  if (profile == nullptr || profile->calls < kShadowCalls || !record_due(agent, Analytic::AgentUnclassified, Level::Alert)) return words;
  const ShadowFit fit = fit_shadow(*profile, set, agent.tenant);
  words += " Seen in " + job_in_words(*profile) + ".";
  words += fit.fits() ? " That is the job " + printable(fit.persona->reference(), 80) + "." : " No known job explains it.";
  return words;
}

/// No act of anybody's touches a decoy, whoever declared it: the one tripwire that needs no job. Request and completion are one act.
bool touches_decoy(const Unclassified& seen) {
  const PersonaSet& set = seen.circumstances.rules.set();
  if (seen.event.kind != EventKind::ToolCall || has_raised_hold(seen.known)) return false;
  return std::ranges::any_of(set.personas(), [&](const Persona& persona) {
    if (persona.decoys.empty() || (!persona.tenants.empty() && !persona.tenants.matches(seen.event.tenant))) return false;
    const Act act{
        .event = seen.event, .persona = persona, .set = set, .match = {}, .effect = {}, .agent = seen.agent, .session = seen.session};
    return !scope::judge_decoys(act).breaches.empty();
  });
}

/// Where the calls have grown enough, the job that explains them now, or none, is the one that is adopted.
void adopt(AgentState& agent, const Rulebook& rules) {
  const ShadowProfile& profile = *profile_of(agent);
  if (profile.calls % kShadowCalls != 0 || !std::has_single_bit(profile.calls / kShadowCalls)) return;
  const ShadowFit fit = fit_shadow(profile, rules.set(), agent.tenant);
  if (!fit.fits()) return follow_tables(agent, 0);
  const auto index = static_cast<std::size_t>(fit.persona - rules.set().personas().data());
  follow_tables(agent, rules.adopted()->basis(index, {}).name);
}

/// Evidence against the adopted job.
void judge_as_adopted(const Unclassified& seen, Judgement& out) {
  const Rulebook& rules = *seen.circumstances.rules.adopted();
  const std::size_t index = seen.agent.persona == 0 ? Rulebook::kNoPersona : rules.persona_named(seen.agent.persona);
  if (index == Rulebook::kNoPersona) return;
  const Persona& job = rules.persona(index);
  const ActionMatch match = match_action(job, seen.event);
  Act act{.event = seen.event,
          .persona = job,
          .set = rules.set(),
          .match = match,
          .effect = effect_of(job, match.action, seen.event),
          .agent = seen.agent,
          .session = seen.session,
          .plans = rules.plans(index)};
  act.explained = seen.circumstances.facts.explains(seen.event, job.id);
  act.seems_out = seen.circumstances.facts.seems_out(seen.event, job.id);

  Readings readings;
  for (const Channel* const channel : rules.channels()) ask_channel(*channel, act, seen.sighting, readings);
  readings.wagers.clear();
  out.not_evaluable = std::move(readings.not_evaluable);
  out.lacking = readings.lacking;
  const Tables& tables = rules.tables(index);
  const bool adds = move_evidence(act, tables, readings);
  const Decision decision = decide(act, {}, tables, adds);
  out.verdict.score = decision.score;
  out.marks = readings.marks;
  for (const Analytic raised : newly_raised(decision, act, tables)) out.verdict.raised.push_back(raised);
  std::vector<FindingRecord> made =
      findings_of({act, decision, tables, adds, seen.circumstances.topic, seen.circumstances.position}, rules.channels());
  for (FindingRecord& record : made)
    record.sentence = "No persona applies to this agent; against twice the caps of " + printable(job.reference(), 80) +
                      ", the job that its calls fit: " + record.sentence;
  append(out.findings, std::move(made));
}

}  // namespace

void judge_unclassified(const Unclassified& seen, Judgement& out) {
  AgentState& agent = seen.agent;
  const Circumstances& circumstances = seen.circumstances;
  const auto tell = [&](Analytic analytic, std::string words) {
    const auto made =
        fact_finding(agent, seen.event, {analytic, Level::Alert, std::move(words)}, {nullptr, circumstances.topic, circumstances.position});
    if (!made.empty()) out.verdict.raised.push_back(analytic);
    append(out.findings, made);
  };
  const bool counted = count_call(seen);
  tell(Analytic::AgentUnclassified, unclassified_words(agent, circumstances.rules.set()));
  if (touches_decoy(seen)) {
    note_hold(seen.known, false);
    tell(Analytic::DecoyTouched, "An agent without a declared job touched a decoy that no honest act touches.");
  }
  judge_as_adopted(seen, out);
  if (counted) adopt(agent, circumstances.rules);
  out.verdict.applied = std::max(Level::Alert, standing_over(agent, seen.session));
  out.verdict.level = std::max(out.verdict.applied, standing_level(agent));
}

void forget_unclassified(AgentState& agent) { agent.memory[kShadowSlot].reset(); }

}  // namespace ringfence
