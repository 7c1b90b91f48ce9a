// SPDX-License-Identifier: Apache-2.0
#include "models/workflow.h"

#include <algorithm>
#include <array>

#include "engine/event/escape.h"
#include "models/scope_memory.h"
#include "models/scope_ruling.h"
#include "models/supply.h"
#include "models/workflow_memory.h"
#include "models/workflow_plan.h"

namespace ringfence {
namespace {

constexpr auto kSlot = static_cast<std::size_t>(ChannelId::Workflow);
/// Gateways report acts of one moment in any order (docs/contracts/event.md, `time`).
constexpr Nanos kReordering = seconds(5);
constexpr std::size_t kClasses = WorkflowSession::kClasses;
constexpr std::array<double, kClasses> kCaps{1, .10, .05, .05, .005, .002};
/// An agent off its workflow: half of its acts still fall in place, the rest are mostly the job's own tools at the wrong time. At tolerance
/// 1 the factors are 2.8, 2.6, 1.8, 14 and 10.
constexpr std::array<double, kClasses> kOff{.40, .28, .13, .09, .07, .03};

std::string action_words(const Act& act, ActionIndex action) { return "action " + printable(act.persona.actions[action].id, 64); }

std::string names_of(const Act& act, ActionMask mask) {
  std::string out;
  for (std::size_t i = 0; i < act.persona.actions.size(); ++i)
    if (((mask >> i) & 1U) != 0) out.append(out.empty() ? "" : ", ").append(printable(act.persona.actions[i].id, 64));
  return out;
}

WorkflowSession* session_memory(const Act& act) { return static_cast<WorkflowSession*>(act.session.memory[kSlot].get()); }

const WorkflowPlan* plan_of(const Act& act) { return static_cast<const WorkflowPlan*>(act.plan(ChannelId::Workflow)); }

/// What failed or was refused did not happen; an outcome nobody knows is taken at its word.
bool happened(const Event& event) { return event.outcome.status == Outcome::Ok || event.outcome.status == Outcome::Unknown; }

/// What must precede `action` and has not.
ActionMask missing(const Act& act, const WorkflowPlan& plan, ActionIndex action) {
  ActionMask absent = 0;
  const WorkflowSession* const session = session_memory(act);
  for (ActionMask left = plan.before[action]; left != 0; left &= left - 1) {
    const auto wanted = static_cast<ActionIndex>(__builtin_ctzll(left));
    const WorkflowSession::Done* const done = session == nullptr ? nullptr : session->done(plan.id(wanted));
    if (done == nullptr || scope::between(act.event.time, done->first) > kReordering) absent |= ActionMask{1} << wanted;
  }
  return absent;
}

/// Constraints this act breaks, one clause each.
std::vector<std::string> broken_constraints(const Act& act, const WorkflowPlan& plan, ActionIndex action, bool accepted) {
  std::vector<std::string> clauses;
  if (const ActionMask absent = plan.before[action] == 0 || accepted ? 0 : missing(act, plan, action); absent != 0)
    clauses.push_back(action_words(act, action) + " came without " + names_of(act, absent) +
                      ", which workflow.before declares to precede it");
  if (const std::int64_t most = plan.at_most[action]; most != WorkflowPlan::kNoLimit) {
    const WorkflowSession* const session = session_memory(act);
    const WorkflowSession::Done* const done = session == nullptr ? nullptr : session->done(plan.id(action));
    const std::int64_t times = (done == nullptr ? 0 : std::int64_t{done->times}) + 1;
    if (times > most)
      clauses.push_back(action_words(act, action) + " came for the " + std::to_string(times) +
                        ". time in the session, workflow.at_most declares " + std::to_string(most));
  }
  return clauses;
}

/// Steps left out by an act behind another; 0 where this version of the persona does not know that one.
std::uint8_t steps_left_out(const WorkflowPlan& plan, std::uint64_t behind, ActionIndex action) {
  if (behind == 0) return plan.left_out(WorkflowPlan::kStart, action);
  const std::optional<ActionIndex> state = plan.index_of(behind);
  return state ? plan.left_out(*state, action) : 0;
}

/// The workflow goes on from such an act, where it happens.
bool moves(const WorkflowPlan& plan, ActionIndex action, std::uint8_t left_out) {
  return ((plan.anytime >> action) & 1U) == 0 && (left_out != WorkflowPlan::kNoWay || plan.begins(action));
}

/// When the act was asked for: at its request, or now.
Moment asked_at(const Act& act) { return act.asked.value_or(act.now()); }

/// Where what is taken on trust is counted: a borrowed name bears on nobody else.
WorkflowTrust& trust_of(const Act& act) {
  if (act.session.borrowed) return scope::memory_in<WorkflowSession>(act.session.memory[kSlot]).trust;
  return scope::memory_in<WorkflowAgent>(act.agent.memory[kSlot]).trust;
}

/// The sessions of whoever acts.
std::size_t sessions_of(const Act& act) {
  if (act.session.borrowed) return 1;
  return static_cast<std::size_t>(std::ranges::count(act.agent.sessions, false, &SessionState::borrowed));
}

/// When the act was asked for. It is open no longer, and where it happened, it was rightly taken to.
Moment settle(const Act& act) {
  WorkflowSession* const session = session_memory(act);
  const auto request = session == nullptr ? std::nullopt : session->take(hash64(act.event.id));
  if (!request) return asked_at(act);
  if (request->lent > 0 && happened(act.event)) trust_of(act).keep(request->lent);
  return request->asked;
}

/// The act comes behind a step that is still open: that is taken to happen, as far as trust goes.
bool taken_on_trust(const Act& act, const WorkflowPlan& plan, ActionIndex action, Moment asked) {
  WorkflowSession* const session = session_memory(act);
  WorkflowSession::Step* const step = session == nullptr ? nullptr : session->awaited(asked, plan.id(action));
  if (step == nullptr || steps_left_out(plan, step->action, action) != 0 || !trust_of(act).lend(sessions_of(act))) return false;
  ++step->lent;
  return true;
}

/// What was asked for behind the act and is done was in order as long as this had not happened, and no longer is.
bool parts_others(const Act& act, const WorkflowPlan& plan, ActionIndex action, Moment asked) {
  WorkflowSession* const session = session_memory(act);
  if (session == nullptr || !happened(act.event)) return false;
  const std::optional<ActionIndex> next = plan.index_of(session->after(asked));
  if (!next || steps_left_out(plan, plan.id(action), *next) == 0) return false;
  const WorkflowSession::Step* const open = session->awaited(asked, plan.id(*next));
  return steps_left_out(plan, session->before(asked), *next) == 0 || (open != nullptr && steps_left_out(plan, open->action, *next) == 0);
}

WorkflowClass place_of(const WorkflowPlan& plan, ActionIndex action, bool in_turn) {
  if (!plan.ordered) return WorkflowClass::InOrder;
  if (((plan.inside >> action) & 1U) == 0) return WorkflowClass::OutsideWorkflow;
  return in_turn ? WorkflowClass::InOrder : WorkflowClass::OutOfOrder;
}

void count(const Act& act, WorkflowClass cls) {
  std::uint32_t& seen = scope::memory_in<WorkflowSession>(act.session.memory[kSlot]).judged[static_cast<std::size_t>(cls)];
  seen += seen < UINT32_MAX ? 1 : 0;
}

Reading marked(const Act& act, WorkflowClass cls) {
  count(act, cls);
  return Reading::marked(0, static_cast<std::uint8_t>(cls));
}

/// An act that is none of the persona's actions.
Reading judge_foreign(const Act& act) {
  if (act.match.tool_declared) return marked(act, WorkflowClass::OutsideWorkflow);
  return marked(act, outside_catalogue(act) ? WorkflowClass::OutsideCatalogue : WorkflowClass::OutsidePersona);
}

/// The persona's accepted next step after a refusal is in its place wherever the work stands.
bool accepted_step(const Act& act, const WorkflowPlan& plan, ActionIndex action) {
  const WorkflowSession* const session = session_memory(act);
  return session != nullptr && session->refused && ((plan.then >> action) & 1U) != 0;
}

/// Remembers whether this call met a refusal, where an accepted next step is declared for that.
void note_refusal(const Act& act, const WorkflowPlan& plan) {
  const bool refused = act.event.outcome.status == Outcome::Denied;
  if (plan.then == 0 || !plan.judges_order() || (!refused && session_memory(act) == nullptr)) return;
  scope::memory_in<WorkflowSession>(act.session.memory[kSlot]).refused = refused;
}

/// Where an act stands among those of its session, in the order in which they were asked for.
struct Standing {
  bool in_turn = true;
  bool moves = false;  // the workflow, where it happens
};

Standing standing_of(const Act& act, const WorkflowPlan& plan, ActionIndex action, Moment asked, bool judged) {
  if (!plan.ordered) return {};
  const WorkflowSession* const session = session_memory(act);
  const std::uint8_t left_out = steps_left_out(plan, session == nullptr ? 0 : session->before(asked), action);
  const bool in_turn = left_out == 0 || (judged && taken_on_trust(act, plan, action, asked));
  const bool moving = moves(plan, action, in_turn ? 0 : left_out);
  return {in_turn && !(moving && parts_others(act, plan, action, asked)), moving};
}

Reading judge_action(const Act& act, const WorkflowPlan& plan, ActionIndex action, Moment asked) {
  if (!act.event.session.id) {
    Reading reading = Reading::of(Reading::Kind::NotEvaluable);
    reading.lacking = bit_of(Lacking::Session);
    return reading;
  }
  const bool anytime = ((plan.anytime >> action) & 1U) != 0, accepted = accepted_step(act, plan, action);
  const std::vector<std::string> broken = broken_constraints(act, plan, action, accepted);
  const Standing standing = standing_of(act, plan, action, asked, !anytime && !accepted);
  Reading reading = !broken.empty()       ? marked(act, WorkflowClass::ConstraintBroken)
                    : anytime || accepted ? Reading::of(Reading::Kind::Silent)
                                          : marked(act, place_of(plan, action, standing.in_turn));
  if (act.event.outcome.status != Outcome::Denied)
    for (const std::string& clause : broken) reading.breaches.push_back({.analytic = Analytic::WorkflowOrder, .what = clause});
  if (!happened(act.event)) return reading;
  if (plan.constrained) scope::memory_in<WorkflowSession>(act.session.memory[kSlot]).book(plan.id(action), act.event.time);
  if (standing.moves) scope::memory_in<WorkflowSession>(act.session.memory[kSlot]).move_to(plan.id(action), asked);
  return reading;
}

Breach missed(const Act& act, const WorkflowAgent::Due& due, ActionIndex action, const Workflow::Followup& followup) {
  return {.analytic = Analytic::WorkflowOrder,
          .what = action_words(act, action) + " was not followed by " + printable(act.persona.actions[followup.action].id, 64) +
                  " within " + scope::duration_words(followup.within) + ", as workflow.after declares",
          .level = Level::Alert,
          .origin = "after-" + std::to_string(due.event) + "-" + std::to_string(due.deadline.value),
          .targets = {},
          .earlier = action};
}

/// Follow-ups whose time is over by the agent's own clock. What the persona no longer declares is forgotten.
std::vector<Breach> missed_deadlines(const Act& act, const WorkflowPlan& plan, WorkflowAgent& agent) {
  std::vector<Breach> breaches;
  const auto over = [&](const WorkflowAgent::Due& due) { return due.deadline < act.event.time; };
  for (const WorkflowAgent::Due& due : agent.due) {
    const std::optional<ActionIndex> action = over(due) ? plan.index_of(due.action) : std::nullopt;
    if (!action) continue;
    if (const auto& followup = plan.after[*action]) breaches.push_back(missed(act, due, *action, *followup));
  }
  std::erase_if(agent.due, over);
  return breaches;
}

/// The end of time where it would pass it.
EventTime later(EventTime time, Nanos length) {
  std::int64_t sum = 0;
  return EventTime{__builtin_add_overflow(time.value, length.value, &sum) ? INT64_MAX : sum};
}

/// Books what this act settles and what it asks for.
void book_followups(const Act& act, const WorkflowPlan& plan, ActionIndex action) {
  auto& slot = act.agent.memory[kSlot];
  const EventTime now = act.event.time;
  if (slot) {
    std::erase_if(static_cast<WorkflowAgent&>(*slot).due, [&](const WorkflowAgent::Due& due) {
      return due.followup == plan.id(action) && scope::between(now, due.since) <= kReordering;
    });
  }
  if (const auto& followup = plan.after[action]) {
    auto& due = scope::memory_in<WorkflowAgent>(slot).due;
    if (due.size() < WorkflowAgent::kMost)
      due.push_back({plan.id(action), plan.id(followup->action), now, later(now, followup->within), hash64(act.event.id)});
  }
}

class WorkflowChannel final : public Channel {
 public:
  WorkflowChannel() { bets_.push_back({.threat = Threat::WorkflowBreak, .q = {{kOff.begin(), kOff.end()}}}); }

  [[nodiscard]] const ChannelInfo& info() const override { return info_; }

  [[nodiscard]] std::vector<std::vector<double>> caps(const Persona& persona) const override {
    if (!WorkflowPlan(persona).judges_order()) return {};
    return {{kCaps.begin(), kCaps.end()}};
  }
  [[nodiscard]] std::span<const Bet> bets() const override { return bets_; }

  [[nodiscard]] std::unique_ptr<const ChannelPlan> prepare(const Persona& persona, const PersonaSet& /*set*/) const override {
    auto plan = std::make_unique<WorkflowPlan>(persona);
    if (!plan->judges_order() && !plan->followed) return nullptr;
    return plan;
  }

  [[nodiscard]] std::unique_ptr<ChannelMemory> decode_memory(MemoryScope scope, Reader& in) const override {
    return scope == MemoryScope::Agent ? WorkflowAgent::decode(in) : WorkflowSession::decode(in);
  }

  [[nodiscard]] Reading read(const Act& act) const override {
    const WorkflowPlan* const plan = plan_of(act);
    if (plan == nullptr) return Reading::of(Reading::Kind::Silent);
    // Under a borrowed name nothing is owed and nothing is settled for the agent whose name it is.
    const auto& owed = act.agent.memory[kSlot];
    std::vector<Breach> over;
    if (owed && !act.session.borrowed) over = missed_deadlines(act, *plan, static_cast<WorkflowAgent&>(*owed));
    Reading reading = judge(act, *plan);
    std::ranges::move(over, std::back_inserter(reading.breaches));
    return reading;
  }

  bool heed(const Act& act) const override {
    const WorkflowPlan* const plan = plan_of(act);
    const bool asks = act.event.kind == EventKind::ToolCall && act.event.outcome.status != Outcome::Denied && act.event.session.id;
    if (plan == nullptr || !plan->ordered || !asks || !act.match.action) return true;
    const ActionIndex action = *act.match.action;
    auto& session = scope::memory_in<WorkflowSession>(act.session.memory[kSlot]);
    const std::uint64_t latest = session.latest();
    session.ask({.event = hash64(act.event.id),
                 .action = plan->id(action),
                 .asked = asked_at(act),
                 .moves = moves(*plan, action, steps_left_out(*plan, latest, action))});
    return true;
  }

  [[nodiscard]] Description describe(const Act& act, Threat threat) const override {
    const WorkflowSession* const session = session_memory(act);
    if (threat != Threat::WorkflowBreak || session == nullptr) return {};
    std::uint64_t all = 0;
    for (const std::uint32_t seen : session->judged) all += seen;
    std::string parts;
    for (std::size_t cls = 1; cls < kClasses; ++cls)
      if (session->judged[cls] > 0)
        parts.append(parts.empty() ? "" : ", ").append(std::to_string(session->judged[cls])).append(" ").append(info_.classes[cls]);
    if (parts.empty()) parts = "all in their place";
    return {.title = "Agent leaves the declared order of its work",
            .sentence = "Of " + std::to_string(all) + " judged calls of this session: " + parts + "; the last was " +
                        scope::tool_words(act.event) + ".",
            .identifier_shape = "",
            .grounded = std::nullopt};
  }

 private:
  static Reading judge(const Act& act, const WorkflowPlan& plan) {
    const Event& event = act.event;
    if (event.kind != EventKind::ToolCall || event.phase == Phase::Request) return Reading::of(Reading::Kind::Silent);
    const Moment asked = settle(act);
    if (event.outcome.status == Outcome::Denied && act.own_refusal) return Reading::of(Reading::Kind::Silent);
    Reading reading = Reading::of(Reading::Kind::Silent);
    if (plan.judges_order()) reading = act.match.action ? judge_action(act, plan, *act.match.action, asked) : judge_foreign(act);
    note_refusal(act, plan);
    if (plan.followed && act.match.action && happened(event) && !act.session.borrowed) book_followups(act, plan, *act.match.action);
    return reading;
  }

  ChannelInfo info_{
      ChannelId::Workflow,
      "workflow",
      {"in the workflow"},
      {"in order", "out of order", "against a declared constraint", "outside the workflow", "outside the persona", "outside the catalogue"},
      {20, 20, 20, 20, 20, 20},
      false};
  std::vector<Bet> bets_;
};

}  // namespace

const Channel& workflow_channel() {
  static const WorkflowChannel channel;
  return channel;
}

}  // namespace ringfence
