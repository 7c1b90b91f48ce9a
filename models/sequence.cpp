// SPDX-License-Identifier: Apache-2.0
#include "models/sequence.h"

#include <algorithm>
#include <cmath>

#include "models/scope_memory.h"
#include "models/scope_ruling.h"
#include "models/sequence_model.h"
#include "models/suspicion.h"

namespace ringfence {
namespace {

constexpr auto kSlot = static_cast<std::size_t>(ChannelId::Sequence);
/// From this S on the agent teaches nothing (detection.md §3.2).
constexpr double kSuspect = 100;
constexpr double kGreatestStep = 20;
/// A of an agent whose acts are twice as likely in its work as anywhere.
constexpr double kResting = 1;

const SequencePlan* plan_of(const Act& act) { return static_cast<const SequencePlan*>(act.plan(ChannelId::Sequence)); }

SequenceSession& session_of(const Act& act) { return scope::memory_in<SequenceSession>(act.session.memory[kSlot]); }

const SequenceSession* known_session(const Act& act) { return static_cast<const SequenceSession*>(act.session.memory[kSlot].get()); }

/// What is known of whoever acts: a borrowed name neither teaches nor bears on the agent whose name it is.
const SequenceMemory* known_memory(const Act& act, const SequencePlan& plan) {
  const SequenceSession* const session = known_session(act);
  const auto* const known = !act.session.borrowed ? static_cast<const SequenceMemory*>(act.agent.memory[kSlot].get())
                            : session != nullptr  ? session->own.get()
                                                  : nullptr;
  return known != nullptr && known->plan() == plan.stamp() ? known : nullptr;
}

SequenceMemory& memory_of(const Act& act, const SequencePlan& plan) {
  if (known_memory(act, plan) == nullptr) {
    auto fresh = std::make_unique<SequenceMemory>(plan.stamp());
    if (act.session.borrowed) {
      session_of(act).own = std::move(fresh);
    } else {
      act.agent.memory[kSlot] = std::move(fresh);
    }
  }
  return act.session.borrowed ? *session_of(act).own : static_cast<SequenceMemory&>(*act.agent.memory[kSlot]);
}

SequenceContext context_of(const Act& act, const SequencePlan& plan) {
  const SequenceSession* const session = known_session(act);
  return session != nullptr && session->plan == plan.stamp() ? session->context : SequenceContext{};
}

bool judged(const Act& act) {
  const bool refused_by_us = act.event.outcome.status == Outcome::Denied && act.own_refusal;
  return act.event.kind == EventKind::ToolCall && act.event.phase == Phase::Complete && !refused_by_us;
}

double predicted(const Act& act, const SequencePlan& plan) {
  const SequenceMemory* const known = known_memory(act, plan);
  const SequenceContext context = context_of(act, plan);
  const std::uint8_t cls = plan.class_of(act.match.action);
  return known != nullptr ? known->predicted(plan, context, cls) : SequenceMemory(plan.stamp()).predicted(plan, context, cls);
}

class SequenceChannel final : public Channel {
 public:
  SequenceChannel() { bets_.push_back({.threat = Threat::OffRole, .q = {}, .alert_only = true, .resting = kResting}); }

  [[nodiscard]] const ChannelInfo& info() const override { return info_; }

  /// No cap is declared for a sequence: these name the ledger's rows.
  [[nodiscard]] std::vector<std::vector<double>> caps(const Persona& persona) const override {
    if (!SequencePlan(persona).declares()) return {};
    return {{1, 1}};
  }
  [[nodiscard]] std::span<const Bet> bets() const override { return bets_; }

  [[nodiscard]] std::unique_ptr<const ChannelPlan> prepare(const Persona& persona, const PersonaSet& /*set*/) const override {
    auto plan = std::make_unique<SequencePlan>(persona);
    if (!plan->declares()) return nullptr;
    return plan;
  }

  [[nodiscard]] std::unique_ptr<ChannelMemory> decode_memory(MemoryScope scope, Reader& in) const override {
    if (scope == MemoryScope::Agent) return SequenceMemory::decode(in);
    return SequenceSession::decode(in);
  }

  [[nodiscard]] Reading read(const Act& act) const override {
    Reading reading = Reading::of(Reading::Kind::Silent);
    const SequencePlan* const plan = plan_of(act);
    if (plan == nullptr || !judged(act)) return reading;
    // sum_x P_2(x) P_off / P_2(x) = sum P_off = 1: a martingale under the predictive.
    const double expected = predicted(act, *plan);
    const double likelihood = static_cast<double>(plan->off()) / expected;
    reading.surprise = static_cast<float>(-std::log2(expected));
    reading.wagers.push_back({.threat = Threat::OffRole,
                              .context = 0,
                              .cls = static_cast<std::uint8_t>(likelihood > 1 ? 1 : 0),
                              .alert = static_cast<float>(std::min(likelihood, kGreatestStep))});
    const bool happened = act.event.outcome.status == Outcome::Ok || act.event.outcome.status == Outcome::Unknown;
    if (happened) learn(act, *plan);
    return reading;
  }

  [[nodiscard]] Description describe(const Act& act, Threat threat) const override {
    const SequencePlan* const plan = plan_of(act);
    if (threat != Threat::OffRole || plan == nullptr) return {};
    // Right after `read` the act itself is part of what is known: said is only what was the last.
    return {.title = "Agent's acts follow each other as its work does not",
            .sentence = "Its acts of late are likelier anywhere than in the declared order and in its own past; the last was " +
                        scope::tool_words(act.event) + ".",
            .identifier_shape = "",
            .grounded = std::nullopt};
  }

 private:
  static void learn(const Act& act, const SequencePlan& plan) {
    const SequenceContext context = context_of(act, plan);
    const std::uint8_t cls = plan.class_of(act.match.action);
    if (surely_below(act, kSuspect) || suspicion(act) < kSuspect) memory_of(act, plan).learn(plan, context, cls);
    if (act.match.action && act.persona.actions[*act.match.action].anytime) return;
    SequenceSession& session = session_of(act);
    session.context = context;
    session.context.push(cls);
    session.plan = plan.stamp();
  }

  ChannelInfo info_{ChannelId::Sequence, "sequence", {"after the two before"}, {"expected", "surprising"}, {20, 20}, false};
  std::vector<Bet> bets_;
};

}  // namespace

const Channel& sequence_channel() {
  static const SequenceChannel channel;
  return channel;
}

std::optional<double> surprise_bits(const Act& act) {
  const SequencePlan* const plan = plan_of(act);
  if (plan == nullptr || !judged(act)) return std::nullopt;
  return -std::log2(predicted(act, *plan));
}

}  // namespace ringfence
