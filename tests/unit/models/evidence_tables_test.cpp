// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "models/numeraire.h"
#include "models/threats.h"
#include "tests/unit/models/evidence_simulation.h"

namespace ringfence {
namespace {

using namespace simulation;
using testing::ElementsAre;

/// Factors by threat, context and class, as docs/design/barrier_reference.py prints them.
struct Golden {
  double tolerance;
  double factors[6][2][8];
};
const Golden kGolden[] = {
    {1,
     {
         {{0.455581, 2.5, 8.8, 5, 1.5, 1, 1, 5}, {0.467914, 0.467914, 3.6, 2.5, 0.6, 1, 0.5, 5}},
         {{0.455581, 1.5, 2, 20, 1.5, 1, 1, 110}, {0.374332, 0.374332, 0.666667, 10, 0.4, 1, 0.5, 150}},
         {{0.626424, 2.5, 1.6, 2, 12, 4, 1, 5}, {0.625, 0.625, 0.666667, 1.5, 6.4, 6, 0.625, 5}},
         {{0.683371, 2.5, 1.2, 2, 2.5, 20, 1, 5}, {0.697168, 0.697168, 0.697168, 1.5, 1.6, 20, 0.697168, 5}},
         {{0.626424, 2, 1.2, 3, 1, 1, 20, 5}, {0.64346, 0.64346, 0.64346, 2, 0.64346, 1, 16.5, 5}},
         {{0.911162, 1.5, 1.4, 3, 1.5, 1, 2, 5}, {0.895722, 0.895722, 0.933333, 3.5, 1, 2, 1.5, 10}},
     }},
    {1.5,
     {
         {{0.489596, 1.66667, 5.86667, 3.33333, 1, 0.666667, 0.666667, 3.33333},
          {0.536451, 0.536451, 2.4, 1.66667, 0.536451, 0.666667, 0.536451, 3.33333}},
         {{0.489596, 1, 1.33333, 13.3333, 1, 0.666667, 0.666667, 73.3333},
          {0.42641, 0.42641, 0.444444, 6.66667, 0.42641, 0.666667, 0.42641, 126.667}},
         {{0.673077, 1.66667, 1.06667, 1.33333, 8, 2.66667, 0.673077, 3.33333},
          {0.661345, 0.661345, 0.661345, 1, 4.26667, 4, 0.661345, 3.33333}},
         {{0.733173, 1.66667, 0.8, 1.33333, 1.66667, 13.3333, 0.733173, 3.33333},
          {0.729761, 0.729761, 0.729761, 1, 1.06667, 16, 0.729761, 3.33333}},
         {{0.672854, 1.33333, 0.8, 2, 0.672854, 0.672854, 18.6667, 3.33333},
          {0.661605, 0.661605, 0.661605, 1.33333, 0.661605, 0.666667, 11, 3.33333}},
         {{0.970232, 1, 0.970232, 2, 1, 0.970232, 1.33333, 3.33333},
          {0.932755, 0.932755, 0.932755, 2.33333, 0.932755, 1.33333, 1, 6.66667}},
     }},
    {2,
     {
         {{0.527638, 1.25, 4.4, 2.5, 0.75, 0.527638, 0.527638, 2.5}, {0.609756, 0.609756, 1.8, 1.25, 0.609756, 0.609756, 0.609756, 2.5}},
         {{0.527638, 0.75, 1, 10, 0.75, 0.527638, 0.527638, 55}, {0.438034, 0.438034, 0.438034, 5, 0.438034, 0.5, 0.438034, 95}},
         {{0.721649, 1.25, 0.8, 1, 6, 2, 0.721649, 2.5}, {0.69378, 0.69378, 0.69378, 0.75, 3.2, 3, 0.69378, 2.5}},
         {{0.76484, 1.25, 0.76484, 1, 1.25, 10, 0.76484, 2.5}, {0.76484, 0.76484, 0.76484, 0.76484, 0.8, 12, 0.76484, 2.5}},
         {{0.69869, 1, 0.69869, 1.5, 0.69869, 0.69869, 14, 2.5}, {0.676856, 0.676856, 0.676856, 1, 0.676856, 0.676856, 8.25, 2.5}},
         {{0.983264, 0.983264, 0.983264, 1.5, 0.983264, 0.983264, 1, 2.5}, {0.950855, 0.950855, 0.950855, 1.75, 0.950855, 1, 0.950855, 5}},
     }},
};

constexpr Confidence confidence_of(double tolerance) { return tolerance == 2 ? Confidence::Sketch : Confidence::Reviewed; }

void expect_factors(const Tables& tables, Null null, const Golden& golden) {
  for (std::size_t context = 0; context < 2; ++context)
    for (std::size_t cls = 0; cls < 8; ++cls)
      for (std::size_t threat = 0; threat < std::size(golden.factors); ++threat)
        EXPECT_NEAR(tables.row(null, mark(context, cls))[threat], golden.factors[threat][context][cls],
                    1e-4 * golden.factors[threat][context][cls])
            << kThreats[threat].id << " tolerance " << golden.tolerance << " context " << context << " class " << cls;
}

TEST(Tables, BarrierFactorsAreTheGoldenOnes) {
  for (const Golden& golden : kGolden) {
    const bool alert = golden.tolerance == 1;
    const Tables tables = tables_of(persona_of(confidence_of(alert ? 2 : golden.tolerance)));
    expect_factors(tables, alert ? Null::Alert : Null::Declared, golden);
  }
}

TEST(Tables, EveryRowIsALawfulBetAgainstTheCapsItPrints) {
  for (const Confidence confidence : {Confidence::Sketch, Confidence::Reviewed, Confidence::Measured}) {
    const Tables tables = tables_of(persona_of(confidence));
    for (const Null null : {Null::Alert, Null::Declared})
      for (std::size_t context = 0; context < 2; ++context)
        for (std::size_t threat = 0; threat < kThreats.size(); ++threat) {
          std::vector<double> v, g;
          for (std::size_t cls = 0; cls < 8; ++cls) {
            v.push_back(tables.cap(null, mark(context, cls)));
            g.push_back(static_cast<double>(tables.row(null, mark(context, cls))[threat]));
          }
          EXPECT_LE(worst_case_mean(v, g), 1 + 1e-6);
        }
  }
}

TEST(Tables, SlotsWithoutAThreatNeverMove) {
  const Tables tables = tables_of(persona_of(Confidence::Reviewed));
  Evidence evidence;
  const std::array<RowId, 1> marks{mark(1, 7)};
  for (int i = 0; i < 50; ++i) update(evidence, tables, marks);
  for (std::size_t slot = kThreats.size(); slot < kThreatSlots; ++slot) {
    EXPECT_EQ(evidence.alert[slot], 0);
    EXPECT_EQ(evidence.declared[slot], 0);
  }
  EXPECT_EQ(evidence.alert[1], 1e30F) << "guess is clamped";
}

TEST(Tables, AThreatTheJobAllowsIsDroppedAndItsWeightIsNotHandedOn) {
  Persona persona = persona_of(Confidence::Sketch);
  persona.barriers.denials = .9;  // may be denied nine times in ten
  const Tables loose = tables_of(persona), golden = tables_of(persona_of(Confidence::Sketch));
  const std::size_t slow = static_cast<std::size_t>(Threat::Slow);
  ASSERT_GT(golden.prior(Null::Declared)[slow], 0);
  double sum = 0;
  for (const float weight : loose.prior(Null::Declared)) sum += static_cast<double>(weight);
  EXPECT_LE(sum, .5 + 1e-6);
  for (std::size_t slot = 0; slot < kThreats.size(); ++slot) {
    const bool applies = (loose.applies(Null::Declared, ChannelId::Barrier) >> slot & 1) != 0;
    EXPECT_EQ(applies, loose.prior(Null::Declared)[slot] > 0);
    EXPECT_EQ(applies, loose.ticks(Null::Declared, ChannelId::Barrier)[slot] > 0);
  }
}

TEST(Tables, ADroppedThreatNeitherTicksNorWeighs) {
  // A channel of one context and two classes whose only bet lies inside the box.
  struct Tame final : Channel {
    ChannelInfo shape{ChannelId::Workflow, "tame", {"any"}, {"fine", "odd"}, {20, 20}, false};
    std::vector<Bet> bet{{Threat::Slow, {{.9, .1}}}};
    [[nodiscard]] const ChannelInfo& info() const override { return shape; }
    [[nodiscard]] std::vector<std::vector<double>> caps(const Persona&) const override { return {{1, .2}}; }
    [[nodiscard]] std::span<const Bet> bets() const override { return bet; }
    [[nodiscard]] std::unique_ptr<ChannelMemory> decode_memory(MemoryScope, Reader&) const override { return nullptr; }
    [[nodiscard]] Reading read(const Act&) const override { return Reading::marked(0, 0); }
    [[nodiscard]] Description describe(const Act&, Threat) const override { return {}; }
  };
  const Tame tame;
  const std::array<const Channel*, 1> channels{&tame};
  const Tables tables(persona_of(Confidence::Sketch), channels);
  EXPECT_EQ(tables.applies(Null::Alert, ChannelId::Workflow), 0U);
  EXPECT_EQ(tables.prior(Null::Alert)[static_cast<std::size_t>(Threat::Slow)], 0);
  Evidence evidence;
  const std::array<RowId, 1> marks{RowId{ChannelId::Workflow, 0, 1}};
  update(evidence, tables, marks);
  EXPECT_EQ(scope_score(evidence, tables, Null::Alert), 0);
  EXPECT_FALSE(tables.contributes(marks[0]));
}

TEST(Tables, RowsOfAnotherVersionCountForNothing) {
  const Tables tables = tables_of(persona_of(Confidence::Reviewed));
  for (const RowId id : {mark(2, 0), mark(0, 8), RowId{ChannelId::Drift, 0, 0}, RowId{static_cast<ChannelId>(200), 0, 0}}) {
    EXPECT_EQ(tables.row(Null::Declared, id)[0], 1);
    EXPECT_EQ(tables.cap(Null::Declared, id), 1);
    EXPECT_FALSE(tables.contributes(id));
  }
}

TEST(Tables, CapsAreTheDeclaredOnesTimesTolerance) {
  Persona persona = persona_of(Confidence::Reviewed);
  persona.barriers = {.denials = .20, .retries = 4, .then = 0};
  const Tables tables = tables_of(persona);
  const auto row = [&](std::size_t context) {
    std::vector<double> caps;
    for (std::size_t cls = 0; cls < 8; ++cls) caps.push_back(std::round(tables.cap(Null::Declared, mark(context, cls)) * 1e6) / 1e6);
    return caps;
  };
  EXPECT_THAT(row(0), ElementsAre(1, .06, .15, .03, .03, .015, .03, .003));
  EXPECT_THAT(row(1), ElementsAre(1, 1, .225, .03, .075, .015, .03, .003));
  EXPECT_DOUBLE_EQ(tables.cap(Null::Alert, mark(1, 1)), .8) << "1 - 1/(retries + 1)";
}

TEST(Evidence, AnEndlesslyCleanAgentSettlesAtTheCleanValue) {
  const Tables tables = tables_of(persona_of(Confidence::Sketch));
  Walker walker;
  for (int i = 0; i < 3000; ++i) walker.step(tables, 0);
  for (const Null null : {Null::Alert, Null::Declared})
    EXPECT_NEAR(scope_score(walker.agent, tables, null) / tables.clean_value(null), 1, 1e-4);
}

TEST(Evidence, AnEventWithoutMarksDoesNotTick) {
  const Tables tables = tables_of(persona_of(Confidence::Sketch));
  Evidence evidence;
  update(evidence, tables, {});
  EXPECT_EQ(scope_score(evidence, tables, Null::Alert), 0);
}

TEST(Evidence, TheExampleFindingsScoresAtEachAttempt) {
  const Tables tables = tables_of(persona_of(Confidence::Reviewed));
  Walker walker;
  for (int i = 0; i < 200; ++i) walker.step(tables, 0, i >= 180);
  const double start = std::log(static_cast<double>(walker.agent.declared[1]) + 1);
  double contributions = 0;
  const std::array<std::size_t, 7> attempts{2, 7, 7, 7, 7, 3, 7};
  const std::array<double, 7> expected{3.355, 6.155e1, 5.890e3, 7.362e5, 9.320e7, 6.213e8, 7.870e10};
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    contributions += std::log(static_cast<double>(tables.row(Null::Declared, mark(walker.context, attempts[i]))[1]));
    walker.step(tables, attempts[i]);
    EXPECT_NEAR(walker.score(tables, Null::Declared) / expected[i], 1, 5e-4) << "attempt " << i + 1;
  }
  const double lead = static_cast<double>(walker.agent.declared[1]);
  EXPECT_NEAR(std::log(.05), -3.00, 5e-3);
  EXPECT_NEAR(start, .67, 5e-3);
  EXPECT_NEAR(contributions, 26.39, 5e-3);
  EXPECT_NEAR(std::log(lead) - start - contributions, .33, 5e-3);
  EXPECT_NEAR(std::log(walker.score(tables, Null::Declared)) - std::log(.05 * lead), .69, 6e-3);
}

TEST(Leader, NamesTheThreatItsShareAndTheScopeWhereItIsGreatest) {
  const Tables tables = tables_of(persona_of(Confidence::Reviewed));
  AgentState agent;
  agent.sessions.resize(2);
  const std::array<RowId, 1> guess{mark(1, 7)}, clean{mark(0, 0)};
  update(agent.evidence, tables, guess);
  update(agent.sessions[1].evidence, tables, guess);
  update(agent.evidence, tables, clean);
  const Leader lead = leader(agent, tables, Null::Declared);
  EXPECT_EQ(lead.threat, Threat::Guess);
  EXPECT_TRUE(lead.dangerous);
  EXPECT_GT(lead.share, .8);
  EXPECT_NEAR(lead.family_share, 1, 1e-12);
  EXPECT_EQ(lead.session, std::optional<std::size_t>(1)) << "the clean call weighed on the agent alone";
  EXPECT_EQ(leader(AgentState{}, tables, Null::Declared).share, 0);
}

TEST(Score, AddsTheAgentAndEverySessionAndHalvesThem) {
  const Tables tables = tables_of(persona_of(Confidence::Reviewed));
  AgentState agent;
  agent.sessions.resize(3);
  const std::array<RowId, 1> marks{mark(0, 2)};
  update(agent.evidence, tables, marks);
  update(agent.sessions[0].evidence, tables, marks);
  update(agent.sessions[2].evidence, tables, marks);
  EXPECT_DOUBLE_EQ(score(agent, tables, Null::Alert), 1.5 * scope_score(agent.evidence, tables, Null::Alert));
}

/// Two analytics are excepted, of which one is about two threats; each act only of one of them.
TEST(Tables, AnExceptionTakesAMarkFromTheThreatsOfItsAnalyticAlone) {
  Persona persona;
  for (const Analytic analytic : {Analytic::BarrierDeadEnd, Analytic::VolumeBulk}) {
    Exception& exception = persona.exceptions.emplace_back();
    exception.analytic = uid_of(analytic);
  }
  const std::array channels{&barrier_channel()};
  const Tables tables(persona, channels);
  const RowId mark{ChannelId::Barrier, 1, 7};
  EXPECT_EQ(tables.without(mark, 0), mark);
  const RowId less = tables.without(mark, only(Threat::DeadEnd));
  EXPECT_EQ(tables.left_out(less), only(Threat::DeadEnd));
  EXPECT_EQ(tables.left_out(tables.without(mark, only(Threat::Bulk))), only(Threat::Bulk) | only(Threat::BulkHeavy));
  EXPECT_EQ(tables.left_out(tables.without(mark, only(Threat::DeadEnd) | only(Threat::Bulk))),
            only(Threat::DeadEnd) | only(Threat::Bulk) | only(Threat::BulkHeavy));
  for (const ThreatInfo& threat : kThreats) {
    const auto slot = static_cast<std::size_t>(threat.threat);
    const float counted = tables.row(Null::Declared, mark)[slot];
    EXPECT_EQ(tables.row(Null::Declared, less)[slot], threat.threat == Threat::DeadEnd ? 1 : counted) << threat.id;
  }
  Evidence evidence;
  update(evidence, tables, std::array{less});
  EXPECT_EQ(evidence.declared[static_cast<std::size_t>(Threat::DeadEnd)], 0) << "no tick either";
  EXPECT_GT(evidence.declared[static_cast<std::size_t>(Threat::Guess)], 0);
}

/// What exceptions leave out is written above the context of a mark.
TEST(Tables, EveryChannelsContextsLeaveRoomForExceptions) {
  for (const Channel* const channel : all_channels())
    EXPECT_LE(channel->info().contexts.size(), 1U << kContextBits) << channel->info().name;
}

}  // namespace
}  // namespace ringfence
