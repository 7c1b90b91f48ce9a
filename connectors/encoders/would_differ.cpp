// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/would_differ.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <utility>

#include "connectors/encoders/numbers.h"
#include "engine/event/level.h"

namespace ringfence {
namespace {

/// The level a score reaches, or below which known threshold it stays.
std::string level_at(double score, const LevelScores& t) {
  const std::array<std::pair<double, std::string_view>, 3> known{{{t.halt, "halt"}, {t.throttle, "throttle"}, {t.alert, "alert"}}};
  std::string_view lowest;
  for (const auto& [threshold, name] : known) {
    if (!(threshold > 0)) continue;
    if (score >= threshold) return std::string(name);
    lowest = name;
  }
  return "below " + std::string(lowest);
}

/// `2 of the 5 "barrier: denied, near-miss"`; with the context where another row differs in that alone.
std::string some_of(const Explanation& e, const EvidenceRow& row, std::uint32_t n) {
  const std::string how_many =
      n == row.count ? (n == 1 ? "the one" : "the " + std::to_string(n)) : std::to_string(n) + " of the " + std::to_string(row.count);
  const bool alike = std::ranges::any_of(
      e.rows, [&](const EvidenceRow& other) { return &other != &row && other.channel == row.channel && other.cls == row.cls; });
  return how_many + " \"" + row.channel + ": " + row.cls + (alike ? ", " + row.context : "") + "\"";
}

}  // namespace

LevelScores own_level_of(const Account& account) {
  if (!account.explanation) return {};
  const double own = account.explanation->threshold;
  switch (account.explanation->threshold_of.value_or(Level::Alert)) {
    case Level::Halt:
      return {.halt = own};
    case Level::Throttle:
      return {.throttle = own};
    default:
      return {.alert = own};
  }
}

std::vector<std::string> what_would_differ(const Explanation& e, const LevelScores& t) {
  std::vector<std::string> out;
  const double score = std::exp(e.ln_score);
  const std::string now = level_at(score, t);
  if (now.starts_with("below")) return out;
  // S without some of the leading threat's factors: what other threats hold stays; the act was a mark in both scopes alike.
  const double leading = score * e.share, rest = score - leading;
  std::vector<const EvidenceRow*> rows;
  for (const EvidenceRow& row : e.rows)
    if (row.nats > 0 && row.count > 0) rows.push_back(&row);
  for (const EvidenceRow* row : rows) {
    const double each = row->nats / row->count;
    for (std::uint32_t n = 1; n <= row->count; ++n) {
      const double without = rest + leading * std::exp(-each * n);
      const std::string then = level_at(without, t);
      if (then == now) continue;
      out.push_back("without " + some_of(e, *row, n) + ": about " + score_text(without, 2) + ", " + then);
      break;
    }
  }
  return out;
}

std::string what_would_leave_nothing(const Explanation& e, const LevelScores& t) {
  const double score = std::exp(e.ln_score), leading = score * e.share, rest = score - leading;
  // Of one act of a row, under the caps of alerts.
  const auto heavier = [&](const EvidenceRow& row) {
    return e.null == "alert" ? 0 : std::max({0., row.alerts_more, row.nats > 0 ? std::log(e.tolerance) : 0.});
  };
  std::vector<const EvidenceRow*> rows;
  double more = 0;  // of all acts left
  for (const EvidenceRow& row : e.rows) {
    more += heavier(row) * row.count;
    if (row.nats > 0 && row.count > 0) rows.push_back(&row);
  }
  if (!(t.alert > 0) || score < t.alert) return {};
  std::ranges::stable_sort(rows, std::greater(), [](const EvidenceRow* row) { return row->nats; });
  double removed = 0;
  std::string acts;
  for (const EvidenceRow* row : rows) {
    const double each = row->nats / row->count;
    std::uint32_t n = 0;
    bool enough = false;
    while (n < row->count && !enough) {
      ++n;
      enough = (rest + leading * std::exp(-removed - each * n)) * std::exp(more - heavier(*row) * n) < t.alert;
    }
    removed += each * n;
    more -= heavier(*row) * n;
    acts += (acts.empty() ? "" : " and ") + some_of(e, *row, n);
    if (enough) return "without " + acts + ": about " + score_text(rest + leading * std::exp(-removed), 2) + ", no finding";
  }
  return {};
}

std::vector<std::string> what_would_undo(const Account& account, const LevelScores& levels) {
  if (account.breaches.empty() || account.acts.empty()) return {};
  std::vector<std::string> out;
  const bool halted_by_score = account.explanation && account.explanation->threshold_of == Level::Halt;
  if (account.held_acts > 0 && !halted_by_score)
    out.push_back("without one of the " + std::to_string(account.held_acts) + " held acts of its session: hold");
  if (!account.explanation) {
    const std::uint64_t acts = std::max<std::uint64_t>(account.count, account.acts.size());
    out.push_back(acts == 1 ? "without this act: no finding, as of this record"
                            : "without any of these " + std::to_string(acts) + " acts: no finding, as of this record");
    return out;
  }
  const std::string broken = "without every act that broke what is declared";
  const std::string rest = what_would_leave_nothing(*account.explanation, levels);
  const bool little = levels.alert > 0 && std::exp(account.explanation->ln_score) < levels.alert;
  if (little) out.push_back(broken + ": no finding, as of this record");
  if (!rest.empty()) out.push_back(broken + ", and " + rest + ", as of this record");
  return out;
}

void say_what_would_differ(Account& account, const LevelScores& levels) {
  account.would_differ = what_would_undo(account, levels);
  if (!account.explanation || !account.breaches.empty()) return;
  account.would_differ = what_would_differ(*account.explanation, levels);
  auto nothing = what_would_leave_nothing(*account.explanation, levels);
  if (nothing.empty()) return;
  // The same acts may do both: then the greater difference is the one to say.
  const std::string acts = nothing.substr(0, nothing.rfind(": about "));
  std::erase_if(account.would_differ, [&](const std::string& one) { return one.starts_with(acts + ": about "); });
  account.would_differ.push_back(std::move(nothing));
}

}  // namespace ringfence
