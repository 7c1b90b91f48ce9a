// SPDX-License-Identifier: Apache-2.0
// What the classes of flows come to over many calls, and labels that an earlier release stored.
#include <gmock/gmock.h>

#include <array>
#include <random>

#include "engine/event/event.h"
#include "models/detector.h"
#include "models/flow_memory.h"
#include "tests/unit/models/flow_story.h"

namespace ringfence::testing {
namespace {

TEST(FlowEvidence, AnAgentExactlyOnEveryCapRaisesNoMoreAlarmsThanTheBound) {
  // Reads and sinks in turn, each class as often as its cap allows: the mean of every factor is at most 1 then, whatever came before, so
  // S - t is a supermartingale and alarms are at most 1.011 calls over c (detection.md §2.2).
  FlowStory story;
  const std::array<const Channel*, 1> channels{&flow_channel()};
  const Tables tables(story.world.job, channels);
  const auto caps = flow_channel().caps(story.world.job);
  std::mt19937_64 rng(11);
  Evidence evidence;
  constexpr double kThreshold = 100;
  constexpr int kCalls = 400'000;
  int alarms = 0;
  bool above = false;
  for (int call = 0; call < kCalls; ++call) {
    const std::size_t context = call % 4 == 0 ? 0 : 1;
    double u = std::uniform_real_distribution<double>(0, 1)(rng);
    std::uint8_t cls = 0;
    for (std::uint8_t k = 6; k > 0 && cls == 0; --k) {  // the gravest first; what is left over is class 0
      u -= caps[context][k];
      if (u < 0) cls = k;
    }
    const std::array<RowId, 1> marks{RowId{ChannelId::Flow, static_cast<std::uint8_t>(context), cls}};
    update(evidence, tables, marks);
    const double score = scope_score(evidence, tables, Null::Alert);
    if (!above && score >= kThreshold) ++alarms;
    above = above ? score >= kThreshold / 100 : score >= kThreshold;
  }
  EXPECT_LE(alarms, 1.011 * kCalls / kThreshold);
  EXPECT_GT(alarms, 0) << "evidence that never moves would pass too";
}

TEST(FlowEvidence, WhoMaySendAnywhereIsNotHaltedForWhereItSends) {
  FlowStory story;
  Persona& job = story.world.job;
  const std::array<const Channel*, 1> channels{&flow_channel()};
  const auto factor = [&](External external, Null null, FlowClass cls) {
    job.destinations.external = external;
    const Tables tables(job, channels);
    const RowId row{ChannelId::Flow, 1, static_cast<std::uint8_t>(cls)};
    float most = 0;
    for (const Threat threat : {Threat::ToxicFlow, Threat::Ungrounded, Threat::Exfiltration})
      most = std::max(most, tables.row(null, row)[static_cast<std::size_t>(threat)]);
    return most;
  };
  for (const FlowClass cls : {FlowClass::Record, FlowClass::Mention, FlowClass::Nowhere})
    EXPECT_LE(factor(External::Any, Null::Declared, cls), 1);
  EXPECT_GT(factor(External::Any, Null::Alert, FlowClass::Nowhere), 1) << "people may look";
  EXPECT_GT(factor(External::Any, Null::Declared, FlowClass::Command), 1) << "orders are no destinations";
  for (const External external : {External::None, External::Listed, External::Grounded})
    EXPECT_GT(factor(external, Null::Declared, FlowClass::Nowhere), 1);
}

TEST(FlowEvidence, EachThreatMovesOnWhatItIsAbout) {
  FlowStory story;
  story.world.job.destinations.external = External::Grounded;
  const std::array<const Channel*, 1> channels{&flow_channel()};
  const Tables tables(story.world.job, channels);
  const auto factor = [&](FlowClass cls, Threat threat) {
    return tables.row(Null::Declared, {ChannelId::Flow, 1, static_cast<std::uint8_t>(cls)})[static_cast<std::size_t>(threat)];
  };
  EXPECT_FLOAT_EQ(factor(FlowClass::AddressedCommand, Threat::ToxicFlow), 20.F) << "worth ln 20 at most";
  EXPECT_GT(factor(FlowClass::Command, Threat::ToxicFlow), 2.F);
  EXPECT_LT(factor(FlowClass::Given, Threat::ToxicFlow), 1.F);
  EXPECT_GT(factor(FlowClass::Nowhere, Threat::Ungrounded), 2.F);
  EXPECT_LE(factor(FlowClass::Record, Threat::Ungrounded), 1.F);
  EXPECT_GT(factor(FlowClass::AddressedCommand, Threat::Exfiltration), 10.F);
}

/// Version 1 kept the names of the artefacts read last; that there were any is what is needed now.
TEST(FlowLabels, WhatVersionOneWroteIsRead) {
  for (const std::uint64_t names : {0U, 2U}) {
    Writer out;
    out.u8(1);
    out.varint(1);
    out.text("confidential");
    out.text("call-3");
    out.varint(names);
    for (std::uint64_t i = 0; i < names; ++i) out.text("share/plan.txt");
    Reader in(out.bytes());
    const auto memory = flow::FlowAgent::decode(in);
    ASSERT_NE(memory, nullptr);
    EXPECT_TRUE(in.at_end());
    const auto& labels = static_cast<const flow::FlowAgent&>(*memory);
    ASSERT_NE(labels.carried("confidential"), nullptr);
    EXPECT_EQ(labels.carried("confidential")->source, "call-3");
    EXPECT_EQ(labels.reads(), names > 0);
  }
}

TEST(FlowLabels, WhatVersionTwoWroteIsRead) {
  Writer out;
  out.u8(2);
  out.varint(1);
  out.text("confidential");
  out.text("call-3");
  out.u8(1);
  Reader in(out.bytes());
  const auto memory = flow::FlowAgent::decode(in);
  ASSERT_NE(memory, nullptr);
  EXPECT_TRUE(in.at_end());
  auto& agent = static_cast<flow::FlowAgent&>(*memory);
  EXPECT_NE(agent.carried("confidential"), nullptr);
  EXPECT_TRUE(agent.reads());
  EXPECT_EQ(agent.arrived(1), std::nullopt);
}

}  // namespace
}  // namespace ringfence::testing
