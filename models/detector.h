// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/persona/persona.h"
#include "engine/state/agent_state.h"
#include "models/channel.h"
#include "models/threats.h"

namespace ringfence {

/// The two nulls: declared caps as they are (alert), and times the persona's tolerance (throttle, halt).
enum class Null : std::uint8_t { Alert, Declared };
inline constexpr std::size_t kNulls = 2;

/// Least growth sum q ln g, in nats per call of the threat, for which a threat is worth its place (docs/design/detection.md §2.1).
inline constexpr double kLeastGrowth = .02;
/// No score grows beyond this; a clamped one is marked as such in its explanation.
inline constexpr float kGreatestEvidence = 1e30F;
/// The step of a channel's own wager (detection.md §3).
inline constexpr float kGreatestWager = 20.F;

/// Threats by slot, as bits.
using ThreatSet = std::uint32_t;
static_assert(kThreats.size() <= 32);
inline constexpr ThreatSet kAllThreats = ~ThreatSet{0};
[[nodiscard]] constexpr ThreatSet only(Threat threat) { return ThreatSet{1} << static_cast<std::size_t>(threat); }

/// The context of a mark that exceptions take out of the evidence for some threats says which, above these bits (`Tables::without`).
inline constexpr unsigned kContextBits = 5;
[[nodiscard]] constexpr std::uint8_t plain_context(std::uint8_t context) { return context & ((1U << kContextBits) - 1); }

/// The factors of one persona, compiled: a row of kThreatSlots floats per null, channel, context and class. Immutable, shared by threads.
/// A threat whose growth is below .02 in every context of a channel is dropped there: its factor is 1 and it never ticks; dropped in every
/// channel its prior is 0. In a context where no class speaks for it, it does not tick either. 256 bytes a row; the barrier alone has 16.
/// Where the persona has exceptions, each row once more for every set of threats that they may take an act from.
class Tables {
 public:
  /// `loosened`: the caps of either null are held to be so much wider, of an agent whose job is only inferred.
  Tables(const Persona& persona, std::span<const Channel* const> channels, double loosened = 1);

  /// Factors g per threat slot, aligned to 32 bytes; all 1 for a row that no channel of this table has (a row remembered from another
  /// version).
  [[nodiscard]] const float* row(Null null, RowId id) const;
  /// 1 per threat slot that has rows in this channel's table, else 0: it ticks on marks of at least one context.
  [[nodiscard]] const float* ticks(Null null, ChannelId channel) const;
  /// Threats that tick on this mark: those of its channel, less what an exception leaves out; none for a row that no channel has.
  [[nodiscard]] ThreatSet ticking(Null null, RowId id) const { return ticking_[position(id)][index(null)]; }
  /// The same mark where these threats do not count it: factor 1 and no tick for them, and for what else their analytic is about; of
  /// several analytics together, for all threats of the persona's exceptions.
  [[nodiscard]] RowId without(RowId mark, ThreatSet threats) const;
  /// The threats that do not count this mark, because of an exception.
  [[nodiscard]] ThreatSet left_out(RowId id) const {
    const std::size_t variant = id.context >> kContextBits;
    return variant == 0 || variant > variants_.size() ? 0 : variants_[variant - 1];
  }
  /// What the kernel reads of a mark: both nulls' factors, kThreatSlots apart, and what ticks under each.
  struct Moves {
    const float* factors;
    std::array<ThreatSet, kNulls> ticking;
  };
  [[nodiscard]] Moves moves(RowId id) const {
    const std::size_t row = position(id);
    return {rows_[row].factors.front().data(), ticking_[row]};
  }
  [[nodiscard]] const float* ones() const { return rows_.front().factors.front().data(); }
  /// Threat slots that tick on a mark of this channel, as bits: those it bears on and that were not dropped.
  [[nodiscard]] std::uint32_t applies(Null null, ChannelId channel) const;
  /// Prior weight per slot, 0 for a dropped threat.
  [[nodiscard]] const std::array<float, kThreatSlots>& prior(Null null) const { return prior_[index(null)]; }
  /// The same numbers as sums want them.
  [[nodiscard]] const std::array<double, kThreatSlots>& weights(Null null) const { return weights_[index(null)]; }
  /// sum of pi A of one scope in the fixed point g / (1 - g) of an endlessly clean agent (class 0 in the first context of every channel
  /// that the threat has a stake in): where a ledger closes against. A threat whose clean factor is 1 has no fixed point and adds nothing.
  [[nodiscard]] double clean_value(Null null) const { return clean_[index(null)]; }
  /// Declared cap times the null's tolerance, for explanations; 1 for an unknown row.
  [[nodiscard]] double cap(Null null, RowId id) const;
  /// True if any factor of the row exceeds 1 under either null: such a mark opens a ledger.
  [[nodiscard]] bool contributes(RowId id) const { return contributes_[position(id)] != 0; }

 private:
  /// Both nulls of a row side by side.
  struct alignas(32) Row {
    std::array<std::array<float, kThreatSlots>, kNulls> factors;
  };
  /// Of a channel, what every mark looks up; small, so that those of all channels lie in a few cache lines.
  struct Place {
    std::uint32_t contexts = 0, classes = 0;
    std::uint32_t first = 0;  // of its rows in rows_
    std::array<std::uint32_t, kNulls> applies{};
  };
  /// The rest of a channel.
  struct Block {
    alignas(32) std::array<std::array<float, kThreatSlots>, kNulls> ticks{};
    std::array<double, kThreatSlots> resting{};
  };

  static constexpr std::size_t index(Null null) { return static_cast<std::size_t>(null); }
  /// Index into rows_ and caps_; row 0 is the row of ones.
  [[nodiscard]] std::size_t position(RowId id) const {
    const auto channel = static_cast<std::size_t>(id.channel);
    if (channel >= kChannels) return 0;
    const Place& place = places_[channel];
    if (id.cls >= place.classes) return 0;
    if (id.context < place.contexts) return place.first + id.context * place.classes + id.cls;
    const std::size_t context = plain_context(id.context), variant = id.context >> kContextBits;
    if (context >= place.contexts || variant > variants_.size()) return 0;
    return place.first + (variant * place.contexts + context) * place.classes + id.cls;
  }
  void except(const Persona& persona);
  /// Caps by context and class, and as what classes count.
  struct Boxes {
    std::vector<std::vector<double>> caps;
    std::vector<std::vector<std::uint8_t>> as;  // empty: every class as itself
    [[nodiscard]] std::span<const std::uint8_t> as_of(std::size_t context) const {
      return as.empty() ? std::span<const std::uint8_t>() : as[context];
    }
    [[nodiscard]] double cap(std::size_t context, std::size_t cls) const { return caps[context][as.empty() ? cls : as[context][cls]]; }
  };
  void compile(const Channel& channel, const Boxes& boxes, Null null, double tolerance);
  void compile(const ChannelInfo& info, const Bet& bet, const Boxes& widened, Null null);
  /// Of class 0 in the first context where the threat ticks; 1 where it has no rows.
  [[nodiscard]] double clean_factor(const Place& place, std::size_t n, std::size_t slot) const;
  void settle(std::span<const Channel* const> channels);

  std::vector<ThreatSet> variants_;  // threats that exceptions are about, analytic by analytic, the last of all together
  std::array<Place, kChannels> places_{};
  std::array<Block, kChannels> blocks_{};
  std::vector<Row> rows_;
  std::vector<std::array<ThreatSet, kNulls>> ticking_;  // per row
  std::vector<std::uint8_t> contributes_;               // per row, 0 or 1
  std::array<std::vector<double>, kNulls> caps_;
  std::array<std::array<float, kThreatSlots>, kNulls> prior_{};
  alignas(32) std::array<std::array<double, kThreatSlots>, kNulls> weights_{};
  std::array<double, kNulls> clean_{};
};

/// A channel's wager with the channel it came from.
struct Wagered {
  ChannelId channel{};
  Wager wager;
  [[nodiscard]] RowId row() const { return {channel, wager.context, wager.cls}; }
  [[nodiscard]] float factor(Null null) const { return null == Null::Alert ? wager.alert : wager.declared; }
  [[nodiscard]] bool bets(Null null) const { return null == Null::Alert || !wager.alert_only; }
};

/// What the marks and wagers of one event do to a scope that counts them: A <- (A + tick) factor, per null and slot.
struct Step {
  alignas(32) std::array<std::array<float, kThreatSlots>, kNulls> factors;
  alignas(32) std::array<std::array<float, kThreatSlots>, kNulls> ticks;
};
[[nodiscard]] Step step_of(const Tables& tables, std::span<const RowId> marks);
/// A wager comes on top, at most 20; one for a threat that the tables do not have changes nothing.
void stake(Step& step, const Tables& tables, const Wagered& made);
void advance(Evidence& evidence, const Step& step);

/// A <- (A + 1) g for every threat that applies, g multiplied over the marks; both nulls; values clamped at 1e30.
/// About 30 ns, no exp or log. The caller gives the marks of one event, at most one a channel; an event without marks does not tick.
/// `wagers` are staked on top, in their order.
void update(Evidence& evidence, const Tables& tables, std::span<const RowId> marks, std::span<const Wagered> wagers = {});

/// A wager that speaks for its threat under either null the tables keep it in: like a row that contributes.
[[nodiscard]] bool raises(const Wagered& made, const Tables& tables);

/// sum of pi A of one scope under one null. Four sums of every fourth slot, in slot order, and these as (0 + 2) + (1 + 3): one order on
/// every machine.
[[nodiscard]] double scope_score(const Evidence& evidence, const Tables& tables, Null null);

/// S = (agent + sum over live sessions in slot order) / 2 (docs/design/detection.md §2.2 iii), sessions under a borrowed name left out:
/// what was done in its name is not held against the agent. Of `alone`, where given: that session's half by itself.
struct Scores {
  double alert = 0, declared = 0;
};
/// `among`: the threats that are summed or ranked; of some of them S is less, so a bound on all of it holds for them too.
[[nodiscard]] Scores scores(const AgentState& agent, const Tables& tables, const SessionState* alone = nullptr,
                            ThreatSet among = kAllThreats);
/// The same under one null.
[[nodiscard]] double score(const AgentState& agent, const Tables& tables, Null null, const SessionState* alone = nullptr);

/// The leading threat under a null: the greatest of the family that holds most of S; shares are over both scopes. `alone` as in `score`;
/// of S among some threats where `among` says which.
struct Leader {
  Threat threat{};
  double share = 0;         // of the threat
  double family_share = 0;  // of its family, the greatest of all
  bool dangerous = false;
  /// The scope where pi A is greatest: nullopt the agent, else index into sessions.
  std::optional<std::size_t> session;
};
[[nodiscard]] Leader leader(const AgentState& agent, const Tables& tables, Null null, const SessionState* alone = nullptr,
                            ThreatSet among = kAllThreats);

}  // namespace ringfence
