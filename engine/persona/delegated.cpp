// SPDX-License-Identifier: Apache-2.0
#include "engine/persona/delegated.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace ringfence {
namespace {

constexpr std::array<std::optional<Ladder> Envelope::*, 5> kLadders{&Envelope::records, &Envelope::bytes, &Envelope::tokens,
                                                                    &Envelope::cost_usd, &Envelope::entities};

bool overlap(const GlobSet& a, const GlobSet& b) {
  return std::ranges::any_of(
      a.globs(), [&](const Glob& one) { return std::ranges::any_of(b.globs(), [&](const Glob& other) { return one.overlaps(other); }); });
}

/// `server/name`, or a bare name for any server.
bool same_tool(const Glob& a, const Glob& b) {
  const auto bare = [](const Glob& glob) {
    const std::size_t slash = glob.pattern().rfind('/');
    return slash == std::string::npos ? glob : Glob(glob.pattern().substr(slash + 1));
  };
  const bool any_server = a.pattern().find('/') == std::string::npos || b.pattern().find('/') == std::string::npos;
  return any_server ? bare(a).overlaps(bare(b)) : a.overlaps(b);
}

/// Actions of the parent that an act of `action` may be held against.
std::vector<const Action*> counterparts(const Action& action, const Persona& parent) {
  std::vector<const Action*> found;
  for (const Action& theirs : parent.actions) {
    const bool meets = std::ranges::any_of(action.tools.globs(), [&](const Glob& mine) {
      return std::ranges::any_of(theirs.tools.globs(), [&](const Glob& other) { return same_tool(mine, other); });
    });
    const bool apart = !action.resources.empty() && !theirs.resources.empty() && !overlap(action.resources, theirs.resources);
    if (meets && !apart) found.push_back(&theirs);
  }
  return found;
}

/// Both jobs at once; `changed` is set where the delegate's own was wider.
class Narrowing {
 public:
  Narrowing(const Persona& job, const Persona& parent) : both_(job), parent_(parent) {}

  std::optional<Persona> result() {
    lower(both_.barriers.denials, parent_.barriers.denials);
    lower(both_.barriers.retries, parent_.barriers.retries);
    const Persona own = both_;
    lower(both_.per_call, parent_.per_call);
    lower(both_.per_session, parent_.per_session);
    if (parent_.coverage) lower(both_.coverage, *parent_.coverage);
    if (parent_.delegation.max_children) lower(both_.delegation.max_children, *parent_.delegation.max_children);
    for (std::size_t i = 0; i < both_.actions.size(); ++i) narrow(own, static_cast<ActionIndex>(i));
    for (const FlowRule& rule : parent_.flows)
      if (!rule.allow) forbid(rule);
    if (!changed_) return std::nullopt;
    return std::move(both_);
  }

 private:
  template <class T>
  void lower(T& own, const T& theirs) {
    if (!(theirs < own)) return;
    own = theirs;
    changed_ = true;
  }
  template <class T>
  void lower(std::optional<T>& own, const T& theirs) {
    if (own && !(theirs < *own)) return;
    own = theirs;
    changed_ = true;
  }
  /// Rungs alone; a maximum stays who declared it.
  void lower(std::optional<Ladder>& own, const Ladder& theirs) {
    Ladder both = own.value_or(Ladder{});
    if (theirs.p50) lower(both.p50, *theirs.p50);
    if (theirs.p90) lower(both.p90, *theirs.p90);
    if (theirs.p99) lower(both.p99, *theirs.p99);
    if (both.p90 && both.p99 && *both.p90 > *both.p99) both.p90 = both.p99;
    for (const auto& above : {both.p90, both.p99})
      if (both.p50 && above && *both.p50 > *above) both.p50 = above;
    if (both.p50 || both.p90 || both.p99 || both.max) own = both;
  }
  void lower(Envelope& own, const Envelope& theirs) {
    for (const auto unit : kLadders)
      if (theirs.*unit) lower(own.*unit, *(theirs.*unit));
    for (const auto& [kind, ladder] : theirs.entities_by_kind) {
      // A kind that had no rungs of its own was under those of any kind, as narrowed above.
      std::optional<Ladder> mine = own.entities;
      if (const auto named = own.entities_by_kind.find(kind); named != own.entities_by_kind.end()) mine = named->second;
      lower(mine, ladder);
      if (mine) own.entities_by_kind[kind] = *mine;
    }
    if (theirs.entities)
      for (auto& [kind, ladder] : own.entities_by_kind) {
        if (theirs.entities_by_kind.contains(kind)) continue;
        std::optional<Ladder> mine = ladder;
        lower(mine, *theirs.entities);
        ladder = *mine;
      }
  }

  void narrow(const Persona& own, ActionIndex index) {
    Action& action = both_.actions[index];
    const std::vector<const Action*> theirs = counterparts(action, parent_);
    if (theirs.empty()) return;
    for (const auto unit : kLadders) {
      const auto declared = [unit](const std::optional<Envelope>& envelope) { return envelope && (*envelope).*unit; };
      const bool anyone = declared(action.per_call) || std::ranges::any_of(theirs, [&](const Action* a) { return declared(a->per_call); });
      if (!anyone) continue;  // the persona's own rungs hold, and they are narrowed
      std::optional<Ladder> mine = declared(action.per_call) ? (*action.per_call).*unit : own.per_call.*unit;
      if (const std::optional<Ladder> widest = widest_of(theirs, unit)) lower(mine, *widest);
      if (!action.per_call) action.per_call.emplace();
      (*action.per_call).*unit = mine.value_or(Ladder{});  // none of the persona's, which may be narrower than this action's
    }
    const bool shared = std::ranges::all_of(theirs, [](const Action* a) { return a->share.has_value(); });
    double share = 0;
    for (const Action* const a : theirs) share += a->share.value_or(0);
    if (shared) lower(action.share, std::min(1., share));
    std::optional<std::int64_t> most = 0;
    for (const Action* const a : theirs) {
      const auto declared = parent_.workflow.at_most.find(static_cast<ActionIndex>(a - parent_.actions.data()));
      most = most && declared != parent_.workflow.at_most.end() ? std::optional(*most + declared->second) : std::nullopt;
    }
    if (!most) return;
    const auto mine = both_.workflow.at_most.find(index);
    if (mine != both_.workflow.at_most.end() && mine->second <= *most) return;
    both_.workflow.at_most[index] = *most;
    changed_ = true;
  }

  /// The rungs of whichever of these actions allows most; a rung that one of them does not have is none.
  std::optional<Ladder> widest_of(const std::vector<const Action*>& actions, std::optional<Ladder> Envelope::* unit) const {
    std::optional<Ladder> widest;
    for (const Action* const action : actions) {
      const bool own = action->per_call && (*action->per_call).*unit;
      const std::optional<Ladder>& here = own ? (*action->per_call).*unit : parent_.per_call.*unit;
      if (!here) return std::nullopt;
      const auto wider = [](const std::optional<double>& a, const std::optional<double>& b) {
        return a && b ? std::optional(std::max(*a, *b)) : std::nullopt;
      };
      const Ladder& known = widest ? *widest : *here;
      widest =
          Ladder{.p50 = wider(known.p50, here->p50), .p99 = wider(known.p99, here->p99), .max = {}, .p90 = wider(known.p90, here->p90)};
    }
    return widest;
  }

  void forbid(const FlowRule& rule) {
    const auto pattern = [](const FlowRule& r) { return r.glob ? r.glob->pattern() : std::string(); };
    const bool known = std::ranges::any_of(both_.flows, [&](const FlowRule& mine) {
      return !mine.allow && mine.from == rule.from && mine.to == rule.to && pattern(mine) == pattern(rule);
    });
    if (known) return;
    both_.flows.push_back(rule);
    changed_ = true;
  }

  Persona both_;
  const Persona& parent_;
  bool changed_ = false;
};

}  // namespace

std::optional<Persona> delegated(const Persona& job, const Persona& parent) { return Narrowing(job, parent).result(); }

bool may_delegate(const Persona& parent, const Persona& job) {
  const bool declared = parent.delegation.declared && job.delegation.declared;
  return declared && overlap(parent.delegation.to, job.agents) && overlap(job.delegation.from, parent.agents);
}

}  // namespace ringfence
