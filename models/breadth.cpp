// SPDX-License-Identifier: Apache-2.0
#include "models/breadth.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/event/escape.h"
#include "models/breadth_counts.h"
#include "models/breadth_memory.h"
#include "models/breadth_moves.h"
#include "models/detector.h"
#include "models/envelope.h"
#include "models/numeraire.h"
#include "models/scope_memory.h"

namespace ringfence {
namespace {

using namespace breadth;

constexpr std::size_t kShareClasses = 5, kClasses = kWalkClasses + kShareClasses;
constexpr std::uint8_t kShareContext = kWalkContexts;

/// What a class can never be in its context is held at the floor: it costs the bets next to nothing.
constexpr double kFloor = .002, kNever = 2e-4;
constexpr std::array<std::array<double, kWalkClasses>, kWalkContexts> kWalkCaps{
    {{1, 1, 1, .33, .04}, {1, .40, .25, .01, .002}, {1, 1, 1, .10, .02}}};
/// Where it comes to throttles and halts, counting says nothing where no p99 is declared; within the declared one only where the ids stood
/// in nothing, for what the agent was given unseen may well have been a listing.
constexpr std::array<std::array<std::uint8_t, kWalkClasses>, kWalkContexts> kDeclaredWalks{
    {{0, 0, 0, 0, CountedUngiven}, {0, Another, Listed, CountedSomewhere, CountedUngiven}, {0, 0, 0, 0, 0}}};
constexpr std::array<std::array<double, kWalkClasses>, kWalkContexts> kScrape{
    {{.149, .01, .01, .53, .30}, {.039, .50, .36, .06, .04}, {.149, .01, .01, .53, .30}}};

constexpr std::array<double, kShareClasses> kShareCaps{1, .2, .05, .01, .002};
/// What is above a declared p99 is one class where it comes to throttles and halts.
constexpr std::array<std::uint8_t, kShareClasses> kDeclaredShares{0, 1, 1, 1, 1};
constexpr std::array<double, kShareClasses> kShareEdges{0, .01, .10, .50, .95};
constexpr std::array<double, kShareClasses> kCoverage{.10, .10, .20, .20, .40};
constexpr double kAbove99 = .01;

bool declares_share(const Persona& persona) { return persona.coverage && persona.coverage->p99; }

/// A p99 of distinct values a session holds for some identifier of the job.
bool declares_entities(const Persona& persona) {
  using namespace envelope;
  return std::ranges::any_of(persona.actions, [&](const Action& action) {
    return std::ranges::any_of(kinds_of(action), [&](std::string_view kind) {
      const Rungs rungs = Rungs::of_kind(persona, &action, Span::Session, kind);
      return rungs.declared() && rungs.ladder->p99.has_value();
    });
  });
}

std::vector<double> share_caps(const Persona& persona) {
  std::vector<double> v(kShareCaps.begin(), kShareCaps.end());
  if (declares_share(persona))
    for (std::size_t cls = 1; cls < kShareClasses; ++cls) v[cls] = std::min(v[cls], kAbove99);
  return v;
}

/// By class under the alert (0) or declared (1) null. Without a p99 nothing is declared, and the latter has no bet.
std::vector<double> share_factors(const Persona& persona, std::size_t null) {
  const std::vector<double> v = share_caps(persona);
  std::vector<double> g(kShareClasses, 1);
  if (null == 0)
    g = box_numeraire(v, kCoverage);
  else if (declares_share(persona))
    g = grouped_numeraire(widened(v, persona.tolerance()), kCoverage, kDeclaredShares);
  for (double& factor : g) factor = std::min(factor, static_cast<double>(kGreatestWager));
  return g;
}

struct BreadthPlan final : ChannelPlan {
  bool walks = false;      // some action marks identifiers
  ActionMask walkers = 0;  // which
  bool selective = false;  // some argument must select
  std::array<std::array<float, kShareClasses>, 2> share{};
};

bool marks(const Persona& persona, bool ArgumentRule::* mark) {
  return std::ranges::any_of(persona.actions, [&](const Action& action) {
    return std::ranges::any_of(action.arguments, [&](const ArgumentRule& rule) { return rule.*mark; });
  });
}

class Breadth final : public Channel {
 public:
  Breadth() {
    Bet scrape{.threat = Threat::Scrape};
    for (const auto& row : kScrape) {
      scrape.q.emplace_back(row.begin(), row.end());
      scrape.q.back().resize(kClasses, kNever);
    }
    scrape.q.push_back(scrape.q.front());  // of calls' shares: not its business
    bets_ = {std::move(scrape), {.threat = Threat::Coverage, .q = {}, .resting = .3}};
  }

  [[nodiscard]] const ChannelInfo& info() const override { return info_; }

  [[nodiscard]] std::vector<std::vector<double>> caps(const Persona& persona) const override {
    if (!marks(persona, &ArgumentRule::identifier) && !persona.coverage) return {};
    const bool walks = marks(persona, &ArgumentRule::identifier), declares = declares_entities(persona);
    std::vector<std::vector<double>> v;
    for (std::size_t context = 0; context < kWalkContexts; ++context) {
      v.emplace_back(kWalkClasses, 1);  // what no act can be in holds nothing
      if (walks && (declares || context == Undeclared)) std::ranges::copy(kWalkCaps.at(context), v.back().begin());
      v.back().resize(kClasses, kFloor);
    }
    v.emplace_back(kWalkClasses, 1);
    std::ranges::copy(share_caps(persona), std::back_inserter(v.back()));
    return v;
  }

  [[nodiscard]] std::vector<std::vector<std::uint8_t>> declared_classes(const Persona& /*persona*/) const override {
    std::vector<std::uint8_t> itself(kClasses);
    std::iota(itself.begin(), itself.end(), std::uint8_t{0});
    std::vector classes(kWalkContexts + 1, itself);
    for (std::size_t context = 0; context < kWalkContexts; ++context)
      std::ranges::copy(kDeclaredWalks.at(context), classes[context].begin());
    for (std::size_t cls = 1; cls < kShareClasses; ++cls)
      classes[kShareContext][kWalkClasses + cls] = kWalkClasses + kDeclaredShares.at(cls);
    return classes;
  }

  [[nodiscard]] std::span<const Bet> bets() const override { return bets_; }

  [[nodiscard]] std::unique_ptr<const ChannelPlan> prepare(const Persona& persona, const PersonaSet& /*set*/) const override {
    auto plan = std::make_unique<BreadthPlan>();
    plan->walks = marks(persona, &ArgumentRule::identifier);
    for (std::size_t i = 0; i < persona.actions.size(); ++i)
      if (!envelope::kinds_of(persona.actions[i]).empty()) plan->walkers |= ActionMask{1} << i;
    plan->selective = marks(persona, &ArgumentRule::selective);
    if (!plan->walks && !plan->selective && !persona.coverage) return nullptr;
    for (std::size_t null = 0; null < 2; ++null)
      std::ranges::transform(share_factors(persona, null), plan->share.at(null).begin(), [](double g) { return static_cast<float>(g); });
    return plan;
  }

  [[nodiscard]] std::vector<StepLaw> step_laws(const Persona& persona) const override {
    if (!persona.coverage) return {};
    StepLaw law{.threat = Threat::Coverage,
                .steps = "calls that report a population",
                .calls = true,
                .abuse = "shares of every size, two in five of them all of it"};
    for (std::size_t null = 0; null < 2; ++null) {
      const std::vector<double> g = share_factors(persona, null);
      law.clean.at(null) = std::log(g[0]);
      law.abused.at(null) = growth(kCoverage, g);
    }
    law.lone = law.abused;
    return {std::move(law)};
  }

  [[nodiscard]] std::unique_ptr<ChannelMemory> decode_memory(MemoryScope scope, Reader& in) const override {
    return scope == MemoryScope::Session ? Session::decode(in) : nullptr;
  }

  [[nodiscard]] Reading read(const Act& act) const override {
    Reading reading = Reading::of(Reading::Kind::Silent);
    const auto* const plan = static_cast<const BreadthPlan*>(act.plan(ChannelId::Breadth));
    if (plan == nullptr) return reading;
    auto& slot = act.session.memory.at(static_cast<std::size_t>(ChannelId::Breadth));
    const Event& event = act.event;
    if (event.kind == EventKind::TaskStart && plan->walks && event.task.text && event.source.product != "agent")
      scope::memory_in<Session>(slot).learn_task(event);
    if (event.kind != EventKind::ToolCall || event.phase == Phase::Request || !envelope::took_place(event)) return reading;
    if (plan->walks) {
      if (act.match.action && (plan->walkers >> *act.match.action & 1) != 0) walk(act, slot, reading);
      scope::memory_in<Session>(slot).learn_result(event);
    }
    if (act.persona.coverage) judge_share(act, *plan, reading);
    if (plan->selective) {
      std::ranges::move(breadth::judge_counts(act).breaches, std::back_inserter(reading.breaches));
    }
    return reading;
  }

  [[nodiscard]] Description describe(const Act& act, Threat threat) const override {
    Description words;
    if (threat == Threat::Coverage) {
      words.title = "Agent reads a large share of a population";
      words.sentence = "Calls return a share of all there is that the job does not need.";
      const auto& records = act.event.records;
      if (records.returned && records.population && *records.population > 0)
        words.sentence += " This one " + std::to_string(*records.returned) + " of " + std::to_string(*records.population) + " records.";
      return words;
    }
    words.title = "Agent sweeps over identifiers";
    words.sentence = "It takes one identifier after the other, by counting, along a listing, or more of them than its job declares.";
    const Action* const action = envelope::action_of(act);
    auto* const session = static_cast<Session*>(act.session.memory.at(static_cast<std::size_t>(ChannelId::Breadth)).get());
    if (action == nullptr || session == nullptr) return words;
    for (const std::string_view kind : envelope::kinds_of(*action)) {
      const Session::Walk* const walk = session->walk(hash64(kind));
      if (walk == nullptr) continue;
      const std::string name = printable(kind, 64);
      if (walk->counted >= kRun)
        words.sentence += " " + std::to_string(walk->counted) + " values of " + name + " in a row were counted " +
                          (walk->down ? "down" : "up") + " by one" +
                          (walk->place == Session::kNowhere ? ", and this one stood in nothing the agent had read." : ".");
      else if (walk->listed >= kRun)
        words.sentence += " " + std::to_string(walk->listed) + " values of " + name + " in a row followed a listing it was given.";
      else if (walk->distinct > 0)
        words.sentence += " At least " + std::to_string(walk->distinct) + " distinct values of " + name + " in this session.";
      words.grounded = walk->place != Session::kNowhere;
    }
    return words;
  }

 private:
  /// Marks only acts that move on to another identifier, and the caps are those of such moves, so calls in between neither help nor harm.
  static void walk(const Act& act, std::unique_ptr<ChannelMemory>& slot, Reading& reading) {
    const Moves moves = judge_moves(act, scope::memory_in<Session>(slot));
    if (!moves.named) {
      reading.lacking |= bit_of(Lacking::Identifier);
      reading.kind = Reading::Kind::NotEvaluable;
    }
    const auto& marks = moves.marks;
    if (marks.empty()) return;
    reading.kind = Reading::Kind::Marked;
    reading.context = marks[0].context;
    reading.cls = marks[0].cls;
    reading.further.assign(marks.begin() + 1, marks.end());
  }

  /// Lawful as a table row is: the numeraire of the caps, at most 20, ticking at every call that reports both counts.
  static void judge_share(const Act& act, const BreadthPlan& plan, Reading& reading) {
    const auto& records = act.event.records;
    if (!records.returned || !records.population || *records.population <= 0) {
      reading.lacking |= bit_of(Lacking::Population);
      return;
    }
    const double share = static_cast<double>(*records.returned) / static_cast<double>(*records.population);
    std::size_t cls = kShareClasses - 1;
    while (share < kShareEdges.at(cls)) --cls;
    if (const auto& p99 = act.persona.coverage->p99) cls = share <= *p99 ? 0 : std::max<std::size_t>(cls, 1);
    reading.wagers.push_back({.threat = Threat::Coverage,
                              .context = kShareContext,
                              .cls = static_cast<std::uint8_t>(kWalkClasses + cls),
                              .alert = plan.share[0].at(cls),
                              .declared = plan.share[1].at(cls),
                              .alert_only = !declares_share(act.persona)});
  }

  ChannelInfo info_{
      ChannelId::Breadth,
      "breadth",
      {"within the declared entities", "beyond the declared entities", "no entities declared", "share of the population"},
      {"another identifier", "one entity more than declared", "next in a listing", "counted, origin unknown", "counted, given by nothing",
       "up to the declared share or 1 %", "1 to 10 %", "10 to 50 %", "50 to 95 %", "95 % and more"},
      std::vector<double>(kClasses, static_cast<double>(kGreatestWager)),
      false};
  std::vector<Bet> bets_;
};

}  // namespace

const Channel& breadth_channel() {
  static const Breadth channel;
  return channel;
}

}  // namespace ringfence
