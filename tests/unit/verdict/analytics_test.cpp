// SPDX-License-Identifier: Apache-2.0
#include "engine/verdict/analytics.h"

#include <gmock/gmock.h>

#include <set>
#include <string>

namespace ringfence {
namespace {

TEST(Analytics, every_analytic_is_described_for_a_reader_and_an_analyst) {
  ASSERT_EQ(all_analytics().size(), kAnalytics);
  for (const AnalyticInfo& info : all_analytics()) {
    SCOPED_TRACE(std::string(uid_of(info.analytic)));
    EXPECT_EQ(&info, &info_of(info.analytic));
    for (const std::string_view text : {info.name, info.title, info.meaning, info.false_positives, info.check}) EXPECT_GT(text.size(), 8U);
    EXPECT_LT(info.name.size(), 60U);
    EXPECT_EQ(info.meaning.back(), '.');
    EXPECT_EQ(info.title.find('.'), std::string_view::npos) << "a clause, not a sentence";
  }
}

TEST(Analytics, names_are_distinct_so_that_a_table_can_be_read_by_them) {
  std::set<std::string_view> names;
  for (const AnalyticInfo& info : all_analytics()) EXPECT_TRUE(names.insert(info.name).second) << info.name;
}

TEST(Analytics, tags_carry_the_version_of_their_taxonomy) {
  for (const AnalyticInfo& info : all_analytics()) {
    SCOPED_TRACE(std::string(uid_of(info.analytic)));
    for (const TechniqueTag& tag : info.techniques) {
      EXPECT_THAT(std::string(tag.taxonomy), ::testing::MatchesRegex("(ATLAS|ATT&CK) .*[0-9].*"));
      EXPECT_FALSE(tag.tactic_uid.empty() && tag.technique_uid.empty());
      EXPECT_EQ(tag.tactic_uid.empty(), tag.tactic_name.empty());
      EXPECT_EQ(tag.technique_uid.empty(), tag.technique_name.empty());
    }
    for (const std::string_view tag : info.owasp_asi) EXPECT_THAT(std::string(tag), ::testing::MatchesRegex("ASI[0-9][0-9]:2026"));
  }
}

TEST(Analytics, statistics_never_start_above_an_alert) {
  for (const AnalyticInfo& info : all_analytics())
    if (info.kind == AnalyticKind::Statistical) {
      EXPECT_EQ(info.usual_level, Level::Alert) << uid_of(info.analytic);
    }
}

}  // namespace
}  // namespace ringfence
