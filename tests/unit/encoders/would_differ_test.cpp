// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/would_differ.h"

#include <gmock/gmock.h>

#include "connectors/encoders/finding_account.h"
#include "connectors/encoders/ocsf.h"
#include "tests/unit/encoders/findings.h"

namespace ringfence {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Difference::Acts kTwoNearMisses{"barrier", "denied, near-miss", "after a refusal", 2, 5};

std::vector<std::string> said_of(Account account) {
  say_what_would_differ(account);
  return account.would_differ;
}

/// The finding of the contract with these ways to a lower level.
Account guessing(std::vector<Difference> ways) {
  Account account = account_of(testing::golden_record());
  account.explanation->would_differ = Differences{Level::Halt, std::move(ways)};
  return account;
}

TEST(WouldDiffer, SaysWhatWouldLowerTheLevelAndWhatWouldLeaveNothing) {
  EXPECT_THAT(said_of(account_of(testing::golden_record())),
              ElementsAre("without 1 of the 5 \"barrier: denied, near-miss\": about 6.5e8, throttle",
                          "without 4 of the 5 \"barrier: denied, near-miss\": about 350, no finding"));
}

TEST(WouldDiffer, SaysWhereTheScoreMayBeLowerAndRoundsUp) {
  EXPECT_THAT(said_of(guessing({{{kTwoNearMisses, {"volume", "above p99", "one ladder", 3, 3}}, 8.31e4, true, Level::Observe}})),
              ElementsAre("without 2 of the 5 \"barrier: denied, near-miss\" and the 3 \"volume: above p99\": at most 8.4e4, no finding"));
}

/// Two rows that differ in nothing but what came before are two different things to leave out.
TEST(WouldDiffer, NamesTheContextWhereRowsDifferInThatAlone) {
  Account account = guessing({{{kTwoNearMisses}, 5e6, false, Level::Alert}});
  account.explanation->rows[1].cls = account.explanation->rows[0].cls;
  account.explanation->rows[1].context = "after a success";
  EXPECT_THAT(said_of(account), ElementsAre("without 2 of the 5 \"barrier: denied, near-miss, after a refusal\": about 5e6, alert"));
}

TEST(WouldDiffer, IsReadBackFromAFinding) {
  FindingRecord record = testing::golden_record();
  record.explanation->would_differ = Differences{
      Level::Halt, {{{kTwoNearMisses}, 5e6, false, Level::Alert}, {{kTwoNearMisses, kTwoNearMisses}, 83100, true, Level::Observe}}};
  const auto read = account_of_finding(encode_finding(record));
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(said_of(*read), said_of(account_of(record)));
}

TEST(WouldDiffer, SaysThatItIsNotKnownOfAFindingOfAFormerBuild) {
  Account account = account_of(testing::golden_record());
  account.explanation->would_differ.reset();
  EXPECT_THAT(said_of(account), ElementsAre("not known: a former build wrote this record"));
  EXPECT_THAT(said_of(guessing({})), IsEmpty());
}

TEST(WouldDiffer, ADeclaredBreakIsUndoneByItsActsAlone) {
  Account account = account_of(testing::breach_record());
  account.count = 1;
  EXPECT_THAT(said_of(account), ElementsAre("without this act: no finding, as of this record"));
  account.count = 7;
  EXPECT_THAT(said_of(account), ElementsAre("without any of the 7 acts that it counts: no finding, as of this record"));
  account.held_acts = 3;
  EXPECT_THAT(said_of(account), ElementsAre("without one of the 3 held acts of its session: hold",
                                            "without any of the 7 acts that it counts: no finding, as of this record"));
}

/// A finding that something declared was broken for stands whatever the evidence comes to; what the evidence comes to is said all the same.
TEST(WouldDiffer, OfEvidenceBesideABreachSaysWhatItAloneLeadsTo) {
  Account account = account_of(testing::breach_record());
  account.explanation =
      guessing({{{kTwoNearMisses}, 5e6, false, Level::Alert}, {{kTwoNearMisses}, 4e4, false, Level::Observe}}).explanation;
  EXPECT_THAT(said_of(account),
              ElementsAre("of the evidence, without 2 of the 5 \"barrier: denied, near-miss\": about 5e6, alert",
                          "without every act that broke what is declared, and without 2 of the 5 \"barrier: denied, near-miss\": about "
                          "4e4, no finding, as of this record"));
  account.explanation->would_differ = Differences{Level::Observe, {}};
  EXPECT_THAT(said_of(account), ElementsAre("without every act that broke what is declared: no finding, as of this record"));
  account.explanation->would_differ = Differences{Level::Halt, {}};
  EXPECT_THAT(said_of(account), IsEmpty()) << "the evidence is enough for a halt, and nobody knows without what it were not";
}

}  // namespace
}  // namespace ringfence
