// SPDX-License-Identifier: Apache-2.0
#include "engine/app/live_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/app/http_ask.h"

namespace ringfence {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Judgement judged(const std::string& agent, Level level, double score) {
  Judgement out;
  out.verdict.event_id = "1";
  out.verdict.tenant = "corp";
  out.verdict.agent_id = agent;
  out.verdict.level = level;
  out.verdict.score = score;
  return out;
}

std::vector<std::string> agents_of(const LiveView& view) {
  const auto json = nlohmann::json::parse(encode_live_view(view.shown(), {{7, 5'000'000}}, {}));
  std::vector<std::string> out;
  for (const auto& row : json.at("agents")) out.push_back(row.at("agent"));
  return out;
}

TEST(LiveView, ShowsTheHighestLevelsAndScoresFirstAndNobodyWithoutEvidence) {
  LiveView view;
  view.see(judged("calm", Level::Observe, 0.2));
  view.see(judged("held", Level::Hold, 0));
  view.see(judged("suspect", Level::Observe, 30));
  view.see(judged("halted", Level::Halt, 1e10));
  EXPECT_THAT(agents_of(view), ElementsAre("halted", "held", "suspect"));
  view.see(judged("held", Level::Observe, 0.1));
  EXPECT_THAT(agents_of(view), ElementsAre("halted", "suspect"));
}

TEST(LiveView, KeepsTheHighestWhereThereAreMoreThanItShows) {
  LiveView view;
  for (std::size_t i = 0; i < 2 * LiveView::kRows; ++i) view.see(judged("a" + std::to_string(i), Level::Alert, 1 + static_cast<double>(i)));
  EXPECT_THAT(view.shown(), SizeIs(LiveView::kRows));
  EXPECT_EQ(agents_of(view).front(), "a" + std::to_string(2 * LiveView::kRows - 1));
}

TEST(LiveView, ForgetsWhomAnOperatorReleasedAtOnce) {
  LiveView view;
  view.see(judged("halted", Level::Halt, 1e10));
  Judgement released;
  released.containments.push_back({.scope = "agent:corp/halted", .agent_id = "halted", .tenant = "corp", .contained = false});
  view.see(released);
  EXPECT_THAT(agents_of(view), IsEmpty());
}

TEST(LiveView, ForgetsWhoWasShownForAWiderScopeThatWasReleased) {
  LiveView view;
  view.see(judged("of-the-user", Level::Halt, 1e10));
  view.see(judged("another", Level::Halt, 1e10));
  Judgement released;
  FindingRecord closed;
  closed.tenant = "corp";
  closed.agent_id = "of-the-user";
  closed.close_reason = "released";
  released.findings.push_back(closed);
  view.see(released);
  EXPECT_THAT(agents_of(view), ElementsAre("another"));
}

TEST(LiveView, SaysHowFarShardsAreBehindAndWhatIsContained) {
  const EnforcementBoard::Standing standing{
      .latest = {{"agent:corp/a\x1b", Level::Halt, EnforcementState::Partial, EventTime{1'795'170'000'000'000'000}, true}}, .count = 3};
  const auto json = nlohmann::json::parse(encode_live_view({}, {{7, 5'000'000}, {0, 0}}, standing));
  EXPECT_EQ(json.at("shards").at(0), (nlohmann::json{{"records", 7}, {"feed_delay_ms", 5}}));
  EXPECT_EQ(json.at("contained").at(0).at("state"), "partially enforced");
  EXPECT_EQ(json.at("contained").at(0).at("pending"), true);
  EXPECT_EQ(json.at("contained_count"), 3);
}

TEST(LiveView, StaysWithinWhatIsReadHoweverManyThereAreAndWhateverTheyAreCalled) {
  const std::string longest = [] {
    std::string text;
    for (int i = 0; i < 512; ++i) text += "\xF0\x9F\x91\xBE";
    return text;
  }();
  std::vector<LiveView::Row> rows(1000, {.tenant = longest.substr(0, 512), .agent = longest, .threat = "barrier.guessing"});
  const EnforcementBoard::Standing standing{.latest = {LiveView::kShown, {.scope = std::string(8192, 'a')}}, .count = 1000};
  const std::string told = encode_live_view(std::move(rows), {}, standing);
  EXPECT_LT(told.size(), kHttpReplyBytes);
  EXPECT_EQ(nlohmann::json::parse(told).at("agents_count"), 1000);
  EXPECT_THAT(nlohmann::json::parse(told).at("agents"), SizeIs(LiveView::kShown));
}

}  // namespace
}  // namespace ringfence
