// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/evaluability.h"

#include <gmock/gmock.h>

#include "tests/unit/pipeline/watch.h"

namespace ringfence::testing {
namespace {

using ::testing::Contains;

constexpr auto kVolume = static_cast<std::size_t>(ChannelId::Volume);

TEST(Evaluability, AbsentFieldsAreCountedForTheSourceThatDoesNotSendThem) {
  Evaluability counts;
  counts.note("gateway-a", std::vector{ChannelId::Volume}, bit_of(Lacking::Quantity) | bit_of(Lacking::Session));
  counts.note("gateway-a", std::vector{ChannelId::Volume}, 0);
  counts.note("gateway-b", {}, bit_of(Lacking::Session));
  counts.note("gateway-b", {}, 0);
  counts.note("", std::vector{ChannelId::Flow}, 0);
  const auto rows = counts.rows();
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].source, "gateway-a");
  EXPECT_EQ(rows[0].events, 2U);
  EXPECT_EQ(rows[0].channels.at(kVolume), 2U);
  EXPECT_EQ(rows[0].lacking.at(static_cast<std::size_t>(Lacking::Quantity)), 1U);
  EXPECT_EQ(rows[1].events, 1U) << "an act that lacks nothing is none";
  EXPECT_EQ(rows[2].source, Evaluability::kUnnamed);
}

TEST(Evaluability, SourcesBeyondTheLastSlotAreCountedTogether) {
  Evaluability counts;
  for (int i = 0; i < 40; ++i) counts.note("s" + std::to_string(i), std::vector{ChannelId::Volume}, 0);
  const auto rows = counts.rows();
  ASSERT_EQ(rows.size(), Evaluability::kSources);
  EXPECT_EQ(rows.back().source, Evaluability::kOthers);
  EXPECT_EQ(rows.back().channels.at(kVolume), 40 - (Evaluability::kSources - 1));
}

TEST(Evaluability, OfSeveralShardsIsTheSumBySource) {
  Evaluability one, other;
  one.note("a", std::vector{ChannelId::Volume}, 0);
  other.note("b", std::vector{ChannelId::Volume}, 0);
  other.note("a", std::vector{ChannelId::Volume}, 0);
  auto rows = one.rows();
  Evaluability::add(rows, other.rows());
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].channels.at(kVolume), 2U);
}

/// A session that the source does not report: what the job declares per session is not judged, and no zero.
TEST(Evaluability, JudgementSaysWhatItLacked) {
  const Rulebook rules =
      rulebook({clerk("mode: enforce") + "data: {per_call: {records: {p50: 1, p99: 10}}, per_session: {records: {max: 5}}}\n"});
  Rehearsal rehearsal(rules);
  const auto judged = rehearsal.feed(
      R"({"v":1,"kind":"tool_call","id":"e1","time":"2026-11-20T08:00:00Z","agent":{"id":"clerk-1"},"tool":{"server":"files","name":"read"},"outcome":{"status":"ok"}})");
  ASSERT_TRUE(judged);
  EXPECT_THAT(judged->not_evaluable, Contains(ChannelId::Volume));
  EXPECT_NE(judged->lacking & bit_of(Lacking::Quantity), 0U);
  EXPECT_NE(judged->lacking & bit_of(Lacking::Session), 0U);
}

}  // namespace
}  // namespace ringfence::testing
