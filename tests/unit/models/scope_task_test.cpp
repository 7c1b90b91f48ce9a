// SPDX-License-Identifier: Apache-2.0
#include "models/scope_task.h"

#include <gmock/gmock.h>

#include "models/flow.h"
#include "models/scope.h"
#include "tests/unit/models/scope_world.h"

namespace ringfence::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

struct Task : ::testing::Test {
  World world{scope_channel(), &flow_channel()};
  Task() {
    world.job.actions.push_back(action("search", {"files/find", "db/*"}));
    world.job.actions.back().id = "search";
  }
  void permits(Made made) { EXPECT_THAT(world.breaks(std::move(made)), IsEmpty()); }
  void bars(Made made) { EXPECT_THAT(world.breaks(std::move(made)), ElementsAre("scope.task")); }
  void lost(std::string task) { lost(std::move(task), IsEmpty()); }
  template <class Broken>
  void lost(std::string task, const Broken& broken) {
    const Reading reading = world.read(call("files/read").task(task));
    EXPECT_THAT(World::uids(reading), broken) << task;
    EXPECT_TRUE(lacks(reading, Lacking::Past)) << task;
  }
};

TEST_F(Task, NarrowsToActionIdsAndToolGlobs) {
  world.breaks(task_start("t1").actions({"read", "db/cust*"}));
  permits(call("files/read").task("t1"));
  permits(call("db/customers").task("t1"));
  bars(call("db/ledger").task("t1"));
  const Reading reading = world.read(call("files/find").task("t1"));
  EXPECT_EQ(reading.breaches.front().what, "tool files/find is not among the actions of task t1");
}

TEST_F(Task, AToolOfWhoseServerNobodySpeaksIsPermittedByItsNameAndCounted) {
  world.job.actions.push_back(action("any", {"find"}));
  world.breaks(task_start("t1").actions({"db/*"}));
  const Reading reading = world.read(call("find").task("t1"));
  EXPECT_THAT(reading.breaches, IsEmpty());
  EXPECT_TRUE(lacks(reading, Lacking::Server));
  EXPECT_FALSE(lacks(world.read(call("db/find").task("t1")), Lacking::Server));
  world.breaks(task_start("t1").actions({"db/list"}));
  bars(call("find").task("t1"));
}

TEST_F(Task, NeverWidensTheJob) {
  world.breaks(task_start("t1").actions({"mail/*"}));
  EXPECT_THAT(world.breaks(call("mail/send").task("t1")), ElementsAre("scope.undeclared"));
}

TEST_F(Task, AbsentListDoesNotNarrowAndAnEmptyOneAllowsNothing) {
  world.breaks(task_start("t1").destinations({}));
  permits(call("files/read").task("t1"));
  bars(call("files/read").task("t1").host("erp.corp.example"));
  world.breaks(task_start("t2").actions({}));
  bars(call("files/read").task("t2"));
  permits(call("files/read").task("t3").host("erp.corp.example"));
}

TEST_F(Task, HoldsForActsWithItsIdInAnySessionAndForUnnamedActsOfItsOwn) {
  world.breaks(task_start("t1").actions({"search"}));
  bars(call("files/read").task("t1"));
  bars(call("files/read").task("t1").session("s2"));
  bars(call("files/read"));
  permits(call("files/read").session("s2"));
  permits(call("files/read").task("t2"));
}

TEST_F(Task, EndsWithTaskEnd) {
  world.breaks(task_start("t1").actions({}));
  bars(call("files/read"));
  world.breaks(task_end("t2"));
  bars(call("files/read"));
  world.breaks(task_end("t1"));
  permits(call("files/read"));
  EXPECT_THAT(world.agent.tasks, IsEmpty());
}

TEST_F(Task, EndsWithItsExpiry) {
  world.breaks(task_start("t1").actions({}).but([](Event& event) { event.task.expires = kFriday + hours(1); }));
  bars(call("files/read").after(Nanos{hours(1).value - 1}));
  permits(call("files/read").after(hours(1)));
  bars(call("files/read").after(minutes(1)));
}

TEST_F(Task, ResourcesAndDestinationsAreGlobs) {
  world.breaks(task_start("t1").resources({"reports/**"}).destinations({"*.corp.example", "acct-1"}));
  permits(call("files/read").on("reports/2026/may").host("ERP.corp.example").account("acct-1"));
  bars(call("files/read").on("payroll/may"));
  bars(call("files/read").on("reports/../payroll/may"));
  bars(call("files/read").on("reports/x").host("evil.example"));
  bars(call("files/read").on("reports/x").account("acct-2"));
}

TEST_F(Task, HostsAreTheSameInCapitalsAndAccountsAreNot) {
  world.breaks(task_start("t1").destinations({"*.Corp.Example", "Bob@Post.example", "https://Partner.example/In", "ERP", "Acct-1"}));
  permits(call("files/read").host("erp.corp.example"));
  permits(call("files/read").host("erp").account("Acct-1"));
  permits(call("files/read").host("Bob@POST.example"));
  permits(call("files/read").host("https://PARTNER.example/In"));
  bars(call("files/read").host("bob@post.example"));
  bars(call("files/read").account("acct-1"));
}

TEST_F(Task, MarkedArgumentsAreDestinationsOfATaskToo) {
  world.job.actions.front().arguments.push_back(rule("to"));
  world.job.actions.front().arguments.back().destination = true;
  world.breaks(task_start("t1").destinations({"bob@partner.example"}));
  permits(call("files/read").with("to", "bob@partner.example"));
  bars(call("files/read").with("to", "eve@partner.example"));
}

TEST_F(Task, AbsentResourceIsNotEvaluable) {
  world.breaks(task_start("t1").resources({"reports/**"}));
  const Reading reading = world.read(call("files/read"));
  EXPECT_THAT(reading.breaches, IsEmpty());
  EXPECT_TRUE(lacks(reading, Lacking::Resource));
}

TEST_F(Task, TwoOpenTasksBothHold) {
  world.breaks(task_start("t1").actions({"read"}));
  world.breaks(task_start("t2").actions({"search"}));
  bars(call("files/read"));
  permits(call("files/read").task("t1"));
}

TEST_F(Task, DeclaredAgainReplacesItself) {
  world.breaks(task_start("t1").actions({}));
  world.breaks(task_start("t1").actions({"read"}));
  permits(call("files/read"));
  EXPECT_THAT(world.agent.tasks, SizeIs(1));
}

TEST_F(Task, TaskWithoutListsIsNotKept) {
  world.breaks(task_start("t1"));
  EXPECT_THAT(world.agent.tasks, IsEmpty());
}

TEST_F(Task, SessionKeepsTheListsOfItsLatestTasksAndExpiredOnesGoFirst) {
  world.breaks(task_start("old").actions({}));
  world.breaks(task_start("over").actions({}).but([](Event& event) { event.task.expires = kFriday; }));
  for (std::size_t i = 0; i + 1 < limits::kTasksPerSession; ++i) world.breaks(task_start("t" + std::to_string(i)).actions({}));
  EXPECT_THAT(world.agent.tasks, SizeIs(limits::kTasksPerSession));
  bars(call("files/read").task("old"));
  world.breaks(task_start("one more").actions({}));
  bars(call("files/read").task("one more"));
  lost("old");
  const Reading other = world.read(call("files/read").task("never heard of"));
  EXPECT_FALSE(lacks(other, Lacking::Past)) << "nothing narrows it";
  world.breaks(task_end("old"));
  EXPECT_THAT(world.agent.tasks, SizeIs(limits::kTasksPerSession));
  EXPECT_FALSE(lacks(world.read(call("files/read").task("old")), Lacking::Past));
}

TEST_F(Task, HoweverManyAreOpenNoneIsLostUnnoticed) {
  for (std::size_t i = 0; i < 3 * limits::kTasksPerAgent; ++i)
    world.breaks(task_start("t" + std::to_string(i)).session("s" + std::to_string(i)).actions({}));
  EXPECT_THAT(world.agent.tasks, SizeIs(2 * limits::kTasksPerAgent));
  for (const std::size_t i : {std::size_t{0}, limits::kTasksPerAgent, 2 * limits::kTasksPerAgent - 1}) lost("t" + std::to_string(i));
  bars(call("files/read").task("t" + std::to_string(2 * limits::kTasksPerAgent)));
}

TEST_F(Task, ListsAreKeptWholeWhateverTheNumberAndLengthOfTheirEntries) {
  std::vector<std::string> boxes;
  for (int i = 0; i < 600; ++i) boxes.push_back("box" + std::to_string(i) + "/**");
  boxes.push_back("files/" + std::string(600, 'x'));
  world.breaks(task_start("t1").resources(boxes));
  for (const int i : {0, 32, 599}) permits(call("files/read").on("box" + std::to_string(i) + "/a"));
  permits(call("files/read").on(boxes.back()));
  bars(call("files/read").on("box600/a"));
}

TEST_F(Task, OfListsThatAreTooLongNothingIsSaid) {
  std::vector<std::string> globs;
  for (int i = 0; i < 1000; ++i) globs.push_back("store/box-" + std::to_string(i) + "/**");
  world.breaks(task_start("t1").resources(globs).actions({}));
  lost("t1", ElementsAre("scope.task"));
  world.breaks(task_start("t1").actions({}));
  bars(call("files/read").task("t1"));
}

TEST_F(Task, OneListThatIsTooLongTakesNoOtherWithIt) {
  world.job.destinations.external = External::Grounded;
  world.breaks(task_start("t1").actions({"read"}).resources(std::vector<std::string>(5000, "a/rather/long/resource")));
  lost("t1", ElementsAre());
  bars(call("files/find").task("t1"));
  EXPECT_THAT(world.breaks(call("files/read").task("t1").host("evil.example")), IsEmpty()) << "no task text, no result: not evaluable";
  world.breaks(task_start("t2").but([](Event& event) { event.task.text = "look around"; }));
  EXPECT_THAT(world.breaks(call("files/read").task("t1").host("evil.example")), ElementsAre("scope.destination"));
}

TEST_F(Task, TasksBeyondTheMostThatDeclaredNoDestinationsGiveNone) {
  world.job.destinations.external = External::Grounded;
  world.breaks(task_start("t").but([](Event& event) { event.task.text = "look around"; }));
  for (std::size_t i = 0; i < 3 * limits::kTasksPerAgent; ++i) world.breaks(task_start("t" + std::to_string(i)).actions({"read"}));
  for (const char* task : {"t0", "t1200", "t1535", "never heard of"})
    EXPECT_THAT(world.breaks(call("files/read").task(task).host("evil.example")), ElementsAre("scope.destination")) << task;
}

TEST_F(Task, WhatOneOfManyForgottenTasksMayHaveGivenIsNotForeign) {
  world.job.destinations.external = External::Grounded;
  world.breaks(task_start("t").but([](Event& event) { event.task.text = "look around"; }));
  world.breaks(task_start("first").destinations(std::vector<std::string>(5000, "a-long-name.example")));
  for (std::size_t i = 0; i < 2 * limits::kTasksPerAgent; ++i) world.breaks(task_start("t" + std::to_string(i)).actions({"read"}));
  const Reading reading = world.read(call("files/read").task("first").host("evil.example"));
  EXPECT_THAT(reading.breaches, IsEmpty());
  EXPECT_TRUE(lacks(reading, Lacking::Grounding));
}

TEST_F(Task, ForgottenTasksEndWithAsManyEndsOrTheirLastExpiry) {
  const std::size_t many = 2 * limits::kTasksPerAgent + 2;
  const auto start = [&](auto expires) {
    for (std::size_t i = 0; i < many; ++i) {
      world.breaks(task_start("t" + std::to_string(i)).session("s" + std::to_string(i)).actions({"read"}).but([&](Event& event) {
        event.task.expires = expires;
      }));
    }
  };
  start(std::optional<EventTime>());
  lost("t0");
  for (std::size_t i = 0; i < many; ++i) world.breaks(task_end("t" + std::to_string(i)));
  EXPECT_THAT(world.agent.tasks, IsEmpty());
  start(std::optional(kFriday + hours(1)));
  lost("t0");
  EXPECT_FALSE(lacks(world.read(call("files/read").task("t0").after(hours(2))), Lacking::Past));
}

TEST_F(Task, TasksThatAFormerBuildLostMayHaveGivenAnything) {
  world.job.destinations.external = External::Grounded;
  world.agent.tasks.push_back({.id = "t1", .session = 0, .actions = {}, .destinations = {}, .resources = {}, .expires = {}});
  lost("t1");
  permits(call("files/read").task("t1").host("partner.example"));
}

TEST_F(Task, WhatALostTaskMayHaveGivenIsNotForeign) {
  world.job.destinations.external = External::Grounded;
  world.breaks(task_start("t1").destinations(std::vector<std::string>(5000, "a-long-name.example")));
  lost("t1");
  permits(call("files/read").task("t1").host("partner.example"));
  world.breaks(task_start("t2").but([](Event& event) { event.task.text = "look around"; }));
  const Reading reading = world.read(call("files/read").task("t1").host("partner.example"));
  EXPECT_THAT(reading.breaches, IsEmpty());
  EXPECT_TRUE(lacks(reading, Lacking::Grounding));
}

TEST_F(Task, ListsOfAllTasksTogetherAreBounded) {
  const std::vector<std::string> list(100, std::string(500, 'x'));
  for (int i = 0; i < 64; ++i) world.breaks(task_start("t").session("s" + std::to_string(i)).actions(list));
  std::size_t bytes = 0;
  for (const TaskScope& task : world.agent.tasks) {
    for (const std::string& entry : task.actions.value_or(std::vector<std::string>{})) bytes += entry.size();
  }
  EXPECT_LT(bytes, std::size_t{1} << 20U);
  bars(call("files/read").session("s63"));
  EXPECT_TRUE(lacks(world.read(call("files/read").session("s0")), Lacking::Past));
}

TEST_F(Task, HostileTaskIdAndManyWildcardsAreHarmless) {
  std::vector<std::string> stars;
  for (int i = 0; i < 500; ++i) stars.push_back("**a**a**a**a" + std::to_string(i));
  world.breaks(task_start("t\x1b[2J\n").resources(stars));
  const Reading reading = world.read(call("files/read").on(std::string(60000, 'a')));
  EXPECT_THAT(World::uids(reading), ElementsAre("scope.task"));
  EXPECT_THAT(reading.breaches.front().what, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace ringfence::testing
