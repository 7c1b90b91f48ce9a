// SPDX-License-Identifier: Apache-2.0
// What would have to differ is what comes of it when the acts are taken away and the rest is counted again.
#include "engine/verdict/counterfactual.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>
#include <ranges>

#include "engine/verdict/policy.h"
#include "models/barrier.h"
#include "models/breadth.h"
#include "models/volume.h"

namespace ringfence {
namespace {

using testing::AllOf;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

const std::array<const Channel*, 3> kAsked{&barrier_channel(), &volume_channel(), &breadth_channel()};
constexpr RowId kFine{ChannelId::Barrier, 0, 0}, kRefused{ChannelId::Barrier, 0, 2}, kGuess{ChannelId::Barrier, 1, 3},
    kNearMiss{ChannelId::Barrier, 1, 7}, kLarge{ChannelId::Volume, 0, 4}, kSmall{ChannelId::Volume, 0, 0};

/// An act as channels have read it.
struct Marked {
  std::size_t session = 0;
  std::vector<RowId> marks;
  std::vector<Wagered> wagers;
};

Marked marked(std::vector<RowId> marks) { return {0, std::move(marks), {}}; }
/// A call that returns so much of a population.
Marked covering(std::vector<RowId> marks) {
  return {0, std::move(marks), {{ChannelId::Breadth, {.threat = Threat::Coverage, .context = 3, .cls = 1, .alert = 20, .declared = 18}}}};
}

Persona clerk() {
  Persona persona;
  persona.id = "clerk";
  persona.version = "1";
  persona.confidence = Confidence::Reviewed;
  persona.per_call.records = persona.per_session.records = Ladder{10., 100., std::nullopt};
  persona.coverage = Ladder{std::nullopt, .01, std::nullopt};
  persona.response.scores = {1e5, 1e7, 1e9};
  return persona;
}

class Clerk {
 public:
  explicit Clerk(Persona persona = clerk()) : persona_(std::move(persona)), tables_(persona_, kAsked) {}

  [[nodiscard]] AgentState after(const std::vector<Marked>& acts) const {
    AgentState agent;
    for (const char* id : {"s1", "s2"}) {
      agent.sessions.emplace_back();
      agent.sessions.back().id = id;
    }
    int number = 0;
    for (const Marked& act : acts) {
      const std::string id = "e" + std::to_string(++number);
      const auto one = [&](Evidence& evidence, std::unique_ptr<Ledger>& ledger) {
        const Evidence before = evidence;
        update(evidence, tables_, act.marks, act.wagers);
        record(ledger, before, evidence, tables_, act.marks, id, EventTime{number}, act.wagers);
      };
      one(agent.evidence, agent.ledger);
      one(agent.sessions[act.session].evidence, agent.sessions[act.session].ledger);
    }
    return agent;
  }
  [[nodiscard]] Differences differ(const std::vector<Marked>& acts) const {
    const AgentState agent = after(acts);
    return what_would_differ({agent, tables_, Null::Declared}, persona_, kAsked);
  }
  [[nodiscard]] bool leads_in_a_session(const std::vector<Marked>& acts) const {
    return leader(after(acts), tables_, Null::Declared).session.has_value();
  }
  [[nodiscard]] double score_after(const std::vector<Marked>& acts) const { return score(after(acts), tables_, Null::Declared); }
  [[nodiscard]] Level level_after(const std::vector<Marked>& acts) const { return level_by_evidence({after(acts), persona_, tables_}); }

 private:
  Persona persona_;
  Tables tables_;
};

bool is(const Marked& act, const Difference::Acts& named) {
  const auto same = [&](RowId id) {
    const RowWords words = words_of(id, kAsked);
    return words.channel == named.channel && words.cls == named.cls && words.context == named.context;
  };
  return std::ranges::any_of(act.marks, same) || std::ranges::any_of(act.wagers, [&](const Wagered& made) { return same(made.row()); });
}

/// Without the latest acts that are named, or the earliest of those that the ledger counts.
std::vector<Marked> without(const std::vector<Marked>& acts, const Difference& way, bool latest) {
  std::vector<char> goes(acts.size());
  for (const Difference::Acts& named : way.acts) {
    std::uint32_t met = 0;
    const std::uint32_t from = latest ? 0 : named.of - named.without, to = from + named.without;
    for (std::size_t i = acts.size(); i-- > 0;) {
      if (!is(acts[i], named)) continue;
      if (met >= from && met < to) goes[i] = 1;
      ++met;
    }
    EXPECT_GE(met, named.of) << named.cls;
  }
  std::vector<Marked> rest;
  for (std::size_t i = 0; i < acts.size(); ++i)
    if (goes[i] == 0) rest.push_back(acts[i]);
  return rest;
}

std::vector<Marked> times(std::size_t n, const Marked& act) { return {n, act}; }

std::vector<Marked> in_turn(std::initializer_list<std::vector<Marked>> parts) {
  std::vector<Marked> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

std::string told(const Differences& all) {
  std::string out = std::string(name_of(all.level));
  for (const Difference& way : all.ways) {
    out += "; ";
    for (const Difference::Acts& acts : way.acts)
      out += std::to_string(acts.without) + " of " + std::to_string(acts.of) + " " + acts.cls + ", " + acts.context + " ";
    out += (way.at_most ? "<= " : "= ") + std::to_string(way.score) + " " + std::string(name_of(way.level));
  }
  return out;
}

void expect_true(const Clerk& clerk, const std::vector<Marked>& acts) {
  const Differences all = clerk.differ(acts);
  EXPECT_EQ(all.level, clerk.level_after(acts));
  SCOPED_TRACE(told(all));
  for (const Difference& way : all.ways) {
    EXPECT_LT(way.level, all.level);
    for (const bool latest : {true, false}) {
      const std::vector<Marked> rest = without(acts, way, latest);
      EXPECT_LE(clerk.level_after(rest), way.level) << way.acts.front().cls;
      EXPECT_LE(clerk.score_after(rest), way.score * 1.001) << way.acts.front().cls;
    }
    const double least = way.at_most ? 0 : way.score / 2;
    EXPECT_GE(clerk.score_after(without(acts, way, true)), least) << way.acts.front().cls;
  }
}

TEST(Counterfactual, IsTrueOfWhateverMovedTheEvidence) {
  std::mt19937_64 dice(52);
  const Clerk clerk;
  int lower = 0, none = 0;
  for (int story = 0; story < 400; ++story) {
    std::vector<Marked> acts(10 + dice() % 50);
    const std::uint64_t loud = 2 + dice() % 6;
    for (Marked& act : acts) {
      const bool speaks = dice() % loud == 0;
      if (dice() % 4 != 0)
        act.marks.push_back(
            {ChannelId::Barrier, static_cast<std::uint8_t>(dice() % 2), static_cast<std::uint8_t>(speaks ? dice() % 8 : 0)});
      if (dice() % 2 == 0) act.marks.push_back({ChannelId::Volume, 0, static_cast<std::uint8_t>(speaks ? dice() % 5 : 0)});
      if (dice() % 8 == 0) act.wagers = covering({}).wagers;
      act.session = story % 2 == 0 ? 0 : dice() % 2;
    }
    if (clerk.leads_in_a_session(acts)) continue;  // its acts are not told from the other session's here
    ASSERT_NO_FATAL_FAILURE(expect_true(clerk, acts)) << "story " << story;
    const Differences all = clerk.differ(acts);
    lower += all.ways.empty() ? 0 : 1;
    none += !all.ways.empty() && all.ways.back().level == Level::Observe ? 1 : 0;
  }
  EXPECT_GT(lower, 60);
  EXPECT_GT(none, 60);
}

/// What else the agent did is not taken away with the guesses.
TEST(Counterfactual, LeavesWhatOtherThreatsHold) {
  const Clerk clerk;
  const std::vector<Marked> acts =
      in_turn({times(6, marked({kFine, kLarge})), times(9, marked({kFine})), {marked({kRefused})}, times(5, marked({kNearMiss}))});
  const std::vector<Marked> reads(acts.begin(), acts.begin() + 6);
  ASSERT_GE(clerk.level_after(reads), Level::Alert);
  const Differences all = clerk.differ(acts);
  EXPECT_EQ(all.level, Level::Halt);
  ASSERT_THAT(all.ways, SizeIs(2));
  EXPECT_THAT(all.ways.front().acts, SizeIs(1));
  EXPECT_GE(all.ways.front().level, Level::Alert);
  ASSERT_THAT(all.ways.back().acts, SizeIs(2)) << "guesses and reads";
  EXPECT_EQ(all.ways.back().level, Level::Observe);
  expect_true(clerk, acts);
}

/// The same calls speak for several threats: without them none of these has them.
TEST(Counterfactual, TakesAnActFromEveryThreatThatItFeeds) {
  const Clerk clerk;
  const std::vector<Marked> acts = times(8, covering({kFine, kLarge}));
  const Differences all = clerk.differ(acts);
  EXPECT_GE(all.level, Level::Throttle);
  ASSERT_THAT(all.ways, SizeIs(2));
  for (const Difference& way : all.ways) {
    ASSERT_THAT(way.acts, SizeIs(1));
    EXPECT_FALSE(way.at_most);
    const double exact = clerk.score_after(without(acts, way, true));
    EXPECT_NEAR(way.score, exact, exact / 20);
    EXPECT_EQ(way.level, clerk.level_after(without(acts, way, true)));
    std::vector<Marked> one_more = without(acts, way, true);
    one_more.push_back(acts.back());
    EXPECT_GT(clerk.level_after(one_more), way.level) << "no more acts than it takes";
  }
  EXPECT_EQ(all.ways.back().level, Level::Observe);
  expect_true(clerk, acts);
}

/// S is over every threshold, and the persona lets guesses alert and no more.
TEST(Counterfactual, NamesNoLevelThatThePersonaDoesNotGive) {
  Persona persona = clerk();
  persona.response.analytics["barrier.guessing"] = Level::Alert;
  const Clerk clerk(persona);
  const std::vector<Marked> acts = in_turn({{marked({kRefused})}, times(11, marked({kNearMiss}))});
  ASSERT_GT(clerk.score_after(acts), 1e15);
  const Differences all = clerk.differ(acts);
  EXPECT_EQ(all.level, Level::Alert);
  ASSERT_THAT(all.ways, SizeIs(1));
  EXPECT_EQ(all.ways.front().level, Level::Observe);
  EXPECT_THAT(all.ways.front().acts, testing::ElementsAre(AllOf(Field(&Difference::Acts::cls, "denied, near-miss"),
                                                                Field(&Difference::Acts::without, 9U), Field(&Difference::Acts::of, 11U))));
  expect_true(clerk, acts);
}

/// Near-misses that good work has long worn away have no part in what stands now.
TEST(Counterfactual, DoesNotCountWhatHasBeenWornAway) {
  const Clerk clerk;
  const std::vector<Marked> acts = in_turn(
      {{marked({kRefused})}, times(4, marked({kNearMiss})), times(25, marked({kFine})), {marked({kRefused})}, times(14, marked({kGuess}))});
  expect_true(clerk, acts);
}

TEST(Counterfactual, OfNoLevelIsNothing) {
  const Clerk clerk;
  const Differences all = clerk.differ({marked({kRefused}), marked({kNearMiss})});
  EXPECT_EQ(all.level, Level::Observe);
  EXPECT_THAT(all.ways, IsEmpty());
}

}  // namespace
}  // namespace ringfence
