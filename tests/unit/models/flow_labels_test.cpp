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

// Over agents, through what one writes and the other reads

TEST_F(LabelFlows, AWriteLeavesTheLabelsOnWhatItWrote) {
  world.job.actions.push_back(action("save", {"files/save"}, Effect::Write));
  EXPECT_THAT(world.read(call("files/save").on("share/plan.txt")).links, IsEmpty()) << "nothing was read";
  (void)world.read(call("files/read"));
  const Reading saved = world.read(call("files/save").on("share/plan.txt"));
  ASSERT_THAT(saved.links, SizeIs(1));
  EXPECT_EQ(saved.links[0].kind, SubjectKind::Artefact);
  EXPECT_EQ(saved.links[0].subject, "share/plan.txt");
  EXPECT_EQ(saved.links[0].deed, Deed::Store);
  EXPECT_THAT(saved.links[0].labels, ElementsAre("confidential"));
  const Reading refused =
      world.read(call("files/save").on("share/plan.txt").but([](Event& event) { event.outcome.status = Outcome::Denied; }));
  EXPECT_THAT(refused.links, IsEmpty());
}

TEST_F(LabelFlows, AWriteLeavesNothingBeforeItIsKnownToHaveHappened) {
  world.job.actions.push_back(action("save", {"files/save"}, Effect::Write));
  const auto save = [](std::string id, Phase phase, Outcome status) {
    Made made = call("files/save").on("share/plan.txt");
    made.event().id = made.own(std::move(id));
    made.event().phase = phase;
    made.event().outcome.status = status;
    return made;
  };
  const auto bare = [&](std::string id, Outcome status) {
    return save(std::move(id), Phase::Complete, status).but([](Event& event) { event.resource.uri = std::nullopt; });
  };
  (void)world.read(call("files/read"));
  (void)world.read(call("files/list").on("share/notes.txt"));
  for (const char* id : {"a", "b", "c", "d"}) EXPECT_THAT(world.read(save(id, Phase::Request, Outcome::Unknown)).links, IsEmpty());
  world.restart();
  EXPECT_THAT(world.outcome(save("a", Phase::Complete, Outcome::Denied)), IsEmpty());
  EXPECT_THAT(world.outcome(bare("b", Outcome::Error)), IsEmpty());
  for (const char* id : {"c", "d"}) {
    const std::vector<LinkNote> links = world.outcome(bare(id, Outcome::Ok));
    ASSERT_THAT(links, SizeIs(2)) << "what was written stood in the request";
    EXPECT_EQ(links[0].deed, Deed::Store);
    EXPECT_EQ(links[0].subject, "share/plan.txt");
    EXPECT_EQ(links[1].deed, Deed::Pass);
    EXPECT_THAT(world.outcome(bare(id, Outcome::Ok)), IsEmpty()) << "once";
  }
}

TEST_F(LabelFlows, OfMoreWritesUnderWayThanAreKeptTheOthersAreToldOfAtOnce) {
  world.job.actions.push_back(action("save", {"files/save"}, Effect::Write));
  (void)world.read(call("files/read"));
  for (int i = 0; i < 12; ++i) {
    Made made = call("files/save").on("share/plan.txt").but([](Event& event) { event.phase = Phase::Request; });
    made.event().id = made.own("write-" + std::to_string(i));
    EXPECT_EQ(world.read(std::move(made)).links.size(), i < 8 ? 0U : 1U) << i;
  }
}

TEST_F(LabelFlows, ASendToWhereLabelsAreForbiddenAsksWhatTheAgentHasRead) {
  EXPECT_THAT(world.read(post("evil.example")).links, IsEmpty()) << "nothing was read";
  (void)world.read(call("files/list").on("share/plan.txt"));
  (void)world.read(call("files/list").on("share/notes.txt"));
  world.restart();
  EXPECT_THAT(world.read(post("wiki.corp.example")).links, IsEmpty());
  const Reading sent = world.read(post("evil.example").session("s2"));
  EXPECT_THAT(sent.breaches, IsEmpty()) << "what lay there decides";
  ASSERT_THAT(sent.links, SizeIs(1));
  EXPECT_EQ(sent.links[0].kind, SubjectKind::Reader);
  EXPECT_EQ(sent.links[0].subject, "agent-1");
  EXPECT_EQ(sent.links[0].deed, Deed::Send);
  EXPECT_THAT(sent.links[0].labels, ElementsAre("confidential"));
  EXPECT_EQ(sent.links[0].what, "to an external host (destination.host)");
}

TEST_F(LabelFlows, AReadTellsTheArtefactWhoReadItOnceItIsKnownToHaveHappened) {
  const auto plan = [] { return call("files/list").on("share/plan.txt"); };
  const auto request = [](Event& event) { event.phase = Phase::Request; };
  const Reading whole = world.read(plan());
  ASSERT_THAT(whole.links, SizeIs(1));
  EXPECT_EQ(whole.links[0].kind, SubjectKind::Artefact);
  EXPECT_EQ(whole.links[0].subject, "share/plan.txt");
  EXPECT_EQ(whole.links[0].deed, Deed::Read);
  EXPECT_THAT(world.read(plan().but(request)).links, IsEmpty());
  EXPECT_THAT(world.outcome(plan()), SizeIs(1));
  EXPECT_THAT(world.outcome(plan().but([](Event& event) { event.outcome.status = Outcome::Denied; })), IsEmpty());
}

TEST_F(LabelFlows, WhatAReaderWritesMayHoldWhatOthersLeft) {
  world.job.actions.push_back(action("save", {"files/save"}, Effect::Write));
  (void)world.read(call("files/list").on("share/plan.txt"));
  const Reading saved = world.read(call("files/save").on("share/summary.txt"));
  ASSERT_THAT(saved.links, SizeIs(1));
  EXPECT_EQ(saved.links[0].kind, SubjectKind::Reader);
  EXPECT_EQ(saved.links[0].deed, Deed::Pass);
  EXPECT_EQ(saved.links[0].what, "share/summary.txt");
}

TEST_F(LabelFlows, WhereNobodyForbidsAFlowNothingIsTold) {
  world.job.flows.clear();
  world.job.actions.push_back(action("save", {"files/save"}, Effect::Write));
  EXPECT_THAT(world.read(call("files/list").on("share/plan.txt")).links, IsEmpty());
  EXPECT_THAT(world.read(call("files/save").on("share/summary.txt")).links, IsEmpty());
  EXPECT_EQ(world.agent.memory.at(static_cast<std::size_t>(ChannelId::Flow)), nullptr);
}

TEST_F(LabelFlows, WhoCarriesTheLabelItselfIsHeldItself) {
  (void)world.read(call("files/read").on("share/plan.txt"));
  const Reading sent = world.read(post("evil.example"));
  EXPECT_THAT(sent.breaches, SizeIs(1));
  EXPECT_THAT(sent.links, IsEmpty());
}

}  // namespace
}  // namespace ringfence::testing
