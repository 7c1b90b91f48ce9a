// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/would_differ.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/unit/encoders/findings.h"

namespace ringfence {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// The example of the finding contract, with no other threat beside it.
Explanation guessing() {
  Explanation alone = testing::golden_explanation();
  alone.share = 1;
  return alone;
}

TEST(WouldDiffer, SaysWhatWouldHaveToDiffer) {
  const auto differ = what_would_differ(guessing(), {1e5, 1e7, 1e10});
  ASSERT_FALSE(differ.empty());
  EXPECT_THAT(differ.front(), HasSubstr("without 1 of the 5 \"barrier: denied, near-miss\""));
  EXPECT_THAT(differ.front(), HasSubstr("throttle"));
}

TEST(WouldDiffer, SaysWhatWouldLeaveNothing) {
  EXPECT_THAT(what_would_leave_nothing(guessing(), {1e5, 1e7, 1e10}),
              AllOf(HasSubstr("without 4 of the 5 \"barrier: denied, near-miss\": about "), HasSubstr(", no finding")));
  EXPECT_THAT(what_would_leave_nothing(guessing(), {2, 1e7, 1e10}),
              HasSubstr("the 5 \"barrier: denied, near-miss\" and the one \"barrier: denied, guess-shaped\": about "));
  EXPECT_THAT(what_would_leave_nothing(guessing(), {.halt = 1e10}), IsEmpty()) << "nobody knows where alerts begin";
  Explanation held = guessing();
  held.share = .5;
  EXPECT_THAT(what_would_leave_nothing(held, {1e5, 1e7, 1e10}), IsEmpty()) << "other threats hold enough";
}

/// A call between two declared rungs says nothing of a halt and much of an alert.
TEST(WouldDiffer, LeavesNothingOnlyWhereWhatAlertsWeighMoreIsGoneToo) {
  Explanation e = guessing();
  EvidenceRow between{"volume", "above p90", "one ladder", 4, -.2, .75, .1, {}};
  between.alerts_more = 2;
  e.rows.push_back(between);
  EXPECT_THAT(what_would_leave_nothing(e, {1e5, 1e7, 1e10}), HasSubstr("without the 5 \"barrier: denied, near-miss\": about "));
}

/// Two rows that differ in nothing but what came before are two different things to leave out.
TEST(WouldDiffer, NamesTheContextWhereRowsDifferInThatAlone) {
  Explanation e = guessing();
  e.rows[0].context = "after a success";
  e.rows[1].cls = e.rows[0].cls;
  e.rows[1].nats = 20;
  const auto differ = what_would_differ(e, {1e5, 1e7, 1e10});
  ASSERT_EQ(differ.size(), 2U);
  EXPECT_THAT(differ[0], HasSubstr("\"barrier: denied, near-miss, after a success\""));
  EXPECT_THAT(differ[1], HasSubstr("\"barrier: denied, near-miss, after a refusal\""));
}

TEST(WouldDiffer, SaysOfTheSameActsOnceWhatWouldDiffer) {
  Account account = account_of(testing::golden_record());
  account.explanation->share = 1;
  account.explanation->rows.resize(1);
  say_what_would_differ(account, {.alert = 1e10});
  EXPECT_THAT(account.would_differ, ElementsAre(AllOf(HasSubstr("without 1 of the 5"), HasSubstr("no finding"))));
}

TEST(WouldDiffer, PromisesNoDifferenceWhereThereIsNone) {
  Explanation small = guessing();
  small.ln_score = std::log(50.);
  small.score = 50;
  EXPECT_TRUE(what_would_differ(small, {1e5, 1e7, 1e10}).empty());
}

TEST(WouldDiffer, ADeclaredBreakIsUndoneByItsActsAlone) {
  Account account = account_of(testing::breach_record());
  account.count = 1;
  EXPECT_THAT(what_would_undo(account, {}), ElementsAre("without this act: no finding, as of this record"));
  account.count = 7;
  EXPECT_THAT(what_would_undo(account, {}), ElementsAre("without any of these 7 acts: no finding, as of this record"));
  account.held_acts = 3;
  EXPECT_THAT(what_would_undo(account, {}), ElementsAre("without one of the 3 held acts of its session: hold", HasSubstr("7 acts")));
  EXPECT_THAT(what_would_undo(account_of(testing::golden_record()), {}), IsEmpty());
}

/// A finding that something declared was broken for stands whatever the evidence comes to.
TEST(WouldDiffer, EvidenceBesideABreachUndoesNothingByItself) {
  Account account = account_of(testing::breach_record());
  account.explanation = guessing();
  say_what_would_differ(account, {1e5, 1e7, 1e10});
  EXPECT_THAT(account.would_differ, ElementsAre(AllOf(HasSubstr("without every act that broke what is declared, and without 4 of the 5"),
                                                      HasSubstr("no finding, as of this record"))));
  account.explanation->ln_score = std::log(50.);
  say_what_would_differ(account, {1e5, 1e7, 1e10});
  EXPECT_THAT(account.would_differ, ElementsAre("without every act that broke what is declared: no finding, as of this record"));
  account.explanation->threshold_of = Level::Halt;
  say_what_would_differ(account, own_level_of(account));
  EXPECT_THAT(account.would_differ, IsEmpty()) << "nobody knows where alerts begin";
}

}  // namespace
}  // namespace ringfence
