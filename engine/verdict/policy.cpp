// SPDX-License-Identifier: Apache-2.0
#include "engine/verdict/policy.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "engine/persona/tool_name.h"
#include "engine/verdict/act_scopes.h"
#include "models/scope_destination.h"
#include "models/scope_spelling.h"

namespace ringfence {
namespace {

/// Alert and throttle end when S has fallen below this part of their threshold: the false-alarm bound needs it (detection.md §2.2).
constexpr double kHysteresis = 0.01;
constexpr double kHaltFamilyShare = 0.80;

bool governed_by_undeclared(Analytic analytic) {
  switch (analytic) {
    case Analytic::ScopeUndeclared:
    case Analytic::ScopeArgument:
    case Analytic::ScopeDestination:
    case Analytic::ScopeTask:
    case Analytic::ScopeDelegation:
    case Analytic::ScopeApproval:
    case Analytic::WorkflowOrder:
      return true;
    default:
      return false;
  }
}

void hold_at(Standing& standing, Level level) { standing.held = std::max(standing.held.value_or(Level::Observe), level); }

bool in_force(const std::optional<Glob>& glob, const std::optional<std::string>& value) {
  return !glob || (value && glob->matches(*value));
}

/// Like any permission it holds for where relative segments lead.
bool covers_resource(const std::optional<Glob>& glob, const Text& uri) { return !glob || (uri && scope::stays_inside(*glob, *uri)); }

/// Where levels by evidence stand, and whether this act may raise them.
struct Scopes {
  Standing& standing;
  bool may_rise = false;
};

/// A threat that may halt leads by enough.
bool may_halt(const Leader& lead) { return lead.dangerous && lead.family_share >= kHaltFamilyShare; }

constexpr ThreatSet slot_alone(std::size_t slot) { return only(static_cast<Threat>(slot)); }

/// The threats that a channel speaks for together with this one.
ThreatSet kin_of(std::size_t slot, const Tables& tables) {
  ThreatSet kin = 0;
  for (std::size_t channel = 0; channel < kChannels; ++channel) {
    const ThreatSet together = tables.applies(Null::Declared, static_cast<ChannelId>(channel));
    if ((together & slot_alone(slot)) != 0) kin |= together;
  }
  return kin;
}

/// What the persona itself says of a threat's analytic is the most that comes of it. The same acts speak for others too, if less: who of
/// them explains no more than the one that may go no further goes no further either, unless the persona says so.
/// `of`: what S is of one threat alone.
template <class Of>
Heard heard_under(const Response& response, const Tables& tables, const Of& of) {
  std::array<std::optional<Level>, kThreats.size()> own;
  for (std::size_t slot = 0; slot < own.size(); ++slot) {
    const auto found = response.analytics.find(std::string(uid_of(kThreats[slot].analytic)));
    if (found != response.analytics.end()) own[slot] = found->second;
  }
  const auto heard_at = [&](Level level) {
    ThreatSet heard = kAllThreats;
    for (std::size_t slot = 0; slot < own.size(); ++slot) {
      if (!own[slot] || *own[slot] >= level) continue;
      heard &= ~slot_alone(slot);
      const double most = of(slot_alone(slot));
      const ThreatSet kin = kin_of(slot, tables);
      for (std::size_t other = 0; other < own.size(); ++other)
        if (!own[other] && (kin & slot_alone(other)) != 0 && of(slot_alone(other)) <= most) heard &= ~slot_alone(other);
    }
    return heard;
  };
  return {heard_at(Level::Alert), heard_at(Level::Throttle), heard_at(Level::Halt)};
}

/// Levels by evidence: what was newly reached. `leads` tells the leading threat; asked only where S is high enough for it to matter.
template <class Leads>
std::optional<Crossing> cross(Scopes scopes, const Persona& persona, const Reached& reached, const Leads& leads) {
  auto& [standing, may_rise] = scopes;
  const Thresholds& limit = persona.response.scores;
  std::optional<Crossing> crossing;
  const bool alert_now = reached.alert.alert >= limit.alert || reached.alert.declared >= limit.alert;
  if (may_rise && !standing.alert && alert_now) {
    crossing = Crossing{Level::Alert, Level::Alert, reached.alert.declared >= limit.alert ? Null::Declared : Null::Alert};
    standing.alert = true;
  }
  if (may_rise && !standing.throttle && reached.throttle >= limit.throttle) {
    crossing = Crossing{Level::Throttle, Level::Throttle, Null::Declared};
    standing.throttle = true;
  }
  if (may_rise && reached.halt >= limit.halt && standing.held.value_or(Level::Observe) < Level::Halt && may_halt(leads())) {
    crossing = Crossing{Level::Halt, Level::Halt, Null::Declared};
    hold_at(standing, Level::Halt);
  }
  return crossing;
}

/// A level of hold or more that the persona itself gives an analytic, and the threats it is about.
struct OwnLevel {
  Level level = Level::Observe;
  ThreatSet threats = 0;
};

/// The highest that the evidence has earned: what `earned` says of an analytic's threats. Role drift alone never exceeds alert.
template <class Earned>
OwnLevel highest_own(const Response& response, const Earned& earned) {
  OwnLevel highest;
  for (const auto& [uid, level] : response.analytics) {
    if (level < Level::Hold || level <= highest.level || uid == uid_of(Analytic::DriftRole)) continue;
    ThreatSet threats = 0;
    for (const ThreatInfo& threat : kThreats)
      if (uid == uid_of(threat.analytic)) threats |= only(threat.threat);
    if (threats != 0 && earned(threats)) highest = {level, threats};
  }
  return highest;
}

/// What the persona itself says of an analytic, where that is a hold or more, takes effect as soon as its evidence has reached any level:
/// where it leads to one that is newly reached, or is worth an alert by itself, whatever stands because of others.
void override_levels(Scopes scopes, const Weighed& weighed, const Reached& reached, Decision& out) {
  const auto& [agent, persona, tables, alone] = weighed;
  const Response& response = persona.response;
  const double alert = response.scores.alert;
  if (!scopes.may_rise || response.analytics.empty() || std::max(reached.all.alert, reached.all.declared) < alert) return;
  const std::optional<Threat> leading =
      out.crossing ? std::optional(leader(agent, tables, out.crossing->null, alone, out.heard).threat) : std::nullopt;
  const auto part = [&](ThreatSet threats) { return scores(agent, tables, alone, threats); };
  const OwnLevel own = highest_own(response, [&](ThreatSet threats) {
    if (leading && (threats & only(*leading)) != 0) return true;
    const Scores of = part(threats);
    return of.alert >= alert || of.declared >= alert;
  });
  if (own.level == Level::Observe) return;
  if (leading && (own.threats & only(*leading)) != 0) {
    if (own.level <= out.crossing->level) return;
    out.crossing->level = own.level;
  } else {
    const Level crossed = out.crossing ? out.crossing->level : Level::Observe;
    if (own.level <= std::max(crossed, scopes.standing.held.value_or(Level::Observe))) return;
    out.crossing = Crossing{own.level, Level::Alert, part(own.threats).declared >= alert ? Null::Declared : Null::Alert};
    out.heard = own.threats;
  }
  hold_at(scopes.standing, own.level);
}

/// What the evidence newly does: the thresholds it crosses, and what the persona says of what led there.
void cross_and_override(Scopes scopes, const Weighed& weighed, const Reached& reached, Decision& out) {
  const auto leads = [&] { return leader(weighed.agent, weighed.tables, Null::Declared, weighed.alone, reached.heard.halt); };
  out.crossing = cross(scopes, weighed.persona, reached, leads);
  out.heard = reached.heard.at(out.crossing ? out.crossing->level : Level::Alert);
  override_levels(scopes, weighed, reached, out);
}

void end_by_hysteresis(Standing& standing, const Thresholds& limit, const Reached& reached) {
  if (reached.alert.alert < kHysteresis * limit.alert && reached.alert.declared < kHysteresis * limit.alert) standing.alert = false;
  if (reached.throttle < kHysteresis * limit.throttle) standing.throttle = false;
}

}  // namespace

Level level_of(const Breach& breach, const Persona& persona, std::optional<Effect> effect) {
  const Response& response = persona.response;
  if (const auto own = response.analytics.find(std::string(uid_of(breach.analytic))); own != response.analytics.end()) return own->second;
  if (breach.level) return *breach.level;
  if (breach.analytic == Analytic::ScopeNever) return response.never;
  if (breach.analytic == Analytic::LimitHard) return response.hard_limit;
  if (governed_by_undeclared(breach.analytic)) {
    return effect ? response.undeclared[static_cast<std::size_t>(*effect)] : response.undeclared_default;
  }
  return Level::Alert;
}

bool excepted(const Persona& persona, Analytic analytic, const Act& act, const std::vector<std::string>& targets,
              std::optional<ActionIndex> earlier) {
  const std::optional<ActionIndex> index = earlier ? earlier : act.match.action;
  return std::ranges::any_of(persona.exceptions, [&](const Exception& e) {
    if (e.analytic != uid_of(analytic) || act.event.time > e.expires) return false;
    if (earlier && (e.tool || e.resource || e.destination)) return false;
    const std::optional<std::string> action = index ? std::optional<std::string>(persona.actions[*index].id) : std::nullopt;
    return in_force(e.agent, std::string(act.event.agent.id)) && in_force(e.action, action) &&
           (!e.tool || surely_matches_tool(*e.tool, act.event)) && covers_resource(e.resource, act.event.resource.uri) &&
           (!e.destination || scope::covers_destinations(*e.destination, act, targets));
  });
}

Level applied_level(Level level, Mode mode) {
  switch (mode) {
    case Mode::Observe:
      return Level::Observe;
    case Mode::Alert:
      return std::min(level, Level::Alert);
    case Mode::Enforce:
      return level;
  }
  return level;
}

bool frozen(const AgentState& agent, const SessionState& session, const Persona& persona) {
  if (persona.response.mode != Mode::Enforce) return false;
  const auto halted = [](const Standing& s) { return s.held && *s.held >= Level::Halt; };
  return halted(agent.standing) || halted(session.standing);
}

bool borrows_name(const AgentState& agent, const Event& event) { return event.agent.trust == Trust::Asserted && agent.seen_verified; }

const SessionState* judged_alone(const Act& act) { return act.session.borrowed ? &act.session : nullptr; }

bool contains_session_only(const AgentState& agent, const Act& act) {
  return borrows_name(agent, act.event) || (act.persona.response.scope == HaltScope::Session && act.event.session.id);
}

Level standing_level(const AgentState& agent) {
  Level level = highest(agent.standing);
  for (const SessionState& session : agent.sessions)
    if (!session.borrowed) level = std::max(level, highest(session.standing));
  return level;
}

Reached reached_by(const AgentState& agent, const Persona& persona, const Tables& tables, const SessionState* alone) {
  Reached out;
  out.all = out.alert = scores(agent, tables, alone);
  out.throttle = out.halt = out.all.declared;
  // Of less than ends an alert no part is worth one.
  const double least = kHysteresis * persona.response.scores.alert;
  if (persona.response.analytics.empty() || std::max(out.all.alert, out.all.declared) < least) return out;
  const auto among = [&](ThreatSet threats) { return scores(agent, tables, alone, threats); };
  out.heard = heard_under(persona.response, tables, [&](ThreatSet threats) { return among(threats).declared; });
  out.alert = among(out.heard.alert);
  out.throttle = among(out.heard.throttle).declared;
  out.halt = among(out.heard.halt).declared;
  return out;
}

Level level_by_evidence(const Weighed& weighed) {
  Standing nothing;
  Decision out;
  const Reached reached = reached_by(weighed.agent, weighed.persona, weighed.tables, weighed.alone);
  cross_and_override({nothing, true}, weighed, reached, out);
  return out.crossing ? out.crossing->level : Level::Observe;
}

Decision decide(const Act& act, std::span<const Breach> breaches, const Tables& tables, bool adds) {
  Decision out;
  AgentState& agent = act.agent;
  const SessionState* const alone = judged_alone(act);
  const bool session_only = contains_session_only(agent, act);
  Standing& target = session_only ? act.session.standing : agent.standing;
  const Reached reached = reached_by(agent, act.persona, tables, alone);
  out.score = reached.all.declared;
  out.alert_score = reached.all.alert;
  const Thresholds& limit = act.persona.response.scores;

  Level of_this_act = Level::Observe;
  for (const Breach& breach : breaches) {
    if (excepted(act.persona, breach.analytic, act, breach.targets, breach.earlier)) continue;
    const Level level = level_of(breach, act.persona, act.effect);
    out.breaches.push_back({breach.analytic, level, breach.severity, breach.what, breach.origin});
    of_this_act = std::max(of_this_act, level);
  }
  if (of_this_act >= Level::Hold) {
    hold_at(target, of_this_act);
    out.raised_hold = true;
    // A refused act did nothing, and one that merely meets a standing hold is no further act: neither adds up to a halt.
    const bool counts = !act.held_before && act.event.outcome.status != Outcome::Denied;
    out.counted_hold = counts;
    act.session.held_acts += counts ? 1 : 0;
    const int most = act.persona.response.holds_to_halt;
    if (counts && most > 0 && act.session.held_acts >= static_cast<std::uint32_t>(most) && *target.held < Level::Halt) {
      hold_at(target, Level::Halt);
      out.halted_by_holds = true;
    }
  }

  const bool may_rise = !session_only || adds;
  cross_and_override({target, may_rise}, {agent, act.persona, tables, alone}, reached, out);
  end_by_hysteresis(target, limit, reached);
  if (alone == nullptr) {  // S is the agent's: what it no longer bears ends wherever it stands
    end_by_hysteresis(agent.standing, limit, reached);
    for (SessionState& session : agent.sessions)
      if (!session.borrowed) end_by_hysteresis(session.standing, limit, reached);
  }
  if (target.alert) out.by_evidence = Level::Alert;
  if (target.throttle) out.by_evidence = Level::Throttle;
  if (target.held.value_or(Level::Observe) >= Level::Halt && reached.halt >= limit.halt) out.by_evidence = Level::Halt;
  const Level of_its_scopes = std::max(of_this_act, standing_over(agent, act.session));
  out.level = std::max(of_its_scopes, standing_level(agent));
  out.applied = applied_level(of_its_scopes, act.persona.response.mode);
  return out;
}

}  // namespace ringfence
