// SPDX-License-Identifier: Apache-2.0
#include "engine/state/reclaim.h"

#include <gmock/gmock.h>

#include <limits>
#include <map>

#include "engine/state/agent_table.h"
#include "engine/state/records.h"
#include "tests/unit/state/child_process.h"
#include "tests/unit/state/golden_states.h"
#include "tests/unit/state/toy_engine.h"

namespace ringfence {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using testing_support::TemporaryDirectory;

const sample::TextMemories kMemories;
constexpr Partition kP{3};
constexpr Nanos kExpiry = days(30);

using Rows = std::map<std::string, std::string>;

Rows rows_of(Store& store, const AgentState& agent) {
  Rows rows;
  EXPECT_TRUE(store.scan(agent_prefix(kP, agent.key), [&](std::string_view key, std::string_view value) {
    rows.emplace(key, value);
    return true;
  }));
  return rows;
}

std::vector<StoreWrite> writes_of(const AgentState& agent) {
  std::vector<StoreWrite> writes;
  for (const auto& part : sample::parts_of(agent)) writes.push_back({StoreWrite::Kind::Put, part_key(kP, agent.key, part.id), *part.bytes});
  return writes;
}

/// What the agent's next event finds.
std::string as_read(Store& store, const AgentState& agent, EventTime time) {
  AgentTable table(store, kMemories, {.expiry = kExpiry});
  const auto state = table.open({kP, Offset{agent.lsn + 1}}, agent.key, "other", "other", time);
  return state ? sample::bytes_of(**state) : state.error().message;
}

/// An agent that ended long ago, with something in every field; not contained.
AgentState agent_of(std::uint64_t number, bool small) {
  AgentState agent = small ? golden::small_state() : golden::state();
  agent.key = sample::key_of(number);
  agent.containments[0].contained = false;
  return agent;
}

/// A store on disk that is opened, written to and compacted.
class Compaction : public ::testing::Test {
 protected:
  void write(const std::vector<const AgentState*>& agents, std::vector<std::optional<EventTime>> reached) {
    const auto store = opened();
    std::vector<StoreWrite> batch;
    for (std::size_t lane = 0; lane < reached.size(); ++lane)
      batch.push_back(low_write(kP, static_cast<std::uint8_t>(lane), Offset{9}, reached[lane]));
    for (const AgentState* agent : agents) std::ranges::move(writes_of(*agent), std::back_inserter(batch));
    ASSERT_TRUE(store->write(batch));
  }
  void compact() { ASSERT_TRUE(compact_rocksdb(directory_ / "state", kExpiry)); }
  std::unique_ptr<Store> opened() {
    auto store = rocksdb_store(directory_ / "state", kExpiry);
    if (!store) throw std::runtime_error(store.error().message);
    return std::move(*store);
  }
  const EventTime last_ = golden::state().last_time;
  const EventTime long_after_ = last_ + kExpiry + kLateMost + Nanos{1};
  TemporaryDirectory directory_;
};

TEST_F(Compaction, AnExpiredAgentGivesItsSpaceBackAndIsReadAsIfItHadNot) {
  const AgentState large = agent_of(1, false), small = agent_of(2, true);
  write({&large, &small}, {long_after_});
  const EventTime next = last_ + kExpiry + Nanos{1};
  const std::string large_before = as_read(*opened(), large, next), small_before = as_read(*opened(), small, next);
  EXPECT_GT(rows_of(*opened(), large).size(), 1U);
  compact();
  const auto store = opened();
  for (const AgentState* expired : {&large, &small}) {
    const AgentState& agent = *expired;
    const Rows left = rows_of(*store, agent);
    ASSERT_THAT(left, SizeIs(1));
    EXPECT_LT(left.begin()->second.size(), 350U);
    AgentTable table(*store, kMemories, {});
    const auto look = table.find(kP, agent.key);
    ASSERT_TRUE(look && *look);
    EXPECT_EQ((*look)->first_time, agent.first_time) << "max_age counts from it";
    EXPECT_EQ((*look)->last_time, agent.last_time);
    EXPECT_EQ((*look)->lsn, agent.lsn) << "a replay skips what was applied";
    EXPECT_THAT((*look)->findings, SizeIs(1)) << "the next event closes it";
    EXPECT_EQ((*look)->containments.at(0).epoch, 7U);
  }
  EXPECT_EQ(as_read(*store, large, next), large_before);
  EXPECT_EQ(as_read(*store, small, next), small_before);
}

TEST_F(Compaction, ASecondOneFindsNothingMoreToTake) {
  const AgentState agent = agent_of(1, false);
  write({&agent}, {long_after_});
  compact();
  const Rows once = rows_of(*opened(), agent);
  compact();
  EXPECT_EQ(rows_of(*opened(), agent), once);
}

TEST_F(Compaction, WhatARecordMightStillFindStays) {
  const AgentState agent = agent_of(1, false);
  for (const auto& reached : std::vector<std::vector<std::optional<EventTime>>>{
           {last_ + kExpiry + kLateMost}, {std::nullopt}, {long_after_, last_}, {long_after_, std::nullopt}, {}}) {
    write({&agent}, reached);
    const Rows before = rows_of(*opened(), agent);
    compact();
    EXPECT_EQ(rows_of(*opened(), agent), before) << reached.size() << " lanes";
  }
}

TEST_F(Compaction, AContainedAgentStaysForEver) {
  AgentState agent = agent_of(1, false);
  agent.containments[0].contained = true;
  write({&agent}, {long_after_ + days(3000)});
  const Rows before = rows_of(*opened(), agent);
  compact();
  EXPECT_EQ(rows_of(*opened(), agent), before);
}

TEST_F(Compaction, DamagedRowsStaySoThatAReadSaysSo) {
  const AgentState agent = agent_of(1, false);
  write({&agent}, {long_after_});
  {
    const auto store = opened();
    ASSERT_TRUE(store->write({{StoreWrite::Kind::Put, part_key(kP, agent.key, {}), "not a state at all"}}));
  }
  compact();
  const auto store = opened();
  AgentTable table(*store, kMemories, {});
  const auto look = table.find(kP, agent.key);
  ASSERT_FALSE(look);
  EXPECT_EQ(look.error().kind, StoreError::Kind::Corrupt);
}

TEST_F(Compaction, OtherPartitionsAndRecordsAreLeftAlone) {
  const AgentState agent = agent_of(1, false);
  write({&agent}, {std::nullopt});
  {
    const auto store = opened();
    ASSERT_TRUE(store->write({low_write(Partition{4}, 0, Offset{1}, long_after_), record_write("facts", "as they were")}));
  }
  const Rows before = rows_of(*opened(), agent);
  compact();
  const auto store = opened();
  EXPECT_EQ(rows_of(*store, agent), before);
  EXPECT_EQ(get_record(*store, "facts").value(), "as they were");
  EXPECT_EQ(read_low(*store, Partition{4}).value(), Offset{1});
  EXPECT_EQ(read_reached(*store, Partition{4}), long_after_);
}

/// What a compaction over the whole of any store does.
std::size_t reclaim_all(Store& store, Nanos expiry) {
  Rows all;
  EXPECT_TRUE(store.scan("", [&](std::string_view key, std::string_view value) {
    all.emplace(key, value);
    return true;
  }));
  Reclaim reclaim([&](std::string_view key) { return store.get(key).value_or(std::nullopt); }, expiry);
  std::vector<StoreWrite> changes;
  for (const auto& [key, value] : all) {
    auto outcome = reclaim.judge(key, value);
    if (outcome.kind == Reclaim::Outcome::Kind::Remove) changes.push_back({StoreWrite::Kind::Delete, key, {}});
    if (outcome.kind == Reclaim::Outcome::Kind::Replace) changes.push_back({StoreWrite::Kind::Put, key, std::move(outcome.value)});
  }
  EXPECT_TRUE(store.write(changes));
  return changes.size();
}

TEST(Reclaim, PartsThatTheStoresPresentCoreNamesStayWhateverAnOlderCoreSays) {
  const auto store = memory_store();
  const AgentState old = agent_of(1, false);
  AgentState now = agent_of(1, false);
  now.last_time = now.last_time + days(38);
  ASSERT_TRUE(store->write(writes_of(now)));
  ASSERT_TRUE(store->write({low_write(kP, 0, Offset{9}, old.last_time + days(38))}));
  Reclaim reclaim([&](std::string_view key) { return store->get(key).value(); }, kExpiry);
  for (const auto& row : writes_of(old)) {  // sessions and chunks first, as a compaction without the core would see them
    EXPECT_EQ(reclaim.judge(row.key, row.value).kind,
              row.key == part_key(kP, old.key, {}) ? Reclaim::Outcome::Kind::Replace : Reclaim::Outcome::Kind::Keep);
  }
  Reclaim again([&](std::string_view key) { return store->get(key).value(); }, kExpiry);
  Rows in_order;
  for (const auto& row : writes_of(old)) in_order.emplace(row.key, row.value);
  std::vector<Reclaim::Outcome::Kind> kinds;
  for (const auto& [key, value] : in_order) kinds.push_back(again.judge(key, value).kind);
  using Kind = Reclaim::Outcome::Kind;
  EXPECT_THAT(kinds, ElementsAre(Kind::Replace, Kind::Keep, Kind::Keep, Kind::Keep, Kind::Keep, Kind::Keep));
}

TEST(Reclaim, AStateInMemoryIsWrittenWholeWhenItsRowsMayHaveGone) {
  const auto store = memory_store();
  const AgentState agent = agent_of(1, false);
  ASSERT_TRUE(store->write(writes_of(agent)));
  AgentTable table(*store, kMemories, {.expiry = kExpiry});
  ASSERT_TRUE(table.find(kP, agent.key)) << "now it is in memory";
  const EventTime later = agent.last_time + days(60);
  std::int64_t offset = agent.lsn;
  for (std::size_t i = 0; i < ReachedTime::kRun; ++i) ASSERT_TRUE(table.open({kP, Offset{++offset}}, sample::key_of(9), "t", "a", later));
  ASSERT_TRUE(store->write({low_write(kP, 0, Offset{offset}, table.reached(kP, Offset{offset + 1}))}));
  EXPECT_GT(reclaim_all(*store, kExpiry), 1U);

  // An event two months late: by its own time the agent has not expired, and it knows all it knew.
  auto state = table.open({kP, Offset{++offset}}, agent.key, "t", "a", agent.last_time + hours(1));
  ASSERT_TRUE(state);
  EXPECT_THAT((*state)->sessions, SizeIs(2));
  table.touch(**state, Offset{offset});
  const std::string known = sample::bytes_of(**state);
  ASSERT_TRUE(store->write(table.take_oldest(kP, 0).value().writes));
  AgentTable other(*store, kMemories, {.expiry = kExpiry});
  const auto read = other.find(kP, agent.key);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(sample::bytes_of(**read), known);
}

/// Half a year in which agents come, go silent for weeks and come back; some hours late now and then.
toy::Log log_of_visitors(std::uint64_t seed) {
  sample::Dice dice(seed);
  toy::Log log(1);
  EventTime now{0};
  for (std::uint64_t i = 0; i < 5000; ++i) {
    now = now + minutes(static_cast<std::int64_t>(dice.below(100)));
    log[0].push_back({(i / 300 * 7 + dice.below(5)) % 50, now - minutes(static_cast<std::int64_t>(dice.below(600))), dice.bits()});
  }
  return log;
}

TEST(Reclaim, WhateverIsReclaimedAndWheneverTheEngineSaysTheSame) {
  std::size_t reclaimed = 0;
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const auto log = log_of_visitors(seed);
    toy::World undisturbed;
    {
      const auto store = memory_store();
      toy::Life life(log, *store, undisturbed, {});
      life.finish();
    }
    sample::Dice dice(seed);
    const auto store = memory_store();
    toy::World world;
    for (bool done = false; !done;) {
      toy::Life life(log, *store, world, {.budget_bytes = seed % 2 == 0 ? 1U : 1U << 30U});
      while (!life.read_all() && !dice.one_in(3000)) {
        life.act(dice);
        if (dice.one_in(100)) reclaimed += reclaim_all(*store, days(1));
      }
      done = life.read_all();
      if (done)
        life.finish();
      else
        life.crash(dice);
    }
    EXPECT_EQ(world.delivered, undisturbed.delivered) << "seed " << seed;
  }
  EXPECT_GT(reclaimed, 500U);
}

TEST(ReachedTime, NeitherOneRecordFromTheFutureNorALateOneMovesIt) {
  ReachedTime reached;
  std::int64_t offset = 0;
  const auto run = [&](EventTime usual, EventTime odd) {
    for (std::size_t i = 0; i < ReachedTime::kRun; ++i) reached.note(Offset{offset++}, i == 77 ? odd : usual);
  };
  run(EventTime{} + days(1), EventTime{} + days(9000));
  EXPECT_EQ(reached.newest(), EventTime{} + days(1));
  run(EventTime{} + days(2), EventTime{});
  EXPECT_EQ(reached.newest(), EventTime{} + days(1));
  run(EventTime{} + days(3), EventTime{} + days(3));
  EXPECT_EQ(reached.newest(), EventTime{} + days(3));
  const auto at = [](std::size_t records) { return Offset{static_cast<std::int64_t>(records)}; };
  EXPECT_EQ(reached.below(at(ReachedTime::kRun - 1)), std::nullopt);
  EXPECT_EQ(reached.below(at(ReachedTime::kRun)), EventTime{} + days(1));
  EXPECT_EQ(reached.below(at(3 * ReachedTime::kRun - 1)), EventTime{} + days(1)) << "not all of the run is below";
  EXPECT_EQ(reached.below(at(3 * ReachedTime::kRun)), EventTime{} + days(3));
}

TEST(ReachedTime, ATimeAtTheEdgeOfTheRangeHoldsNothingUp) {
  ReachedTime reached;
  const EventTime old{std::numeric_limits<std::int64_t>::min() + 5}, now{1'780'000'000'000'000'000};
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < ReachedTime::kRun; ++i) reached.note(Offset{offset++}, i == 77 ? old : now);
  for (std::size_t i = 0; i < ReachedTime::kRun; ++i) reached.note(Offset{offset++}, now);
  EXPECT_EQ(reached.newest(), now);
}

TEST(Reclaim, AMarkAtTheEdgeOfTheRangeExpiresNobody) {
  const auto store = memory_store();
  const AgentState agent = agent_of(1, false);
  ASSERT_TRUE(store->write(writes_of(agent)));
  for (const EventTime reached : {EventTime{std::numeric_limits<std::int64_t>::min()}, EventTime{-9'218'000'000'000'000'000}}) {
    ASSERT_TRUE(store->write({low_write(kP, 0, Offset{9}, reached)}));
    EXPECT_EQ(reclaim_all(*store, kExpiry), 0U);
  }
}

TEST(Reclaim, AStateFromTheEdgeOfTheRangeExpiresLikeAnyOther) {
  const auto store = memory_store();
  AgentTable table(*store, kMemories, {.expiry = kExpiry});
  const EventTime old{std::numeric_limits<std::int64_t>::min() + 5}, now{1'780'000'000'000'000'000};
  const auto state = table.open({kP, Offset{1}}, sample::key_of(1), "t", "a", old);
  ASSERT_TRUE(state);
  table.touch(**state, Offset{1});
  ASSERT_TRUE(table.open({kP, Offset{2}}, sample::key_of(1), "t", "a", now));
  EXPECT_EQ(table.counters().expired, 1U);
}

TEST(Records, ALowMarkSaysHowFarEventTimeHadCome) {
  const auto store = memory_store();
  const EventTime early{5}, late{9};
  ASSERT_TRUE(store->write({low_write(kP, 0, Offset{1}, late), low_write(kP, 1, Offset{2}, early)}));
  EXPECT_EQ(read_reached(*store, kP), early);
  EXPECT_EQ(read_low(*store, kP).value(), Offset{1});
  ASSERT_TRUE(store->write({low_write(kP, 2, Offset{3})}));
  EXPECT_EQ(read_reached(*store, kP), std::nullopt);
}

}  // namespace
}  // namespace ringfence
