// SPDX-License-Identifier: Apache-2.0
#include "models/drift.h"

#include <algorithm>
#include <cmath>

#include "engine/event/escape.h"
#include "models/drift_memory.h"
#include "models/drift_plan.h"
#include "models/scope_memory.h"
#include "models/scope_ruling.h"
#include "models/suspicion.h"

namespace ringfence {
namespace {

/// Above this S the agent's past no longer tightens its caps (detection.md §3.4).
constexpr double kSuspect = 100;
/// sum pi A of the mixture for an agent well inside its caps, by simulation.
constexpr double kResting = 40;

const DriftPlan* plan_of(const Act& act) { return static_cast<const DriftPlan*>(act.plan(ChannelId::Drift)); }

std::size_t class_of(const Act& act, const DriftPlan& plan) { return act.match.action ? plan.class_of(*act.match.action) : plan.foreign(); }

DriftSession& session_of(const Act& act) {
  return scope::memory_in<DriftSession>(act.session.memory[static_cast<std::size_t>(ChannelId::Drift)]);
}

DriftMemory* agents_mix(const Act& act) {
  return static_cast<DriftMemory*>(act.agent.memory[static_cast<std::size_t>(ChannelId::Drift)].get());
}

/// Under a borrowed name, and for errands under narrower caps than what the agent is known by: neither replaces what the agent's own work
/// has taught.
bool apart(const Act& act, const DriftPlan& plan) {
  if (act.session.borrowed) return true;
  const DriftMemory* const known = act.parents.empty() ? nullptr : agents_mix(act);
  return known != nullptr && known->plan() != plan.stamp();
}

DriftMemory* known_mix(const Act& act, const DriftPlan& plan) { return apart(act, plan) ? session_of(act).own.get() : agents_mix(act); }

/// The mix under this plan; what was learned under another is forgotten.
DriftMemory& mix_of(const Act& act, const DriftPlan& plan) {
  if (DriftMemory* known = known_mix(act, plan); known != nullptr && known->plan() == plan.stamp()) return *known;
  auto fresh = std::make_unique<DriftMemory>(plan.stamp());
  DriftMemory& made = *fresh;
  if (apart(act, plan)) {
    session_of(act).own = std::move(fresh);
  } else {
    act.agent.memory[static_cast<std::size_t>(ChannelId::Drift)] = std::move(fresh);
  }
  return made;
}

/// Takes the class of the session's call before and leaves this one's; a foreign act is the same as no other.
std::size_t exchange_before(const Act& act, const DriftPlan& plan, std::size_t cls) {
  DriftSession& session = session_of(act);
  const std::size_t before = session.plan == plan.stamp() ? session.before : DriftMemory::kNone;
  session.plan = plan.stamp();
  session.before = static_cast<std::uint8_t>(cls == plan.foreign() ? DriftMemory::kNone : cls);
  return before;
}

std::string per_cent(double share) { return scope::number_words(std::round(share * 1000) / 10) + " %"; }

std::string class_words(const Act& act, const DriftPlan& plan, std::size_t cls) {
  if (cls == plan.foreign()) return "acts outside the persona";
  std::string out;
  for (const ActionIndex action : plan.actions_of(cls))
    out.append(out.empty() ? "action " : ", ").append(printable(act.persona.actions[action].id, 64));
  return out;
}

class DriftChannel final : public Channel {
 public:
  DriftChannel() { bets_.push_back({.threat = Threat::RoleDrift, .q = {}, .alert_only = true, .resting = kResting}); }

  [[nodiscard]] const ChannelInfo& info() const override { return info_; }

  /// For the ledger's rows alone: the widest cap of each kind of class.
  [[nodiscard]] std::vector<std::vector<double>> caps(const Persona& persona) const override {
    const DriftPlan plan(persona);
    if (!plan.declares()) return {};
    return {{plan.cap(plan.capped() - 1), 1, plan.cap(plan.foreign())}};
  }
  [[nodiscard]] std::span<const Bet> bets() const override { return bets_; }

  [[nodiscard]] std::unique_ptr<const ChannelPlan> prepare(const Persona& persona, const PersonaSet& /*set*/) const override {
    auto plan = std::make_unique<DriftPlan>(persona);
    if (!plan->declares()) return nullptr;
    return plan;
  }

  [[nodiscard]] std::unique_ptr<ChannelMemory> decode_memory(MemoryScope scope, Reader& in) const override {
    if (scope == MemoryScope::Agent) return DriftMemory::decode(in);
    return DriftSession::decode(in);
  }

  [[nodiscard]] Reading read(const Act& act) const override {
    const DriftPlan* const plan = plan_of(act);
    const bool refused_by_us = act.event.outcome.status == Outcome::Denied && act.own_refusal;
    if (plan == nullptr || act.event.kind != EventKind::ToolCall || act.event.phase == Phase::Request || refused_by_us)
      return Reading::of(Reading::Kind::Silent);
    const std::size_t cls = class_of(act, *plan), before = exchange_before(act, *plan, cls);
    const bool learns = surely_below(act, kSuspect) || suspicion(act) <= kSuspect;
    const std::optional<float> factor = mix_of(act, *plan).step(*plan, cls, before, learns);
    Reading reading = Reading::of(Reading::Kind::Silent);
    if (factor) reading.wagers.push_back({.threat = Threat::RoleDrift, .context = 0, .cls = kind_of(*plan, cls), .alert = *factor});
    return reading;
  }

  [[nodiscard]] Description describe(const Act& act, Threat threat) const override {
    const DriftPlan* const plan = plan_of(act);
    const DriftMemory* const known = threat == Threat::RoleDrift && plan != nullptr ? known_mix(act, *plan) : nullptr;
    if (known == nullptr || known->plan() != plan->stamp()) return {};
    const DriftMemory& memory = *known;
    std::size_t most = plan->foreign();
    const auto excess = [&](std::size_t cls) { return memory.share_of_late(*plan, cls) / memory.tightened(*plan, cls); };
    for (std::size_t cls = 0; cls < plan->capped(); ++cls)
      if (excess(cls) > excess(most)) most = cls;
    return {.title = "Agent's conduct drifts from its role",
            .sentence = "Of its calls of late " + per_cent(memory.share_of_late(*plan, most)) + " are " + class_words(act, *plan, most) +
                        "; its declaration allows " + per_cent(plan->cap(most)) + ", its own past " +
                        per_cent(memory.tightened(*plan, most)) + ".",
            .identifier_shape = "",
            .grounded = std::nullopt};
  }

 private:
  static std::uint8_t kind_of(const DriftPlan& plan, std::size_t cls) { return cls < plan.capped() ? 0 : cls == plan.foreign() ? 2 : 1; }

  ChannelInfo info_{ChannelId::Drift, "drift", {"mix of acts"}, {"action with a share", "action without a cap", "act outside the persona"},
                    {20, 20, 20},     false};
  std::vector<Bet> bets_;
};

}  // namespace

const Channel& drift_channel() {
  static const DriftChannel channel;
  return channel;
}

}  // namespace ringfence
