// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/explain.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "connectors/encoders/numbers.h"
#include "connectors/encoders/strict_json.h"
#include "engine/event/decode.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kCellChars = 120, kNextChars = 400;
constexpr std::size_t kLabelWidth = 58;
constexpr std::size_t kScopeWidth = 48;
constexpr std::size_t kActsShown = 8, kBreachesShown = 8;

/// Score under the null that the ledger speaks of.
double ledger_score(const Explanation& explanation) {
  return explanation.null == "alert" && explanation.alert_score ? *explanation.alert_score : explanation.score;
}

/// Characters a terminal shows; `printable` has removed what is wider or narrower than it looks.
std::size_t shown(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string left(std::string text, std::size_t width) {
  const std::size_t used = shown(text);
  if (used < width) text.append(width - used, ' ');
  return text;
}

std::string right(const std::string& text, std::size_t width) {
  const std::size_t used = shown(text);
  return used < width ? std::string(width - used, ' ') + text : text;
}

struct Line {
  std::string label, count, nats, cap, seen, samples;
};

std::string printed_line(const Line& line) {
  std::string out = left(line.label, kLabelWidth) + right(line.count, 7) + right(line.nats, 10) + right(line.cap, 10) + right(line.seen, 8);
  if (!line.samples.empty()) out += "   " + line.samples;
  out.erase(out.find_last_not_of(' ') + 1);
  return out + "\n";
}

std::string field(std::string_view name, std::string_view value, std::size_t most = kCellChars) {
  return left(std::string(name), 11) + printable(value, most) + "\n";
}

Line row_line(const EvidenceRow& row, std::int64_t nats) {
  std::string samples;
  for (const std::string& sample : row.samples) samples += (samples.empty() ? "" : " ") + printable(sample, 40);
  return {printable(row.channel + ": " + row.cls + ", " + row.context, kLabelWidth),
          std::to_string(row.count),
          hundredths(nats),
          percent_text(row.cap, 3),
          seen_text(row),
          samples};
}

std::string ledger_table(const Explanation& explanation) {
  const PrintedTerms printed = printed_terms(explanation);
  std::string out;
  out += printed_line({"what", "count", "nats", "cap x tol", "seen", "samples"});
  out += printed_line({"prior", "", hundredths(printed.prior), "", "", ""});
  out += printed_line({"start", "", hundredths(printed.start), "", "", ""});
  for (std::size_t i = 0; i < explanation.rows.size(); ++i) out += printed_line(row_line(explanation.rows[i], printed.rows[i]));
  out += printed_line({"late starts", "", hundredths(printed.late_starts), "", "", ""});
  out += printed_line({"other threats and scopes", "", hundredths(printed.others), "", "", ""});
  out += printed_line({"ln score", "", hundredths(printed.ln_score), "", "", ""});
  return out;
}

/// Some of their caps are ours: what lies between the declared rungs, how ids come about (docs/design/detection.md §3.3).
bool for_alerts(const Explanation& explanation) { return explanation.null == "alert"; }

std::string score_field(const Explanation& explanation) {
  const std::string_view level = name_of(explanation.threshold_of.value_or(Level::Halt));
  std::string out = score_text(explanation.score) + " under the declared caps times " + plain_text(explanation.declared_tolerance) + "; " +
                    std::string(level) + " at " + score_text(explanation.threshold);
  if (explanation.alert_score) out += "; " + score_text(*explanation.alert_score) + " under the caps without tolerance";
  if (explanation.clamped) out += "; at the greatest value a score can have";
  return out;
}

std::string scopes_table(const Account& account) {
  if (account.scopes.empty()) return {};
  std::string out = left("scope", kScopeWidth) + right("S", 10) + right("no tol.", 10) + "   " + left("stands", 10) + "leading threat\n";
  for (const ScopePart& part : account.scopes) {
    std::string line = left(printable(part.name + (part.borrowed ? " (borrowed name, judged alone)" : ""), kScopeWidth - 1), kScopeWidth) +
                       right(score_text(part.score), 10) + right(score_text(part.alert_score), 10) + "   " +
                       left(printable(part.level), 10) + printable(part.threat);
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

Json scopes_json(const Account& account) {
  Json out = Json::array();
  for (const ScopePart& part : account.scopes)
    out.push_back({{"scope", part.name},
                   {"borrowed", part.borrowed},
                   {"score", significant(part.score, 3)},
                   {"alert_score", significant(part.alert_score, 3)},
                   {"level", part.level},
                   {"threat", part.threat}});
  return out;
}

Json ledger_json(const Explanation& explanation) {
  const PrintedTerms printed = printed_terms(explanation);
  const auto nats = [](std::int64_t value) { return static_cast<double>(value) / 100; };
  Json rows = Json::array();
  for (std::size_t i = 0; i < explanation.rows.size(); ++i) {
    const EvidenceRow& row = explanation.rows[i];
    Json& one = rows.emplace_back(Json{{"channel", row.channel},
                                       {"class", row.cls},
                                       {"context", row.context},
                                       {"count", row.count},
                                       {"nats", nats(printed.rows[i])},
                                       {"cap", significant(row.cap, 3)}});
    if (row.seen) one["seen"] = significant(*row.seen, 2);
    one["samples"] = row.samples;
  }
  Json out{{"threat", explanation.threat},
           {"family", explanation.family},
           {"null", explanation.null},
           {"scope", explanation.scope},
           {"score", significant(explanation.score, 3)},
           {"share", significant(explanation.share, 3)},
           {"tolerance", explanation.tolerance},
           {"threshold", explanation.threshold},
           {"ln_score", nats(printed.ln_score)}};
  if (explanation.alert_score) out["alert_score"] = significant(*explanation.alert_score, 3);
  if (explanation.clamped) out["clamped"] = true;
  out["prior"] = nats(printed.prior);
  out["start"] = nats(printed.start);
  out["evidence"] = std::move(rows);
  out["late_starts"] = nats(printed.late_starts);
  out["others"] = nats(printed.others);
  if (std::string promise = promise_sentence(explanation); !promise.empty()) out["promise"] = std::move(promise);
  return out;
}

}  // namespace

std::string score_sentence(const Explanation& explanation) {
  const double score = ledger_score(explanation);
  std::string out = "ln score " + hundredths(printed_terms(explanation).ln_score) + ": ";
  if (!(score >= 1)) return out + "nothing that a compliant agent would not show.";
  if (!explanation.bounded) {  // docs/design/detection.md §3.2, §3.4
    out += "an estimate against its declaration and its own past, for alerts alone; the bound of throttles and halts does not cover it.";
  } else {
    out += for_alerts(explanation) ? std::string("an agent within the caps of alerts (without tolerance)")
                                   : "a compliant agent (declared caps" +
                                         (explanation.tolerance == 1 ? "" : " times " + plain_text(explanation.tolerance)) + ")";
    out += " reaches this at most once per " + score_text_down(score) + " calls.";
  }
  if (for_alerts(explanation) && explanation.alert_score)
    out += " Under the caps times the persona's tolerance the score is " + score_text(explanation.score) + ".";
  return out;
}

std::string promise_sentence(const Explanation& explanation) {
  if (!explanation.bounded) return {};
  const std::string times = explanation.tolerance == 1 ? "" : plain_text(explanation.tolerance) + "x ";
  const std::string caps = for_alerts(explanation) ? "the caps of alerts" : times + "its declared caps";
  return "If this agent's behaviour, given everything before, never exceeds " + caps + ", the expected number of " +
         (explanation.threshold == explanation.halt_threshold ? "false halts" : "false alarms at this level") + " is at most one per " +
         score_text_down(explanation.threshold) + " of its calls, whatever the dependence, however often the score is read.";
}

Account account_of(const FindingRecord& record) {
  Account out;
  out.agent = record.agent_id;
  out.tenant = record.tenant;
  if (!record.persona_id.empty()) out.persona = record.persona_id + "@" + record.persona_version;
  out.level = name_of(record.level);
  out.applied = name_of(record.applied);
  out.finding_uid = record.uid;
  out.count = record.count;
  out.analytic = uid_of(record.analytic);
  out.title = record.title;
  out.sentence = record.sentence;
  if (record.explanation) out.sentence += (out.sentence.empty() ? "" : " ") + score_sentence(*record.explanation);
  out.explanation = record.explanation;
  if (out.explanation && !out.explanation->threshold_of) out.explanation->threshold_of = by_score(record.level);
  out.breaches = record.breaches;
  out.held_acts = record.held_acts;
  const bool by_declaration = !record.explanation || !record.breaches.empty();
  if (by_declaration && !record.event_id.empty() && record.activity != FindingRecord::Activity::Close)
    out.acts = {{record.event_id, (record.tool_server.empty() ? "" : record.tool_server + "/") + record.tool_name, record.time}};
  return out;
}

std::string account_table(const Account& account) {
  std::string out = field("agent", account.agent + (account.tenant.empty() ? "" : "  (tenant " + account.tenant + ")"));
  if (!account.persona.empty()) out += field("persona", account.persona);
  out += field("level", account.level + (account.applied == account.level ? "" : ", applied: " + account.applied));
  out += account.analytic.empty() ? field("state", account.title) : field("finding", account.analytic + "  " + account.title);
  if (account.explanation) {
    const Explanation& ledger = *account.explanation;
    out += field("threat",
                 ledger.threat + " (" + ledger.family + "), " + percent_text(ledger.share, 3) + " of the score, scope " + ledger.scope);
    out += field("score", score_field(ledger));
  }
  for (const std::string& breach : std::span(account.breaches).first(std::min(account.breaches.size(), kBreachesShown)))
    out += field("breach", breach);
  for (const AccountAct& act : std::span(account.acts).first(std::min(account.acts.size(), kActsShown))) {
    out += field("act", format_rfc3339(act.time) + (act.tool.empty() ? "" : "  " + act.tool) + "  " + act.event_id);
  }
  for (const std::string& one : account.since) out += field("since", one);
  if (!account.sentence.empty()) out += "\n" + printable(account.sentence, 1200) + "\n";
  for (const std::string& one : account.open_findings) out += field("open", one);
  if (!account.next.empty()) out += field("next", account.next, kNextChars);
  if (!account.scopes.empty()) out += "\n" + scopes_table(account);
  if (account.explanation) out += "\n" + ledger_table(*account.explanation);
  if (account.explanation && account.explanation->bounded) out += "\n" + promise_sentence(*account.explanation) + "\n";
  if (!account.would_differ.empty()) out += "\nWhat would have to differ:\n";
  for (const std::string& one : account.would_differ) out += "- " + printable(one, 400) + "\n";
  return out;
}

std::string account_json(const Account& account) {
  Json out{{"agent", account.agent}, {"tenant", account.tenant},     {"persona", account.persona},
           {"level", account.level}, {"applied", account.applied},   {"analytic", account.analytic},
           {"title", account.title}, {"sentence", account.sentence}, {"breaches", account.breaches}};
  for (const AccountAct& act : account.acts)
    out["acts"].push_back({{"event", act.event_id}, {"time", format_rfc3339(act.time)}, {"tool", act.tool}});
  if (!account.since.empty()) out["since"] = account.since;
  if (account.explanation) out["ledger"] = ledger_json(*account.explanation);
  if (!account.would_differ.empty()) out["would_differ"] = account.would_differ;
  if (!account.scopes.empty()) out["scopes"] = scopes_json(account);
  if (!account.open_findings.empty()) out["open_findings"] = account.open_findings;
  if (!account.next.empty()) out["next"] = account.next;
  return out.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

}  // namespace ringfence
