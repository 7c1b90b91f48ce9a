// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/report.h"

#include <gmock/gmock.h>

#include "connectors/encoders/would_differ.h"
#include "tests/unit/encoders/findings.h"

namespace ringfence {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ReportPage page() {
  ReportPage page{.finding_uid = "rf-5b1c9a0e77d24f18"};
  page.account = {.agent = "maintainer", .tenant = "corp", .persona = "code-maintainer@2.0.0", .level = "halt", .applied = "halt"};
  page.account.analytic = "barrier.guessing";
  page.account.title = "Agent guesses commit identifiers after refusals";
  page.account.sentence = "7 of the last 7 calls were refused.";
  page.account.explanation = testing::golden_explanation();
  page.records = {{"Create", "alert", "call-4", "It began.", EventTime{}}};
  page.calls = {{.event_id = "call-1", .tool = "git/get", .outcome = "ok", .score = 1},
                {.event_id = "call-2", .tool = "git/get", .outcome = "denied", .score = 1e11, .marks = {"barrier: denied, near-miss"}}};
  page.alert = 1e5;
  page.throttle = 1e7;
  page.halt = 1e10;
  page.reproduce = {{"ringfence", "replay"}};
  return page;
}

TEST(Report, SaysTheSentenceFirstThenTheArithmetic) {
  const std::string text = report_html(page());
  const auto sentence = text.find("7 of the last 7 calls were refused."), curve = text.find("id=\"curve\""),
             ledger = text.find("id=\"bars\""), calls = text.find("id=\"calls\""), reproduce = text.find("id=\"reproduce\"");
  ASSERT_NE(reproduce, std::string::npos);
  EXPECT_LT(sentence, curve);
  EXPECT_LT(curve, ledger);
  EXPECT_LT(ledger, calls);
  EXPECT_LT(calls, reproduce);
  EXPECT_THAT(text, HasSubstr("24.21"));
  EXPECT_THAT(text, HasSubstr("25.09"));
}

TEST(Report, NeedsNoScriptAndNoNetwork) {
  const std::string text = report_html(page());
  for (const char* reaching : {"<script", "src=", "href=", "url(", "@import", "<link", "<iframe", "onload="})
    EXPECT_THAT(text, Not(HasSubstr(reaching)));
  EXPECT_THAT(text, HasSubstr("default-src 'none'"));
}

TEST(Report, ShowsHostileTextAsText) {
  ReportPage hostile = page();
  const std::string attack = "</title><script>alert(1)</script>\x1b[31m\xe2\x80\xae\"'&";
  hostile.account.agent = hostile.account.title = hostile.account.sentence = hostile.finding_uid = attack;
  hostile.account.breaches = {attack};
  hostile.account.explanation->rows[0].samples = {attack};
  hostile.account.explanation->rows[0].cls = attack;
  hostile.calls[1] = {.event_id = attack, .tool = attack, .outcome = attack, .code = attack, .marks = {attack}, .raised = {attack}};
  hostile.containments = {attack};
  hostile.persona_excerpt = "id: x\n" + attack + "\n";
  hostile.records[0].sentence = attack;
  hostile.reproduce = {{attack}, {attack}};
  hostile.judged = hostile.containment_note = hostile.persona_note = hostile.reproduce_note = attack;
  hostile.account.level = "halt\" onclick=\"x";
  const std::string text = report_html(hostile);
  EXPECT_THAT(text, Not(HasSubstr("<script")));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\xe2\x80\xae")));
  EXPECT_THAT(text, Not(HasSubstr("onclick=\"")));
  EXPECT_THAT(text, HasSubstr("&lt;script&gt;"));
}

TEST(Report, OfADeclaredBreakNamesTheActsAndWhatWouldUndoIt) {
  ReportPage broken = page();
  broken.account = account_of(testing::breach_record());
  broken.account.count = 1;
  say_what_would_differ(broken.account);
  const std::string text = report_html(broken);
  const auto acts = text.find("<h2 id=\"acts\">The acts</h2>"), differ = text.find("<h2 id=\"differ\">");
  ASSERT_NE(differ, std::string::npos);
  EXPECT_LT(acts, differ);
  EXPECT_NE(text.find(broken.account.acts.front().event_id, acts), std::string::npos);
  EXPECT_THAT(text.substr(differ), HasSubstr("<li>without this act: no finding, as of this record</li>"));
}

TEST(Report, GivesTheWholeCommandAsAShellReadsIt) {
  ReportPage copied = page();
  copied.reproduce = {{"ringfence", "replay", "o'brien/a & b.nd"}, {"ringfence", "explain"}};
  for (int i = 0; i < 500; ++i) copied.reproduce[0].push_back("events/hour-" + std::to_string(i) + ".ndjson.gz");
  const std::string text = report_html(copied);
  EXPECT_THAT(text, HasSubstr("<pre>ringfence replay &#39;o&#39;\\&#39;&#39;brien/a &amp; b.nd&#39; events/hour-0.ndjson.gz "));
  EXPECT_THAT(text, HasSubstr(" events/hour-499.ndjson.gz | ringfence explain</pre>"));
  copied.reproduce.clear();
  copied.reproduce_note = "Nothing gives it again.";
  EXPECT_THAT(report_html(copied),
              HasSubstr("How to reproduce this</h2>\n<p id=\"reproduce-note\" class=\"dim\">Nothing gives it again.</p>\n</main>"));
}

TEST(Report, ShowsNoLevelWhereNoneIsKnown) {
  ReportPage freed = page();
  freed.calls.push_back({.known = false, .event_id = "call-3", .tool = "git/get", .level = Level::Halt, .score = 1e11});
  freed.judged = "Behind the release none is shown.";
  const std::string text = report_html(freed);
  const std::string row = text.substr(text.find("call-3"));
  EXPECT_THAT(row.substr(0, row.find("</tr>")), HasSubstr("<td class=\"num\"></td><td>not known</td>"));
  EXPECT_THAT(text, HasSubstr(">call 2</text>\n</svg>\n<p id=\"judged\" class=\"dim\">Behind the release none is shown.</p>"));
}

TEST(Report, SaysWhatWouldHaveToDifferAndWhatWouldLeaveNothing) {
  ReportPage guessed = page();
  say_what_would_differ(guessed.account);
  const std::string text = report_html(guessed);
  EXPECT_THAT(text, HasSubstr("<li>without 1 of the 5 &quot;barrier: denied, near-miss&quot;: about "));
  EXPECT_THAT(text, HasSubstr(", no finding</li>"));
}

}  // namespace
}  // namespace ringfence
