// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/event/event.h"
#include "engine/state/agent_state.h"
#include "engine/verdict/case.h"

namespace ringfence {

/// Every expected gate has confirmed a containment. Made of acknowledgements by the wall clock; for the core it is an input like an
/// operator's command, with a recorded place in every partition it concerns, so a replay knows it (docs/design/streaming.md §2, rule 6).
struct Enforcement {
  struct Gate {
    std::string name;
    EventTime applied_at;  // by the gate's clock, in milliseconds
    bool operator==(const Gate&) const = default;
  };
  std::string scope;
  Level level = Level::Halt;  // in force at the gates, which for a halt that waits for approval is hold
  EventTime effective_at;     // of the record that they confirm, in milliseconds
  std::vector<Gate> gates;    // in order of their names; at least one, but where it is lifted
  Nanos skew;                 // by how much clocks may differ
  /// Who contained, where that is another than the writer of the partition: then it is for the containments that stand over agents
  /// (foreign_containments.h) and of any scope. Empty: for the state of the agent that the scope names.
  std::string writer;
  std::string finding_uid;  // what it goes back to; of another writer's alone
  bool operator==(const Enforcement&) const = default;

  /// No call that started later can have passed by what stood before.
  [[nodiscard]] EventTime from() const;
  /// The other writer has ended it: nothing is in force any more.
  [[nodiscard]] bool lifted() const { return level == Level::Observe; }
};

/// What an enforcement is to an agent's state now.
enum class EnforcementIs : std::uint8_t {
  News,    // it changes what is known
  Known,   // it is in the state, or something stronger is
  Unasked  // nothing that it could confirm is contained: never was, is no longer, or is not yet
};
[[nodiscard]] EnforcementIs look_at(const Enforcement& enforcement, const AgentState& agent);

/// Takes it into the state. The records: an Update of the finding that the containment goes back to, with the gates and their times, and
/// where a call that had passed before is now known to have started too late, `containment.violated`.
[[nodiscard]] std::vector<FindingRecord> take_enforcement(const Enforcement& enforcement, AgentState& agent, const Told& told);

/// Books a call that succeeded although a containment denies it. Gives the containment that every expected gate had confirmed, at a level
/// that denies it, before the call started: it went around them. Null where there is none.
[[nodiscard]] const Containment* passed_enforcement(AgentState& agent, const Event& event, EventTime started, std::optional<Effect> effect);

/// The finding of such a call. `broken` null: that the gates had it in force is only assumed.
[[nodiscard]] std::vector<FindingRecord> violation_finding(AgentState& agent, const Event& event, EventTime started,
                                                           const Containment* broken, const Told& told);

}  // namespace ringfence
