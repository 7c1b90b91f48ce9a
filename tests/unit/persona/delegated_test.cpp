// SPDX-License-Identifier: Apache-2.0
#include "engine/persona/delegated.h"

#include <gtest/gtest.h>

namespace ringfence::testing {
namespace {

Action action(const std::string& id, const std::vector<std::string>& tools) {
  Action made;
  made.id = id;
  made.tools = GlobSet(tools);
  return made;
}

Envelope records(Ladder ladder) {
  Envelope envelope;
  envelope.records = ladder;
  return envelope;
}

/// A runner that looks records up for whoever asks, and the desk it does it for.
struct DelegatedJob : ::testing::Test {
  Persona runner, desk;
  DelegatedJob() {
    runner.id = "runner";
    runner.agents = GlobSet({"runner-*"});
    runner.actions = {action("look", {"records/get"}), action("note", {"notes/add"})};
    runner.delegation = {.declared = true, .to = {}, .from = GlobSet({"desk-*"}), .max_depth = 2, .max_children = {}};
    desk.id = "desk";
    desk.agents = GlobSet({"desk-*"});
    desk.actions = {action("read", {"records/*"}), action("ask", {"agents/ask"})};
    desk.delegation = {.declared = true, .to = GlobSet({"runner-*"}), .from = {}, .max_depth = 2, .max_children = {}};
  }
  [[nodiscard]] Persona under_desk() const { return delegated(runner, desk).value_or(runner); }
};

TEST_F(DelegatedJob, IsItsOwnWhereTheParentIsNoNarrower) {
  EXPECT_FALSE(delegated(runner, desk));
  desk.barriers.denials = .5;
  desk.per_call = records({5, 50, 500});
  runner.per_call = records({1, 10, 100});
  EXPECT_FALSE(delegated(runner, desk));
}

TEST_F(DelegatedJob, RefusalsAndRetriesAreTheFewerOfBoth) {
  desk.barriers = {.denials = .02, .retries = 5};
  runner.barriers = {.denials = .50, .retries = 3};
  EXPECT_EQ(under_desk().barriers.denials, .02);
  EXPECT_EQ(under_desk().barriers.retries, 3);
}

TEST_F(DelegatedJob, RungsOfACallAndASessionAreTheLowerOnesAndTheMaximumStaysItsOwn) {
  runner.per_call = records({10, 100, 1000});
  desk.per_call = records({20, 40, 50});
  desk.per_session = records({{}, 200, {}});
  const Persona both = under_desk();
  EXPECT_EQ(both.per_call.records->p50, 10);
  EXPECT_EQ(both.per_call.records->p99, 40);
  EXPECT_EQ(both.per_call.records->max, 1000) << "the desk's is judged under the desk's name";
  ASSERT_TRUE(both.per_session.records);
  EXPECT_EQ(both.per_session.records->p99, 200);
  runner.per_call.records->p90 = 80;
  EXPECT_EQ(under_desk().per_call.records->p90, 40) << "no more than the p99 above it";
  desk.per_call.records->p90 = 5;
  EXPECT_EQ(under_desk().per_call.records->p90, 5);
  EXPECT_EQ(under_desk().per_call.records->p50, 5);
}

TEST_F(DelegatedJob, DaysHoldWhatNobodyAskedForAndStayItsOwn) {
  desk.per_day = records({1, 2, 3});
  EXPECT_FALSE(delegated(runner, desk));
}

TEST_F(DelegatedJob, ActionsOwnRungsMeetThoseOfTheParentsActionWithTheTool) {
  runner.per_call = records({10, 100, {}});
  desk.per_call = records({1, 5, {}});
  desk.actions[0].per_call = records({20, 60, {}});
  const Persona both = under_desk();
  ASSERT_TRUE(both.actions[0].per_call);
  EXPECT_EQ(both.actions[0].per_call->records->p50, 10);
  EXPECT_EQ(both.actions[0].per_call->records->p99, 60) << "not the desk's general 5: the desk reads more than that";
  EXPECT_FALSE(both.actions[1].per_call) << "the desk takes no notes";
  EXPECT_EQ(both.per_call.records->p99, 5);
}

TEST_F(DelegatedJob, WhatSeveralOfTheParentsActionsMayDoIsTheWidestOfThem) {
  desk.actions = {action("some", {"records/*"}), action("many", {"records/get"})};
  desk.actions[0].per_call = records({{}, 5, {}});
  desk.actions[1].per_call = records({{}, 500, {}});
  desk.actions[0].share = .01;
  desk.actions[1].share = .1;
  const Persona both = under_desk();
  EXPECT_EQ(both.actions[0].per_call->records->p99, 500);
  EXPECT_DOUBLE_EQ(*both.actions[0].share, .11);
}

TEST_F(DelegatedJob, SharesAndTimesASessionAreTheSmaller) {
  runner.actions[0].share = .5;
  runner.actions[1].share = .1;
  desk.actions[0].share = .01;
  desk.workflow.at_most[0] = 3;
  const Persona both = under_desk();
  EXPECT_EQ(both.actions[0].share, .01);
  EXPECT_EQ(both.actions[1].share, .1);
  EXPECT_EQ(both.workflow.at_most.at(0), 3);
  EXPECT_FALSE(both.workflow.at_most.contains(1));
}

TEST_F(DelegatedJob, ShareOfThePopulationAndChildrenAreTheSmaller) {
  desk.coverage = Ladder{{}, .1, .2};
  desk.delegation.max_children = 2;
  const Persona both = under_desk();
  EXPECT_EQ(both.coverage->p99, .1);
  EXPECT_FALSE(both.coverage->max);
  EXPECT_EQ(both.delegation.max_children, 2);
}

TEST_F(DelegatedJob, WhatTheParentMustKeepInsideItsDelegateMustToo) {
  desk.flows = {{.from = "secret", .to = FlowRule::To::External, .glob = {}, .allow = false},
                {.from = "public", .to = FlowRule::To::External, .glob = {}, .allow = true}};
  const Persona both = under_desk();
  ASSERT_EQ(both.flows.size(), 1U);
  EXPECT_EQ(both.flows.front().from, "secret");
}

TEST_F(DelegatedJob, OrderOfTheChainDoesNotMatter) {
  desk.barriers.denials = .04;
  desk.actions[0].share = .2;
  Persona office = desk;
  office.id = "office";
  office.barriers.denials = .02;
  office.actions[0].share = .3;
  const Persona upwards = *delegated(*delegated(runner, desk), office), downwards = *delegated(*delegated(runner, office), desk);
  EXPECT_EQ(upwards.barriers.denials, .02);
  EXPECT_EQ(upwards.barriers.denials, downwards.barriers.denials);
  EXPECT_EQ(upwards.actions[0].share, .2);
  EXPECT_EQ(upwards.actions[0].share, downwards.actions[0].share);
}

TEST_F(DelegatedJob, WorkIsHandedOverWhereBothJobsSaySo) {
  EXPECT_TRUE(may_delegate(desk, runner));
  EXPECT_FALSE(may_delegate(runner, desk));
  desk.delegation.to = GlobSet({"porter-*"});
  EXPECT_FALSE(may_delegate(desk, runner));
}

}  // namespace
}  // namespace ringfence::testing
