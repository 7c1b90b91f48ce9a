// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "models/detector.h"
#include "models/drift.h"
#include "models/numeraire.h"
#include "tests/unit/models/drift_simulation.h"
#include "tests/unit/models/evidence_alarms.h"
#include "tests/unit/models/scope_world.h"

namespace ringfence::testing {
namespace {

using namespace simulation;
using ::testing::AllOf;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;

constexpr double kNoShare = -1;

TEST(DriftPlans, SharesBecomeCaps) {
  const DriftPlan plan(persona_with_shares({.5, .1, .01, kNoShare, 0}));
  ASSERT_EQ(plan.classes(), 5U);  // rarest first, then what nothing caps, then foreign acts
  EXPECT_EQ(plan.capped(), 3U);
  EXPECT_NEAR(plan.cap(plan.class_of(4)), .02, 1e-12);
  EXPECT_NEAR(plan.cap(plan.class_of(2)), .05, 1e-12);
  EXPECT_NEAR(plan.cap(plan.class_of(1)), .32, 1e-12);
  EXPECT_EQ(plan.cap(plan.class_of(0)), 1);
  EXPECT_EQ(plan.class_of(0), plan.class_of(3));
  EXPECT_NEAR(plan.cap(plan.foreign()), .02, 1e-12);
}

TEST(DriftPlans, MoreSharesThanClassesLeaveTheCommonestTogether) {
  std::vector<double> shares(40, .01);
  shares[39] = .001;
  const DriftPlan plan(persona_with_shares(shares));
  EXPECT_LE(plan.classes(), DriftPlan::kMost);
  EXPECT_EQ(plan.class_of(39), 0U);
  EXPECT_NEAR(plan.cap(plan.class_of(38)), 3 * .27 + .02, 1e-9);
}

TEST(DriftPlans, CapsThatHoldNoDistributionAreScaledUp) {
  const DriftPlan plan(persona_with_shares({.1, .1}));
  EXPECT_NEAR(plan.cap(0) + plan.cap(1) + plan.cap(plan.foreign()), 1, 1e-12);
}

/// Whatever came before, the factor has mean at most 1 under every law inside the box as it stands.
TEST(DriftEvidence, EveryStepIsALawfulBet) {
  const DriftPlan plan(persona_with_shares({.001, .01, .04, .1, .3, kNoShare}));
  std::mt19937_64 rng(1);
  DriftMemory memory(plan.stamp());
  std::size_t before = DriftMemory::kNone;
  for (int n = 0; n < 3000; ++n) {
    std::vector<double> caps, factors;
    for (std::size_t x = 0; x < plan.classes(); ++x) {
      caps.push_back(x == before ? 1 : memory.tightened(plan, x));
      DriftMemory tried = memory;
      factors.push_back(tried.step(plan, x, before, true).value_or(1));
    }
    ASSERT_LE(worst_case_mean(caps, factors), 1 + 1e-5) << "call " << n;
    const std::size_t cls = chance(.3, rng) ? rng() % plan.classes() : plan.capped();
    static_cast<void>(memory.step(plan, cls, before, chance(.9, rng)));
    before = cls == plan.foreign() ? DriftMemory::kNone : cls;
  }
}

/// One action declared `rarely` (cap 5 %), everything else free.
struct OneRareAction : ::testing::Test {
  DriftPlan plan{persona_with_shares({.01, kNoShare})};
  static NextAct at_rate(double rate) {
    return [rate](int, std::mt19937_64& rng) { return chance(rate, rng) ? 0U : 1U; };
  }
};

/// docs/design/detection.md §3.4: about 85 calls; 245 where a suspect goes on teaching; thousands by the declared cap alone, which a rate
/// of just that cap never passes.
TEST_F(OneRareAction, RiseInsideTheCapIsFoundByTheAgentsOwnPast) {
  const auto calls = [&](Learning learning, int runs) {
    return median_calls(plan, learning, at_rate(.005), 5000, at_rate(.05), {1e4}, runs, 15'000).front();
  };
  const int frozen = calls(Learning::WhileUnsuspect, 301), taught = calls(Learning::Always, 301);
  RecordProperty("frozen", frozen);
  RecordProperty("taught", taught);
  EXPECT_LE(frozen, 85 * 1.25);
  EXPECT_LE(taught, 245 * 1.25);
  EXPECT_GE(calls(Learning::Never, 21), 14'000 * .75);
}

/// The plug-in null has no exact bound; what it costs is measured: at most 100 per 1e6 at c = 1e4.
TEST_F(OneRareAction, SteadyRatesInsideTheCapAlarmWithinTheBound) {
  constexpr int kAgents = 80, kCalls = 5000;
  for (const double rate : {.005, .02, .05}) {
    std::mt19937_64 rng(5);
    int alarms = 0;
    for (int agent = 0; agent < kAgents; ++agent) {
      Mixer mixer(plan, Learning::WhileUnsuspect);
      Hysteresis level{1e4};
      for (int n = 0; n < kCalls; ++n) alarms += level.counts(mixer.step(at_rate(rate)(n, rng))) ? 1 : 0;
    }
    RecordProperty("alarms_per_million_" + std::to_string(rate), std::to_string(alarms * 1e6 / (kAgents * kCalls)));
    EXPECT_LE(alarms, 1.0102 * kAgents * kCalls / 1e4) << rate;
  }
}

TEST_F(OneRareAction, SlowPoisoningLoosensNothingAndIsFound) {
  constexpr double kCalls = 100'000;
  for (std::uint64_t seed = 0; seed < 7; ++seed) {
    std::mt19937_64 rng(seed);
    Mixer mixer(plan, Learning::WhileUnsuspect);
    double rate = .005;
    bool found = false;
    for (int n = 0; n < 2000; ++n) mixer.step(at_rate(.005)(n, rng));
    for (int n = 0; n < kCalls && !found; ++n) {
      rate = .005 + .295 * n / kCalls;
      found = mixer.step(at_rate(rate)(n, rng)) >= 1e4;
      ASSERT_THAT(mixer.memory().tightened(plan, 0), AllOf(Ge(plan.cap(0) / 8), Le(plan.cap(0))));
    }
    EXPECT_TRUE(found);
    EXPECT_LE(rate, .08) << "seed " << seed;
  }
}

TEST_F(OneRareAction, SuspectTeachesNothing) {
  DriftMemory memory(plan.stamp());
  const double before = memory.tightened(plan, 0);
  for (int n = 0; n < 1000; ++n) static_cast<void>(memory.step(plan, 1, DriftMemory::kNone, false));
  EXPECT_EQ(memory.tightened(plan, 0), before);
  for (int n = 0; n < 1000; ++n) static_cast<void>(memory.step(plan, 1, DriftMemory::kNone, true));
  EXPECT_LT(memory.tightened(plan, 0), before / 2);
}

/// A desk agent: two common actions, one at a tenth, one at 4 %, two that its job hardly ever needs.
struct OffRole : ::testing::Test {
  DriftPlan plan{persona_with_shares({0, 0, .04, .1, .5, .5})};
  enum : ActionIndex { kRefund, kExport, kCancel, kNote, kLook, kAnswer };
  NextAct lawful = [this](int, std::mt19937_64& rng) {
    const double u = std::uniform_real_distribution<double>(0, 1)(rng);
    return plan.class_of(u < .5 ? kLook : u < .83 ? kAnswer : u < .97 ? kNote : kCancel);
  };
  NextAct in_turn(std::vector<ActionIndex> actions) const {
    return [this, actions](int n, std::mt19937_64&) { return plan.class_of(actions[static_cast<std::size_t>(n) % actions.size()]); };
  }
  NextAct half(NextAct off) const {
    return [off = std::move(off), this](int n, std::mt19937_64& rng) { return chance(.5, rng) ? off(n, rng) : lawful(n, rng); };
  }
  /// Within a quarter of the published medians at 1e5 and 1e7, or faster.
  void expect_found(const NextAct& off, int history, int at_1e5, int at_1e7) const {
    const auto calls = median_calls(plan, Learning::WhileUnsuspect, lawful, history, off, {1e5, 1e7}, 201, 400);
    RecordProperty("calls", std::to_string(calls[0]) + "/" + std::to_string(calls[1]));
    EXPECT_LE(calls[0], at_1e5 * 1.25);
    EXPECT_LE(calls[1], at_1e7 * 1.25);
  }
};

TEST_F(OffRole, AuthorisedToolsTheJobHardlyNeeds) { expect_found(in_turn({kRefund, kExport}), 0, 6, 8); }
TEST_F(OffRole, TheSameHalfTheTime) { expect_found(half(in_turn({kRefund, kExport})), 0, 11, 15); }
TEST_F(OffRole, UnknownToolHalfTheTime) {
  expect_found(half([this](int, std::mt19937_64&) { return plan.foreign(); }), 5, 9, 12);
}
TEST_F(OffRole, CancelSweep) { expect_found(in_turn({kLook, kCancel}), 5, 31, 43); }

TEST_F(OffRole, LawfulRunOfOneActionSaysNothing) {
  std::mt19937_64 rng(2);
  Mixer mixer(plan, Learning::WhileUnsuspect);
  for (int n = 0; n < 300; ++n) mixer.step(lawful(n, rng));
  for (int n = 0; n < 24; ++n) EXPECT_LT(mixer.step(plan.class_of(kNote)), 1e4) << n;
}

struct DriftChannelTest : ::testing::Test {
  DriftChannelTest() {
    world.job.actions.clear();
    for (const char* id : {"look", "refund", "export"}) world.job.actions.push_back(action(id, {std::string("w/") + id}));
    world.job.actions[1].share = .01;
    world.job.actions[2].share = .01;
  }
  /// The factor of one more act; 1 where nothing is wagered.
  float factor(Made made) {
    const Reading reading = world.read(std::move(made));
    EXPECT_EQ(reading.kind, Reading::Kind::Silent);
    if (reading.wagers.empty()) return 1;
    EXPECT_EQ(reading.wagers.front().declared, 1);
    return reading.wagers.front().alert;
  }
  World world{drift_channel()};
};

TEST_F(DriftChannelTest, RepeatingTheCallBeforeIsNoEvidenceAlternatingIs) {
  for (int n = 0; n < 10; ++n) factor(call("w/look"));
  factor(call("w/refund"));
  for (int n = 0; n < 10; ++n) EXPECT_LE(factor(call("w/refund")), 1);
  float most = 0;
  for (int n = 0; n < 10; ++n) most = std::max({most, factor(call("w/export")), factor(call("w/refund"))});
  EXPECT_GT(most, 5);
}

TEST_F(DriftChannelTest, TheCallBeforeIsTheSessions) {
  for (int n = 0; n < 20; ++n) {
    factor(call("w/refund").session("s1"));
    EXPECT_LE(factor(call("w/look").session("s2")), 1);
  }
  EXPECT_LE(factor(call("w/refund").session("s1")), 1);
}

TEST_F(DriftChannelTest, RestartChangesNothing) {
  World twin{drift_channel()};
  twin.job = world.job;
  for (int n = 0; n < 60; ++n) {
    const char* const tool = n % 7 == 0 ? "w/refund" : n % 5 == 0 ? "w/export" : n % 11 == 0 ? "x/foreign" : "w/look";
    const Reading other = twin.read(call(tool));
    EXPECT_EQ(factor(call(tool)), other.wagers.empty() ? 1 : other.wagers.front().alert) << n;
    world.restart();
  }
}

TEST_F(DriftChannelTest, ForeignActsAreEvidenceEvenInARow) {
  for (int n = 0; n < 10; ++n) factor(call("w/look"));
  float last = 0;
  for (int n = 0; n < 6; ++n) last = factor(call("x/foreign"));
  EXPECT_GT(last, 5);
}

TEST_F(DriftChannelTest, OwnRefusalsAndRequestsAreLeftOut) {
  world.refused_by_us = true;
  world.read(call("w/refund").but([](Event& event) { event.outcome.status = Outcome::Denied; }));
  world.read(call("w/refund").but([](Event& event) { event.phase = Phase::Request; }));
  EXPECT_EQ(world.agent.memory[static_cast<std::size_t>(ChannelId::Drift)], nullptr);
}

TEST_F(DriftChannelTest, BorrowedNameNeitherTeachesNorBorrows) {
  world.session("s1").borrowed = true;
  for (int n = 0; n < 20; ++n) factor(call(n % 2 == 0 ? "w/refund" : "w/export"));
  EXPECT_EQ(world.agent.memory[static_cast<std::size_t>(ChannelId::Drift)], nullptr);
  world.restart();
  EXPECT_GT(factor(call("w/refund")), 5);
}

TEST(Drift, WithoutSharesThereIsNothingToDriftFrom) {
  World world{drift_channel()};
  world.read(call("files/exec"));
  EXPECT_THAT(drift_channel().caps(world.job), IsEmpty());
  EXPECT_EQ(world.agent.memory[static_cast<std::size_t>(ChannelId::Drift)], nullptr);
}

TEST(Drift, IsForAlertsAlone) {
  Persona persona = persona_with_shares({.01, kNoShare});
  const std::array<const Channel*, 1> alone{&drift_channel()};
  const Tables tables(persona, alone);
  const auto slot = static_cast<std::size_t>(Threat::RoleDrift);
  EXPECT_GT(tables.prior(Null::Alert)[slot], 0);
  EXPECT_EQ(tables.prior(Null::Declared)[slot], 0);
  EXPECT_FALSE(kThreats[slot].dangerous);
}

TEST(Drift, HostileBytesAreRefused) {
  Writer out;
  DriftMemory(7).encode(out);
  for (std::size_t cut = 0; cut < out.bytes().size(); ++cut) {
    Reader in(std::string_view(out.bytes()).substr(0, cut));
    EXPECT_EQ(drift_channel().decode_memory(MemoryScope::Agent, in), nullptr) << cut;
  }
  std::string broken(out.bytes());
  broken[12] = '\xFF';  // a negative e-detector
  Reader in(broken);
  EXPECT_EQ(drift_channel().decode_memory(MemoryScope::Agent, in), nullptr);
}

}  // namespace
}  // namespace ringfence::testing
