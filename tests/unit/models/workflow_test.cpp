// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "models/detector.h"
#include "models/numeraire.h"
#include "models/supply.h"
#include "models/workflow.h"
#include "models/workflow_memory.h"
#include "models/workflow_plan.h"
#include "tests/unit/models/evidence_alarms.h"
#include "tests/unit/models/scope_world.h"

namespace ringfence::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

enum : ActionIndex { kLook, kAsk, kPay, kFile, kHelp, kExtra };
constexpr ActionMask only(std::initializer_list<ActionIndex> actions) {
  ActionMask mask = 0;
  for (const ActionIndex action : actions) mask |= ActionMask{1} << action;
  return mask;
}

Made done(std::string_view tool, Outcome outcome = Outcome::Ok) {
  return call(tool).but([outcome](Event& event) { event.outcome.status = outcome; });
}

/// look → ask → pay → file → look; help at any time; extra has no place.
struct WorkflowChannelTest : ::testing::Test {
  WorkflowChannelTest() {
    world.job.actions.clear();
    for (const char* id : {"look", "ask", "pay", "file", "help", "extra"})
      world.job.actions.push_back(action(id, {std::string("w/") + id}));
    world.job.actions[kHelp].anytime = true;
    Workflow& declared = world.job.workflow;
    declared.declared = true;
    declared.start = only({kLook});
    declared.next = {{kLook, only({kAsk})}, {kAsk, only({kPay})}, {kPay, only({kFile})}, {kFile, only({kLook})}};
  }
  /// The class of one more act, or 99 where the channel gives no mark.
  int cls(Made made) {
    last = world.read(std::move(made));
    return last.kind == Reading::Kind::Marked ? last.cls : 99;
  }
  World world{workflow_channel()};
  Reading last;
};

TEST_F(WorkflowChannelTest, DeclaredSuccessorsAreInOrder) {
  EXPECT_EQ(cls(done("w/look")), 0);
  EXPECT_EQ(cls(done("w/ask")), 0);
  world.restart();
  EXPECT_EQ(cls(done("w/pay")), 0);
  EXPECT_EQ(cls(done("w/file")), 0);
  EXPECT_EQ(cls(done("w/look")), 0);
}

TEST_F(WorkflowChannelTest, SessionMayBeginOnlyWhereDeclared) { EXPECT_EQ(cls(done("w/ask")), 1); }

TEST_F(WorkflowChannelTest, SkippedStepIsOneMarkAndWorkGoesOnFromThere) {
  cls(done("w/look"));
  EXPECT_EQ(cls(done("w/pay")), 1);
  EXPECT_EQ(cls(done("w/file")), 0);
}

TEST_F(WorkflowChannelTest, ActThatNoPathLeadsToMovesNothing) {
  world.job.workflow.next[kPay] = only({kPay});  // no way back
  cls(done("w/look"));
  cls(done("w/ask"));
  cls(done("w/pay"));
  EXPECT_EQ(cls(done("w/ask")), 1);
  EXPECT_EQ(cls(done("w/pay")), 0);
  EXPECT_EQ(cls(done("w/look")), 1);  // begins anew
  EXPECT_EQ(cls(done("w/ask")), 0);
}

TEST_F(WorkflowChannelTest, ActsOutsideTheWorkflowThePersonaAndTheCatalogueAreTold) {
  cls(done("w/look"));
  EXPECT_EQ(cls(done("w/extra")), 3);
  EXPECT_EQ(cls(done("x/other")), 4);

  World defined(supply_channel());
  defined.read(Made(EventKind::ToolDefinition).tool("x/known"));
  world.agent.memory[static_cast<std::size_t>(ChannelId::Supply)] =
      std::move(defined.agent.memory[static_cast<std::size_t>(ChannelId::Supply)]);
  EXPECT_EQ(cls(done("x/known")), 4);
  EXPECT_EQ(cls(done("x/other")), 5);
  EXPECT_EQ(cls(done("w/ask")), 0);  // none of it moved the workflow
}

TEST_F(WorkflowChannelTest, AnytimeActMovesNothingAndSaysNothing) {
  cls(done("w/look"));
  EXPECT_EQ(cls(done("w/help")), 99);
  EXPECT_EQ(cls(done("w/ask")), 0);
}

TEST_F(WorkflowChannelTest, RefusedAndFailedActsMoveNothing) {
  cls(done("w/look"));
  EXPECT_EQ(cls(done("w/ask", Outcome::Denied)), 0);
  EXPECT_EQ(cls(done("w/ask", Outcome::Error)), 0);
  EXPECT_EQ(cls(done("w/pay", Outcome::Denied)), 1);
  EXPECT_EQ(cls(done("w/ask")), 0);
}

TEST_F(WorkflowChannelTest, OwnRefusalsSayNothingOfTheAgent) {
  world.refused_by_us = true;
  EXPECT_EQ(cls(done("w/pay", Outcome::Denied)), 99);
}

TEST_F(WorkflowChannelTest, WithoutStartAnySessionBeginsAndWithoutNextAnythingFollows) {
  world.job.workflow.start = 0;
  world.job.workflow.next.erase(kFile);
  EXPECT_EQ(cls(done("w/pay")), 0);
  EXPECT_EQ(cls(done("w/file")), 0);
  EXPECT_EQ(cls(done("w/ask")), 0);
}

TEST_F(WorkflowChannelTest, PrecedenceIsBrokenAtTheActAndNamesWhatIsMissing) {
  world.job.workflow.before[kPay] = only({kLook, kAsk});
  cls(done("w/look"));
  EXPECT_EQ(cls(done("w/pay")), 2);
  ASSERT_EQ(last.breaches.size(), 1U);
  EXPECT_EQ(last.breaches[0].analytic, Analytic::WorkflowOrder);
  EXPECT_FALSE(last.breaches[0].level);  // response.undeclared decides
  EXPECT_THAT(last.breaches[0].what, HasSubstr("action pay came without ask, which workflow.before declares"));
  cls(done("w/ask"));
  world.restart();
  EXPECT_EQ(cls(done("w/pay")), 0);
  EXPECT_THAT(last.breaches, IsEmpty());
}

TEST_F(WorkflowChannelTest, RefusedAttemptIsAMarkAndNoBreachAFailedOneIsBoth) {
  world.job.workflow.before[kPay] = only({kAsk});
  cls(done("w/look"));
  EXPECT_EQ(cls(done("w/pay", Outcome::Denied)), 2);
  EXPECT_THAT(last.breaches, IsEmpty());
  EXPECT_EQ(cls(done("w/pay", Outcome::Error)), 2);
  EXPECT_EQ(last.breaches.size(), 1U);
}

TEST_F(WorkflowChannelTest, AcceptedStepAfterARefusalNeedsNoPrecedence) {
  world.job.workflow.before[kAsk] = only({kLook});
  world.job.barriers.then = only({kAsk});
  EXPECT_EQ(cls(done("w/look", Outcome::Denied)), 0);
  world.restart();
  EXPECT_EQ(cls(done("w/ask")), 99);  // it tells of the refusal
  EXPECT_THAT(last.breaches, IsEmpty());
  EXPECT_EQ(cls(done("w/ask")), 2);  // only right after it
}

TEST_F(WorkflowChannelTest, WhatPrecedesMayBearATimeUpToFiveSecondsLater) {
  world.job.workflow = {};
  world.job.workflow.before[kPay] = only({kAsk});
  cls(done("w/ask").after(seconds(65)));
  EXPECT_EQ(cls(done("w/pay").after(seconds(60))), 0);
  EXPECT_EQ(cls(done("w/pay").after(seconds(59))), 2);
  EXPECT_EQ(cls(done("w/look").after(seconds(59))), 0);  // only a precedence is declared: everything else is in order
}

TEST_F(WorkflowChannelTest, AtMostCountsWhatHappenedInTheSession) {
  world.job.workflow = {};
  world.job.workflow.at_most[kPay] = 2;
  cls(done("w/pay"));
  cls(done("w/pay", Outcome::Error));
  EXPECT_EQ(cls(done("w/pay")), 0);
  EXPECT_EQ(cls(done("w/pay").session("s2")), 0);
  EXPECT_EQ(cls(done("w/pay")), 2);
  EXPECT_THAT(last.breaches[0].what, HasSubstr("for the 3. time in the session, workflow.at_most declares 2"));
}

TEST_F(WorkflowChannelTest, WithoutASessionNothingPerSessionIsJudged) {
  EXPECT_EQ(cls(done("w/pay").session(std::nullopt)), 99);
  EXPECT_EQ(last.kind, Reading::Kind::NotEvaluable);
  EXPECT_TRUE(lacks(last, Lacking::Session));
}

struct Followups : WorkflowChannelTest {
  Followups() {
    world.job.workflow = {};
    world.job.workflow.after[kPay] = {kFile, minutes(10)};
  }
  Made at(const char* tool, std::int64_t minute) { return done(tool).after(minutes(minute)); }
};

TEST_F(Followups, MissedDeadlineIsResolvedAtTheNextEventOfAnyKindAndNamedByTheFirstActAndTheDeadline) {
  world.read(at("w/pay", 0));
  world.restart();
  EXPECT_THAT(world.breaks(at("w/look", 10)), IsEmpty());
  const Reading late = world.read(Made(EventKind::TaskEnd).after(minutes(11)));
  ASSERT_EQ(late.breaches.size(), 1U);
  EXPECT_EQ(late.breaches[0].level, Level::Alert);
  EXPECT_THAT(late.breaches[0].what, HasSubstr("action pay was not followed by file within 10 m"));
  EXPECT_EQ(late.breaches[0].origin, "after-" + std::to_string(hash64("act-1")) + "-" + std::to_string((kFriday + minutes(10)).value));
  EXPECT_THAT(world.breaks(at("w/look", 12)), IsEmpty());  // said once
}

TEST_F(Followups, OneInTimeSettlesAllThatWaitForIt) {
  world.read(at("w/pay", 0));
  world.read(at("w/pay", 5));
  EXPECT_THAT(world.breaks(at("w/file", 9)), IsEmpty());
  EXPECT_THAT(world.breaks(at("w/look", 60)), IsEmpty());
}

TEST_F(Followups, RefusedOrFailedFollowupSettlesNothingAndARefusedActOwesNothing) {
  world.read(at("w/pay", 0).but([](Event& event) { event.outcome.status = Outcome::Denied; }));
  EXPECT_THAT(world.breaks(at("w/look", 60)), IsEmpty());
  world.read(at("w/pay", 61));
  world.read(at("w/file", 62).but([](Event& event) { event.outcome.status = Outcome::Error; }));
  EXPECT_THAT(world.breaks(at("w/look", 90)), ElementsAre("workflow.order"));
}

TEST_F(Followups, DeadlinesThatRunAreBounded) {
  for (int i = 0; i < 1000; ++i) world.read(at("w/pay", 0));
  EXPECT_EQ(world.breaks(at("w/look", 60)).size(), WorkflowAgent::kMost);
}

TEST_F(Followups, ActAtTheEndOfTimeOwesWithoutOverflow) {
  world.read(done("w/pay").but([](Event& event) { event.time = EventTime{INT64_MAX - 1}; }));
  EXPECT_THAT(world.breaks(done("w/look").but([](Event& event) { event.time = EventTime{INT64_MAX}; })), IsEmpty());
}

TEST(WorkflowPlans, NothingDeclaredIsNothingToJudgeAndCostsNothing) {
  Persona persona;
  persona.actions.push_back(action("read", {"files/read"}));
  EXPECT_EQ(workflow_channel().prepare(persona, PersonaSet{}), nullptr);
  EXPECT_THAT(workflow_channel().caps(persona), IsEmpty());
  World world(workflow_channel());
  EXPECT_EQ(world.read(call("files/exec")).kind, Reading::Kind::Silent);
  EXPECT_EQ(world.session("s1").memory[static_cast<std::size_t>(ChannelId::Workflow)], nullptr);
}

TEST(WorkflowPlans, DistancesCountTheStepsLeftOut) {
  Persona persona;
  for (int i = 0; i < 64; ++i) persona.actions.push_back(action("a" + std::to_string(i), {"w/a" + std::to_string(i)}));
  persona.workflow.declared = true;
  persona.workflow.start = 1;
  for (ActionIndex i = 0; i < 63; ++i) persona.workflow.next[i] = ActionMask{1} << (i + 1);
  persona.workflow.next[63] = 0;
  const WorkflowPlan plan(persona);
  EXPECT_EQ(plan.left_out(WorkflowPlan::kStart, 0), 0);
  EXPECT_EQ(plan.left_out(WorkflowPlan::kStart, 63), 63);
  EXPECT_EQ(plan.left_out(10, 13), 2);
  EXPECT_EQ(plan.left_out(13, 10), WorkflowPlan::kNoWay);
}

/// The tables of a persona that declares an order, and this channel alone.
Tables order_tables(Confidence confidence) {
  Persona persona;
  persona.confidence = confidence;
  persona.workflow.declared = true;
  static const std::array<const Channel*, 1> kAlone{&workflow_channel()};
  return Tables(persona, kAlone);
}

/// E[g] <= 1 for every law inside the caps, whatever came before, because each row is the box numeraire of its caps, capped at 20.
TEST(WorkflowEvidence, RowsAreLawfulBets) {
  const auto slot = static_cast<std::size_t>(Threat::WorkflowBreak);
  for (const Confidence confidence : {Confidence::Sketch, Confidence::Reviewed, Confidence::Measured}) {
    const Tables tables = order_tables(confidence);
    for (const Null null : {Null::Alert, Null::Declared}) {
      std::vector<double> v, g;
      for (std::uint8_t cls = 0; cls < WorkflowSession::kClasses; ++cls) {
        v.push_back(tables.cap(null, {ChannelId::Workflow, 0, cls}));
        g.push_back(tables.row(null, {ChannelId::Workflow, 0, cls})[slot]);
      }
      EXPECT_LE(worst_case_mean(v, g), 1 + 1e-6);
      EXPECT_GT(tables.prior(null)[slot], 0);
    }
  }
}

std::size_t drawn(std::span<const double> row, std::mt19937_64& rng) {
  double u = std::uniform_real_distribution<double>(0, 1)(rng);
  for (std::size_t k = 0; k + 1 < row.size(); ++k) {
    u -= row[k];
    if (u < 0) return k;
  }
  return row.size() - 1;
}

double stepped(Evidence& evidence, const Tables& tables, Null null, std::size_t cls) {
  const std::array<RowId, 1> marks{RowId{ChannelId::Workflow, 0, static_cast<std::uint8_t>(cls)}};
  update(evidence, tables, marks);
  return scope_score(evidence, tables, null);
}

TEST(WorkflowEvidence, AgentExactlyOnEveryCapAlarmsWithinTheBound) {
  constexpr int kCalls = 1'000'000;
  const Tables tables = order_tables(Confidence::Sketch);
  for (const Null null : {Null::Alert, Null::Declared}) {
    std::array<double, WorkflowSession::kClasses> row{};
    row[0] = 1;
    for (std::size_t cls = 1; cls < row.size(); ++cls) {
      row[cls] = tables.cap(null, {ChannelId::Workflow, 0, static_cast<std::uint8_t>(cls)});
      row[0] -= row[cls];
    }
    const double weight = static_cast<double>(tables.prior(null)[static_cast<std::size_t>(Threat::WorkflowBreak)]);
    std::mt19937_64 rng(11);
    std::array<simulation::Hysteresis, 2> levels{{{1e3}, {1e4}}};  // below, a clean agent's resting value is no fall
    std::array<std::int64_t, 2> alarms{};
    Evidence evidence;
    for (int n = 0; n < kCalls; ++n) {
      const double score = stepped(evidence, tables, null, drawn(row, rng)) / weight;
      for (std::size_t i = 0; i < levels.size(); ++i) alarms[i] += levels[i].counts(score) ? 1 : 0;
    }
    for (std::size_t i = 0; i < levels.size(); ++i) {
      const double bound = 1.0102 * kCalls / levels[i].threshold;
      EXPECT_LE(static_cast<double>(alarms[i]), bound) << "null " << static_cast<int>(null) << " at " << levels[i].threshold;
      RecordProperty("ratio_" + std::to_string(static_cast<int>(null)) + "_" + std::to_string(i),
                     std::to_string(static_cast<double>(alarms[i]) / bound));
    }
  }
}

}  // namespace
}  // namespace ringfence::testing
