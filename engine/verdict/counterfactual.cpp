// SPDX-License-Identifier: Apache-2.0
#include "engine/verdict/counterfactual.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "engine/verdict/policy.h"

namespace ringfence {
namespace {

constexpr std::size_t kMostLines = 8;
/// An upper bound within so much of what the factors alone say is told as the value.
constexpr double kTight = 1.25;
/// More acts of a kind are not worth naming for what they would still take off S.
constexpr double kLittle = 1.1;

constexpr std::array<Null, kNulls> kBoth{Null::Alert, Null::Declared};
constexpr std::size_t index_of(Null null) { return static_cast<std::size_t>(null); }
const std::array<float, kThreatSlots>& values(const Evidence& evidence, Null null) {
  return null == Null::Alert ? evidence.alert : evidence.declared;
}

/// The agent, or one of its sessions.
using Scope = std::optional<std::size_t>;

/// Acts that had the same rows of a ledger.
struct Kind {
  Scope home;  // whose ledger counts them
  std::vector<const Ledger::Row*> rows;
  std::uint32_t count = 0;

  [[nodiscard]] bool has(RowId id) const {
    return std::ranges::any_of(rows, [id](const Ledger::Row* row) { return row->id == id; });
  }
  [[nodiscard]] bool meets(const Kind& other) const {
    return std::ranges::any_of(rows, [&](const Ledger::Row* row) { return other.has(row->id); });
  }
  /// An act has at most one mark of a channel.
  [[nodiscard]] bool may_meet(const Kind& other) const {
    return std::ranges::none_of(rows, [&](const Ledger::Row* row) {
      return std::ranges::any_of(other.rows,
                                 [&](const Ledger::Row* o) { return !row->stake && !o->stake && o->id.channel == row->id.channel; });
    });
  }
};

std::vector<Kind> kinds_of(const Ledger& ledger, Scope home) {
  std::vector<Kind> kinds;
  for (const Ledger::Row& row : ledger.rows) {
    if (row.count == 0) continue;
    const auto same =
        std::ranges::find_if(kinds, [&](const Kind& k) { return k.count == row.count && k.rows.front()->samples == row.samples; });
    if (same != kinds.end())
      same->rows.push_back(&row);
    else
      kinds.push_back({home, {&row}, row.count});
  }
  return kinds;
}

/// What one act of a kind adds to ln A of a threat, on average.
double nats_each(const Kind& kind, const Tables& tables, Null null, std::size_t slot) {
  double sum = 0;
  for (const Ledger::Row* row : kind.rows) sum += nats_of(*row, tables, null, slot) / row->count;
  return sum;
}

bool ticks(const Kind& kind, const Tables& tables, Null null, std::size_t slot) {
  return std::ranges::any_of(kind.rows, [&](const Ledger::Row* row) { return row_ticks(*row, tables, null, slot); });
}

/// So many acts of one kind, as they move one threat.
struct Step {
  double nats = 0;
  bool ticks = false;
  std::size_t kind = 0;  // of the scope's
};

/// One threat in one scope under one null.
struct Part {
  std::size_t slot = 0;
  double now = 0, start = 0;
  std::vector<Step> steps;  // in the order that makes the most of them
};

/// In which steps make the most of each other: gains without a tick come last, losses without one first, the others ascend.
double place_of(const Step& step) {
  if (step.ticks) return step.nats;
  return step.nats > 0 ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity();
}

/// A after n times A <- (A + tick) g.
double after(double a, const Step& step, std::uint32_t n) {
  if (n == 0) return a;
  const double all = std::exp(step.nats * n);
  if (!step.ticks) return a * all;
  const double g = std::exp(step.nats);
  return a * all + (std::abs(step.nats) < 1e-9 ? n : g * (all - 1) / (g - 1));
}

/// A scope with an open ledger.
struct View {
  Scope scope;
  const Evidence* evidence = nullptr;
  std::vector<Kind> kinds;
  std::array<std::vector<Part>, kNulls> parts;  // that any kind bears on
};

View view_of(const Evidence& evidence, const Ledger& ledger, Scope scope, const Tables& tables) {
  View view{.scope = scope, .evidence = &evidence, .kinds = kinds_of(ledger, scope), .parts = {}};
  for (const Null null : kBoth) {
    for (std::size_t slot = 0; slot < kThreats.size(); ++slot) {
      Part part{slot, static_cast<double>(values(evidence, null)[slot]), static_cast<double>(values(ledger.start, null)[slot]), {}};
      if (!(tables.prior(null)[slot] > 0 && part.now > 0)) continue;
      for (std::size_t k = 0; k < view.kinds.size(); ++k) {
        const Step step{nats_each(view.kinds[k], tables, null, slot), ticks(view.kinds[k], tables, null, slot), k};
        if (step.ticks || step.nats != 0) part.steps.push_back(step);
      }
      if (part.steps.empty()) continue;
      std::ranges::stable_sort(part.steps, {}, place_of);
      view.parts[index_of(null)].push_back(std::move(part));
    }
  }
  return view;
}

/// Acts left out: of which kinds, how many of each.
struct Without {
  const Kind* kind = nullptr;
  std::uint32_t acts = 0;
};

/// Of the acts left out, those that another scope has: for certain, and at most.
struct Shared {
  std::uint32_t certain = 0, possible = 0;
};
Shared shared(const Without& w, const Kind& kind) {
  if (w.kind->home && kind.home && w.kind->home != kind.home) return {};  // sessions have none in common
  const std::uint32_t possible = std::min(w.acts, kind.count);
  if (!w.kind->meets(kind)) return {0, w.kind->may_meet(kind) ? possible : 0};
  if (!kind.home || w.kind->home) return {possible, possible};  // the agent has all acts of its sessions
  const std::uint32_t elsewhere = w.kind->count > kind.count ? w.kind->count - kind.count : 0;
  return {w.acts > elsewhere ? std::min(w.acts - elsewhere, kind.count) : 0, possible};
}

/// The whole agent without its ledgers: evidence, and which sessions count.
AgentState bare(const AgentState& agent) {
  AgentState out;
  out.evidence = agent.evidence;
  for (const SessionState& session : agent.sessions) {
    out.sessions.emplace_back();
    out.sessions.back().evidence = session.evidence;
    out.sessions.back().borrowed = session.borrowed;
  }
  return out;
}

/// What is left of the evidence.
struct Left {
  Level level = Level::Observe;
  double most = 0, plain = 0;  // S of the scored null: an upper bound, and what the factors alone say
  double greatest = 0;         // upper bound of S under either null
};

/// What moved the evidence, in every scope, and what it is without some of it.
class Story {
 public:
  Story(const Scored& scored, const Persona& persona) : scored_(scored), persona_(persona) {
    const AgentState& agent = scored.agent;
    if (scored.alone == nullptr && agent.ledger) views_.push_back(view_of(agent.evidence, *agent.ledger, {}, scored.tables));
    for (std::size_t i = 0; i < agent.sessions.size(); ++i) {
      const SessionState& session = agent.sessions[i];
      const bool counts = scored.alone == nullptr ? !session.borrowed : &session == scored.alone;
      if (counts && session.ledger) views_.push_back(view_of(session.evidence, *session.ledger, i, scored.tables));
    }
  }

  /// The kinds of the scope that leads, then those that the agent's ledger has besides; the ones first that moved the leading threat most.
  [[nodiscard]] std::vector<const Kind*> kinds(const Leader& lead) const {
    std::vector<const Kind*> out;
    for (const Scope home : {lead.session, Scope{}}) {
      for (const View& view : views_) {
        if (view.scope != home) continue;
        for (const Kind& kind : view.kinds)
          if (speaks(kind) && std::ranges::none_of(out, [&](const Kind* known) { return known->meets(kind); })) out.push_back(&kind);
      }
    }
    const auto nats = [&](const Kind* kind) {
      return nats_each(*kind, scored_.tables, scored_.null, static_cast<std::size_t>(lead.threat)) * kind->count;
    };
    std::ranges::stable_sort(out, std::greater{}, nats);
    return out;
  }

  [[nodiscard]] Left left(std::span<const Without> without) const {
    AgentState most = bare(scored_.agent), plain = bare(scored_.agent);
    for (const View& view : views_) apply(view, without, most, plain);
    const SessionState* const alone = scored_.alone == nullptr ? nullptr : &most.sessions[place(scored_.alone)];
    const SessionState* const plainly = scored_.alone == nullptr ? nullptr : &plain.sessions[place(scored_.alone)];
    const Scores bound = scores(most, scored_.tables, alone);
    const auto of = [&](const Scores& s) { return scored_.null == Null::Alert ? s.alert : s.declared; };
    return {level_by_evidence({most, persona_, scored_.tables, alone}), of(bound), of(scores(plain, scored_.tables, plainly)),
            std::max(bound.alert, bound.declared)};
  }

 private:
  [[nodiscard]] bool speaks(const Kind& kind) const {
    for (const Null null : kBoth)
      for (std::size_t slot = 0; slot < kThreats.size(); ++slot)
        if (nats_each(kind, scored_.tables, null, slot) > 0) return true;
    return false;
  }

  [[nodiscard]] std::size_t place(const SessionState* session) const {
    return static_cast<std::size_t>(session - scored_.agent.sessions.data());
  }

  static Evidence& evidence_of(AgentState& agent, Scope scope) { return scope ? agent.sessions[*scope].evidence : agent.evidence; }

  static void apply(const View& view, std::span<const Without> without, AgentState& most, AgentState& plain) {
    std::vector<Shared> gone(view.kinds.size());
    for (const Without& w : without) {
      for (std::size_t k = 0; k < view.kinds.size(); ++k) {
        const auto [certain, possible] = shared(w, view.kinds[k]);
        gone[k].certain = std::min(gone[k].certain + certain, view.kinds[k].count);
        gone[k].possible = std::min(gone[k].possible + possible, view.kinds[k].count);
      }
    }
    for (const Null null : kBoth) {
      for (const Part& part : view.parts[index_of(null)]) {
        const auto [high, low] = without_in(part, view.kinds, gone);
        const auto put = [&](AgentState& agent, double a) {
          Evidence& evidence = evidence_of(agent, view.scope);
          (null == Null::Alert ? evidence.alert : evidence.declared)[part.slot] = static_cast<float>(a);
        };
        put(most, high);
        put(plain, low);
      }
    }
  }

  /// A without some acts: at most, and at least as the factors alone say. What spoke against the threat is taken to be gone with them where
  /// it may be.
  static std::pair<double, double> without_in(const Part& part, const std::vector<Kind>& kinds, const std::vector<Shared>& gone) {
    double best = part.start, freed = 0, removed = 0;
    bool touched = false;
    for (const Step& step : part.steps) {
      const auto& [certain, possible] = gone[step.kind];
      const std::uint32_t n = step.nats < 0 ? possible : certain;
      touched = touched || n > 0;
      removed += step.nats * (step.nats < 0 ? certain : possible);
      freed -= step.nats < 0 ? step.nats * n : 0;
      best = after(best, step, kinds[step.kind].count - n);
    }
    if (!touched) return {part.now, part.now};
    const double most = std::min({best, part.now * std::exp(freed), static_cast<double>(kGreatestEvidence)});
    return {most, std::min(part.now * std::exp(-removed), static_cast<double>(kGreatestEvidence))};
  }

  const Scored& scored_;
  const Persona& persona_;
  std::vector<View> views_;
};

/// The least n of 1 to `most` that does it; `does(most)` is known to.
template <class Does>
std::uint32_t least(std::uint32_t most, const Does& does) {
  std::uint32_t fails = 0;
  while (most - fails > 1) {
    const std::uint32_t middle = fails + (most - fails) / 2;
    (does(middle) ? most : fails) = middle;
  }
  return most;
}

std::vector<Without> with(std::vector<Without> all, const Kind* kind, std::uint32_t acts) {
  all.push_back({kind, acts});
  return all;
}

/// Kinds one after the other until nothing is left to find: one that does it alone, of those the one with the fewest acts; else the one
/// that takes most off S, with no more acts than are worth it. Empty where that leads nowhere.
std::vector<Without> leaves_nothing(const Story& story, std::vector<const Kind*> kinds, double greatest) {
  std::vector<Without> without;
  while (!kinds.empty()) {
    std::optional<Without> enough, best;
    double best_left = greatest / kLittle;
    for (const Kind* kind : kinds) {
      const Left all = story.left(with(without, kind, kind->count));
      if (all.level == Level::Observe) {
        const std::uint32_t n =
            least(kind->count, [&](std::uint32_t acts) { return story.left(with(without, kind, acts)).level == Level::Observe; });
        if (!enough || n < enough->acts) enough = Without{kind, n};
      } else if (all.greatest < best_left) {
        best_left = all.greatest;
        best = Without{kind, kind->count};
      }
    }
    if (enough) return with(without, enough->kind, enough->acts);
    if (!best) return {};
    best->acts =
        least(best->acts, [&](std::uint32_t acts) { return story.left(with(without, best->kind, acts)).greatest <= kLittle * best_left; });
    without.push_back(*best);
    greatest = story.left(without).greatest;
    std::erase(kinds, best->kind);
  }
  return {};
}

/// The row that a kind is named by: the one that says most of the leading threat, else of any.
const Ledger::Row& name_of(const Kind& kind, const Scored& scored, std::size_t leading) {
  const auto nats = [&](const Ledger::Row* row, std::size_t slot) { return nats_of(*row, scored.tables, scored.null, slot); };
  const Ledger::Row* best = kind.rows.front();
  double most = 0;
  const auto look = [&](std::size_t slot) {
    for (const Ledger::Row* row : kind.rows)
      if (nats(row, slot) > most) {
        most = nats(row, slot);
        best = row;
      }
  };
  look(leading);
  for (std::size_t slot = 0; most == 0 && slot < kThreats.size(); ++slot) look(slot);
  return *best;
}

Difference told(const Left& left, std::span<const Without> without, const Scored& scored, std::size_t leading,
                std::span<const Channel* const> channels) {
  Difference out;
  for (const Without& w : without) {
    const RowWords words = words_of(name_of(*w.kind, scored, leading).id, channels);
    out.acts.push_back({std::string(words.channel), std::string(words.cls), std::string(words.context), w.acts, w.kind->count});
  }
  out.score = left.most;
  out.at_most = left.most > kTight * left.plain;
  out.level = left.level;
  return out;
}

bool same(std::span<const Without> a, std::span<const Without> b) {
  return std::ranges::equal(a, b, [](const Without& x, const Without& y) { return x.kind == y.kind && x.acts == y.acts; });
}

}  // namespace

Differences what_would_differ(const Scored& scored, const Persona& persona, std::span<const Channel* const> channels) {
  const Story story(scored, persona);
  const Left now = story.left({});
  Differences out{now.level, {}};
  if (now.level == Level::Observe) return out;
  const Leader lead = leader(scored.agent, scored.tables, scored.null, scored.alone, scored.among);
  const auto leading = static_cast<std::size_t>(lead.threat);
  const std::vector<const Kind*> kinds = story.kinds(lead);
  const std::vector<Without> nothing = leaves_nothing(story, kinds, now.greatest);
  for (const Kind* kind : kinds) {
    const auto lower = [&](std::uint32_t acts) { return story.left(with({}, kind, acts)).level < now.level; };
    if (out.ways.size() == kMostLines || !lower(kind->count)) continue;
    const std::vector<Without> one{{kind, least(kind->count, lower)}};
    if (!same(one, nothing)) out.ways.push_back(told(story.left(one), one, scored, leading, channels));
  }
  if (!nothing.empty()) out.ways.push_back(told(story.left(nothing), nothing, scored, leading, channels));
  return out;
}

}  // namespace ringfence
