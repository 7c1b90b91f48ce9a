// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "connectors/encoders/numbers.h"
#include "connectors/encoders/shell_words.h"
#include "engine/event/decode.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

constexpr std::size_t kCell = 160, kText = 2000, kExcerpt = 20'000, kCallRows = 200, kActsListed = 50;

constexpr std::string_view kHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">
)";

constexpr std::string_view kStyle = R"(<style>
:root{--ink:#1c2330;--dim:#5b6575;--line:#d7dce4;--page:#fff;--soft:#f4f6f9;--bad:#b3261e;--warn:#a15c00;--note:#1f5fbf;--good:#2e7d4f}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:960px;margin:0 auto;padding:24px 16px}h1{font-size:24px;line-height:1.25;margin:8px 0}h2{font-size:17px;margin:32px 0 8px}
.level{display:inline-block;padding:2px 10px;border-radius:3px;color:#fff;font-weight:600;background:var(--note)}
.halt,.revoke{background:var(--bad)}.hold,.throttle{background:var(--warn)}.sentence{font-size:17px}.dim{color:var(--dim);overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:8px 0}dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:13px}th{text-align:left;color:var(--dim);font-weight:600}
td,th{padding:4px 10px 4px 0;border-bottom:1px solid var(--line);vertical-align:top}.num{text-align:right;white-space:nowrap}.nowrap{white-space:nowrap}td.any{overflow-wrap:anywhere;min-width:7em}
.bar{background:var(--soft);height:14px;min-width:80px}.bar i{display:block;height:14px;background:var(--bad)}.bar i.minus{background:var(--good)}
tr.hot td{background:#fdeceb}pre{background:var(--soft);padding:12px;overflow:auto;font-size:12px}svg{width:100%;height:auto}polyline{vector-effect:non-scaling-stroke}
@media(max-width:600px){svg text{font-size:22px}}
.wide{overflow-x:auto}@media print{main{max-width:none}}
</style></head><body><main>
)";

/// Safe anywhere between tags and inside quoted attributes.
std::string markup(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// Text from outside as markup; what a terminal would not show is spelled out.
std::string html(std::string_view text, std::size_t most = kCell) { return markup(printable(text, most)); }

/// A text of several lines, each made safe by itself.
std::string html_lines(std::string_view text) {
  std::string out;
  while (!text.empty() && out.size() < kExcerpt) {
    const std::size_t end = text.find('\n');
    out += html(text.substr(0, end), 400) + "\n";
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

std::string cell(std::string_view inner, std::string_view cls = {}) {
  return cls.empty() ? "<td>" + std::string(inner) + "</td>" : "<td class=\"" + std::string(cls) + "\">" + std::string(inner) + "</td>";
}

std::string term(std::string_view name, std::string_view value, std::size_t most = kCell) {
  return value.empty() ? "" : "<dt>" + std::string(name) + "</dt><dd>" + html(value, most) + "</dd>\n";
}

std::string note(std::string_view id, std::string_view text) {
  return text.empty() ? "" : "<p id=\"" + std::string(id) + "\" class=\"dim\">" + html(text, kText) + "</p>\n";
}

std::string fixed(double value) { return hundredths(std::llround(value * 100)); }

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out;
}

// --- the score over time --------------------------------------------------------------------------------------------------------------

constexpr double kWidth = 920, kHeight = 260, kLeft = 64, kRight = 12, kTop = 12, kBottom = 28;

struct Axes {
  double most = 1;  // log10 at the top
  std::size_t calls = 1;
  [[nodiscard]] double x(std::size_t i) const {
    return kLeft + (kWidth - kLeft - kRight) * (calls < 2 ? .5 : static_cast<double>(i) / static_cast<double>(calls - 1));
  }
  [[nodiscard]] double y(double score) const {
    const double height = std::clamp(std::log10(std::max(score, 1.)) / most, 0., 1.);
    return kTop + (kHeight - kTop - kBottom) * (1 - height);
  }
};

std::string threshold_line(const Axes& axes, double at, std::string_view name) {
  if (!(at > 1)) return {};
  const std::string y = fixed(axes.y(at));
  return "<line x1=\"" + fixed(kLeft) + "\" x2=\"" + fixed(kWidth - kRight) + "\" y1=\"" + y + "\" y2=\"" + y +
         "\" stroke=\"#b9c1cd\" stroke-dasharray=\"4 4\"/><text x=\"4\" y=\"" + y + "\" font-size=\"11\" fill=\"#5b6575\">" +
         std::string(name) + "</text>\n";
}

std::string curve(const ReportPage& page) {
  const auto unknown = std::ranges::find(page.calls, false, &ReportCall::known);
  const std::span calls(page.calls.begin(), unknown);
  if (calls.size() < 2) return {};
  Axes axes{.most = std::log10(std::max({page.halt, page.account.explanation ? page.account.explanation->score : 1., 10.})) * 1.05,
            .calls = calls.size()};
  std::string points, dots;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const ReportCall& call = calls[i];
    points += (i == 0 ? "" : " ") + fixed(axes.x(i)) + "," + fixed(axes.y(call.score));
    if (call.raised.empty()) continue;
    dots += "<circle cx=\"" + fixed(axes.x(i)) + "\" cy=\"" + fixed(axes.y(call.score)) + "\" r=\"4\" fill=\"#b3261e\"><title>" +
            html(call.event_id) + ": " + html(joined(call.raised)) + "</title></circle>\n";
  }
  return "<h2 id=\"score\">Score over its calls</h2>\n<svg id=\"curve\" viewBox=\"0 0 920 260\" role=\"img\" aria-label=\"score over the "
         "agent's calls, logarithmic\">\n" +
         threshold_line(axes, page.alert, "alert") + threshold_line(axes, page.throttle, "throttle") +
         threshold_line(axes, page.halt, "halt") + "<polyline fill=\"none\" stroke=\"#1f5fbf\" stroke-width=\"2\" points=\"" + points +
         "\"/>\n" + dots + "<text x=\"" + fixed(kLeft) + "\" y=\"254\" font-size=\"11\" fill=\"#5b6575\">call " +
         std::to_string(page.calls_left_out + 1) + "</text><text x=\"" + fixed(kWidth - kRight) +
         "\" y=\"254\" font-size=\"11\" text-anchor=\"end\" fill=\"#5b6575\">call " + std::to_string(page.calls_left_out + calls.size()) +
         "</text>\n</svg>\n";
}

// --- the ledger -----------------------------------------------------------------------------------------------------------------------

std::string bar(std::int64_t nats, std::int64_t greatest) {
  const double share = greatest > 0 ? 100. * static_cast<double>(std::abs(nats)) / static_cast<double>(greatest) : 0;
  return "<div class=\"bar\"><i" + std::string(nats < 0 ? " class=\"minus\"" : "") + " style=\"width:" + fixed(std::min(share, 100.)) +
         "%\"></i></div>";
}

std::string ledger_row(std::string_view what, std::int64_t nats, std::int64_t greatest, const EvidenceRow* row) {
  return "<tr>" + cell(html(what)) + cell(row != nullptr ? std::to_string(row->count) : "", "num") + cell(hundredths(nats), "num") +
         cell(bar(nats, greatest)) + cell(row != nullptr ? percent_text(row->cap, 3) : "", "num") +
         cell(row != nullptr ? seen_text(*row) : "", "num") + cell(row != nullptr ? html(joined(row->samples)) : "") + "</tr>\n";
}

std::string ledger(const Explanation& e) {
  const PrintedTerms printed = printed_terms(e);
  std::int64_t greatest =
      std::max({std::abs(printed.prior), std::abs(printed.start), std::abs(printed.late_starts), std::abs(printed.others)});
  for (const std::int64_t nats : printed.rows) greatest = std::max(greatest, std::abs(nats));
  std::string out =
      "<h2 id=\"ledger\">The ledger: where the score comes from</h2>\n<div class=\"wide\"><table id=\"bars\"><tr><th>what</th><th "
      "class=\"num\">count</th><th class=\"num\">nats</th><th></th><th class=\"num\">declared cap x tolerance</th><th "
      "class=\"num\">seen</th><th>samples</th></tr>\n";
  out += ledger_row("prior", printed.prior, greatest, nullptr);
  out += ledger_row("start", printed.start, greatest, nullptr);
  for (std::size_t i = 0; i < e.rows.size(); ++i) {
    const EvidenceRow& row = e.rows[i];
    out += ledger_row(row.channel + ": " + row.cls + ", " + row.context, printed.rows[i], greatest, &row);
  }
  out += ledger_row("late starts", printed.late_starts, greatest, nullptr);
  out += ledger_row("other threats and scopes", printed.others, greatest, nullptr);
  out += "<tr><th>ln score</th><th></th><th class=\"num\">" + hundredths(printed.ln_score) +
         "</th><th></th><th></th><th></th><th></th></tr>\n";
  out += "</table></div>\n<p>" + html(score_sentence(e), kText) + "</p>\n";
  if (const std::string promise = promise_sentence(e); !promise.empty()) out += "<p class=\"dim\">" + html(promise, kText) + "</p>\n";
  return out;
}

std::string items(const std::vector<std::string>& texts) {
  if (texts.empty()) return {};
  std::string out = "<ul>\n";
  for (const std::string& one : texts) out += "<li>" + html(one, kText) + "</li>\n";
  return out + "</ul>\n";
}

std::string list_of(std::string_view id, std::string_view title, const std::vector<std::string>& texts) {
  return texts.empty() ? "" : "<h2 id=\"" + std::string(id) + "\">" + std::string(title) + "</h2>\n" + items(texts);
}

/// Of a finding by declaration: which acts it is about, the first of them.
std::vector<std::string> acts_of(const Account& account) {
  std::vector<std::string> out;
  for (const AccountAct& act : std::span(account.acts).first(std::min(account.acts.size(), kActsListed)))
    out.push_back(format_rfc3339(act.time) + (act.tool.empty() ? "" : "  " + act.tool) + "  " + act.event_id);
  return out;
}

std::string call_row(const ReportCall& call) {
  return (call.marks.empty() && call.raised.empty() ? "<tr>" : "<tr class=\"hot\">") + cell(format_rfc3339(call.time), "nowrap") +
         cell(html(call.event_id), "any") + cell(html(call.tool), "any") +
         cell(html(call.outcome + (call.code.empty() ? "" : " " + call.code)), "nowrap") +
         cell(html(joined(call.marks) + (call.raised.empty() ? "" : " → " + joined(call.raised)), 400)) +
         cell(call.known ? score_text(call.score) : "", "num") + cell(call.known ? name_of(call.level) : "not known") + "</tr>\n";
}

std::string calls_table(const ReportPage& page) {
  if (page.calls.empty()) return {};
  std::string out = "<h2 id=\"calls\">Its calls, in order</h2>\n";
  const std::size_t first = page.calls.size() > kCallRows ? page.calls.size() - kCallRows : 0;
  if (first + page.calls_left_out > 0)
    out += "<p class=\"dim\">" + std::to_string(first + page.calls_left_out) + " earlier calls are not listed.</p>\n";
  out +=
      "<div class=\"wide\"><table><tr><th>time</th><th>call</th><th>tool</th><th>outcome</th><th>marks</th><th class=\"num\">score</th>"
      "<th>level</th></tr>\n";
  for (std::size_t i = first; i < page.calls.size(); ++i) out += call_row(page.calls[i]);
  return out + "</table></div>\n";
}

std::string containment(const ReportPage& page) {
  if (page.containments.empty() && page.containment_note.empty()) return {};
  return "<h2 id=\"containment\">Containment</h2>\n" + items(page.containments) + note("containment-note", page.containment_note);
}

std::string declared_job(const ReportPage& page) {
  if (page.persona_excerpt.empty() && page.persona_note.empty()) return {};
  std::string out = "<h2 id=\"persona\">The declared job</h2>\n" + note("persona-note", page.persona_note);
  return page.persona_excerpt.empty() ? out : out + "<pre>" + html_lines(page.persona_excerpt) + "</pre>\n";
}

/// The whole command line, whatever its length: what was cut could not be run.
std::string reproduction(const ReportPage& page) {
  std::string line;
  for (const std::vector<std::string>& words : page.reproduce) {
    if (!line.empty()) line += " | ";
    for (std::size_t i = 0; i < words.size(); ++i) line += (i == 0 ? "" : " ") + shell_word(words[i]);
  }
  return "<h2 id=\"reproduce\">How to reproduce this</h2>\n" + note("reproduce-note", page.reproduce_note) +
         (line.empty() ? "" : "<pre>" + markup(line) + "</pre>\n");
}

std::string records_table(const ReportPage& page) {
  std::string out =
      "<h2 id=\"records\">The finding's records</h2>\n<div class=\"wide\"><table><tr><th>time</th><th>record</th><th>level</th>"
      "<th>caused by</th><th>what it said</th></tr>\n";
  for (const ReportRecord& record : page.records) {
    out += "<tr>" + cell(format_rfc3339(record.time)) + cell(html(record.activity)) + cell(html(record.level)) +
           cell(html(record.event_id)) + cell(html(record.sentence, kText)) + "</tr>\n";
  }
  return out + "</table></div>\n";
}

}  // namespace

std::string report_html(const ReportPage& page) {
  const Account& a = page.account;
  std::string out(kHead);
  out += "<title>" + html(a.title) + " - " + html(page.finding_uid) + "</title>\n";
  out += kStyle;
  out += "<p><span id=\"level\" class=\"level " + html(a.level, 16) + "\">" + html(a.level, 16) + "</span> <span class=\"dim\">" +
         html(page.finding_uid) + "</span></p>\n<h1>" + html(a.title) + "</h1>\n<p id=\"sentence\" class=\"sentence\">" +
         html(a.sentence, kText) + "</p>\n<dl>" + term("agent", a.agent) + term("tenant", a.tenant) + term("persona", a.persona) +
         term("analytic", a.analytic) + term("applied level", a.applied) + term("what it means", page.meaning, kText) +
         term("what innocent conduct looks like this", page.false_positives, kText) + term("look first at", page.check, kText) + "</dl>\n";
  out += list_of("breaches", "Declared limits broken", a.breaches);
  out += list_of("acts", "The acts", acts_of(a));
  out += curve(page);
  out += note("judged", page.judged);
  if (a.explanation) out += ledger(*a.explanation);
  out += list_of("differ", "What would have to differ", a.would_differ);
  out += calls_table(page);
  out += containment(page);
  out += records_table(page);
  out += declared_job(page);
  out += reproduction(page);
  out += "</main></body></html>\n";
  return out;
}

}  // namespace ringfence
