// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/would_differ.h"

#include <algorithm>
#include <ranges>

#include "connectors/encoders/numbers.h"
#include "engine/event/level.h"

namespace ringfence {
namespace {

using Acts = Difference::Acts;

/// Another of the rows differs in the context alone.
bool needs_context(const Explanation& e, const Acts& acts) {
  const auto alike = [&](const auto& other) {
    return other.channel == acts.channel && other.cls == acts.cls && other.context != acts.context;
  };
  return std::ranges::any_of(e.rows, alike) ||
         std::ranges::any_of(e.would_differ->ways, [&](const Difference& way) { return std::ranges::any_of(way.acts, alike); });
}

/// `2 of the 5 "barrier: denied, near-miss"`.
std::string some_of(const Explanation& e, const Acts& acts) {
  const std::string how_many = acts.without == acts.of ? (acts.of == 1 ? "the one" : "the " + std::to_string(acts.of))
                                                       : std::to_string(acts.without) + " of the " + std::to_string(acts.of);
  return how_many + " \"" + acts.channel + ": " + acts.cls + (needs_context(e, acts) ? ", " + acts.context : "") + "\"";
}

std::string text_of(const Explanation& e, const Difference& way) {
  std::string acts;
  for (const Acts& one : way.acts) acts += (acts.empty() ? "" : " and ") + some_of(e, one);
  return "without " + acts + ": " + (way.at_most ? "at most " + score_text_up(way.score) : "about " + score_text(way.score, 2)) + ", " +
         (way.level == Level::Observe ? "no finding" : std::string(name_of(way.level)));
}

std::vector<std::string> by_evidence(const Explanation& e) {
  if (!e.would_differ) return {"not known: a former build wrote this record"};
  std::vector<std::string> out;
  for (const Difference& way : e.would_differ->ways) out.push_back(text_of(e, way));
  return out;
}

/// Where something declared was broken and there is evidence beside it.
std::vector<std::string> beside_breaches(const Explanation& e) {
  if (!e.would_differ) return by_evidence(e);
  const std::string broken = "without every act that broke what is declared";
  if (e.would_differ->level == Level::Observe) return {broken + ": no finding, as of this record"};
  std::vector<std::string> out;
  for (const Difference& way : e.would_differ->ways)
    out.push_back(way.level == Level::Observe ? broken + ", and " + text_of(e, way) + ", as of this record"
                                              : "of the evidence, " + text_of(e, way));
  return out;
}

}  // namespace

void say_what_would_differ(Account& account) {
  std::vector<std::string>& out = account.would_differ;
  out.clear();
  if (account.breaches.empty() || account.acts.empty()) {
    if (account.explanation) out = by_evidence(*account.explanation);
    return;
  }
  const bool halted_by_score = account.explanation && account.explanation->threshold_of == Level::Halt;
  if (account.held_acts > 0 && !halted_by_score)
    out.push_back("without one of the " + std::to_string(account.held_acts) + " held acts of its session: hold");
  if (account.explanation) {
    std::ranges::move(beside_breaches(*account.explanation), std::back_inserter(out));
    return;
  }
  const std::uint64_t acts = std::max<std::uint64_t>(account.count, account.acts.size());
  out.push_back(acts == 1 ? "without this act: no finding, as of this record"
                          : "without any of the " + std::to_string(acts) + " acts that it counts: no finding, as of this record");
}

}  // namespace ringfence
