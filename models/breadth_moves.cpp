// SPDX-License-Identifier: Apache-2.0
#include "models/breadth_moves.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/persona/argument.h"
#include "models/envelope.h"
#include "models/limits_totals.h"
#include "models/scope_argument.h"
#include "models/scope_ruling.h"

namespace ringfence::breadth {
namespace {

/// Identifiers of one KIND in the order the act names them, with their texts where the gateway sends values.
struct Named {
  std::string_view kind;
  std::string_view text;
  std::uint64_t hash = 0;
};
constexpr std::size_t kNamedMost = 256;

using AllNamed = ShortList<Named, 4>;

AllNamed named_by(const Act& act, const Action& action) {
  AllNamed found;
  for (const ArgumentRule& rule : action.arguments) {
    if (!rule.identifier) continue;
    each_argument_leaf(act.event, rule, [&](const JsonLeaf& leaf) {
      const bool value = leaf.kind == JsonLeaf::Kind::String || leaf.kind == JsonLeaf::Kind::Number;
      if (value && !leaf.text.empty() && found.size() < kNamedMost) found.push_back({rule.identifier_kind, leaf.text, hash64(leaf.text)});
    });
    if (act.event.args) continue;
    for (const std::string_view id : scope::reported_ids(act.event, rule))
      if (found.size() < kNamedMost) found.push_back({rule.identifier_kind, {}, hash64(id)});
  }
  return found;
}

/// One step of a walk: the runs it continues.
void step(Session::Walk& walk, const Session& session, const Named& to) {
  const auto count = to.text.empty() ? std::nullopt : breadth::numbered(to.text);
  const bool same = count && walk.around == count->around;
  const bool up = same && count->number == walk.number + 1, down = same && count->number + 1 == walk.number;
  const bool goes_on = (up && (walk.counted < 2 || !walk.down)) || (down && (walk.counted < 2 || walk.down));
  walk.counted = goes_on ? walk.counted + 1 : up || down ? 2 : 1;
  walk.down = down;
  const std::uint32_t place = session.place_of(to.hash, walk.place);
  walk.listed = session.follows(walk.place, place) ? walk.listed + 1 : 1;
  walk.place = place;
  walk.last = to.hash;
  walk.around = count ? count->around : 0;
  walk.number = count ? count->number : 0;
}

/// What the session's ladder says of one KIND; distinct values are those `limits` keeps, this act's among them.
struct Declared {
  const totals::Totals* totals = nullptr;
  std::uint64_t key = 0;
  double p99 = 0;

  [[nodiscard]] std::size_t distinct() const { return totals->distinct(key); }
};

/// Nothing where no p99 is declared.
std::optional<Declared> declared_of(const Act& act, std::string_view kind) {
  using namespace envelope;
  const Rungs rungs = Rungs::of_kind(act.persona, action_of(act), Span::Session, kind);
  const auto* const sums =
      static_cast<const totals::SessionTotals*>(act.session.memory.at(static_cast<std::size_t>(ChannelId::Limits)).get());
  if (!rungs.declared() || !rungs.ladder->p99 || !act.event.session.id || sums == nullptr) return std::nullopt;
  return Declared{&sums->totals, kind_key(kind, rungs.owner()), *rungs.ladder->p99};
}

std::size_t distinct_named(const AllNamed& all, std::string_view kind) {
  std::vector<std::uint64_t> values;
  for (const Named& one : all)
    if (one.kind == kind) values.push_back(one.hash);
  std::ranges::sort(values);
  return values.size() - std::ranges::unique(values).size();
}

/// What is known of a KIND ahead of the act. All of the act's moves are within the declared p99 where the session was: what the act adds to
/// it is not known before it, and the caps within are the wider ones.
struct Kind {
  std::string_view name;
  std::optional<Declared> declared;
  std::uint8_t context = Undeclared;
  bool all_new = false;  // as many came with the act as it names

  /// Surely not among the values kept from before the act.
  [[nodiscard]] bool is_new(std::uint64_t value) const { return all_new || !declared->totals->knows(declared->key, value); }
};

Kind kind_of(const Act& act, Session& session, const AllNamed& all, std::string_view name) {
  Kind kind{.name = name, .declared = declared_of(act, name)};
  const Session::Walk* const walk = session.walk(hash64(name));
  if (!kind.declared || walk == nullptr) return kind;
  kind.context = static_cast<double>(walk->distinct) > kind.declared->p99 ? Beyond : Within;
  kind.all_new = kind.context == Beyond && kind.declared->distinct() >= walk->distinct + distinct_named(all, name);
  return kind;
}

/// Of the step that the walk has just made.
std::uint8_t class_of(const Session& session, const Session::Walk& walk, const Kind& kind) {
  if (walk.counted >= kRun && walk.place == Session::kNowhere) return session.knows_origins() ? CountedUngiven : CountedSomewhere;
  if (walk.listed >= kRun) return Listed;
  return kind.context == Beyond && kind.is_new(walk.last) ? Another : Elsewhere;
}

/// A class whose factor may exceed 1, under either null.
bool speaks(Reading::Mark mark) { return mark.context == Beyond ? mark.cls > Elsewhere : mark.cls >= CountedSomewhere; }

/// What the next act finds: how many values the session has, those that only the request of this act named among them.
void keep_up(const Act& act, Session& session) {
  for (const ArgumentRule& rule : envelope::action_of(act)->arguments) {
    const auto declared = rule.identifier ? declared_of(act, rule.identifier_kind) : std::nullopt;
    Session::Walk* const walk = declared ? session.walk(hash64(rule.identifier_kind)) : nullptr;
    if (walk != nullptr) walk->distinct = static_cast<std::uint32_t>(declared->distinct());
  }
}

}  // namespace

Moves judge_moves(const Act& act, Session& session) {
  const AllNamed all = named_by(act, *envelope::action_of(act));
  Moves moves{.named = !all.empty(), .marks = {}};
  auto& marks = moves.marks;
  bool spoken = false;
  ShortList<Kind, 2> kinds;
  for (const Named& to : all) {
    const Kind* kind = std::ranges::find(kinds, to.kind, &Kind::name);
    if (kind == kinds.end()) {
      kinds.push_back(kind_of(act, session, all, to.kind));
      kind = &kinds.back();
    }
    Session::Walk* const walk = session.walk(hash64(to.kind));
    if (walk == nullptr || walk->last == to.hash) continue;
    const bool judged = marks.empty() || (!spoken && walk->counted + 1 >= kRun && marks.size() <= kFurtherMost);
    step(*walk, session, to);
    if (!judged) continue;
    marks.push_back({kind->context, class_of(session, *walk, *kind)});
    spoken = speaks(marks.back());
  }
  keep_up(act, session);
  return moves;
}

}  // namespace ringfence::breadth
