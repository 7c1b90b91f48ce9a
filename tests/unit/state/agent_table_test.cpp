// SPDX-License-Identifier: Apache-2.0
#include "engine/state/agent_table.h"

#include <gmock/gmock.h>

#include <map>

#include "tests/unit/state/sample_states.h"

namespace ringfence {
namespace {

using ::testing::SizeIs;

const sample::TextMemories kMemories;
constexpr Partition kP0{0};

AgentState& opened(AgentTable& table, Position at, const AgentKey& key, EventTime time) {
  auto state = table.open(at, key, "corp", "agent", time);
  if (!state) throw std::runtime_error(state.error().message);
  return **state;
}

/// Sends everything dirty of a partition to the store, as a checkpoint would.
void write_all(AgentTable& table, Store& store, Partition partition, std::uint64_t batch) {
  while (auto snapshot = table.take_oldest(partition, 0)) {
    ASSERT_TRUE(store.write(snapshot->writes));
    table.submitted(snapshot->entry, batch);
  }
  table.settle(batch);
}

TEST(AgentTable, AnUnseenAgentStartsAtItsFirstEvent) {
  const auto store = memory_store();
  AgentTable table(*store, kMemories, {});
  const AgentState& state = opened(table, {kP0, Offset{5}}, sample::key_of(1), EventTime{77});
  EXPECT_EQ(state.first_time, EventTime{77});
  EXPECT_EQ(state.lsn, -1);
  EXPECT_EQ(state.tenant, "corp");
  EXPECT_EQ(table.counters().created, 1U);
}

TEST(AgentTable, TheSameAgentInTwoPartitionsIsTwoStates) {
  const auto store = memory_store();
  AgentTable table(*store, kMemories, {});
  AgentState& a = opened(table, {Partition{1}, Offset{0}}, sample::key_of(1), EventTime{1});
  AgentState& b = opened(table, {Partition{2}, Offset{0}}, sample::key_of(1), EventTime{1});
  EXPECT_NE(&a, &b);
  table.touch(a, Offset{0});
  EXPECT_EQ(b.lsn, -1);
}

TEST(AgentTable, KeysThatShareAHomeAreTold) {
  const auto store = memory_store();
  AgentTable table(*store, kMemories, {.expected_agents = 16});
  std::vector<AgentState*> states;
  for (std::uint64_t i = 0; i < 200; ++i) states.push_back(&opened(table, {kP0, Offset{0}}, {{i, 42}}, EventTime{0}));
  for (std::uint64_t i = 0; i < 200; ++i) EXPECT_EQ(&opened(table, {kP0, Offset{0}}, {{i, 42}}, EventTime{0}), states[i]);
  EXPECT_EQ(table.size(), 200U);
}

TEST(AgentTable, ADirtyStateStaysHoweverSmallTheBudget) {
  const auto store = memory_store();
  AgentTable table(*store, kMemories, {.budget_bytes = 1});
  AgentState& state = opened(table, {kP0, Offset{0}}, sample::key_of(1), EventTime{0});
  table.touch(state, Offset{0});
  for (int i = 0; i < 10; ++i) table.trim();
  EXPECT_EQ(table.size(), 1U);
  const auto snapshot = table.take_oldest(kP0, 0);
  ASSERT_TRUE(snapshot);
  for (int i = 0; i < 10; ++i) table.trim();
  EXPECT_EQ(table.size(), 1U) << "taken, but not on its way";
  table.submitted(snapshot->entry, 1);
  for (int i = 0; i < 10; ++i) table.trim();
  EXPECT_EQ(table.size(), 1U) << "on its way, but not written";
  table.settle(1);
  for (int i = 0; i < 10; ++i) table.trim();
  EXPECT_EQ(table.size(), 0U);
  EXPECT_EQ(table.bytes(), 0U);
}

TEST(AgentTable, DirtyStatesAreTakenInOrderOfTheOffsetThatDirtiedThem) {
  const auto store = memory_store();
  AgentTable table(*store, kMemories, {});
  for (const std::uint64_t agent : {3U, 1U, 2U}) {
    const Offset at{static_cast<std::int64_t>(10 * (4 - agent))};
    if (agent == 3) table.touch(opened(table, {kP0, Offset{1}}, sample::key_of(3), EventTime{0}), Offset{1});
    table.touch(opened(table, {kP0, at}, sample::key_of(agent), EventTime{0}), at);
    table.age();
  }
  EXPECT_EQ(table.first_dirty(kP0), Offset{1});
  const auto first = table.take_oldest(kP0, 3);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->first_dirty, Offset{1});
  EXPECT_EQ(first->lsn, Offset{10}) << "the state as it is now, not as it was when it got dirty";
  EXPECT_FALSE(table.take_oldest(kP0, 3)) << "younger than asked for";
  EXPECT_EQ(table.take_oldest(kP0, 2)->lsn, Offset{30});
  EXPECT_EQ(table.take_oldest(kP0, 0)->lsn, Offset{20});
  EXPECT_EQ(table.first_dirty(kP0), std::nullopt);
}

TEST(AgentTable, AQuietAgentStartsAfreshAndKeepsItsFirstTime) {
  for (const bool evicted : {false, true}) {
    const auto store = memory_store();
    AgentTable table(*store, kMemories, {.budget_bytes = evicted ? 1U : 1U << 30U, .expiry = days(30)});
    AgentState& state = opened(table, {kP0, Offset{0}}, sample::key_of(1), EventTime{5});
    state.arrivals = 9;
    state.acts.push_back({});
    table.touch(state, Offset{0});
    write_all(table, *store, kP0, 1);
    table.trim(), table.trim();
    EXPECT_EQ(opened(table, {kP0, Offset{1}}, sample::key_of(1), EventTime{5} + days(30)).arrivals, 9U) << "not yet";
    table.trim(), table.trim();
    EXPECT_EQ(opened(table, {kP0, Offset{0}}, sample::key_of(1), EventTime{6} + days(30)).arrivals, 9U)
        << "a record already applied expires nothing";
    table.trim(), table.trim();
    const AgentState& fresh = opened(table, {kP0, Offset{1}}, sample::key_of(1), EventTime{6} + days(30));
    EXPECT_EQ(fresh.arrivals, 0U);
    EXPECT_THAT(fresh.acts, SizeIs(0));
    EXPECT_EQ(fresh.first_time, EventTime{5});
    EXPECT_EQ(fresh.lsn, 0);
    EXPECT_EQ(table.counters().expired, 1U);
  }
}

TEST(AgentTable, AContainedAgentNeverExpires) {
  const auto store = memory_store();
  AgentTable table(*store, kMemories, {.expiry = days(1)});
  AgentState& state = opened(table, {kP0, Offset{0}}, sample::key_of(1), EventTime{5});
  state.arrivals = 9;
  state.containments.push_back({"agent:t/a", 1, true, Level::Halt, "f", EventTime{5}});
  table.touch(state, Offset{0});
  EXPECT_EQ(opened(table, {kP0, Offset{1}}, sample::key_of(1), EventTime{5} + days(1000)).arrivals, 9U);
}

TEST(AgentTable, LookingFromOutsideMakesNothing) {
  const auto store = memory_store();
  AgentTable table(*store, kMemories, {});
  const auto nobody = table.find(kP0, sample::key_of(1));
  ASSERT_TRUE(nobody);
  EXPECT_EQ(*nobody, nullptr);
  EXPECT_EQ(table.size(), 0U);
}

/// Counts the rows it was asked for.
class CountingStore final : public Store {
 public:
  std::expected<std::optional<std::string>, StoreError> get(std::string_view key) override {
    ++asked;
    return rows_->get(key);
  }
  std::expected<void, StoreError> scan(std::string_view prefix,
                                       const std::function<bool(std::string_view, std::string_view)>& row) override {
    return rows_->scan(prefix, row);
  }
  std::expected<void, StoreError> write(const std::vector<StoreWrite>& batch) override { return rows_->write(batch); }
  std::expected<void, StoreError> sync() override { return rows_->sync(); }
  std::expected<void, StoreError> drop(std::string_view prefix) override { return rows_->drop(prefix); }

  int asked = 0;

 private:
  std::unique_ptr<Store> rows_ = memory_store();
};

TEST(AgentTable, TheStoreIsAskedOnlyWhereItMayHaveWhatMemoryHasNot) {
  CountingStore store;
  AgentTable table(store, kMemories, {.budget_bytes = 1});
  const Partition other{1};
  for (std::uint64_t i = 0; i < 5; ++i) table.touch(opened(table, {kP0, Offset{0}}, sample::key_of(i), EventTime{0}), Offset{0});
  EXPECT_EQ(*table.find(kP0, sample::key_of(99)), nullptr);
  EXPECT_EQ(store.asked, 0) << "whoever there is lies in memory";
  write_all(table, store, kP0, 1);
  table.trim(), table.trim();
  ASSERT_EQ(table.size(), 0U);
  EXPECT_EQ(opened(table, {kP0, Offset{1}}, sample::key_of(3), EventTime{0}).lsn, 0) << "it has left memory, and comes back";
  EXPECT_EQ(store.asked, 1);
  (void)opened(table, {other, Offset{0}}, sample::key_of(3), EventTime{0});
  EXPECT_EQ(store.asked, 1) << "the other partition never had any";
}

TEST(AgentTable, AgentsOfARunBeforeAreFoundWhereverThePartitionCameFrom) {
  const auto store = memory_store();
  {
    AgentTable before(*store, kMemories, {});
    before.touch(opened(before, {kP0, Offset{7}}, sample::key_of(1), EventTime{0}), Offset{7});
    write_all(before, *store, kP0, 1);
  }
  AgentTable table(*store, kMemories, {});
  EXPECT_EQ(opened(table, {kP0, Offset{8}}, sample::key_of(1), EventTime{0}).lsn, 7);
  // Another owner had the partition in between, and its rows came into the store.
  table.leave(kP0);
  ASSERT_TRUE(store->drop(partition_prefix(kP0)));
  EXPECT_EQ(*table.find(kP0, sample::key_of(2)), nullptr);
  AgentState theirs;
  theirs.key = sample::key_of(2);
  theirs.lsn = 9;
  for (const auto& part : sample::parts_of(theirs))
    ASSERT_TRUE(store->write({{StoreWrite::Kind::Put, part_key(kP0, theirs.key, part.id), *part.bytes}}));
  table.start_from(kP0, std::nullopt);
  EXPECT_EQ(opened(table, {kP0, Offset{10}}, sample::key_of(2), EventTime{0}).lsn, 9);
}

TEST(AgentTable, DamagedBytesInTheStoreAreAnErrorNotANewAgent) {
  const auto store = memory_store();
  ASSERT_TRUE(store->write({{StoreWrite::Kind::Put, part_key(kP0, sample::key_of(1), {}), "not a state at all"}}));
  AgentTable table(*store, kMemories, {});
  const auto state = table.open({kP0, Offset{0}}, sample::key_of(1), "corp", "a", EventTime{0});
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().kind, StoreError::Kind::Corrupt);
}

TEST(AgentTable, APartitionThatLeavesTakesItsStatesAlong) {
  const auto store = memory_store();
  AgentTable table(*store, kMemories, {});
  for (std::int32_t p = 0; p < 3; ++p)
    for (std::uint64_t i = 0; i < 100; ++i)
      table.touch(opened(table, {Partition{p}, Offset{0}}, sample::key_of(i), EventTime{0}), Offset{0});
  table.leave(Partition{1});
  EXPECT_EQ(table.size(), 200U);
  EXPECT_EQ(table.dirty(), 200U);
  EXPECT_EQ(table.first_dirty(Partition{1}), std::nullopt);
  EXPECT_EQ(opened(table, {Partition{1}, Offset{0}}, sample::key_of(7), EventTime{0}).lsn, -1);
  EXPECT_EQ(opened(table, {Partition{2}, Offset{0}}, sample::key_of(7), EventTime{0}).lsn, 0);
}

TEST(AgentTable, BehavesAsAMapWhateverLeavesMemory) {
  for (const std::size_t budget : {std::size_t{1}, std::size_t{40'000}, std::size_t{1} << 30U}) {
    sample::Dice dice(budget);
    const auto store = memory_store();
    AgentTable table(*store, kMemories, {.budget_bytes = budget, .expected_agents = 1});
    std::map<std::pair<Partition, AgentKey>, std::pair<std::int64_t, std::uint64_t>> model;  // lsn and a number only the test knows
    std::uint64_t batch = 0;
    for (std::int64_t offset = 0; offset < 20'000; ++offset) {
      const Partition partition{static_cast<std::int32_t>(dice.below(3))};
      const AgentKey key = sample::key_of(dice.below(300));
      AgentState& state = opened(table, {partition, Offset{offset}}, key, EventTime{offset});
      const auto known = model.find({partition, key});
      ASSERT_EQ(state.lsn, known == model.end() ? -1 : known->second.first);
      ASSERT_EQ(state.persona, known == model.end() ? 0 : known->second.second);
      ASSERT_EQ(state.key, key);
      if (!dice.one_in(5)) {
        state.persona = dice.bits();
        if (dice.one_in(10)) state.sessions.push_back(sample::session(dice, dice.bits()));
        if (state.sessions.size() > 3) state.sessions.erase(state.sessions.begin());
        state.acts.push_back(sample::act(dice));
        if (state.acts.size() > 100) state.forget_oldest_acts(70);
        table.touch(state, Offset{offset});
        model[{partition, key}] = {offset, state.persona};
      }
      if (dice.one_in(50)) {
        ++batch;
        for (std::int32_t p = 0; p < 3; ++p) write_all(table, *store, Partition{p}, batch);
      }
      table.trim();
    }
    EXPECT_EQ(table.counters().evicted > 0, budget < (1U << 20U));
    if (budget == 1) {
      EXPECT_LT(table.size(), 300U);
    }
  }
}

}  // namespace
}  // namespace ringfence
