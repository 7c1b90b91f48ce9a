// SPDX-License-Identifier: Apache-2.0
#include "engine/app/live_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/event/utf8.h"

namespace ringfence {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

json agent(const std::string& name) {
  return {{"tenant", "corp"},
          {"agent", name},
          {"level", "halt"},
          {"score", 7.87e10},
          {"threat", "barrier.guessing"},
          {"last", "2026-11-21T08:00:00Z"},
          {"passed", 3}};
}
json contained(const std::string& scope) {
  return {{"scope", scope}, {"level", "halt"}, {"state", "partially enforced"}, {"since", "2026-11-21T08:00:00Z"}};
}
json view(std::size_t agents, std::size_t contained_count) {
  json out{{"agents", json::array()},
           {"agents_count", agents},
           {"shards", {{{"records", 7}, {"feed_delay_ms", 5}}, {{"records", 1}, {"feed_delay_ms", 9}}}},
           {"contained", json::array()},
           {"contained_count", contained_count}};
  for (std::size_t i = 0; i < agents; ++i) out["agents"].push_back(agent("a" + std::to_string(i)));
  for (std::size_t i = 0; i < contained_count; ++i) out["contained"].push_back(contained("agent:corp/c" + std::to_string(i)));
  return out;
}
std::size_t lines_of(const std::string& page) { return static_cast<std::size_t>(std::ranges::count(page, '\n')); }
std::size_t widest_of(std::string_view page) {
  std::size_t widest = 0, width = 0;
  while (!page.empty()) {
    const utf8::Step step = utf8::next(page);
    EXPECT_TRUE(step.valid);
    width = step.code == U'\n' ? 0 : width + 1;
    widest = std::max(widest, width);
    page.remove_prefix(step.length);
  }
  return widest;
}

TEST(LivePage, MarksWhatWaitsForApproval) {
  json all = view(0, 3);
  all["contained"][1]["pending"] = true;
  all["contained"][2]["pending"] = false;
  const auto page = live_page(all.dump(), std::nullopt);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->find("partially enforced, pending"), page->rfind("partially enforced, pending"));
  EXPECT_NE(page->find("partially enforced, pending"), std::string::npos);
}

TEST(LivePage, SaysTheFeedTheAgentsAndWhatIsContained) {
  const auto page = live_page(view(2, 1).dump(), std::nullopt);
  ASSERT_TRUE(page);
  EXPECT_THAT(*page,
              AllOf(HasSubstr("feed: 8 records behind, 9 ms from event to arrival; 2 agents to look at, 1 contained"), HasSubstr("corp/a1"),
                    HasSubstr("7.87e+10 barrier.guessing"), HasSubstr("agent:corp/c0"), HasSubstr("partially enforced")));
}

TEST(LivePage, StaysWithinTheTerminalHoweverMuchThereIs) {
  for (const auto& [agents, held] : {std::pair{200, 200}, {200, 0}, {0, 200}, {3, 200}, {200, 2}}) {
    for (const PageSize size : {PageSize{80, 24}, PageSize{40, 10}, PageSize{1, 1}, PageSize{300, 1000}}) {
      const auto page = live_page(view(static_cast<std::size_t>(agents), static_cast<std::size_t>(held)).dump(), size);
      ASSERT_TRUE(page);
      EXPECT_LE(lines_of(*page), std::max<std::size_t>(size.rows, 6));
      EXPECT_LE(widest_of(*page), size.columns);
    }
  }
  const auto both = live_page(view(200, 200).dump(), PageSize{120, 24});
  EXPECT_THAT(*both, AllOf(HasSubstr("corp/a0"), HasSubstr("corp/c0"))) << "many of the one do not hide the others";
  EXPECT_EQ(lines_of(*both), 24U) << "and the page is full";
}

TEST(LivePage, LetsNothingOfWhatAgentsCallThemselvesMoveTheTerminal) {
  const std::string evil =
      "\x1b[2J\xE2\x80\xAE"
      "evil\r\n\x07";
  json hostile = view(0, 0);
  hostile["agents"].push_back(agent(evil));
  for (const char* field : {"tenant", "level", "threat", "last"}) hostile["agents"][0][field] = evil;
  hostile["contained"].push_back({{"scope", evil}, {"level", evil}, {"state", evil}, {"since", evil}});
  const auto page = live_page(hostile.dump(), std::nullopt);
  ASSERT_TRUE(page);
  EXPECT_THAT(*page, AllOf(HasSubstr("\\x1B[2J"), Not(HasSubstr("\x1b")), Not(HasSubstr("\r")), Not(HasSubstr("\xE2\x80\xAE")),
                           Not(HasSubstr("\x07"))));
  EXPECT_EQ(lines_of(*page), lines_of(*live_page(view(1, 1).dump(), std::nullopt)));
  const auto line = live_line(hostile.dump());
  ASSERT_TRUE(line);
  EXPECT_THAT(*line, AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\xE2\x80\xAE"))));
  EXPECT_EQ(json::parse(*line), hostile) << "the same, only written anew";
}

TEST(LivePage, SaysWhenTheAnswerIsNoLiveView) {
  for (const std::string answer : {"", "[]", "{}", "7", R"({"agents":7,"shards":[],"contained":[]})",
                                   R"({"agents":[{}],"agents_count":1,"shards":[],"contained":[],"contained_count":0})",
                                   R"({"agents":[],"agents":[],"shards":[],"contained":[]})"})
    EXPECT_FALSE(live_page(answer, std::nullopt)) << answer;
}

}  // namespace
}  // namespace ringfence
