// SPDX-License-Identifier: Apache-2.0
// What a scenario says must be so, held against what came of it.
#include <algorithm>
#include <sstream>

#include "tests/scenario/scenario.h"

namespace ringfence::scenario {
namespace {

std::string said(double number) {
  std::ostringstream out;
  out << number;
  return out.str();
}

std::string text(Level level) { return std::string(name_of(level)); }

std::string not_met(std::span<const Outcome> all, const Expectation& e) {
  using Kind = Expectation::Kind;
  const auto told = all.first(e.after);
  const auto since = told.subspan(e.since);
  if (since.empty()) return "an expectation before the first event";
  const Outcome& last = told.back();
  const auto seen = [&](const std::string& uid) {
    return std::ranges::any_of(
        told, [&](const Outcome& o) { return uid == "any" ? !o.raised.empty() : std::ranges::find(o.raised, uid) != o.raised.end(); });
  };
  const auto published = [&](const std::string& word) {  // of the scope asked for, where one is
    return std::ranges::any_of(since, [&](const Outcome& o) {
      return std::ranges::any_of(o.controlled, [&](const Outcome::Controlled& c) {
        return (word.empty() || c.word == word) && (e.text.empty() || c.scope == e.text);
      });
    });
  };
  const std::string of_scope = e.text.empty() ? "" : " of " + e.text;
  switch (e.kind) {
    case Kind::LevelIs:
      return last.level == e.level ? "" : "expected level " + text(e.level) + ", saw " + text(last.level);
    case Kind::AppliedIs:
      return last.applied == e.level ? "" : "expected applied level " + text(e.level) + ", saw " + text(last.applied);
    case Kind::LevelBy: {
      const auto first = std::ranges::find_if(since, [&](const Outcome& o) { return o.level >= e.level; });
      const auto call = static_cast<std::size_t>(first - since.begin()) + 1;
      if (first != since.end() && call <= e.calls) return "";
      return "expected " + text(e.level) + " by call " + std::to_string(e.calls) + ", saw it " +
             (first == since.end() ? "never" : "at call " + std::to_string(call));
    }
    case Kind::NeverAbove: {
      const Outcome& worst = *std::ranges::max_element(since, {}, &Outcome::level);
      return worst.level <= e.level ? "" : "expected never above " + text(e.level) + ", saw " + text(worst.level) + " at " + worst.id;
    }
    case Kind::ScoreBelow: {
      const Outcome& worst = *std::ranges::max_element(since, {}, &Outcome::score);
      return worst.score < e.score ? "" : "expected every score below " + said(e.score) + ", saw " + said(worst.score) + " at " + worst.id;
    }
    case Kind::Finding:
      return seen(e.text) ? "" : "expected finding " + e.text;
    case Kind::NoFinding:
      return seen(e.text) ? "expected no finding " + e.text : "";
    case Kind::Refused:
      return last.refused == e.text ? "" : "expected refused " + e.text + ", saw " + (last.refused.empty() ? "it judged" : last.refused);
    case Kind::Copy:
      return last.copy ? "" : "expected a copy, saw it judged";
    case Kind::Control:
      return published(text(e.level)) ? "" : "expected a containment at " + text(e.level) + of_scope;
    case Kind::Released:
      return published("released") ? "" : "expected the end of a containment" + of_scope;
    case Kind::Answer:
      return last.answer == e.text ? "" : "expected answer `" + e.text + "`, saw `" + last.answer + "`";
    case Kind::NoControl:
      return published({}) ? "expected no containment" + of_scope : "";
  }
  return "";
}

}  // namespace

Unmet unmet(const Scenario& scenario, std::span<const Outcome> outcomes) {
  Unmet out;
  for (const Expectation& e : scenario.expectations) {
    if (std::string fault = not_met(outcomes, e); !fault.empty())
      (e.aim ? out.aims : out.expectations).push_back(std::to_string(e.line) + ": " + fault);
  }
  return out;
}

}  // namespace ringfence::scenario
