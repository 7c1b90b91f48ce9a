// SPDX-License-Identifier: Apache-2.0
#include "engine/verdict/blind_spots.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace ringfence {
namespace {

constexpr std::size_t kMinutesPerDay = std::size_t{24} * 60;

std::string plain(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.10g", value);
  return text;
}

/// The conduct of a threat in one channel.
struct Law {
  const ChannelInfo& info;
  const std::vector<std::vector<double>>& q;  // [context][class]
};

struct Under {
  const Tables& tables;
  Null null;
  [[nodiscard]] double ln_factor(const ChannelInfo& info, std::size_t context, std::size_t cls, std::size_t slot) const {
    return std::log(
        static_cast<double>(tables.row(null, {info.id, static_cast<std::uint8_t>(context), static_cast<std::uint8_t>(cls)})[slot]));
  }
  /// Nats an act by this law is worth to the threat in `slot`.
  [[nodiscard]] double growth(const Law& law, std::size_t context, std::size_t slot) const {
    double nats = 0;
    for (std::size_t cls = 0; cls < law.q[context].size(); ++cls) nats += law.q[context][cls] * ln_factor(law.info, context, cls, slot);
    return nats;
  }
  [[nodiscard]] std::size_t best_context(const Law& law, std::size_t slot) const {
    std::size_t at = 0;
    for (std::size_t context = 1; context < law.q.size(); ++context)
      if (growth(law, context, slot) > growth(law, at, slot)) at = context;
    return at;
  }
  /// Where a lone act of it stands.
  [[nodiscard]] std::size_t resting_context(const Law& law, std::size_t slot) const {
    const std::size_t best = best_context(law, slot);
    return growth(law, 0, slot) > 0 || !(growth(law, best, slot) > 0) ? 0 : best;
  }
};

std::optional<Law> law_of(const Channel& channel, Threat threat) {
  for (const Bet& bet : channel.bets())
    if (bet.threat == threat && !bet.q.empty()) return Law{channel.info(), bet.q};
  return std::nullopt;
}

/// A threat's own evidence at its fastest, over the channels that hold its bet in a table.
struct Fastest {
  bool by_table = false;
  double growth = 0;
  std::vector<std::string> contexts;
};

Fastest fastest(Threat threat, const Under& under, std::span<const Channel* const> channels) {
  Fastest out;
  const auto slot = static_cast<std::size_t>(threat);
  for (const Channel* channel : channels) {
    const ChannelInfo& info = channel->info();
    const auto law = law_of(*channel, threat);
    if (!law || under.tables.ticks(under.null, info.id)[slot] == 0) continue;
    const std::size_t context = under.best_context(*law, slot);
    out.by_table = true;
    out.growth += under.growth(*law, context, slot);
    out.contexts.push_back(std::string(info.name) + (context < info.contexts.size() ? ": " + std::string(info.contexts[context]) : ""));
  }
  return out;
}

/// The greatest share of abuse, worth `abused` nats, among what is clean at which evidence does not grow.
double share_of(double clean, double abused) {
  if (abused <= 0) return 1;
  return clean >= 0 ? 0 : -clean / (abused - clean);
}

/// The greatest share of `threat` among clean acts at which the evidence for `judge` does not grow. Where `threat` has no law in a channel
/// its acts are clean there.
double share_before(Threat threat, std::size_t judge, const Under& under, std::span<const Channel* const> channels) {
  double attack = 0, clean = 0;
  for (const Channel* channel : channels) {
    const auto law = law_of(*channel, threat);
    const std::size_t context = law ? under.resting_context(*law, static_cast<std::size_t>(threat)) : 0;
    const double rest = under.ln_factor(channel->info(), context, 0, judge);
    clean += rest;
    attack += law ? under.growth(*law, context, judge) : rest;
  }
  return share_of(clean, attack);
}

/// The same for all evidence that counts: the least of them.
double share_without_growth(Threat threat, const Under& under, std::span<const Channel* const> channels, bool to_halt) {
  double share = 1;
  for (std::size_t judge = 0; judge < kThreats.size(); ++judge) {
    if (under.tables.prior(under.null)[judge] == 0 || (to_halt && !kThreats[judge].dangerous)) continue;
    share = std::min(share, share_before(threat, judge, under, channels));
  }
  return share;
}

std::optional<double> calls_to(double threshold, double prior, double growth) {
  if (!(growth > 0) || !(prior > 0)) return std::nullopt;
  return std::max(1., std::log(threshold / (prior / 2)) / growth);
}

std::string rungs(const Ladder& ladder) {
  std::string out;
  const auto add = [&](const char* name, const std::optional<double>& rung) {
    if (rung) out += (out.empty() ? "" : ", ") + std::string(name) + " " + plain(*rung);
  };
  add("p50", ladder.p50);
  add("p90", ladder.p90);
  add("p99", ladder.p99);
  add("max", ladder.max);
  return out.empty() ? "no rung" : out;
}

/// Declared rungs in words.
class Said {
 public:
  explicit Said(const Persona& persona) : p_(persona) {}

  void calls(bool amounts) {
    one("calls", amounts ? std::nullopt : p_.calls_per_minute, " a minute");
    envelope(p_.per_call, " a call", amounts, !amounts);
    for (const Action& action : p_.actions)
      if (action.per_call) envelope(*action.per_call, " a call of " + action.id, amounts, !amounts);
  }
  void days() {
    envelope(p_.per_day, " a day", true, true);
    for (const Action& action : p_.actions)
      if (action.per_day) envelope(*action.per_day, " a day of " + action.id, true, true);
  }
  void sessions() { envelope(p_.per_session, " a session", true, true); }
  void entities(const Envelope& envelope, const std::string& scope) {
    one("entities", envelope.entities, scope);
    for (const auto& [kind, ladder] : envelope.entities_by_kind) one(kind, ladder, scope);
  }
  void one(const std::string& what, const std::optional<Ladder>& ladder, const std::string& scope) {
    if (ladder) out_.push_back(what + scope + ": " + rungs(*ladder));
  }
  std::vector<std::string> take() { return std::move(out_); }

 private:
  void envelope(const Envelope& envelope, const std::string& scope, bool amounts, bool costs) {
    if (amounts) {
      one("records", envelope.records, scope);
      one("bytes", envelope.bytes, scope);
      entities(envelope, scope);
    }
    if (!costs) return;
    one("tokens", envelope.tokens, scope);
    one("cost in USD", envelope.cost_usd, scope);
  }

  const Persona& p_;
  std::vector<std::string> out_;
};

/// What the persona states of the amounts a threat is about.
std::vector<std::string> declared_limits(const Persona& persona, Threat threat) {
  Said said(persona);
  switch (threat) {
    case Threat::Bulk:
    case Threat::BulkHeavy:
      said.calls(true);
      break;
    case Threat::DripSession:
      said.sessions();
      break;
    case Threat::DripDay:
      said.days();
      break;
    case Threat::Overuse:
      said.calls(false);
      break;
    case Threat::Scrape:
      said.entities(persona.per_session, " a session");
      said.entities(persona.per_day, " a day");
      break;
    case Threat::Coverage:
      said.one("share of a population", persona.coverage, " a call");
      break;
    default:
      break;
  }
  return said.take();
}

/// Its factors come from what is declared alone, so that without them nothing is judged.
bool needs_declared(Threat threat) {
  return threat == Threat::DripSession || threat == Threat::DripDay || threat == Threat::Overuse || threat == Threat::Coverage ||
         threat == Threat::DestructiveSweep;
}

std::vector<StepSpot> step_spots(const ThreatInfo& threat, const Persona& persona, const Tables& tables,
                                 std::span<const Channel* const> channels) {
  const auto slot = static_cast<std::size_t>(threat.threat);
  const Thresholds& at = persona.response.scores;
  const auto prior = [&](Null null) { return static_cast<double>(tables.prior(null)[slot]); };
  std::vector<StepSpot> spots;
  for (const Channel* channel : channels) {
    for (StepLaw& law : channel->step_laws(persona)) {
      if (law.threat != threat.threat) continue;
      StepSpot& spot = spots.emplace_back();
      const double unseen = share_of(law.clean[0], law.lone[0]), unhalted = share_of(law.clean[1], law.lone[1]);
      if (prior(Null::Alert) > 0) {
        spot.alert = calls_to(at.alert, prior(Null::Alert), law.abused[0]);
        spot.unseen_share = unseen;
      }
      if (prior(Null::Declared) > 0) {
        spot.throttle = calls_to(at.throttle, prior(Null::Declared), law.abused[1]);
        if (threat.dangerous) spot.halt = calls_to(at.halt, prior(Null::Declared), law.abused[1]);
        if (threat.dangerous) spot.unhalted_share = unhalted;
        spot.unseen_share = std::min(spot.unseen_share, unhalted);
      }
      spot.law = std::move(law);
    }
  }
  return spots;
}

/// Minutes of the busiest day of the declared week.
std::size_t active_minutes(const Schedule& schedule) {
  const std::vector<bool>& week = schedule.active_minutes;
  if (week.empty()) return kMinutesPerDay;
  std::size_t most = 0;
  for (std::size_t day = 0; day * kMinutesPerDay < week.size(); ++day) {
    std::size_t active = 0;
    for (std::size_t minute = day * kMinutesPerDay; minute < std::min(week.size(), (day + 1) * kMinutesPerDay); ++minute)
      if (week[minute]) ++active;
    most = std::max(most, active);
  }
  return most;
}

BlindSpot spot_of(const ThreatInfo& threat, const Persona& persona, const Tables& tables, std::span<const Channel* const> channels) {
  const auto slot = static_cast<std::size_t>(threat.threat);
  const Under alert{tables, Null::Alert}, halting{tables, Null::Declared};
  const Fastest seen = fastest(threat.threat, alert, channels), declared = fastest(threat.threat, halting, channels);
  BlindSpot spot{.threat = threat.threat, .by_table = seen.by_table || declared.by_table};
  spot.declared = declared_limits(persona, threat.threat);
  spot.steps = step_spots(threat, persona, tables, channels);
  spot.alert_only = tables.prior(Null::Declared)[slot] == 0;
  if (!spot.by_table) return spot;
  spot.growth = {seen.growth, declared.growth};
  spot.contexts = {seen.contexts, declared.contexts};
  const Thresholds& at = persona.response.scores;
  const double prior = static_cast<double>(tables.prior(Null::Declared)[slot]);
  spot.alert = calls_to(at.alert, static_cast<double>(tables.prior(Null::Alert)[slot]), seen.growth);
  spot.throttle = calls_to(at.throttle, prior, declared.growth);
  if (threat.dangerous) spot.halt = calls_to(at.halt, prior, declared.growth);
  // Either null's score raises an alert.
  spot.unseen_share =
      std::min(share_without_growth(threat.threat, alert, channels, false), share_without_growth(threat.threat, halting, channels, false));
  spot.unhalted_share = share_without_growth(threat.threat, halting, channels, true);
  return spot;
}

}  // namespace

BlindSpots blind_spots(const Persona& persona, const Tables& tables, std::span<const Channel* const> channels) {
  BlindSpots out{.calls_per_day = kCallsPerDayAssumed, .tolerance = persona.tolerance()};
  if (persona.calls_per_minute && persona.calls_per_minute->p50) {
    out.rate_declared = true;
    out.calls_per_day = *persona.calls_per_minute->p50 * static_cast<double>(active_minutes(persona.schedule));
  }
  for (const ThreatInfo& threat : kThreats) {
    const auto slot = static_cast<std::size_t>(threat.threat);
    const bool weight = tables.prior(Null::Alert)[slot] > 0 || tables.prior(Null::Declared)[slot] > 0;
    BlindSpot spot = weight ? spot_of(threat, persona, tables, channels) : BlindSpot{};
    if (!weight || (!spot.by_table && spot.steps.empty() && spot.declared.empty() && needs_declared(threat.threat)))
      out.not_judged.push_back(threat.threat);
    else
      out.spots.push_back(std::move(spot));
  }
  return out;
}

}  // namespace ringfence
