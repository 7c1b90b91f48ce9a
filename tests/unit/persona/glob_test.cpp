// SPDX-License-Identifier: Apache-2.0
#include "engine/persona/glob.h"

#include <gtest/gtest.h>

#include <chrono>

namespace ringfence {
namespace {

struct Case {
  const char *pattern, *text;
  bool matches;
};

TEST(Glob, MatchesAsTheContractSays) {
  constexpr Case kCases[] = {
      {"mail/search", "mail/search", true},
      {"mail/search", "mail/search2", false},
      {"", "", true},
      {"", "a", false},
      {"*", "", true},
      {"*", "payments", true},
      {"*", "payments.create", false},
      {"**", "a/b.c:d", true},
      {"erp/invoice.*", "erp/invoice.match", true},
      {"erp/invoice.*", "erp/invoice.line.match", false},
      {"*/iam.*", "aws/iam.create", true},
      {"*/iam.*", "aws/eu/iam.create", false},
      {"repos/billing-*/**", "repos/billing-core/src/a.c", true},
      {"repos/billing-*/**", "repos/billing-core", false},
      {"repos/billing-*/**", "repos/other/src", false},
      {"spiffe://corp.example/agent/code-*", "spiffe://corp.example/agent/code-7", true},
      {"spiffe://corp.example/agent/code-*", "spiffe://corp.example/agent/code-7/x", false},
      {"**/secrets/**", "a/b/secrets/c/d", true},
      {"**/secrets/**", "secrets/c", false},
      {"a*b*c", "aXbYc", true},
      {"a*b*c", "aXb/Yc", false},
      {"a*b**c", "aXb/Y.c", true},
      {"*.corp.example", "mail.corp.example", true},
      {"*.corp.example", "a.mail.corp.example", false},
      {"**.corp.example", "a.mail.corp.example", true},
      {"a***b", "a/x/b", true},
      {"ab*ab", "ab", false},
      {"ab*ab", "abab", true},
      {"x?[y]", "x?[y]", true},
      {"x?[y]", "xz[y]", false},
      {"*ab*ab*", "xabyabz", true},
      {"*ab*ab*", "xabz", false},
      {"m\xC3\xBC*", "m\xC3\xBCller", true},
  };
  for (const Case& c : kCases) EXPECT_EQ(Glob(c.pattern).matches(c.text), c.matches) << c.pattern << " against " << c.text;
}

TEST(Glob, LongPatternsMatchLikeShortOnes) {
  std::string pattern, text;
  for (int i = 0; i < 40; ++i) pattern += "ab*", text += "abXY";
  EXPECT_TRUE(Glob(pattern).matches(text));
  EXPECT_FALSE(Glob(pattern + "q").matches(text));
}

TEST(Glob, AHostilePatternCostsNoMoreThanTextTimesPattern) {
  const Glob glob("**a*a*a*a*a*a*a*a*a*a*a*a**a*a*a*b**b");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(glob.matches(std::string(20000, 'a') + "cb"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST(Glob, MoreLiteralCharactersAreMoreSpecificThenFewerDoubleThenFewerSingleStars) {
  EXPECT_TRUE(Glob("code-*").less_specific_than(Glob("code-7*")));
  EXPECT_TRUE(Glob("ab**").less_specific_than(Glob("ab*")));
  EXPECT_TRUE(Glob("*ab*").less_specific_than(Glob("ab*")));
  EXPECT_TRUE(Glob("a*b").same_specificity(Glob("ab*")));
  EXPECT_TRUE(Glob("**").less_specific_than(Glob("*")));
}

TEST(Glob, OverlapMeansThatSomeTextMatchesBoth) {
  EXPECT_TRUE(Glob("a-*").overlaps(Glob("*-b")));
  EXPECT_FALSE(Glob("a-*").overlaps(Glob("b-*")));
  EXPECT_TRUE(Glob("a/**").overlaps(Glob("a/*/c")));
  EXPECT_FALSE(Glob("a*").overlaps(Glob("a/b")));
  EXPECT_TRUE(Glob("*").overlaps(Glob("")));
  EXPECT_FALSE(Glob("x*y").overlaps(Glob("x.y")));
  EXPECT_TRUE(Glob("x**y").overlaps(Glob("x.*")));
}

TEST(GlobSet, GivesTheMostSpecificThatMatches) {
  const GlobSet set({"**", "repos/**", "repos/billing/*"});
  EXPECT_EQ(set.most_specific("repos/billing/a")->pattern(), "repos/billing/*");
  EXPECT_EQ(set.most_specific("repos/other/a")->pattern(), "repos/**");
  EXPECT_EQ(GlobSet().most_specific("x"), nullptr);
  EXPECT_FALSE(GlobSet().matches(""));
}

}  // namespace
}  // namespace ringfence
