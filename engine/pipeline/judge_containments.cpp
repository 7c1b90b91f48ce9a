// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/judge_containments.h"

#include <algorithm>
#include <iterator>

#include "engine/state/borrowed_session.h"
#include "engine/verdict/act_scopes.h"
#include "engine/verdict/contain.h"
#include "engine/verdict/enforcement.h"
#include "engine/verdict/policy.h"
#include "models/scope_job.h"

namespace ringfence {
namespace {

constexpr std::string_view kThrottleCode = "429";

std::vector<const ForeignContainment*> foreign_over(const Event& event, const ForeignContainments* foreign) {
  return foreign == nullptr ? std::vector<const ForeignContainment*>() : foreign->over(event);
}

}  // namespace

Contained hold_against_containments(const Event& event, const Admission& admission, AgentState& agent, std::optional<Effect> effect,
                                    const Circumstances& circumstances) {
  if (event.kind != EventKind::ToolCall || admission.sighting == Sighting::Request) return {};
  const std::vector<const ForeignContainment*> over = foreign_over(event, circumstances.foreign);
  if (agent.containments.empty() && over.empty()) return {};
  const double length_ns = std::clamp(event.duration_ms.value_or(0) * 1e6, 0., 1e18);
  Contained out{.started = std::min(event.time - Nanos{static_cast<std::int64_t>(length_ns)}, admission.first_seen)};
  const auto stops = [&](const ForeignContainment* s) { return denies(s->level, effect) && s->effective_at < out.started; };
  out.stopped = denies(contained_level(agent, event, out.started), effect) || std::ranges::any_of(over, stops);
  out.untold = out.stopped && event.outcome.status == Outcome::Unknown;
  out.round = passed_foreign(agent, over, event, out.started, effect);
  if (event.outcome.status == Outcome::Ok) {
    out.broken = passed_enforcement(agent, event, out.started, effect);
    out.violated = out.broken != nullptr || (out.stopped && circumstances.assume_gate);
  }
  return out;
}

void note_joined(const Contained& contained, Judgement& out) {
  for (const GoneRound& call : contained.round) out.joined.push_back(call.standing->key);
}

void tell_violation(const Contained& contained, AgentState& agent, const Event& event, const Told& told, Judgement& out) {
  if (contained.untold) out.lacking |= bit_of(Lacking::Outcome);
  if (!contained.violated && contained.round.empty()) return;
  out.verdict.raised.push_back(Analytic::ContainmentViolated);
  const auto add = [&](std::vector<FindingRecord> records) { std::ranges::move(records, std::back_inserter(out.findings)); };
  if (contained.violated) add(violation_finding(agent, event, contained.started, contained.broken, told));
  if (contained.round.empty()) return;
  add(gone_round_findings(agent, contained.round, event, told));
  // Of what another writer has contained the agent's own levels know nothing; whoever looks at calls must see this one.
  out.verdict.level = std::max(out.verdict.level, Level::Halt);
  out.verdict.applied =
      std::max(out.verdict.applied, told.persona != nullptr ? applied_level(Level::Halt, told.persona->response.mode) : Level::Halt);
}

bool own_refusal(const AgentState& agent, const Event& event, std::optional<Effect> effect, const ForeignContainments* foreign) {
  if (event.outcome.status != Outcome::Denied) return false;
  const auto over = foreign_over(event, foreign);
  if (std::ranges::any_of(over, [&](const ForeignContainment* standing) { return denies(standing->level, effect); })) return true;
  return std::ranges::any_of(agent.containments, [&](const Containment& c) {
    return covers(c, agent, event) && (c.level == Level::Throttle ? event.outcome.code == kThrottleCode : denies(c.level, effect));
  });
}

void contain_in_trees(const Event& event, AgentState& agent, SessionState& session, const Persona* persona,
                      const Circumstances& circumstances, Judgement& out) {
  if (circumstances.foreign == nullptr || circumstances.foreign->empty()) return;
  if (session.borrowed && !event.session.id && !stands_for_credential(session)) return;  // no gate could tell its calls from the agent's
  const std::vector<std::string_view> ancestors = scope::ancestors_of(event);
  for (const ForeignContainment* const tree : circumstances.foreign->trees_over(event, ancestors)) {
    const bool known = tree->members.contains(agent.key);
    if (!known && !circumstances.foreign->room_for_member()) continue;
    auto record = contain_member(
        agent, session.borrowed ? &session : nullptr, *tree,
        {.time = event.time, .cause_event_id = std::string(event.id), .persona = persona, .position = circumstances.position});
    if (!record) continue;
    if (!known) out.joined.push_back(tree->key);
    out.containments.push_back(std::move(*record));
  }
}

}  // namespace ringfence
