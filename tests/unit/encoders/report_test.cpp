// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/report.h"

#include <gmock/gmock.h>

#include <cmath>

namespace ringfence {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// The example of the finding contract: five near-misses and a guess after one refusal.
Explanation guessing() {
  Explanation e{.threat = "guess", .family = "barrier", .null = "declared", .scope = "agent"};
  e.prior = -3.00;
  e.start = .67;
  e.late_starts = .33;
  e.others = .69;
  e.rows = {{"barrier", "denied, near-miss", "after a refusal", 5, 24.21, .003, .83, {"call-1", "call-2", "call-9"}},
            {"barrier", "denied, guess-shaped", "after a refusal", 1, 1.90, .03, .17, {"call-5"}},
            {"barrier", "fine", "after a success", 2, .29, 1, 1, {}}};
  e.ln_score = e.prior + e.start + e.late_starts + e.others + 24.21 + 1.90 + .29;
  e.score = std::exp(e.ln_score);
  e.tolerance = 1.5;
  e.threshold = 1e10;
  e.share = 1;
  return e;
}

ReportPage page() {
  ReportPage page{.finding_uid = "rf-5b1c9a0e77d24f18"};
  page.account = {.agent = "maintainer", .tenant = "corp", .persona = "code-maintainer@2.0.0", .level = "halt", .applied = "halt"};
  page.account.analytic = "barrier.guessing";
  page.account.title = "Agent guesses commit identifiers after refusals";
  page.account.sentence = "7 of the last 7 calls were refused.";
  page.account.explanation = guessing();
  page.records = {{"Create", "alert", "call-4", "It began.", EventTime{}}};
  page.calls = {{.event_id = "call-1", .tool = "git/get", .outcome = "ok", .score = 1},
                {.event_id = "call-2", .tool = "git/get", .outcome = "denied", .score = 1e11, .marks = {"barrier: denied, near-miss"}}};
  page.alert = 1e5;
  page.throttle = 1e7;
  page.halt = 1e10;
  page.reproduce = "ringfence replay …";
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
  hostile.reproduce = attack;
  hostile.account.level = "halt\" onclick=\"x";
  const std::string text = report_html(hostile);
  EXPECT_THAT(text, Not(HasSubstr("<script")));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\xe2\x80\xae")));
  EXPECT_THAT(text, Not(HasSubstr("onclick=\"")));
  EXPECT_THAT(text, HasSubstr("&lt;script&gt;"));
}

TEST(Report, SaysWhatWouldHaveToDiffer) {
  const auto differ = what_would_differ(guessing(), {1e5, 1e7, 1e10});
  ASSERT_FALSE(differ.empty());
  EXPECT_THAT(differ.front(), HasSubstr("without 1 of the 5 \"barrier: denied, near-miss\""));
  EXPECT_THAT(differ.front(), HasSubstr("throttle"));
}

TEST(Report, SaysWhatWouldLeaveNothing) {
  EXPECT_THAT(what_would_leave_nothing(guessing(), {1e5, 1e7, 1e10}),
              AllOf(HasSubstr("without 4 of the 5 \"barrier: denied, near-miss\": about "), HasSubstr(", no finding")));
  EXPECT_THAT(what_would_leave_nothing(guessing(), {2, 1e7, 1e10}),
              HasSubstr("the 5 \"barrier: denied, near-miss\" and the one \"barrier: denied, guess-shaped\": about "));
  EXPECT_THAT(what_would_leave_nothing(guessing(), {.halt = 1e10}), IsEmpty()) << "nobody knows where alerts begin";
  Explanation held = guessing();
  held.share = .5;
  EXPECT_THAT(what_would_leave_nothing(held, {1e5, 1e7, 1e10}), IsEmpty()) << "other threats hold enough";
}

TEST(Report, PromisesNoDifferenceWhereThereIsNone) {
  Explanation small = guessing();
  small.ln_score = std::log(50.);
  small.score = 50;
  EXPECT_TRUE(what_would_differ(small, {1e5, 1e7, 1e10}).empty());
}

}  // namespace
}  // namespace ringfence
