// SPDX-License-Identifier: Apache-2.0
// The explanation is the arithmetic: whatever happens to the evidence, its terms add up to ln S.
#include "engine/verdict/ledger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "engine/state/agent_codec.h"
#include "models/barrier.h"
#include "models/breadth.h"
#include "models/totals_channel.h"
#include "models/volume.h"

namespace ringfence {
namespace {

const std::array<const Channel*, 1> kChannelsAsked{&barrier_channel()};

Persona job(Confidence confidence, double denials, int retries) {
  Persona persona;
  persona.id = "job";
  persona.version = "1";
  persona.confidence = confidence;
  persona.barriers.denials = denials;
  persona.barriers.retries = retries;
  return persona;
}

struct Job {
  Persona persona;
  Tables tables;
  explicit Job(Persona p) : persona(std::move(p)), tables(persona, kChannelsAsked) {}
};

struct Conduct {
  AgentState agent;
  int events = 0;

  Conduct() {
    agent.key = agent_key("corp", "a");
    agent.tenant = "corp";
    agent.id = "a";
    for (const char* id : {"s1", "s2"}) {
      agent.sessions.emplace_back();
      agent.sessions.back().id = id;
      agent.sessions.back().key = hash64(id);
    }
  }

  void mark(const Tables& tables, std::size_t session, std::uint8_t context, std::uint8_t cls) {
    const std::array<RowId, 1> marks{RowId{ChannelId::Barrier, context, cls}};
    move(tables, session, marks);
  }

  void move(const Tables& tables, std::size_t session, std::span<const RowId> marks, std::span<const Wagered> wagers = {}) {
    const std::string id = "e" + std::to_string(++events);
    const auto one = [&](Evidence& evidence, std::unique_ptr<Ledger>& ledger) {
      const Evidence before = evidence;
      update(evidence, tables, marks, wagers);
      record(ledger, before, evidence, tables, marks, id, EventTime{events}, wagers);
    };
    one(agent.evidence, agent.ledger);
    one(agent.sessions[session].evidence, agent.sessions[session].ledger);
  }

  [[nodiscard]] bool clamped() const {
    const auto at_the_end = [](const Evidence& e) {
      const auto full = [](float a) { return a >= kGreatestEvidence; };
      return std::ranges::any_of(e.alert, full) || std::ranges::any_of(e.declared, full);
    };
    return at_the_end(agent.evidence) || std::ranges::any_of(agent.sessions, [&](const SessionState& s) { return at_the_end(s.evidence); });
  }

  void restart() {
    WrittenParts written;
    const auto changes = encode_changes(agent, written);
    std::vector<PartView> parts;
    for (const PartChange& change : changes) parts.push_back({change.id, *change.bytes});
    auto decoded = decode_agent(agent.key, parts, channel_memories());
    ASSERT_TRUE(decoded) << decoded.error().message;
    agent = std::move(decoded->state);
  }
};

void expect_adds_up(const Explanation& e, int event) {
  double contributions = 0;
  for (const EvidenceRow& row : e.rows) contributions += row.nats;
  const double sum = e.prior + e.start + contributions + e.late_starts + e.others;
  ASSERT_NEAR(sum, e.ln_score, 1e-6 * std::max(1., std::abs(e.ln_score))) << "event " << event;
  // Factors are floats: each of n steps may lose a part in 2^24.
  ASSERT_GE(e.late_starts, -1e-4) << "event " << event << ", " << e.threat << " in the " << e.scope;
  ASSERT_GE(e.others, -1e-6) << "event " << event;
}

TEST(Ledger, TermsAddUpOnEveryPathAndThroughRestartsAndChangesOfTheJob) {
  std::mt19937_64 dice(4711);
  for (int story = 0; story < 60; ++story) {
    const std::array<Job, 2> jobs{Job(job(Confidence::Sketch, .10, 2)),
                                  Job(job(story % 2 == 0 ? Confidence::Measured : Confidence::Reviewed, .30, 5))};
    Conduct conduct;
    std::size_t now = 0;
    int explained = 0;
    bool was_clamped = false;
    for (int i = 0; i < 500; ++i) {
      const auto context = static_cast<std::uint8_t>(dice() % 2);
      const auto cls = static_cast<std::uint8_t>(dice() % 3 == 0 ? dice() % 8 : 0);
      conduct.mark(jobs.at(now).tables, dice() % 2, context, cls);
      if (dice() % 60 == 0) conduct.restart();
      was_clamped = was_clamped || conduct.clamped();
      if (dice() % 90 == 0) {
        now = 1 - now;
        rebase(conduct.agent.ledger, conduct.agent.evidence);
        for (SessionState& session : conduct.agent.sessions) rebase(session.ledger, session.evidence);
      }
      for (const Null null : {Null::Alert, Null::Declared}) {
        const auto e = explain({conduct.agent, jobs.at(now).tables, null}, jobs.at(now).persona, 1e5, kChannelsAsked);
        if (!e) continue;
        ++explained;
        if (e->clamped) {
          ASSERT_TRUE(was_clamped) << "event " << i;
          continue;
        }
        ASSERT_NO_FATAL_FAILURE(expect_adds_up(*e, i));
      }
    }
    EXPECT_GT(explained, 100);
  }
}

/// A job that declares amounts, so that marks and the channels' own wagers move the same threats.
const std::array<const Channel*, 4> kAmountsAsked{&barrier_channel(), &volume_channel(), &breadth_channel(), &totals_channel()};

Persona amounts() {
  Persona persona = job(Confidence::Reviewed, .10, 2);
  persona.per_call.records = persona.per_call.cost_usd = persona.per_day.records = persona.per_session.records = persona.calls_per_minute =
      Ladder{10., 100., std::nullopt};
  persona.coverage = Ladder{std::nullopt, .01, std::nullopt};
  persona.actions.emplace_back();
  persona.actions.front().arguments.emplace_back();
  persona.actions.front().arguments.front().identifier = true;
  return persona;
}

/// One event as channels may read it: some marks, of breadth up to four, some wagers, which tick or not, raise or lower.
struct Drawn {
  std::vector<RowId> marks;
  std::vector<Wagered> wagers;

  explicit Drawn(std::mt19937_64& dice) {
    const auto one_of = [&](std::uint64_t n) { return static_cast<std::uint8_t>(dice() % n); };
    const bool loud = dice() % 4 == 0;
    if (dice() % 2 == 0) marks.push_back({ChannelId::Barrier, one_of(2), loud ? one_of(8) : std::uint8_t{0}});
    if (dice() % 2 == 0) marks.push_back({ChannelId::Volume, one_of(3), loud ? one_of(5) : std::uint8_t{0}});
    for (std::uint64_t moves = dice() % 3 == 0 ? 1 + dice() % 4 : 0; moves > 0; --moves)
      marks.push_back({ChannelId::Breadth, one_of(3), loud ? one_of(5) : std::uint8_t{0}});
    const auto factor = [&] { return static_cast<float>(std::exp(std::uniform_real_distribution<double>(-1, loud ? 3.5 : .1)(dice))); };
    const auto stake = [&](ChannelId channel, Threat threat, std::uint8_t context, bool ticks) {
      if (dice() % 3 == 0)
        wagers.push_back(
            {channel,
             {threat, context, one_of(3), ticks ? factor() : std::max(1.F, factor()), ticks ? factor() : std::max(1.F, factor()), ticks}});
    };
    stake(ChannelId::Volume, Threat::Overuse, 5, true);
    stake(ChannelId::Breadth, Threat::Coverage, 3, true);
    stake(ChannelId::Totals, Threat::DripSession, 0, dice() % 4 == 0);
    stake(ChannelId::Totals, Threat::DripDay, 1, dice() % 8 == 0);
    stake(ChannelId::Totals, Threat::Overuse, 2, dice() % 2 == 0);
  }
};

TEST(Ledger, TermsAddUpWithMarksAndWagersTickingAndNot) {
  const Persona persona = amounts();
  const Tables tables(persona, kAmountsAsked);
  std::mt19937_64 dice(4712);
  for (int story = 0; story < 60; ++story) {
    Conduct conduct;
    int explained = 0;
    bool was_clamped = false;
    std::set<std::string> leading;
    for (int i = 0; i < 300; ++i) {
      const Drawn drawn(dice);
      if (drawn.marks.empty() && drawn.wagers.empty()) continue;
      conduct.move(tables, dice() % 2, drawn.marks, drawn.wagers);
      if (dice() % 60 == 0) conduct.restart();
      if (dice() % 50 == 0) {  // a release: evidence begins at nothing, what channels remember of their periods does not
        conduct.agent.evidence = {};
        conduct.agent.ledger.reset();
        for (SessionState& session : conduct.agent.sessions) {
          session.evidence = {};
          session.ledger.reset();
        }
        was_clamped = false;
      }
      was_clamped = was_clamped || conduct.clamped();
      for (const Null null : {Null::Alert, Null::Declared}) {
        const auto e = explain({conduct.agent, tables, null}, persona, 1e5, kAmountsAsked);
        if (!e) continue;
        ++explained;
        leading.insert(e->threat);
        if (e->clamped) {
          ASSERT_TRUE(was_clamped) << "story " << story << " event " << i << " " << e->threat << " " << e->late_starts;
          continue;
        }
        ASSERT_NO_FATAL_FAILURE(expect_adds_up(*e, i));
      }
    }
    EXPECT_GT(explained, 100);
    EXPECT_GT(leading.size(), 1U);
  }
}

TEST(Ledger, AGainThatComesBeforeTheFirstTickIsNotGivenToThatTick) {
  const Persona persona = amounts();
  const Tables tables(persona, kAmountsAsked);
  Conduct conduct;
  const auto day = [&](float factor, bool ticks) {
    const std::array<Wagered, 1> wagers{Wagered{ChannelId::Totals, {Threat::DripDay, 1, 2, factor, factor, ticks}}};
    conduct.move(tables, 0, {}, wagers);
  };
  day(.5F, true);
  EXPECT_FALSE(conduct.agent.ledger) << "nothing speaks for a threat yet";
  day(20, false);
  day(1.5F, true);
  day(20, false);
  const auto e = explain({conduct.agent, tables, Null::Declared}, persona, 1e5, kAmountsAsked);
  ASSERT_TRUE(e);
  EXPECT_EQ(e->threat, "drip");
  EXPECT_FALSE(e->clamped);
  EXPECT_NEAR(e->start, std::log(.5), 1e-6) << "what the ledger opened with";
  for (const EvidenceRow& row : e->rows) EXPECT_FALSE(row.seen) << "a day is counted once for each rise: that is no share of days";
  expect_adds_up(*e, 0);
}

TEST(Ledger, AGainOfNothingIsNothing) {
  const Persona persona = amounts();
  const Tables tables(persona, kAmountsAsked);
  Conduct conduct;
  const std::array<Wagered, 1> rise{Wagered{ChannelId::Totals, {Threat::DripDay, 1, 2, 20, 20, false}}};
  const std::array<Wagered, 1> first{Wagered{ChannelId::Totals, {Threat::DripDay, 1, 0, 2, 2, true}}};
  conduct.move(tables, 0, {}, rise);
  conduct.move(tables, 0, {}, first);
  const auto e = explain({conduct.agent, tables, Null::Alert}, persona, 1e5, kAmountsAsked);
  ASSERT_TRUE(e);
  EXPECT_FALSE(e->clamped);
  EXPECT_NEAR(e->late_starts, 0, 1e-6);
  expect_adds_up(*e, 0);
}

TEST(Ledger, OpensWithTheFirstMarkAboveOneAndClosesWhenClean) {
  const Job clerk(job(Confidence::Reviewed, .10, 2));
  Conduct conduct;
  for (int i = 0; i < 50; ++i) conduct.mark(clerk.tables, 0, 0, 0);
  EXPECT_FALSE(conduct.agent.ledger);
  const Evidence before = conduct.agent.evidence;
  conduct.mark(clerk.tables, 0, 0, 3);
  ASSERT_TRUE(conduct.agent.ledger);
  EXPECT_EQ(conduct.agent.ledger->start.declared, before.declared);
  EXPECT_EQ(conduct.agent.ledger->contributions, 1U);
  int clean = 0;
  while (conduct.agent.ledger && clean < 200) {
    conduct.mark(clerk.tables, 0, 0, 0);
    ++clean;
  }
  EXPECT_GT(clean, 3);
  EXPECT_LT(clean, 200);
  EXPECT_FALSE(conduct.agent.sessions[0].ledger);
}

TEST(Ledger, TheLeadingScopeIsTheOneWithTheGreaterEvidence) {
  const Job clerk(job(Confidence::Reviewed, .10, 2));
  Conduct conduct;
  for (int i = 0; i < 3; ++i) conduct.mark(clerk.tables, 1, 1, 7);
  auto e = explain({conduct.agent, clerk.tables, Null::Declared}, clerk.persona, 1e5, kChannelsAsked);
  ASSERT_TRUE(e);
  EXPECT_EQ(e->scope, "agent") << "of two alike the agent";
  for (int i = 0; i < 40; ++i) conduct.mark(clerk.tables, 0, 0, 0);
  e = explain({conduct.agent, clerk.tables, Null::Declared}, clerk.persona, 1e5, kChannelsAsked);
  ASSERT_TRUE(e);
  EXPECT_EQ(e->scope, "session") << "the agent's own has been worn down by another session's good work";
}

TEST(Ledger, KeepsTheFirstTwoEventsAndTheLatest) {
  const Job clerk(job(Confidence::Reviewed, .10, 2));
  Conduct conduct;
  for (int i = 0; i < 6; ++i) conduct.mark(clerk.tables, 0, 1, 7);
  const Ledger& ledger = *conduct.agent.ledger;
  std::vector<std::string_view> samples;
  for (std::size_t i = 0; i < 3; ++i) samples.push_back(ledger.sample(ledger.rows.at(0), i));
  EXPECT_EQ(samples, (std::vector<std::string_view>{"e1", "e2", "e6"}));
}

TEST(Ledger, CountsEveryMoveOfAnActAndKeepsTheActOnce) {
  const Job clerk(job(Confidence::Reviewed, .10, 2));
  Conduct conduct;
  const std::vector<RowId> moves(3, RowId{ChannelId::Barrier, 1, 7});
  for (int i = 0; i < 4; ++i) conduct.move(clerk.tables, 0, moves);
  const Ledger& ledger = *conduct.agent.ledger;
  EXPECT_EQ(ledger.rows.at(0).count, 12U);
  std::vector<std::string_view> samples;
  for (std::size_t i = 0; i < 3; ++i) samples.push_back(ledger.sample(ledger.rows.at(0), i));
  EXPECT_EQ(samples, (std::vector<std::string_view>{"e1", "", "e4"}));
  const auto e = explain({conduct.agent, clerk.tables, Null::Declared}, clerk.persona, 1e5, kChannelsAsked);
  ASSERT_TRUE(e);
  expect_adds_up(*e, 0);
}

TEST(Ledger, ABorrowedSessionIsExplainedByItselfAlone) {
  const Job clerk(job(Confidence::Reviewed, .10, 2));
  Conduct conduct;
  conduct.agent.sessions[1].borrowed = true;
  for (int i = 0; i < 4; ++i) conduct.mark(clerk.tables, 1, 1, 7);
  const double all = score(conduct.agent, clerk.tables, Null::Declared),
               alone = score(conduct.agent, clerk.tables, Null::Declared, &conduct.agent.sessions[1]);
  EXPECT_DOUBLE_EQ(all, .5 * scope_score(conduct.agent.evidence, clerk.tables, Null::Declared));
  EXPECT_DOUBLE_EQ(alone, .5 * scope_score(conduct.agent.sessions[1].evidence, clerk.tables, Null::Declared));
  const auto e = explain({conduct.agent, clerk.tables, Null::Declared, &conduct.agent.sessions[1]}, clerk.persona, 1e5, kChannelsAsked);
  ASSERT_TRUE(e);
  EXPECT_EQ(e->scope, "session");
  expect_adds_up(*e, 0);
}

}  // namespace
}  // namespace ringfence
