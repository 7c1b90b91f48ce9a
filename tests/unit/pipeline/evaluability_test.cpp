// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/evaluability.h"

#include <gmock/gmock.h>

#include <array>

#include "tests/unit/pipeline/watch.h"

namespace ringfence::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

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

TEST(Evaluability, OfManySourcesTheSameAreNamedHoweverEventsAreSharedOut) {
  std::array<Evaluability, 4> shards;  // the first sees all
  for (int i = 0; i < 120; ++i) {
    const std::string source = "s" + std::to_string(100 + i * 17 % 40), field = "f" + std::to_string(i * 17 % 40);
    Event event;
    event.source.product = source;
    event.unknown_fields = 1;
    const std::array<std::string_view, 1> unknown{field};
    event.unknown_names = unknown;
    for (Evaluability* const shard : {&shards[0], &shards[static_cast<std::size_t>(1 + i % 3)]}) {
      shard->note(source, std::vector{ChannelId::Volume}, bit_of(Lacking::Session));
      shard->note_ignored(event);
    }
  }
  std::vector<Evaluability::Row> alone, together;
  Evaluability::add(alone, shards[0].rows());
  for (const std::size_t shard : {3U, 1U, 2U}) Evaluability::add(together, shards.at(shard).rows());
  ASSERT_EQ(alone.size(), Evaluability::kSources);
  EXPECT_EQ(alone.front().source, "s100");
  EXPECT_EQ(alone.back().source, Evaluability::kOthers);
  EXPECT_EQ(alone.back().events, 3 * (40 - (Evaluability::kSources - 1)));
  ASSERT_EQ(together.size(), alone.size());
  for (std::size_t i = 0; i < alone.size(); ++i) {
    EXPECT_EQ(together[i].source, alone[i].source);
    EXPECT_EQ(together[i].events, alone[i].events);
    EXPECT_EQ(together[i].channels, alone[i].channels);
    EXPECT_EQ(together[i].lacking, alone[i].lacking);
    EXPECT_EQ(together[i].ignoring, alone[i].ignoring);
    EXPECT_EQ(together[i].unknown_fields, alone[i].unknown_fields);
    EXPECT_EQ(together[i].unknown_names, alone[i].unknown_names);
    EXPECT_EQ(together[i].more_names, alone[i].more_names);
  }
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

Event with_unknown(std::span<const std::string_view> names, std::uint32_t fields) {
  Event event;
  event.source.product = "gateway-a";
  event.unknown_fields = fields;
  event.unknown_names = names;
  return event;
}

TEST(Evaluability, WhatASourceSendsInVainIsCountedAndNamed) {
  Evaluability counts;
  Event broken;
  broken.ignored_elements = 2;
  counts.note_ignored(broken);
  counts.note_ignored({});
  const std::string hostile = "\x1b[2J" + std::string(100, 'x');
  const std::array<std::string_view, 2> names{"outcme", hostile};
  for (int i = 0; i < 3; ++i) counts.note_ignored(with_unknown(names, 2));
  const auto rows = counts.rows();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].source, Evaluability::kUnnamed);
  EXPECT_EQ(rows[0].ignored_elements, 2U);
  EXPECT_EQ(rows[0].ignoring, 1U) << "an event that brings nothing in vain is none";
  EXPECT_EQ(rows[1].events, 0U);
  EXPECT_EQ(rows[1].ignoring, 3U);
  EXPECT_EQ(rows[1].unknown_fields, 6U);
  EXPECT_THAT(rows[1].unknown_names, ElementsAre("\"\\u001B[2J" + std::string(60, 'x') + "\"\u2026", "\"outcme\""));
  EXPECT_FALSE(rows[1].more_names);
}

TEST(Evaluability, OfManyNamesTheSameAreKeptHoweverEventsAreSharedOut) {
  Evaluability alone, even, odd;
  for (int i = 0; i < 40; ++i) {
    const std::string name = "field-" + std::to_string(i * 17 % 40 + 10);
    const std::array<std::string_view, 1> names{name};
    alone.note_ignored(with_unknown(names, 1));
    (i % 2 == 0 ? even : odd).note_ignored(with_unknown(names, 1));
  }
  auto rows = odd.rows();
  Evaluability::add(rows, even.rows());
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].unknown_names, alone.rows().at(0).unknown_names);
  EXPECT_EQ(rows[0].unknown_names.size(), Evaluability::kNames);
  EXPECT_EQ(rows[0].unknown_names.front(), "\"field-10\"");
  EXPECT_TRUE(rows[0].more_names && alone.rows().at(0).more_names);
  EXPECT_EQ(rows[0].unknown_fields, 40U);
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
