// SPDX-License-Identifier: Apache-2.0
#include "models/scope_argument.h"

#include <gmock/gmock.h>

#include "models/scope.h"
#include "tests/unit/models/scope_world.h"

namespace ringfence::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

ValueSet values(std::unordered_set<std::string> set, std::string list = {}) { return {std::move(list), std::move(set)}; }

struct Argument : ::testing::Test {
  World world{scope_channel()};

  /// The rule of argument `x` of the only action.
  ArgumentRule& x() {
    std::vector<ArgumentRule>& rules = world.job.actions.front().arguments;
    if (rules.empty()) rules.push_back(rule("x"));
    return rules.front();
  }
  static Made text(std::string value) { return call("files/read").with("x", std::move(value)); }
  static Made number(std::string value) { return call("files/read").number("x", std::move(value)); }
  void holds(Made made) { EXPECT_THAT(world.breaks(std::move(made)), IsEmpty()); }
  std::string broken(Made made, const char* analytic = "scope.argument") {
    const Reading reading = world.read(std::move(made));
    EXPECT_THAT(World::uids(reading), ElementsAre(analytic));
    return reading.breaches.empty() ? "" : reading.breaches.front().what;
  }
};

TEST_F(Argument, InListTakesOnlyListedValues) {
  x().in_list = values({"acme", "globex"}, "suppliers");
  holds(text("acme"));
  EXPECT_EQ(broken(text("Acme Ltd")), "argument x, a value of shape mixed (8 characters), is not in the list suppliers");
  broken(text("acme "));
  broken(text(""));
}

TEST_F(Argument, EveryElementOfAnArrayMustHold) {
  x().one_of = values({"a", "b"});
  holds(call("files/read").with("x/0", "a").with("x/1", "b"));
  EXPECT_THAT(broken(call("files/read").with("x/0", "a").with("x/1", "c").with("x/2", "d")), HasSubstr("(2 of 3 values)"));
}

TEST_F(Argument, OneOfComparesNumbersAndTruthAsTheyAreWritten) {
  x().one_of = values({"1", "true"});
  holds(number("1"));
  broken(number("2"));
}

TEST_F(Argument, GlobMustMatch) {
  x().glob = GlobSet({"reports/*"});
  holds(text("reports/may"));
  broken(text("payroll/may"));
}

TEST_F(Argument, MaximumAndMinimumHoldAtTheirValue) {
  x().max = 50000;
  x().min = 1;
  holds(number("50000"));
  holds(number("1"));
  holds(number("5e3"));
  EXPECT_EQ(broken(number("50000.01")), "argument x is above the declared maximum 50000");
  EXPECT_EQ(broken(number("0.5")), "argument x is below the declared minimum 1");
}

TEST_F(Argument, AmountWrittenAsTextIsReadAsTheNumberItIs) {
  x().max = 50000;
  holds(text("49999.5"));
  broken(text("60000"));
  broken(text("+60000"));
}

TEST_F(Argument, WhatIsNoFiniteNumberBreaksAMaximum) {
  x().max = 50000;
  for (const char* value : {"lots", "1e999", "-1e999", "nan", "inf", "0x10", "60 000", "", "1,5"}) broken(text(value));
  broken(number("1e400"));
}

TEST_F(Argument, MaxLengthCountsCharactersNotBytes) {
  x().max_length = 3;
  holds(text("äöü"));
  EXPECT_EQ(broken(text("abcd")), "argument x is longer than the declared 3 characters");
}

TEST_F(Argument, SelectiveRefusesWhatMatchesEverythingAsAnAnalyticOfItsOwn) {
  x().selective = true;
  holds(text("smith"));
  for (const char* everything : {"", "*", "%", ".*"})
    EXPECT_EQ(broken(text(everything), "breadth.predicate"), "argument x selects everything, declared is selective");
  EXPECT_THAT(broken(call("files/read").empty("x"), "breadth.predicate"), HasSubstr("is empty and so selects everything"));
}

TEST_F(Argument, SelectiveArgumentThatIsAbsentWhileOthersAreGivenSelectsNothing) {
  x().selective = true;
  for (const bool null : {false, true}) {
    EXPECT_EQ(broken(null ? call("files/read").null("x") : call("files/read").with("y", "9"), "breadth.predicate"),
              "argument x is absent and so selects everything, declared is selective");
  }
  EXPECT_TRUE(lacks(world.read(call("files/read")), Lacking::Argument)) << "without args nothing is known of any";
}

TEST_F(Argument, WhatAnIdentifierNamesNeedsNoSelectiveArgument) {
  x().selective = true;
  world.job.actions.front().arguments.push_back(rule("id"));
  world.job.actions.front().arguments.back().identifier = true;
  holds(call("files/read").with("id", "C-1"));
  EXPECT_TRUE(lacks(world.read(call("files/read").with("id", "C-1")), Lacking::Argument));
  broken(call("files/read").with("id", ""), "breadth.predicate");
}

TEST_F(Argument, PredicateTooLongToTellIsNotEvaluable) {
  x().selective = true;
  const Reading reading = world.read(text("name = '" + std::string(5000, 'a') + "'"));
  EXPECT_THAT(reading.breaches, IsEmpty());
  EXPECT_TRUE(lacks(reading, Lacking::Argument));
  broken(text("*" + std::string(5000, ' ')), "breadth.predicate");
}

TEST_F(Argument, IdentifierOfAnotherShapeBreaksTheDeclaredOne) {
  x().shapes = {"hex-40"};
  x().identifier = true;
  holds(text(std::string(40, 'a')));
  EXPECT_THAT(broken(text(std::string(41, 'a'))), HasSubstr("of shape hex-41 (41 characters), is not of the declared shape hex-40"));
}

TEST_F(Argument, ShapesAreJudgedByReportedIdentifiersWhereNoValuesAreSent) {
  x().shapes = {"hex-40"};
  holds(call("files/read").ids({"x=hex-40:0123456789abcdef", "y=word:0123456789abcdef"}));
  EXPECT_EQ(broken(call("files/read").ids({"x=hex-41:0123456789abcdef"})), "argument x is not of the declared shape hex-40");
}

TEST_F(Argument, AbsentOrNullArgumentIsNotEvaluable) {
  x().max = 5;
  for (const bool null : {false, true}) {
    const Reading reading = world.read(null ? call("files/read").null("x") : call("files/read").with("y", "9"));
    EXPECT_THAT(reading.breaches, IsEmpty());
    EXPECT_TRUE(lacks(reading, Lacking::Argument));
  }
}

TEST_F(Argument, AbsenceOfARequiredArgumentIsTheBreach) {
  x().required = true;
  holds(text("here"));
  holds(text(""));
  holds(call("files/read").ids({"x=word:0123456789abcdef"}));
  EXPECT_EQ(broken(call("files/read").with("y", "9")), "argument x is required and absent");
  broken(call("files/read"));
  broken(call("files/read").null("x"));
  broken(call("files/read").empty("x"));
}

TEST_F(Argument, ArgumentWithoutPredicateIsNotCountedAsUnjudged) {
  x().identifier = true;
  EXPECT_FALSE(lacks(world.read(call("files/read")), Lacking::Argument));
}

TEST_F(Argument, RulesOfAnotherActionDoNotApply) {
  world.job.actions.push_back(action("other", {"files/other"}));
  x().max = 5;
  holds(call("files/other").number("x", "9"));
}

TEST_F(Argument, ValuesStandInTheWordsOnlyWhereThePersonaShowsThem) {
  x().max = 50000;
  x().one_of = values({"EUR"});
  EXPECT_THAT(broken(text("GB29NWBK60161331926819")), Not(HasSubstr("GB29")));
  World open{scope_channel()};
  open.job = world.job;
  open.job.show = {"x"};
  const Reading shown = open.read(text("GB\x1b[31m29\n"));
  ASSERT_THAT(shown.breaches, SizeIs(1));
  EXPECT_THAT(shown.breaches.front().what, AllOf(HasSubstr("GB"), HasSubstr("29"), Not(HasSubstr("\x1b")), Not(HasSubstr("\n"))));
}

TEST_F(Argument, LongHostileValueMakesShortWords) {
  x().one_of = values({"EUR"});
  EXPECT_LT(broken(text(std::string(60000, '-') + std::string(5000, '9'))).size(), 200U);
}

}  // namespace
}  // namespace ringfence::testing
