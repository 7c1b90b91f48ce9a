// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <numeric>
#include <random>

#include "models/detector.h"
#include "models/sequence.h"
#include "models/sequence_model.h"
#include "tests/unit/models/evidence_alarms.h"
#include "tests/unit/models/scope_world.h"

namespace ringfence::testing {
namespace {

using ::testing::IsEmpty;

enum : ActionIndex { kLook, kAsk, kPay, kFile, kHelp };
constexpr ActionMask only(std::initializer_list<ActionIndex> actions) {
  ActionMask mask = 0;
  for (const ActionIndex action : actions) mask |= ActionMask{1} << action;
  return mask;
}

/// look → ask → pay → file → look; help at any time.
Persona orderly() {
  Persona persona;
  persona.id = "orderly";
  persona.version = "1";
  for (const char* id : {"look", "ask", "pay", "file", "help"}) persona.actions.push_back(action(id, {std::string("w/") + id}));
  persona.actions[kHelp].anytime = true;
  persona.workflow.declared = true;
  persona.workflow.start = only({kLook});
  persona.workflow.next = {{kLook, only({kAsk})}, {kAsk, only({kPay})}, {kPay, only({kFile})}, {kFile, only({kLook})}};
  return persona;
}

double sum_of(const SequenceMix& mix) { return std::accumulate(mix.begin(), mix.end(), 0.); }

TEST(SequencePlans, DeclaredWeightsAreDistributionsAndNextTakesNineParts) {
  Persona persona = orderly();
  persona.actions[kPay].share = .05;
  const SequencePlan plan(persona);
  EXPECT_NEAR(sum_of(plan.shares()), 1, 1e-5);
  for (std::uint8_t before = 0; before <= kSequenceStart; ++before) EXPECT_NEAR(sum_of(plan.after(before)), 1, 1e-5);
  EXPECT_LT(plan.shares()[kPay], plan.shares()[kFile]);
  EXPECT_GT(plan.after(kLook)[kAsk] + plan.after(kLook)[kHelp], .9);
  EXPECT_LT(plan.after(kLook)[kFile], .05);
  EXPECT_NEAR(plan.off(), 1. / 6, 1e-6);
}

TEST(SequencePlans, SixtyFourActionsFitSixteenClasses) {
  Persona persona;
  for (int i = 0; i < 64; ++i) {
    persona.actions.push_back(action("a" + std::to_string(i), {"w/a" + std::to_string(i)}));
    persona.actions.back().share = .01;
  }
  const SequencePlan plan(persona);
  EXPECT_NEAR(sum_of(plan.shares()), 1, 1e-5);
  EXPECT_EQ(plan.class_of(13), 13);
  EXPECT_EQ(plan.class_of(14), plan.class_of(63));
}

TEST(SequenceModel, PredictionsAreDistributionsWhateverWasLearned) {
  const SequencePlan plan(orderly());
  SequenceMemory memory(plan.stamp());
  SequenceContext context;
  std::mt19937_64 rng(3);
  for (int n = 0; n < 4000; ++n) {
    double sum = 0;
    for (std::uint8_t cls = 0; cls < kSequenceClasses; ++cls) sum += memory.predicted(plan, context, cls);
    ASSERT_NEAR(sum, 1, 1e-5) << n;
    const std::uint8_t cls = plan.class_of(rng() % 6 == 0 ? std::nullopt : std::optional(static_cast<ActionIndex>(rng() % 5)));
    memory.learn(plan, context, cls);
    context.push(cls);
  }
  EXPECT_LE(memory.bytes(), 2048U + sizeof(SequenceMemory));
}

TEST(SequenceModel, LearnsAnOrderOfTwoThatWasNotDeclared) {
  Persona persona = orderly();
  persona.workflow = {};
  persona.actions[kLook].share = .5;
  const SequencePlan plan(persona);
  SequenceMemory memory(plan.stamp());
  SequenceContext context;
  // look look ask, look look ask …: after one look either may follow, after two looks only ask.
  for (int n = 0; n < 600; ++n) {
    const std::uint8_t cls = n % 3 == 2 ? kAsk : kLook;
    memory.learn(plan, context, cls);
    context.push(cls);
  }
  EXPECT_GT(memory.predicted(plan, {kLook, kLook}, kAsk), .85);
  EXPECT_LT(memory.predicted(plan, {kLook, kAsk}, kAsk), .1);
}

struct SequenceChannelTest : ::testing::Test {
  SequenceChannelTest() {
    const Persona persona = orderly();
    world.job.actions = persona.actions;
    world.job.workflow = persona.workflow;
  }
  float factor(Made made) {
    const Reading reading = world.read(std::move(made));
    if (reading.wagers.empty()) return 1;
    EXPECT_EQ(reading.wagers.front().declared, 1);
    return reading.wagers.front().alert;
  }
  void work(int rounds) {
    for (int n = 0; n < rounds; ++n)
      for (const char* tool : {"w/look", "w/ask", "w/pay", "w/file"}) factor(call(tool));
  }
  World world{sequence_channel()};
};

TEST_F(SequenceChannelTest, DeclaredOrderIsExpectedFromTheFirstActAndALeapIsNot) {
  for (const char* tool : {"w/look", "w/ask", "w/help", "w/pay", "w/file"}) EXPECT_LT(factor(call(tool)), 1) << tool;
  EXPECT_GT(factor(call("w/pay")), 3);
  EXPECT_GT(factor(call("x/foreign")), 10);
}

TEST_F(SequenceChannelTest, RefusedActsAreJudgedAndTeachNothing) {
  factor(call("w/look"));
  const auto denied = [](Event& event) { event.outcome.status = Outcome::Denied; };
  const float first = factor(call("w/ask").but(denied));
  EXPECT_EQ(factor(call("w/ask").but(denied)), first);
  EXPECT_EQ(factor(call("w/ask")), first);
}

TEST_F(SequenceChannelTest, SuspectTeachesNothing) {
  work(10);
  world.agent.evidence.alert[static_cast<std::size_t>(Threat::RoleDrift)] = 1e6F;
  const float strange = factor(call("w/pay"));
  for (int n = 0; n < 30; ++n) {
    factor(call("w/file"));
    factor(call("w/look"));
  }
  world.agent.evidence.alert[static_cast<std::size_t>(Threat::RoleDrift)] = 0;
  factor(call("w/file"));
  EXPECT_NEAR(factor(call("w/pay")), strange, .35 * strange);
}

TEST_F(SequenceChannelTest, RestartChangesNothing) {
  World twin{sequence_channel()};
  twin.job = world.job;
  for (int n = 0; n < 60; ++n) {
    const char* const tool = n % 7 == 0 ? "w/pay" : n % 5 == 0 ? "w/help" : n % 11 == 0 ? "x/foreign" : n % 2 == 0 ? "w/look" : "w/ask";
    EXPECT_EQ(factor(call(tool)), twin.read(call(tool)).wagers.front().alert) << n;
    world.restart();
  }
}

TEST_F(SequenceChannelTest, BorrowedNameNeitherTeachesNorBorrows) {
  world.session("s1").borrowed = true;
  work(5);
  EXPECT_EQ(world.agent.memory[static_cast<std::size_t>(ChannelId::Sequence)], nullptr);
  world.restart();
  EXPECT_LT(factor(call("w/look")), .5);
}

TEST(Sequence, PersonaWithoutOrderAndSharesIsNotJudged) {
  World world{sequence_channel()};
  EXPECT_THAT(world.read(call("files/exec")).wagers, IsEmpty());
  EXPECT_THAT(sequence_channel().caps(world.job), IsEmpty());
}

TEST(Sequence, SharesAloneAreEnough) {
  World world{sequence_channel()};
  world.job.actions.front().share = .5;
  EXPECT_LT(world.read(call("files/read")).wagers.at(0).alert, 1);
  EXPECT_GT(world.read(call("files/exec")).wagers.at(0).alert, 1);
}

TEST(Sequence, IsForAlertsAlone) {
  const std::array<const Channel*, 1> alone{&sequence_channel()};
  const Tables tables(orderly(), alone);
  const auto slot = static_cast<std::size_t>(Threat::OffRole);
  EXPECT_GT(tables.prior(Null::Alert)[slot], 0);
  EXPECT_EQ(tables.prior(Null::Declared)[slot], 0);
}

/// Surprise is told in bits: a half is one.
TEST(Sequence, SurpriseOfADeclaredStepIsSmallAndOfAForeignActGreat) {
  const Persona persona = orderly();
  const PersonaSet set({persona}, {}, false);
  std::vector<std::unique_ptr<const ChannelPlan>> plans(kChannels);
  plans[static_cast<std::size_t>(ChannelId::Sequence)] = sequence_channel().prepare(persona, set);
  AgentState agent;
  SessionState session;
  const auto bits = [&](const char* tool) {
    Made made = call(tool);
    const Event& event = made.done();
    Act act{event, persona, set, match_action(persona, event), std::nullopt, agent, session};
    act.plans = plans;
    return surprise_bits(act).value_or(-1);
  };
  EXPECT_LT(bits("w/look"), 1.5);
  EXPECT_GT(bits("w/pay"), 3);
  EXPECT_GT(bits("x/foreign"), 7);
}

/// Agents of the persona, each with transitions of its own drawn around the declared ones: the average that the bound is for.
TEST(SequenceEvidence, AgentsDrawnFromTheDeclaredPriorAlarmWithinTheBound) {
  constexpr int kAgents = 300, kCalls = 1000;
  const Persona persona = orderly();
  const SequencePlan plan(persona);
  std::mt19937_64 rng(17);
  int alarms = 0;
  for (int n = 0; n < kAgents; ++n) {
    // A Dirichlet of 20 pseudo-calls in every context of one.
    std::array<std::array<double, kSequenceClasses>, kSequenceClasses + 1> own{};
    for (std::size_t before = 0; before < own.size(); ++before)
      for (std::size_t x = 0; x < kSequenceClasses; ++x) {
        const double weight = 20 * static_cast<double>(plan.after(static_cast<std::uint8_t>(before))[x]);
        own[before][x] = weight > 0 ? std::gamma_distribution<double>(weight, 1)(rng) : 0;
      }
    SequenceMemory memory(plan.stamp());
    SequenceContext context;
    simulation::Hysteresis level{1e3};
    double score = 0;
    for (int call = 0; call < kCalls; ++call) {
      std::discrete_distribution<int> next(own[context.one].begin(), own[context.one].end());
      const auto cls = static_cast<std::uint8_t>(next(rng));
      score = (score + 1) * std::min(20., static_cast<double>(plan.off()) / memory.predicted(plan, context, cls));
      alarms += level.counts(score) ? 1 : 0;
      if (score < 100) memory.learn(plan, context, cls);
      context.push(cls);
    }
  }
  RecordProperty("alarms", alarms);
  EXPECT_LE(alarms, 1.0102 * kAgents * kCalls / 1e3);
}

TEST(SequenceEvidence, ActsInNoOrderAreFoundWithinTwentyCalls) {
  const SequencePlan plan(orderly());
  std::mt19937_64 rng(23);
  std::vector<int> calls;
  for (int run = 0; run < 201; ++run) {
    SequenceMemory memory(plan.stamp());
    SequenceContext context;
    for (int n = 0; n < 200; ++n) {
      memory.learn(plan, context, static_cast<std::uint8_t>(n % 4));
      context.push(static_cast<std::uint8_t>(n % 4));
    }
    double score = 0;
    int n = 0;
    while (score < 1e5 && n < 1000) {
      const auto cls = static_cast<std::uint8_t>(rng() % 5);
      score = (score + 1) * std::min(20., static_cast<double>(plan.off()) / memory.predicted(plan, context, cls));
      if (score < 100) memory.learn(plan, context, cls);
      context.push(cls);
      ++n;
    }
    calls.push_back(n);
  }
  std::ranges::sort(calls);
  RecordProperty("median", calls[100]);
  EXPECT_LE(calls[100], 20);
}

}  // namespace
}  // namespace ringfence::testing
