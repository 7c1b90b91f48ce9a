// SPDX-License-Identifier: Apache-2.0
#include "models/totals_channel.h"

#include <algorithm>
#include <utility>

#include "engine/event/escape.h"
#include "models/detector.h"
#include "models/scope_memory.h"
#include "models/scope_ruling.h"
#include "models/totals_plan.h"
#include "models/totals_stakes.h"

namespace ringfence {
namespace {

using namespace envelope;
using scope::number_words;
using totals::AgentStakes;
using totals::AgentTotals;
using totals::SessionStake;
using totals::SessionTotals;
using totals::Stake;
using totals::TotalPlan;
using totals::Totals;
using totals::TotalsPlan;

constexpr auto kSlot = static_cast<std::size_t>(ChannelId::Totals);
constexpr auto kLimits = static_cast<std::size_t>(ChannelId::Limits);
constexpr std::uint8_t kSessionContext = 0, kDayContext = 1, kMinuteContext = 2;
/// A of an agent that never passes a rung: its base is at most .8 (one p99, tolerance 1).
constexpr double kResting = 4;

const AgentTotals* sums_of(const AgentState& agent) { return static_cast<const AgentTotals*>(agent.memory.at(kLimits).get()); }
const Totals* sums_of(const SessionState& session) {
  const auto* const sums = static_cast<const SessionTotals*>(session.memory.at(kLimits).get());
  return sums == nullptr ? nullptr : &sums->totals;
}

/// The act reports something that one of the ladders counts.
bool reports(const Act& act, const TotalPlan& plan) {
  const Quantities seen = quantities_of(act.event);
  std::optional<Identifiers> identifiers;
  return std::ranges::any_of(plan.lines, [&](const totals::TotalLine& line) {
    if (line.rungs.action != nullptr && line.rungs.action != action_of(act)) return false;
    if (line.kind.empty()) return seen.least.at(static_cast<std::size_t>(line.unit)).has_value();
    if (!identifiers) identifiers = identifiers_of(act);
    const auto kind = identifiers->find(line.kind);
    return kind != identifiers->end() && !kind->second.empty();
  });
}

/// Less than this is the rounding of the factors made before.
constexpr float kRise = 1.0001F;

float limited(double factor) { return static_cast<float>(std::min(factor, static_cast<double>(kGreatestWager))); }

/// What the period's value has become since the last act of it, as factors; nothing where it has not risen.
/// Never above e_t: `given` is what was made of it so far, and a period of a replaced persona stakes nothing more.
std::optional<Wager> raise(Stake& stake, const TotalPlan::Value& value, std::uint64_t persona) {
  Wager wager{.cls = value.cls, .ticks = !stake.begun};
  if (!stake.begun) {
    stake = {.begun = true, .persona = persona, .given = {limited(value.e[0]), limited(value.e[1])}};
    wager.alert = stake.given[0];
    wager.declared = stake.given[1];
    return wager;
  }
  if (stake.persona != persona) return std::nullopt;
  const auto rise = [&](std::size_t null) {
    const float factor = limited(value.e.at(null) / static_cast<double>(stake.given.at(null)));
    if (!(factor > kRise)) return 1.F;
    stake.given.at(null) *= factor;
    return factor;
  };
  wager.alert = rise(0);
  wager.declared = rise(1);
  if (!(wager.alert > 1) && !(wager.declared > 1)) return std::nullopt;
  return wager;
}

void make(Reading& reading, std::optional<Wager> wager, Threat threat, std::uint8_t context, bool agent_only) {
  if (!wager) return;
  wager->threat = threat;
  wager->context = context;
  wager->agent_only = agent_only;
  reading.wagers.push_back(*wager);
}

AgentStakes& stakes_of(AgentState& agent) { return scope::memory_in<AgentStakes>(agent.memory.at(kSlot)); }

bool is_call(const Event& event) { return event.kind == EventKind::ToolCall && event.phase != Phase::Request; }

class TotalsChannel final : public Channel {
 public:
  [[nodiscard]] const ChannelInfo& info() const override {
    static const ChannelInfo kInfo{ChannelId::Totals, "totals", {"a session", "a day", "a minute"}, {"up to p50", "above p50", "above p99"},
                                   {20, 20, 20},      false};
    return kInfo;
  }

  /// P(the period ends in the class), for explanations; what is staked is computed with each act.
  [[nodiscard]] std::vector<std::vector<double>> caps(const Persona& persona) const override {
    if (totals::plan_totals(persona).empty()) return {};
    return {3, {1, .5, .01}};
  }

  [[nodiscard]] std::span<const Bet> bets() const override {
    static const std::array<Bet, 3> kBets{{{.threat = Threat::DripSession, .q = {}, .resting = kResting},
                                           {.threat = Threat::DripDay, .q = {}, .resting = kResting},
                                           {.threat = Threat::Overuse, .q = {}, .resting = .3}}};
    return kBets;
  }

  [[nodiscard]] std::unique_ptr<const ChannelPlan> prepare(const Persona& persona, const PersonaSet& /*set*/) const override {
    auto plan = std::make_unique<TotalsPlan>(totals::plan_totals(persona));
    return plan->empty() ? nullptr : std::move(plan);
  }

  [[nodiscard]] std::vector<StepLaw> step_laws(const Persona& persona) const override {
    return totals::step_laws_of(totals::plan_totals(persona));
  }

  [[nodiscard]] std::unique_ptr<ChannelMemory> decode_memory(MemoryScope scope, Reader& in) const override {
    return scope == MemoryScope::Agent ? AgentStakes::decode(in) : SessionStake::decode(in);
  }

  [[nodiscard]] Reading read(const Act& act) const override {
    Reading reading = Reading::of(Reading::Kind::Silent);
    const auto* const plan = static_cast<const TotalsPlan*>(act.plan(ChannelId::Totals));
    if (plan == nullptr || !is_call(act.event) || act.session.borrowed) return reading;
    if (plan->rate) judge_minute(act, *plan->rate, reading);
    if (!took_place(act.event) || (plan->session.lines.empty() && plan->day.lines.empty())) return reading;
    const bool in_session = !plan->session.lines.empty() && act.event.session.id.has_value();
    if (!plan->session.lines.empty() && !in_session) reading.lacking |= bit_of(Lacking::Session);
    const bool for_session = in_session && reports(act, plan->session), for_day = reports(act, plan->day);
    if (for_session) judge_session(act, plan->session, reading);
    if (for_day) judge_day(act, *plan, reading);
    if (!for_session && !for_day) {
      if (in_session || !plan->day.lines.empty()) reading.lacking |= bit_of(Lacking::Quantity);
      if (reading.wagers.empty()) reading.kind = Reading::Kind::NotEvaluable;
    }
    return reading;
  }

  [[nodiscard]] Description describe(const Act& act, Threat threat) const override {
    Description words;
    words.title = "Agent handles too much in many small pieces";
    const bool session = threat == Threat::DripSession;
    words.sentence =
        std::string("What ") + (session ? "single sessions" : "single days") + " add up to passes the declared totals too often.";
    const auto* const plan = static_cast<const TotalsPlan*>(act.plan(ChannelId::Totals));
    if (plan == nullptr) return words;
    const Totals* sums = sums_of(act.session);
    if (!session) {
      const AgentTotals* const agent = sums_of(act.agent);
      sums = agent == nullptr ? nullptr : agent->days.find(act.set.calendar(act.persona).local_day(act.event.time));
    }
    if (sums == nullptr) return words;
    const TotalPlan::Value value = (session ? plan->session : plan->day).value(*sums);
    if (value.worst == nullptr) return words;
    const totals::TotalLine& line = *value.worst;
    const Ladder& ladder = *line.rungs.ladder;
    words.sentence +=
        " " +
        (line.kind.empty() ? amount_words(line.unit, value.total)
                           : number_words(value.total) + " distinct values of " + printable(line.kind, 64)) +
        " " + std::string(span_words(session ? Span::Session : Span::Day)) + line.rungs.whose() + ", declared are " +
        (value.cls == 2 ? "at most " + number_words(*ladder.p99) + " in 99 of 100." : number_words(*ladder.p50) + " as a rule.");
    return words;
  }

 private:
  static void judge_session(const Act& act, const TotalPlan& plan, Reading& reading) {
    Stake& stake = scope::memory_in<SessionStake>(act.session.memory.at(kSlot)).stake;
    AgentStakes& agent = stakes_of(act.agent);
    if (!stake.begun) agent.staked_session = act.session.key;
    if (agent.staked_session != act.session.key) return;
    static const Totals kNothing;
    const Totals* const sums = sums_of(act.session);
    make(reading, raise(stake, plan.value(sums != nullptr ? *sums : kNothing), act.agent.persona), Threat::DripSession, kSessionContext,
         false);
  }

  static void judge_day(const Act& act, const TotalsPlan& plan, Reading& reading) {
    AgentStakes& agent = stakes_of(act.agent);
    const std::int64_t day = act.set.calendar(act.persona).local_day(act.event.time);
    Stake* const kept = agent.days.at(day);
    if (kept == nullptr) {
      reading.lacking |= bit_of(Lacking::Past);
      return;
    }
    Stake& stake = *kept;
    if (!stake.begun) agent.staked_day = day;
    if (agent.staked_day != day) return;
    static const Totals kNothing;
    const AgentTotals* const all = sums_of(act.agent);
    const Totals* const sums = all == nullptr ? nullptr : all->days.find(day);
    const std::uint64_t job = act.parents.empty() ? act.agent.persona : plan.job;
    make(reading, raise(stake, plan.day.value(sums != nullptr ? *sums : kNothing), job), Threat::DripDay, kDayContext, true);
  }

  /// The minute that is being counted is judged by the first call of another one; each is judged at most once, and they do not overlap.
  static void judge_minute(const Act& act, const totals::RatePlan& plan, Reading& reading) {
    const AgentTotals* const all = sums_of(act.agent);
    const std::int64_t minute = totals::minute_of(act);
    const std::uint64_t* const calls = all == nullptr ? nullptr : all->minutes.find(minute);
    if (calls == nullptr || *calls != 1) return;
    AgentStakes& agent = stakes_of(act.agent);
    const std::int64_t over = std::exchange(agent.minute, minute);
    const std::uint64_t* const held = over == 0 ? nullptr : all->minutes.find(over);
    if (held == nullptr) return;
    const std::uint8_t cls = plan.passed(static_cast<double>(*held));
    make(reading, Wager{.cls = cls, .alert = plan.factors[0].at(cls), .declared = plan.factors[1].at(cls)}, Threat::Overuse, kMinuteContext,
         true);
  }
};

}  // namespace

bool counts_each_rung(RowId row) {
  const std::uint8_t context = plain_context(row.context);
  return row.channel == ChannelId::Totals && (context == kSessionContext || context == kDayContext);
}

const Channel& totals_channel() {
  static const TotalsChannel kChannel;
  return kChannel;
}

}  // namespace ringfence
