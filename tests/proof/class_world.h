// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "engine/persona/load.h"
#include "models/channel.h"
#include "models/detector.h"
#include "models/numeraire.h"
#include "tests/unit/models/table_bounds.h"

/// Agents drawn at the level of classes, in every channel that has a table under a persona at once: what the evidence of the whole does,
/// whatever the channels' readings of events. Channels, caps and bets come from `all_channels()`; nothing here names one.
namespace ringfence::proof {

using Row = std::vector<double>;
using Slots = std::array<double, kThreats.size()>;

inline constexpr std::array kBothNulls{Null::Alert, Null::Declared};

inline std::string_view name_of(Null null) { return null == Null::Alert ? "alert" : "declared"; }

/// The shipped personas. Throws where they do not load.
inline std::vector<Persona> shipped_personas(const std::filesystem::path& source) {
  const PersonaLoad load = load_personas(source / "config/personas");
  if (!load.set) throw std::runtime_error("the shipped personas do not load");
  return {load.set->personas().begin(), load.set->personas().end()};
}

/// One class's factors under a law, by threat slot.
struct Cell {
  Slots factor{};
  Slots ratio{};  // factor / its mean under the conduct: the likelihood ratio of the tilted draw
};

/// A law of one channel in one context that keeps within the caps.
struct Law {
  Row p;
  std::vector<Cell> cells;  // by class
  std::vector<Row> tilted;  // by threat slot: p g / E_p g; empty where the threat does not bet here
  [[nodiscard]] const Row& under(std::size_t slot) const { return tilted[slot].empty() ? p : tilted[slot]; }
};

/// Which law inside the box.
struct Choice {
  enum class Kind : std::uint8_t { EveryCap, Half, LeastFavourable };
  Kind kind = Kind::EveryCap;
  std::size_t threat = 0;  // LeastFavourable: the law p* = min(v, tau q) under which this threat's mean factor is exactly 1
  [[nodiscard]] std::size_t place() const { return kind == Kind::EveryCap ? 0 : kind == Kind::Half ? 1 : 2 + threat; }
};

/// A channel with its laws: [context][choice].
struct Stage {
  ChannelId id{};
  std::string_view name;
  bool loosened = false;  // holds a later link of a threat's chain: its condition may triple its caps
  std::vector<std::vector<Law>> laws;
};

inline double unit(std::mt19937_64& rng) { return static_cast<double>(rng() >> 11U) * 0x1p-53; }

/// Bad classes stand last: a small `u` is a bad class, so equal `u` in several channels is the worst there is.
inline std::size_t class_at(const Row& p, double u) {
  for (std::size_t cls = p.size(); cls-- > 1;)
    if (u -= p[cls]; u < 0) return cls;
  return 0;
}

class ClassWorld {
 public:
  ClassWorld(const Persona& persona, Null null, std::span<const Channel* const> channels) : null_(null), tables_(persona, channels) {
    for (std::size_t slot = 0; slot < kThreats.size(); ++slot) {
      prior_[slot] = static_cast<double>(tables_.prior(null)[slot]);
    }
    for (const Channel* channel : channels) add(*channel, persona);
    // Of threats that only wager there is nothing here to count.
    for (std::size_t slot = 0; slot < kThreats.size(); ++slot) {
      if (!bets_[slot]) prior_[slot] = 0;
      weight_ += prior_[slot];
    }
  }

  [[nodiscard]] Null null() const { return null_; }
  [[nodiscard]] const Tables& tables() const { return tables_; }
  [[nodiscard]] const std::vector<Stage>& stages() const { return stages_; }
  [[nodiscard]] const Slots& prior() const { return prior_; }
  /// Weight of the threats that bet by table: S over it is the strictest reading of the bound.
  [[nodiscard]] double weight() const { return weight_; }
  [[nodiscard]] bool bets(std::size_t slot) const { return bets_[slot]; }
  [[nodiscard]] double score(const Evidence& evidence) const {
    const auto& a = null_ == Null::Alert ? evidence.alert : evidence.declared;
    double sum = 0;
    for (std::size_t slot = 0; slot < kThreats.size(); ++slot) sum += prior_[slot] * static_cast<double>(a[slot]);
    return sum / weight_;
  }

 private:
  void add(const Channel& channel, const Persona& persona) {
    const auto caps = channel.caps(persona);
    std::vector<const Bet*> by_table;
    Stage stage{.id = channel.info().id, .name = channel.info().name, .loosened = false, .laws = {}};
    for (const Bet& bet : channel.bets()) {
      const auto slot = static_cast<std::size_t>(bet.threat);
      if (bet.q.empty() || caps.empty() || tables_.ticks(null_, stage.id)[slot] == 0) continue;
      by_table.push_back(&bet);
      bets_[slot] = true;
      stage.loosened = stage.loosened || bet.loosen > 1;
    }
    if (by_table.empty()) return;
    const auto as = null_ == Null::Alert ? std::vector<std::vector<std::uint8_t>>{} : channel.declared_classes(persona);
    for (std::size_t context = 0; context < caps.size(); ++context) {
      const Row v = simulation::bounds_of(tables_, channel, persona, null_, context);
      std::vector<Law> laws(2 + kThreats.size());
      laws[0] = law(stage.id, context, on_caps(v, 1));
      laws[1] = law(stage.id, context, on_caps(v, .5));
      for (std::size_t slot = 0; slot < kThreats.size(); ++slot) laws[2 + slot] = laws[0];
      for (const Bet* bet : by_table) {
        Row p = bet->q[context];
        const auto g = grouped_numeraire(v, p, as.empty() ? std::span<const std::uint8_t>() : as[context]);
        for (std::size_t cls = 0; cls < p.size(); ++cls) p[cls] /= g[cls];
        laws[2 + static_cast<std::size_t>(bet->threat)] = law(stage.id, context, std::move(p));
      }
      stage.laws.push_back(std::move(laws));
    }
    stages_.push_back(std::move(stage));
  }

  static RowId row(ChannelId id, std::size_t context, std::size_t cls) {
    return {id, static_cast<std::uint8_t>(context), static_cast<std::uint8_t>(cls)};
  }

  static Row on_caps(const Row& v, double times) {
    Row p = v;
    double sum = 0;
    for (std::size_t cls = 1; cls < p.size(); ++cls) sum += p[cls] *= times;
    if (sum > 1)
      for (double& one : p) one /= sum;
    p[0] = std::max(0., 1 - sum);
    return p;
  }

  [[nodiscard]] Law law(ChannelId id, std::size_t context, Row p) const {
    Law out{.p = std::move(p), .cells = {}, .tilted = std::vector<Row>(kThreats.size())};
    out.cells.resize(out.p.size());
    for (std::size_t slot = 0; slot < kThreats.size(); ++slot) {
      double mean = 0;
      for (std::size_t cls = 0; cls < out.p.size(); ++cls) {
        out.cells[cls].factor[slot] = static_cast<double>(tables_.row(null_, row(id, context, cls))[slot]);
        mean += out.p[cls] * out.cells[cls].factor[slot];
      }
      for (Cell& cell : out.cells) cell.ratio[slot] = cell.factor[slot] / mean;
      if (tables_.ticks(null_, id)[slot] == 0) continue;
      for (std::size_t cls = 0; cls < out.p.size(); ++cls) out.tilted[slot].push_back(out.p[cls] * out.cells[cls].ratio[slot]);
    }
    return out;
  }

  Null null_;
  Tables tables_;
  std::vector<Stage> stages_;
  Slots prior_{};
  std::array<bool, kThreats.size()> bets_{};
  double weight_ = 0;
};

/// Where an agent stands in every channel. The context of a call is settled before its class: half the time by whether the last class was
/// clean, as the barrier's is, else any.
class Standing {
 public:
  explicit Standing(const ClassWorld& world) : last_(world.stages().size()), context_(world.stages().size()) {}
  void choose_contexts(const ClassWorld& world, std::mt19937_64& rng) {
    for (std::size_t i = 0; i < last_.size(); ++i) {
      const std::size_t contexts = world.stages()[i].laws.size();
      const std::uint64_t dice = rng();
      context_[i] = contexts == 1 ? 0 : (dice & 1U) != 0 ? (last_[i] > 0 ? 1 : 0) : (dice >> 1U) % contexts;
    }
  }
  [[nodiscard]] const Law& law(const ClassWorld& world, std::size_t stage, Choice choice) const {
    return world.stages()[stage].laws[context_[stage]][choice.place()];
  }
  [[nodiscard]] std::size_t context(std::size_t stage) const { return context_[stage]; }
  [[nodiscard]] std::size_t last(std::size_t stage) const { return last_[stage]; }
  void settle(std::size_t stage, std::size_t cls) { last_[stage] = cls; }

 private:
  std::vector<std::size_t> last_, context_;
};

}  // namespace ringfence::proof
