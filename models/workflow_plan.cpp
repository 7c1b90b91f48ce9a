// SPDX-License-Identifier: Apache-2.0
#include "models/workflow_plan.h"

#include <algorithm>

namespace ringfence {
namespace {

constexpr bool holds(ActionMask mask, std::size_t action) { return ((mask >> action) & 1U) != 0; }

ActionMask all_of(std::size_t actions) { return actions >= kActionsMax ? ~ActionMask{0} : (ActionMask{1} << actions) - 1; }

}  // namespace

WorkflowPlan::WorkflowPlan(const Persona& persona) {
  const Workflow& declared = persona.workflow;
  ordered = declared.declared;
  constrained = !declared.before.empty() || !declared.at_most.empty();
  then = persona.barriers.then;
  followed = !declared.after.empty();
  for (std::size_t i = 0; i < persona.actions.size(); ++i) {
    ids_.push_back(hash64(persona.actions[i].id));
    if (persona.actions[i].anytime) anytime |= ActionMask{1} << i;
  }
  at_most.fill(kNoLimit);
  for (const auto& [action, must_precede] : declared.before) before[action] = must_precede;
  for (const auto& [action, times] : declared.at_most) at_most[action] = times;
  for (const auto& [action, followup] : declared.after) after[action] = followup;
  inside = declared.start;
  for (const auto& [from, to] : declared.next) inside |= to | ActionMask{1} << from;
  if (!ordered || declared.next.empty()) inside = all_of(persona.actions.size());
  measure_distances(declared);
}

/// Breadth first from every state; a state is the act just done, so doing `a` along the shortest way leaves its length out.
void WorkflowPlan::measure_distances(const Workflow& declared) {
  std::array<ActionMask, kStates> successors{};
  successors.fill(inside);
  for (const auto& [from, to] : declared.next) successors[from] = to;
  if (declared.start != 0) successors[kStart] = declared.start;
  for (std::size_t state = 0; state < kStates; ++state) {
    auto& steps = left_out_[state];
    steps.fill(kNoWay);
    ActionMask reached = 0, edge = successors[state];
    for (std::uint8_t length = 0; edge != 0; ++length) {
      reached |= edge;
      ActionMask further = 0;
      for (std::size_t action = 0; action < kActionsMax; ++action) {
        if (!holds(edge, action)) continue;
        steps[action] = length;
        further |= successors[action];
      }
      edge = further & ~reached;
    }
  }
}

std::optional<ActionIndex> WorkflowPlan::index_of(std::uint64_t id) const {
  const auto found = std::ranges::find(ids_, id);
  if (found == ids_.end()) return std::nullopt;
  return static_cast<ActionIndex>(found - ids_.begin());
}

}  // namespace ringfence
