// SPDX-License-Identifier: Apache-2.0
#include "models/breadth.h"

#include <gmock/gmock.h>

#include <random>

#include "models/breadth_memory.h"
#include "models/numeraire.h"
#include "tests/unit/models/amounts_world.h"
#include "tests/unit/models/evidence_alarms.h"
#include "tests/unit/models/table_bounds.h"

namespace ringfence::testing {
namespace {

using simulation::bounds_of;
using simulation::Hysteresis;
using simulation::poisson_upper;

enum : std::uint8_t { Elsewhere, Another, Listed, CountedSomewhere, CountedUngiven };
enum : std::uint8_t { Within, Beyond, Undeclared };

struct Breadth : ::testing::Test {
  Amounts world;
  void SetUp() override {
    world.job.actions.front().arguments.push_back(rule("customer_id"));
    world.job.actions.front().arguments.back().identifier = true;
    world.job.actions.front().arguments.back().identifier_kind = "customer";
    world.job.actions.push_back(action("list", {"files/list"}));
  }
  Reading read(Made made) { return world.read(std::move(made)).at(ChannelId::Breadth); }
  /// As a gateway reports it that leaves no result out.
  Reading look(const std::string& id) { return read(call("files/read").with("customer_id", id).result("Ann Smith")); }
  static std::string customer(int n) { return "C-" + std::to_string(1000 + n); }
  void expect_class(int cls, const Reading& reading) {
    EXPECT_EQ(reading.kind, Reading::Kind::Marked);
    EXPECT_EQ(reading.cls, cls);
  }
};

TEST(Numbered, IsTheLastRunOfDigitsAndWhatStandsAround) {
  using breadth::numbered;
  EXPECT_EQ(numbered("C-0041")->number, 41U);
  EXPECT_EQ(numbered("C-0041")->around, numbered("C-42")->around);
  EXPECT_NE(numbered("C-41")->around, numbered("D-41")->around);
  EXPECT_EQ(numbered("page12.html")->number, 12U);
  EXPECT_NE(numbered("page12.html")->around, numbered("page12.txt")->around);
  EXPECT_FALSE(numbered("main"));
  EXPECT_FALSE(numbered("1234567890123456789"));
}

TEST(BreadthMemory, ReadsTheVersionBeforeWithItsWholeHashes) {
  Writer out;
  out.u8(1);
  out.varint(0);
  out.u8(0);
  out.varint(2);
  for (const char* value : {"C-1", "C-2"}) {
    out.u64(hash64(value));
    out.varint(77);
  }
  out.varint(0);
  Reader in(out.bytes());
  const auto memory = breadth::Session::decode(in);
  ASSERT_NE(memory, nullptr);
  const auto& session = static_cast<const breadth::Session&>(*memory);
  EXPECT_TRUE(session.gave(hash64("C-1")));
  EXPECT_FALSE(session.gave(hash64("C-3")));
  EXPECT_EQ(session.place_of(hash64("C-2"), 0), 1U);
  EXPECT_TRUE(session.follows(0, 1));
  Writer now;
  memory->encode(now);
  Reader again(now.bytes());
  const auto same = breadth::Session::decode(again);
  ASSERT_NE(same, nullptr);
  EXPECT_TRUE(static_cast<const breadth::Session&>(*same).gave(hash64("C-2")));
}

TEST(BreadthMemory, ReadsTheSecondVersionWithItsWholePaths) {
  Writer out;
  out.u8(2);
  out.varint(0);
  out.u8(0);
  out.varint(2);
  for (const char* value : {"C-1", "C-2"}) {
    out.varint(static_cast<std::uint32_t>(hash64(value)));
    out.varint(0x7654'3210);
  }
  out.varint(0);
  Reader in(out.bytes());
  const auto memory = breadth::Session::decode(in);
  ASSERT_NE(memory, nullptr);
  const auto& session = static_cast<const breadth::Session&>(*memory);
  EXPECT_TRUE(session.gave(hash64("C-1")));
  EXPECT_TRUE(session.follows(0, 1));
}

TEST_F(Breadth, IdentifiersCountedUpAreARunFromTheThird) {
  EXPECT_EQ(look(customer(1)).context, Undeclared);
  expect_class(Elsewhere, look(customer(2)));
  expect_class(CountedSomewhere, look(customer(3)));
  world.restart();
  expect_class(CountedSomewhere, look(customer(4)));
  expect_class(Elsewhere, look(customer(9)));
  expect_class(Elsewhere, look(customer(8)));
  expect_class(CountedSomewhere, look(customer(7)));
}

TEST_F(Breadth, TurningRoundBeginsANewRun) {
  for (const int n : {1, 2, 3}) look(customer(n));
  expect_class(Elsewhere, look(customer(2)));
  expect_class(CountedSomewhere, look(customer(1)));
}

TEST_F(Breadth, CountedIdentifiersThatNothingGaveAreWorse) {
  read(call("files/list").result("C-1500"));
  for (const int n : {1, 2}) look(customer(n));
  expect_class(CountedUngiven, look(customer(3)));
}

struct Unshown : Breadth, ::testing::WithParamInterface<Made (*)()> {};
INSTANTIATE_TEST_SUITE_P(Results, Unshown,
                         ::testing::Values([]() -> Made { return call("files/list"); },
                                           []() -> Made { return call("files/list").result("C-1500").bytes(10, 4000); },
                                           []() -> Made { return call("files/list").result("C-1500").records(60); },
                                           []() -> Made {
                                             return call("files/list").records(60).but([](Event& e) {
                                               static const std::array<std::string_view, 1> kIds{"customer=dec-4:0123456789abcdef"};
                                               e.result_ids = kIds;
                                             });
                                           }));

TEST_P(Unshown, ResultMayHaveGivenWhatIsCounted) {
  read(GetParam()());
  read(call("files/list").result("C-1600"));
  for (const int n : {1, 2}) look(customer(n));
  expect_class(CountedSomewhere, look(customer(3)));
  world.restart();
  expect_class(CountedSomewhere, look(customer(4)));
}

TEST_F(Breadth, WholeResultsAreWhole) {
  const auto listing = []() -> Made { return call("files/list").result("C-1500").result("C-1700\nC-1800"); };
  read(listing());
  read(listing().bytes(10, 400));
  read(listing().records(3));
  read(call("files/drop").bytes(10, 2));
  for (const int n : {1, 2}) look(customer(n));
  expect_class(CountedUngiven, look(customer(3)));
}

TEST_F(Breadth, WithoutADeclaredP99CountingRaisesAlertsAlone) {
  read(call("files/list").result("C-1500"));
  for (int n = 1; n <= 400; ++n) look(customer(n));
  EXPECT_GT(world.score(Null::Alert), 1e10);
  EXPECT_EQ(world.score(Null::Declared), 0) << "nothing is declared to hold it against";
}

TEST_F(Breadth, CountingBeyondTheDeclaredP99IsHaltedWhereverTheIdsComeFrom) {
  world.job.per_session.entities_by_kind["customer"] = ladder(std::nullopt, 5);
  int n = 0;
  while (world.score(Null::Declared) < 1e10 && n < 100) read(call("files/read").with("customer_id", customer(++n)));
  EXPECT_LE(n, 40);
  EXPECT_GT(n, 10);
}

TEST_F(Breadth, WithinTheDeclaredP99CountingHaltsOnlyWhereNothingGaveTheIds) {
  world.job.per_session.entities_by_kind["customer"] = ladder(std::nullopt, 500);
  const auto counted = [&](bool shown) {
    int n = 0;
    while (world.score(Null::Declared) < 1e10 && n < 400) {
      if (shown)
        look(customer(++n));
      else
        read(call("files/read").with("customer_id", customer(++n)));
    }
    return n;
  };
  EXPECT_EQ(counted(false), 400) << "what it was given unseen may be a listing";
  world.sessions.clear();
  world.agent = AgentState{};
  read(call("files/list").result("C-9500"));
  EXPECT_LE(counted(true), 30);
}

TEST_F(Breadth, WalkingAListingThatWasGivenIsNotCounting) {
  Made listing = call("files/list");
  Made&& filled = std::move(listing).result("C-1001").result("C-1002").result("C-1003").result("C-1004").result("C-1005");
  read(std::move(filled));
  for (int n = 1; n <= 2; ++n) expect_class(Elsewhere, look(customer(n)));
  expect_class(Listed, look(customer(3)));
  expect_class(Listed, look(customer(4)));
}

TEST_F(Breadth, AListingInTextOrInTheTaskIsAListingToo) {
  read(call("files/list").result("id,name\nC-77,Ann\nC-12,Bob\nC-45,Cy\nC-31,Di\n"));
  look("C-77");
  look("C-12");
  expect_class(Listed, look("C-45"));
  Made task = task_start("t1");
  read(std::move(task).but([](Event& e) { e.task.text = "Look up C-901, C-902 and C-903."; }));
  look("C-901");
  look("C-902");
  expect_class(Listed, look("C-903"));
}

TEST_F(Breadth, TheSameIdentifierAgainAndCallsInBetweenAreNoStep) {
  look(customer(1));
  EXPECT_EQ(look(customer(1)).kind, Reading::Kind::Silent);
  look(customer(2));
  EXPECT_EQ(read(call("files/list")).kind, Reading::Kind::Silent);
  EXPECT_EQ(look(customer(2)).kind, Reading::Kind::Silent);
  expect_class(CountedSomewhere, look(customer(3)));
}

TEST_F(Breadth, OneMoreThanTheDeclaredP99IsAClassOfItsOwnContext) {
  world.job.per_session.entities_by_kind["customer"] = ladder(1, 2);
  for (const char* who : {"ann", "bob", "ann", "bob"}) EXPECT_EQ(look(who).context, Within) << "exactly p99 is within";
  EXPECT_EQ(look("cyd").context, Within) << "by which it passes p99: what comes then is beyond";
  const Reading fourth = look("dan");
  EXPECT_EQ(fourth.context, Beyond);
  EXPECT_EQ(fourth.cls, Another);
  world.restart();
  const Reading back = look("ann");
  EXPECT_EQ(back.context, Beyond);
  EXPECT_EQ(back.cls, Elsewhere) << "one it has already";
  EXPECT_EQ(look("cyd").cls, Another) << "beyond the greatest declared value none is remembered";
}

TEST_F(Breadth, RefusedAndFailedLooksAreNoSteps) {
  for (const int n : {1, 2, 3, 4}) {
    const Reading reading =
        read(call("files/read").with("customer_id", customer(n)).but([](Event& e) { e.outcome.status = Outcome::Denied; }));
    EXPECT_EQ(reading.kind, Reading::Kind::Silent);
  }
  EXPECT_EQ(look(customer(5)).cls, Elsewhere);
}

TEST_F(Breadth, WithoutIdentifiersItIsNotEvaluable) {
  const Reading reading = read(call("files/read"));
  EXPECT_EQ(reading.kind, Reading::Kind::NotEvaluable);
  EXPECT_TRUE(lacks(reading, Lacking::Identifier));
}

TEST_F(Breadth, CountingIsSeenWithinTenStepsOfTheRun) {
  read(call("files/list").result("C-1500"));
  int n = 0;
  while (world.score(Null::Alert) < 1e5 && n < 100) look(customer(++n));
  EXPECT_LE(n, 10);
  EXPECT_GT(n, 4);
}

TEST(BreadthFalseAlarms, OfAnAgentExactlyOnEveryCapStayUnderTheBound) {
  constexpr std::int64_t kSteps = 1'000'000;
  Amounts world;
  world.job.actions.front().arguments.push_back(rule("id"));
  world.job.actions.front().arguments.back().identifier = true;
  world.job.per_session.entities = ladder(std::nullopt, 5);
  const Tables& tables = world.tables();
  for (const std::uint8_t context : {Within, Beyond, Undeclared}) {
    for (const Null null : {Null::Alert, Null::Declared}) {
      const std::vector<double> bounds = bounds_of(tables, breadth_channel(), world.job, null, context);
      std::array<double, 5> p{};
      double left = 1;
      for (std::uint8_t cls = 4; cls > 0; --cls) left -= p.at(cls) = std::min(left, bounds[cls]);
      p[0] = left;
      std::mt19937_64 rng(51);
      std::discrete_distribution<int> draw(p.begin(), p.end());
      for (const double c : {1e2, 1e3}) {
        Evidence evidence;
        Hysteresis level{c};
        std::int64_t alarms = 0;
        const double weight = static_cast<double>(tables.prior(null)[static_cast<std::size_t>(Threat::Scrape)]);
        for (std::int64_t n = 0; n < kSteps; ++n) {
          const std::array<RowId, 1> marks{RowId{ChannelId::Breadth, context, static_cast<std::uint8_t>(draw(rng))}};
          update(evidence, tables, marks);
          alarms += level.counts(scope_score(evidence, tables, null) / weight) ? 1 : 0;
        }
        EXPECT_LE(poisson_upper(alarms, .9995), 1.0102 * kSteps / c) << "context " << int(context) << ", c " << c << ", " << alarms;
      }
    }
  }
}

TEST(BreadthMemory, EveryCutOfItsBytesIsRefusedAndTheListingIsBounded) {
  breadth::Session memory;
  for (int i = 0; i < 3000; ++i) {
    Made made = call("files/list").result("C-" + std::to_string(i));
    memory.learn_result(made.done());
  }
  memory.walk(7)->counted = 4;
  EXPECT_LE(memory.bytes(), 12'000U);
  EXPECT_FALSE(memory.knows_origins());
  for (std::uint64_t kind = 0; kind < 100; ++kind) static_cast<void>(memory.walk(kind));
  EXPECT_EQ(memory.walk(1'000), nullptr);
  Writer out;
  memory.encode(out);
  const auto decoded = [](std::string_view bytes) {
    Reader in(bytes);
    return breadth_channel().decode_memory(MemoryScope::Session, in);
  };
  const auto again = decoded(out.bytes());
  ASSERT_NE(again, nullptr);
  Writer twice;
  again->encode(twice);
  EXPECT_EQ(twice.bytes(), out.bytes());
  for (std::size_t length = 0; length < out.bytes().size(); length += 7)
    EXPECT_EQ(decoded(out.bytes().substr(0, length)), nullptr) << length;
}

}  // namespace
}  // namespace ringfence::testing
