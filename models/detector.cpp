// SPDX-License-Identifier: Apache-2.0
#include "models/detector.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "models/numeraire.h"

namespace ringfence {
namespace {

/// Slots in use, in whole eights: the others hold nothing, and nothing moves them.
constexpr std::size_t kSlotsUsed = (kThreats.size() + 7) / 8 * 8;
static_assert(kSlotsUsed <= kThreatSlots);
using Threats = Eigen::Array<float, static_cast<int>(kSlotsUsed), 1>;
using Slots = Eigen::Map<Threats, Eigen::Aligned16>;
using ConstSlots = Eigen::Map<const Threats, Eigen::Aligned16>;

constexpr std::size_t slot_of(Threat threat) { return static_cast<std::size_t>(threat); }
/// Per slot the first slot of the same family: families compared as numbers.
constexpr std::array<std::size_t, kThreats.size()> kFirstOfFamily = [] {
  std::array<std::size_t, kThreats.size()> first{};
  for (std::size_t slot = 0; slot < first.size(); ++slot)
    while (kThreats[first[slot]].family != kThreats[slot].family) ++first[slot];
  return first;
}();
constexpr std::uint32_t bit_of(std::size_t slot) { return std::uint32_t{1} << slot; }
/// A factor of 1 as it is computed.
constexpr double kRounding = 1e-9;

/// Sessions that S is made of.
bool counts(const SessionState& session, const SessionState* alone) { return alone == nullptr ? !session.borrowed : &session == alone; }

}  // namespace

/// The sets of threats that the persona's exceptions may take an act from: of each analytic, as many as a context can name, and of all.
void Tables::except(const Persona& persona) {
  constexpr std::size_t kMost = (1U << (8 - kContextBits)) - 1;
  ThreatSet all = 0;
  for (const Exception& exception : persona.exceptions) {
    ThreatSet threats = 0;
    for (const ThreatInfo& threat : kThreats)
      if (exception.analytic == uid_of(threat.analytic)) threats |= only(threat.threat);
    all |= threats;
    if (threats != 0 && variants_.size() + 1 < kMost && std::ranges::find(variants_, threats) == variants_.end())
      variants_.push_back(threats);
  }
  if (all != 0 && std::ranges::find(variants_, all) == variants_.end()) variants_.push_back(all);
}

RowId Tables::without(RowId mark, ThreatSet threats) const {
  const auto covering = std::ranges::find_if(variants_, [&](ThreatSet all) { return (all & threats) == threats; });
  if (threats == 0 || covering == variants_.end()) return mark;
  const auto variant = static_cast<std::size_t>(covering - variants_.begin()) + 1;
  mark.context = static_cast<std::uint8_t>(mark.context | variant << kContextBits);
  return mark;
}

Tables::Tables(const Persona& persona, std::span<const Channel* const> channels, double loosened) {
  except(persona);
  rows_.emplace_back();
  for (auto& ones : rows_.front().factors) ones.fill(1);
  ticking_.emplace_back();
  for (auto& caps : caps_) caps.push_back(1);
  for (const Channel* channel : channels) {
    const auto caps = channel->caps(persona);
    if (caps.empty()) continue;
    Place& place = places_[static_cast<std::size_t>(channel->info().id)];
    place.first = static_cast<std::uint32_t>(rows_.size());
    place.contexts = static_cast<std::uint32_t>(caps.size());
    place.classes = static_cast<std::uint32_t>(caps.front().size());
    rows_.resize(rows_.size() + (1 + variants_.size()) * caps.size() * caps.front().size(), rows_.front());
    ticking_.resize(rows_.size());
    for (auto& all : caps_) all.resize(rows_.size(), 1);
    compile(*channel, {caps, {}}, Null::Alert, loosened);
    compile(*channel, {caps, channel->declared_classes(persona)}, Null::Declared, persona.tolerance() * loosened);
  }
  settle(channels);
  const auto above_one = [](float g) { return g > 1; };
  for (const Row& row : rows_)
    contributes_.push_back(std::ranges::any_of(row.factors, [&](const auto& factors) { return std::ranges::any_of(factors, above_one); }));
}

void Tables::compile(const Channel& channel, const Boxes& boxes, Null null, double tolerance) {
  const ChannelInfo& info = channel.info();
  const Place& place = places_[static_cast<std::size_t>(info.id)];
  const auto times = [&](double loosened) {
    Boxes wider{{}, boxes.as};
    for (const auto& context : boxes.caps) wider.caps.push_back(widened(context, tolerance * loosened));
    return wider;
  };
  const Boxes declared = times(1);
  auto to = caps_[index(null)].begin() + static_cast<std::ptrdiff_t>(place.first);
  for (std::size_t variant = 0; variant <= variants_.size(); ++variant)
    for (std::size_t context = 0; context < place.contexts; ++context)
      for (std::size_t cls = 0; cls < place.classes; ++cls) *to++ = declared.cap(context, cls);
  for (const Bet& bet : channel.bets()) {
    if (bet.alert_only && null != Null::Alert) continue;
    compile(info, bet, bet.loosen > 1 ? times(bet.loosen) : declared, null);
  }
}

void Tables::compile(const ChannelInfo& info, const Bet& bet, const Boxes& widened, Null null) {
  Place& place = places_[static_cast<std::size_t>(info.id)];
  Block& block = blocks_[static_cast<std::size_t>(info.id)];
  const std::size_t n = index(null), slot = slot_of(bet.threat);
  if (bet.q.empty()) {  // its factors come with each event
    place.applies[n] |= bit_of(slot);
    block.resting[slot] = bet.resting;
    return;
  }
  std::vector<std::vector<double>> g;
  double best = 0;
  for (std::size_t context = 0; context < place.contexts; ++context) {
    g.push_back(grouped_numeraire(widened.caps[context], bet.q[context], widened.as_of(context)));
    for (std::size_t cls = 0; cls < place.classes; ++cls) g.back()[cls] = std::min(g.back()[cls], info.step_caps[cls]);
    best = std::max(best, growth(bet.q[context], g.back()));
  }
  if (best < kLeastGrowth) return;
  place.applies[n] |= bit_of(slot);
  block.ticks[n][slot] = 1;
  std::size_t row = place.first;
  for (std::size_t variant = 0; variant <= variants_.size(); ++variant) {
    const bool counts = variant == 0 || (variants_[variant - 1] & bit_of(slot)) == 0;
    for (std::size_t context = 0; context < place.contexts; ++context) {
      const bool speaks = counts && std::ranges::max(g[context]) > 1 + kRounding;
      for (std::size_t cls = 0; cls < place.classes; ++cls, ++row)
        if (speaks) {
          rows_[row].factors[n][slot] = static_cast<float>(g[context][cls]);
          ticking_[row][n] |= bit_of(slot);
        }
    }
  }
}

double Tables::clean_factor(const Place& place, std::size_t n, std::size_t slot) const {
  for (std::size_t context = 0; context < place.contexts; ++context) {
    const std::size_t row = place.first + context * place.classes;
    if ((ticking_[row][n] & bit_of(slot)) != 0) return static_cast<double>(rows_[row].factors[n][slot]);
  }
  return 1;
}

/// Priors and clean values, once every channel is compiled.
void Tables::settle(std::span<const Channel* const> channels) {
  for (std::size_t n = 0; n < kNulls; ++n) {
    for (std::size_t slot = 0; slot < kThreats.size(); ++slot) {
      double clean = 1, resting = 0;
      bool kept = false;
      for (const Channel* channel : channels) {
        const auto id = static_cast<std::size_t>(channel->info().id);
        if ((places_[id].applies[n] & bit_of(slot)) == 0) continue;
        kept = true;
        clean *= clean_factor(places_[id], n, slot);
        resting += blocks_[id].resting[slot];
      }
      if (!kept) continue;
      prior_[n][slot] = static_cast<float>(kThreats[slot].prior);
      weights_[n][slot] = static_cast<double>(prior_[n][slot]);
      clean_[n] += kThreats[slot].prior * (clean < 1 ? clean / (1 - clean) : resting);
    }
  }
}

const float* Tables::row(Null null, RowId id) const { return rows_[position(id)].factors[index(null)].data(); }
const float* Tables::ticks(Null null, ChannelId channel) const {
  return blocks_[static_cast<std::size_t>(channel)].ticks[index(null)].data();
}
std::uint32_t Tables::applies(Null null, ChannelId channel) const {
  return places_[static_cast<std::size_t>(channel)].applies[index(null)];
}
double Tables::cap(Null null, RowId id) const { return caps_[index(null)][position(id)]; }

namespace {

/// Both nulls of all marks in one walk over them, every product in registers. A threat that does not apply has factor 1, so it stays to
/// the bit: no branch, no mask. The first row may be the step's own factors.
void multiply(std::span<const float* const> rows, Step& step) {
  constexpr auto kAlert = static_cast<std::size_t>(Null::Alert), kDeclared = static_cast<std::size_t>(Null::Declared);
  Threats alert = ConstSlots(rows.front() + kAlert * kThreatSlots), declared = ConstSlots(rows.front() + kDeclared * kThreatSlots);
  for (const float* const row : rows.subspan(1)) {
    alert *= ConstSlots(row + kAlert * kThreatSlots);
    declared *= ConstSlots(row + kDeclared * kThreatSlots);
  }
  Slots(step.factors[kAlert].data()) = alert;
  Slots(step.factors[kDeclared].data()) = declared;
}

/// Four slots at a time: 1 where the bit is set, else 0.
void spread(std::uint32_t bits, float* ticks) {
  static constexpr auto kFours = [] {
    std::array<std::array<float, 4>, 16> fours{};
    for (std::size_t of = 0; of < fours.size(); ++of)
      for (std::size_t slot = 0; slot < 4; ++slot) fours[of][slot] = (of >> slot & 1U) != 0 ? 1.F : 0.F;
    return fours;
  }();
  for (std::size_t slot = 0; slot < kSlotsUsed; slot += 4, bits >>= 4U) std::copy_n(kFours[bits & 15U].data(), 4, ticks + slot);
}

void move(std::array<float, kThreatSlots>& values, const float* ticks, const float* factors) {
  Slots a(values.data());
  a = ((a + ConstSlots(ticks)) * ConstSlots(factors)).min(kGreatestEvidence);
}

/// Four sums of every fourth slot.
double weighed(const std::array<float, kThreatSlots>& values, const std::array<double, kThreatSlots>& weights) {
  using Four = Eigen::Array4d;
  Four sums = Four::Zero();
  for (std::size_t slot = 0; slot < kSlotsUsed; slot += 4)
    sums += Eigen::Map<const Four>(&weights[slot]) * Eigen::Map<const Eigen::Array4f>(&values[slot]).cast<double>();
  return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

double weighed_among(const std::array<float, kThreatSlots>& values, std::array<double, kThreatSlots> weights, ThreatSet among) {
  for (std::size_t slot = 0; slot < weights.size(); ++slot)
    if ((among & bit_of(slot)) == 0) weights[slot] = 0;
  return weighed(values, weights);
}

}  // namespace

Step step_of(const Tables& tables, std::span<const RowId> marks) {
  Step step;  // NOLINT(cppcoreguidelines-pro-type-member-init): every place in use is written below
  std::array<std::uint32_t, kNulls> ticking{};
  std::array<const float*, kChannels> rows;  // NOLINT(cppcoreguidelines-pro-type-member-init): as many as are read
  std::size_t count = 0;
  if (marks.empty()) rows[count++] = tables.ones();
  for (const RowId& mark : marks) {
    if (count == rows.size()) {  // more marks than channels: of a link
      multiply(rows, step);
      rows[0] = step.factors.front().data();
      count = 1;
    }
    const Tables::Moves moves = tables.moves(mark);
    rows[count++] = moves.factors;
    for (std::size_t n = 0; n < kNulls; ++n) ticking[n] |= moves.ticking[n];
  }
  multiply(std::span(rows).first(count), step);
  for (std::size_t n = 0; n < kNulls; ++n) spread(ticking[n], step.ticks[n].data());
  return step;
}

void stake(Step& step, const Tables& tables, const Wagered& made) {
  const std::size_t slot = slot_of(made.wager.threat);
  for (std::size_t n = 0; n < kNulls; ++n) {
    const auto null = static_cast<Null>(n);
    if ((tables.applies(null, made.channel) & bit_of(slot)) == 0 || !made.bets(null)) continue;
    step.factors[n][slot] *= std::min(made.factor(null), kGreatestWager);
    if (made.wager.ticks) step.ticks[n][slot] = 1;
  }
}

void advance(Evidence& evidence, const Step& step) {
  constexpr auto kAlert = static_cast<std::size_t>(Null::Alert), kDeclared = static_cast<std::size_t>(Null::Declared);
  move(evidence.alert, step.ticks[kAlert].data(), step.factors[kAlert].data());
  move(evidence.declared, step.ticks[kDeclared].data(), step.factors[kDeclared].data());
}

void update(Evidence& evidence, const Tables& tables, std::span<const RowId> marks, std::span<const Wagered> wagers) {
  if (marks.empty() && wagers.empty()) return;
  Step step = step_of(tables, marks);
  for (const Wagered& made : wagers) stake(step, tables, made);
  advance(evidence, step);
}

bool raises(const Wagered& made, const Tables& tables) {
  const auto above_one = [&](Null null) {
    return made.bets(null) && made.factor(null) > 1 && (tables.applies(null, made.channel) & bit_of(slot_of(made.wager.threat))) != 0;
  };
  return above_one(Null::Alert) || above_one(Null::Declared);
}

double scope_score(const Evidence& evidence, const Tables& tables, Null null) {
  return weighed(null == Null::Alert ? evidence.alert : evidence.declared, tables.weights(null));
}

Scores scores(const AgentState& agent, const Tables& tables, const SessionState* alone, ThreatSet among) {
  Scores sums;
  const auto sum_of = [&](const std::array<float, kThreatSlots>& values, Null null) {
    return among == kAllThreats ? weighed(values, tables.weights(null)) : weighed_among(values, tables.weights(null), among);
  };
  const auto add = [&](const Evidence& evidence) {
    sums.alert += sum_of(evidence.alert, Null::Alert);
    sums.declared += sum_of(evidence.declared, Null::Declared);
  };
  if (alone == nullptr) add(agent.evidence);
  for (const SessionState& session : agent.sessions)
    if (counts(session, alone)) add(session.evidence);
  return {.5 * sums.alert, .5 * sums.declared};
}

double score(const AgentState& agent, const Tables& tables, Null null, const SessionState* alone) {
  const Scores both = scores(agent, tables, alone);
  return null == Null::Alert ? both.alert : both.declared;
}

Leader leader(const AgentState& agent, const Tables& tables, Null null, const SessionState* alone, ThreatSet among) {
  const auto value = [&](const Evidence& evidence, std::size_t slot) {
    const auto& a = null == Null::Alert ? evidence.alert : evidence.declared;
    return static_cast<double>(tables.prior(null)[slot]) * static_cast<double>(a[slot]);
  };
  std::array<double, kThreats.size()> held{};
  const auto add = [&](const Evidence& evidence) {
    const auto& a = null == Null::Alert ? evidence.alert : evidence.declared;
    for (std::size_t slot = 0; slot < held.size(); ++slot) held[slot] += tables.weights(null)[slot] * static_cast<double>(a[slot]);
  };
  if (alone == nullptr) add(agent.evidence);
  for (const SessionState& session : agent.sessions)
    if (counts(session, alone)) add(session.evidence);
  for (std::size_t slot = 0; among != kAllThreats && slot < held.size(); ++slot)
    if ((among & bit_of(slot)) == 0) held[slot] = 0;
  double total = 0;
  for (const double one : held) total += one;
  std::array<double, kThreats.size()> family_total{};  // by the family's first slot
  for (std::size_t slot = 0; slot < held.size(); ++slot) family_total[kFirstOfFamily[slot]] += held[slot];
  std::size_t best = 0;
  for (std::size_t slot = 1; slot < held.size(); ++slot) {
    const std::size_t mine = kFirstOfFamily[slot], leading = kFirstOfFamily[best];
    if (family_total[mine] > family_total[leading] || (mine == leading && held[slot] > held[best])) best = slot;
  }
  Leader result{kThreats[best].threat, 0, 0, kThreats[best].dangerous, std::nullopt};
  if (total > 0) {
    result.share = held[best] / total;
    result.family_share = family_total[kFirstOfFamily[best]] / total;
  }
  double greatest = alone == nullptr ? value(agent.evidence, best) : -1;
  for (std::size_t i = 0; i < agent.sessions.size(); ++i) {
    if (!counts(agent.sessions[i], alone)) continue;
    const double here = value(agent.sessions[i].evidence, best);
    if (here > greatest) {
      greatest = here;
      result.session = i;
    }
  }
  return result;
}

}  // namespace ringfence
