// SPDX-License-Identifier: Apache-2.0
#include "models/flow_labels.h"

#include <gmock/gmock.h>

#include "models/flow.h"
#include "tests/unit/models/scope_world.h"

namespace ringfence::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct LabelFlows : ::testing::Test {
  World world{flow_channel()};
  void SetUp() override {
    world.job.actions.front().returns = {"confidential"};
    world.job.actions.push_back(action("list", {"files/list"}));
    world.job.actions.push_back(action("post", {"web/post"}, Effect::Send));
    world.job.destinations.internal = GlobSet({"*.corp.example"});
    forbid("confidential", FlowRule::To::External);
  }
  void forbid(std::string label, FlowRule::To to, const char* glob = nullptr, bool allow = false) {
    world.job.flows.push_back({std::move(label), to, glob != nullptr ? std::optional<Glob>(Glob(glob)) : std::nullopt, allow});
  }
  static Made post(std::string host) { return call("web/post").host(std::move(host)); }
};

TEST_F(LabelFlows, HoldAtAnyDistance) {
  for (const int between : {0, 10, 500}) {
    World each{flow_channel()};
    each.job = world.job;
    (void)each.read(call("files/read"));
    for (int i = 0; i < between; ++i) (void)each.read(call("files/list"));
    const Reading reading = each.read(post("evil.example"));
    ASSERT_THAT(World::uids(reading), ElementsAre("flow.toxic")) << between << " calls between";
    EXPECT_EQ(reading.breaches.front().level, Level::Hold);
  }
}

TEST_F(LabelFlows, HoldAcrossSessionsAndRestarts) {
  (void)world.read(call("files/read").session("s1").but([](Event& event) { event.id = "call-3"; }));
  world.restart();
  const Reading reading = world.read(post("evil.example").session("s2"));
  ASSERT_THAT(reading.breaches, SizeIs(1));
  EXPECT_THAT(reading.breaches.front().what, HasSubstr("data labelled confidential, read at event call-3, may not go to an external host"));
}

TEST_F(LabelFlows, WhatWasNotReadIsNotCarried) {
  EXPECT_THAT(world.breaks(post("evil.example")), IsEmpty());
  (void)world.read(call("files/list"));
  (void)world.read(call("files/read").but([](Event& event) { event.outcome.status = Outcome::Denied; }));
  (void)world.read(call("files/read").but([](Event& event) { event.outcome.status = Outcome::Error; }));
  EXPECT_THAT(world.breaks(post("evil.example")), IsEmpty());
}

TEST_F(LabelFlows, ARequestHasReadNothingYet) {
  (void)world.read(call("files/read").but([](Event& event) { event.phase = Phase::Request; }));
  EXPECT_THAT(world.breaks(post("evil.example")), IsEmpty());
  world.outcome(call("files/read"));
  EXPECT_THAT(world.breaks(post("evil.example")), ElementsAre("flow.toxic"));
}

TEST_F(LabelFlows, InsideIsNotOutside) {
  (void)world.read(call("files/read"));
  EXPECT_THAT(world.breaks(post("wiki.corp.example")), IsEmpty());
}

TEST_F(LabelFlows, AnyWordIsALabel) {
  forbid("restricted > confidential", FlowRule::To::Internal);
  static constexpr std::string_view kLabels[] = {"restricted > confidential"};
  (void)world.read(call("files/list").but([](Event& event) { event.data.classes = kLabels; }));
  EXPECT_THAT(world.breaks(post("evil.example")), IsEmpty()) << "it is not the label confidential";
  EXPECT_THAT(world.breaks(post("wiki.corp.example")), ElementsAre("flow.toxic"));
}

TEST_F(LabelFlows, DataThatTheSendItselfIsLabelledWithCounts) {
  static constexpr std::string_view kLabels[] = {"confidential"};
  EXPECT_THAT(world.breaks(post("evil.example").but([](Event& event) { event.data.classes = kLabels; })), ElementsAre("flow.toxic"));
}

TEST_F(LabelFlows, TheNarrowestRuleDecides) {
  forbid("confidential", FlowRule::To::Host, "*.partner.example", true);
  forbid("confidential", FlowRule::To::Host, "old.partner.example", false);
  (void)world.read(call("files/read"));
  EXPECT_THAT(world.breaks(post("api.partner.example")), IsEmpty());
  EXPECT_THAT(world.breaks(post("old.partner.example")), ElementsAre("flow.toxic"));
  EXPECT_THAT(world.breaks(post("evil.example")), ElementsAre("flow.toxic"));
}

TEST_F(LabelFlows, AccountsAreOnlyNamedByGlob) {
  (void)world.read(call("files/read"));
  EXPECT_THAT(world.breaks(call("web/post").account("LT601010012345678901")), IsEmpty());
  World each{flow_channel()};
  each.job = world.job;
  each.job.flows.push_back({"confidential", FlowRule::To::Account, Glob("LT*"), false});
  (void)each.read(call("files/read"));
  EXPECT_THAT(each.breaks(call("web/post").account("LT601010012345678901")), ElementsAre("flow.toxic"));
  EXPECT_THAT(each.breaks(call("web/post").account("DE89370400440532013000")), IsEmpty());
}

TEST_F(LabelFlows, AWriteLeavesAndAReadTakesUnderTheSameKey) {
  const auto of = [](Made made, std::optional<Effect> effect) {
    AgentState agent;
    SessionState session;
    const Persona persona;
    const PersonaSet set;
    const Event& event = made.done();
    return flow::artefacts_of(Act{event, persona, set, {}, effect, agent, session});
  };
  const auto written = of(call("files/write").on("share/plan.txt"), Effect::Write);
  const auto read = of(call("files/read").on("share/plan.txt"), Effect::Read);
  ASSERT_THAT(written.written, SizeIs(1));
  EXPECT_THAT(written.read, IsEmpty());
  EXPECT_EQ(written.written, read.read);
  const auto elsewhere = of(call("files/read").on("share/plan.txt").but([](Event& event) { event.tenant = "other"; }), Effect::Read);
  EXPECT_NE(elsewhere.read, read.read) << "tenants never meet";
  const auto refused =
      of(call("files/write").on("share/plan.txt").but([](Event& event) { event.outcome.status = Outcome::Denied; }), Effect::Write);
  EXPECT_THAT(refused.written, IsEmpty());
}

}  // namespace
}  // namespace ringfence::testing
