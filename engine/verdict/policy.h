// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/event/analytic.h"
#include "engine/event/level.h"
#include "engine/persona/persona.h"
#include "engine/state/agent_state.h"
#include "models/channel.h"
#include "models/detector.h"

namespace ringfence {

/// A declared breach with the level the persona gives it.
struct RaisedBreach {
  Analytic analytic{};
  Level level = Level::Observe;
  std::optional<Severity> severity;  // as in Breach
  std::string what;
  std::string origin;  // as in Breach
};

/// What the evidence newly did on this event: a level reached that did not stand before.
struct Crossing {
  Level level = Level::Observe;    // what it led to: the level reached, or what the persona says of that threat's analytic
  Level reached = Level::Observe;  // whose threshold S has reached: alert, throttle or halt
  Null null = Null::Declared;      // the null that crossed; alert where the alert null alone did
};

/// What is decided about one act.
struct Decision {
  Level level = Level::Observe;    // the highest of the agent's scopes after this event, and of the act's, as the evidence says
  Level applied = Level::Observe;  // of the act's own scopes (act_scopes.h), as far as response.mode allows
  double score = 0;                // S of the declared null
  double alert_score = 0;
  std::optional<Crossing> crossing;
  ThreatSet heard = kAllThreats;       // threats that may have led to the crossing, or to an alert: the persona silences the others
  Level by_evidence = Level::Observe;  // what stands because of the scores
  std::vector<RaisedBreach> breaches;
  /// This act itself raised a hold or more.
  bool raised_hold = false;
  /// And it is one more of those that response.holds_to_halt counts.
  bool counted_hold = false;
  /// This act's own breaches made the session's count of held acts reach response.holds_to_halt.
  bool halted_by_holds = false;
};

/// The level a breach gets under this persona (persona.md, response): response.analytics first, then the rule of its analytic.
[[nodiscard]] Level level_of(const Breach& breach, const Persona& persona, std::optional<Effect> effect);

/// An exception in force at the act's time covers this analytic for this act. One by destination covers all of `targets`, the places or
/// accounts that are at fault (those of the act where there are none), or nothing. Where an `earlier` act is at fault, of which only its
/// action is known, no exception covers it that names more.
[[nodiscard]] bool excepted(const Persona& persona, Analytic analytic, const Act& act, const std::vector<std::string>& targets = {},
                            std::optional<ActionIndex> earlier = std::nullopt);

/// Level `level` as response.mode lets it act: observe < alert < everything.
[[nodiscard]] Level applied_level(Level level, Mode mode);

/// True while evidence of this scope must not move: a halt or revoke stands and is enforced.
[[nodiscard]] bool frozen(const AgentState& agent, const SessionState& session, const Persona& persona);

/// The act's identity is merely asserted under a name that was seen verified: its evidence and levels are its session's, never the agent's.
[[nodiscard]] bool borrows_name(const AgentState& agent, const Event& event);
/// The session whose evidence alone the act is judged by, or null where it is the agent's.
[[nodiscard]] const SessionState* judged_alone(const Act& act);

/// The scope a containment of this act stands in is a part of the agent's work (act_scopes.h): what an act under a borrowed name shows, or
/// the session that act and persona name; else it is the agent.
[[nodiscard]] bool contains_session_only(const AgentState& agent, const Act& act);

/// Threats whose evidence may lead to a level, as the persona says.
struct Heard {
  ThreatSet alert = kAllThreats, throttle = kAllThreats, halt = kAllThreats;
  [[nodiscard]] ThreatSet at(Level level) const { return level >= Level::Halt ? halt : level == Level::Throttle ? throttle : alert; }
};
/// S, and what it is of the threats that may lead to each level (detection.md §4: what the persona says of a threat's analytic).
struct Reached {
  Scores all, alert;
  double throttle = 0, halt = 0;  // under the declared null
  Heard heard;
};
[[nodiscard]] Reached reached_by(const AgentState& agent, const Persona& persona, const Tables& tables,
                                 const SessionState* alone = nullptr);

/// Decides one act: levels of its breaches, thresholds with hysteresis over the evidence as updated, standing levels. `adds`: this
/// act contributed to the evidence; where levels are a session's own, S may raise them only at an act of that session that adds to it.
/// Changes `Standing` of the agent and of the session and the session's count of held acts; nothing else.
[[nodiscard]] Decision decide(const Act& act, std::span<const Breach> breaches, const Tables& tables, bool adds);

/// Whose evidence is looked at, under which job and tables; `alone` as in `score`.
struct Weighed {
  const AgentState& agent;
  const Persona& persona;
  const Tables& tables;
  const SessionState* alone = nullptr;
};
/// The level that the evidence as it is would newly reach where nothing stands yet: thresholds, and what the persona says of analytics.
[[nodiscard]] Level level_by_evidence(const Weighed& weighed);

/// The highest level standing in any scope of the agent; what borrows its name is not one of them.
[[nodiscard]] Level standing_level(const AgentState& agent);

}  // namespace ringfence
