// SPDX-License-Identifier: Apache-2.0
#include "engine/state/checkpoint.h"

#include <gmock/gmock.h>

#include "tests/unit/state/toy_engine.h"

namespace ringfence {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kPartitions = 2;
constexpr std::size_t kAgents = 12;

struct Truth {
  std::map<std::pair<std::int32_t, std::uint64_t>, std::string> states;
  std::set<toy::Output> outputs;
};

/// The run that nothing disturbs.
Truth truth_of(const toy::Log& log) {
  const auto store = memory_store();
  toy::World world;
  toy::Life life(log, *store, world, {});
  life.finish();
  return {toy::states_in(*store, log.size(), kAgents), world.delivered};
}

void expect_truth(const Truth& truth, Store& store, const toy::World& world, const std::string& where) {
  EXPECT_EQ(world.delivered, truth.outputs) << where << ": an output was lost or is another";
  EXPECT_EQ(toy::states_in(store, kPartitions, kAgents), truth.states) << where;
}

TEST(Checkpoint, KilledAtAnyStepTheReplayEndsInTheSameStates) {
  const auto log = toy::log_of(1, kPartitions, 60, kAgents);
  const Truth truth = truth_of(log);
  for (std::size_t crash_at = 0; crash_at < 260; ++crash_at) {
    sample::Dice dice(2);
    const auto store = memory_store();
    toy::World world;
    {
      toy::Life first(log, *store, world, {});
      for (std::size_t i = 0; i < crash_at; ++i) first.act(dice);
      first.crash(dice);
    }
    toy::Life second(log, *store, world, {});
    second.finish();
    expect_truth(truth, *store, world, "killed at step " + std::to_string(crash_at));
  }
}

TEST(Checkpoint, ManyKillsFullDisksAndChangesOfShardsEndInTheSameStates) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const auto log = toy::log_of(seed, kPartitions, 120, kAgents);
    const Truth truth = truth_of(log);
    sample::Dice dice(seed);
    const auto store = memory_store();
    toy::World world;
    for (bool done = false; !done;) {
      toy::Life life(
          log, *store, world,
          {.lanes = static_cast<unsigned>(1 + dice.below(3)), .budget_bytes = dice.one_in(3) ? 1U : 30'000U, .threaded = dice.one_in(4)});
      std::array<Offset, kPartitions> low{};
      for (std::size_t p = 0; p < kPartitions; ++p) low[p] = life.low(p);
      while (!dice.one_in(150)) {
        life.act(dice);
        if (dice.one_in(20)) life.full_disk(dice.one_in(2));
        for (std::size_t p = 0; p < kPartitions; ++p) {
          const Offset now = life.low(p);
          ASSERT_GE(now, low[p]) << "low went back";
          ASSERT_LE(now.value, life.oldest_unacknowledged(p)) << "low passed an output nobody has acknowledged";
          low[p] = now;
        }
      }
      done = life.read_all();
      if (done)
        life.finish();
      else
        life.crash(dice);
    }
    expect_truth(truth, *store, world, "seed " + std::to_string(seed));
  }
}

TEST(Checkpoint, ABusyAgentWithOutputsAlwaysOnTheirWayDoesNotHoldLowBackForEver) {
  toy::Log log(1);
  for (std::uint64_t i = 0; i < 400; ++i) log[0].push_back({0, EventTime{static_cast<std::int64_t>(i)}, i * 4});  // every record speaks
  const auto store = memory_store();
  const sample::TextMemories memories;
  AgentTable table(*store, memories, {});
  Flusher flusher(*store, {.threaded = false});
  Checkpoint checkpoint(table, flusher, *store);
  checkpoint.assign(Partition{0}, Offset{0});
  for (std::int64_t i = 0; i < 400; ++i) {
    auto state = table.open({Partition{0}, Offset{i}}, sample::key_of(0), "corp", "a", EventTime{i});
    ASSERT_TRUE(state);
    toy::apply(**state, log[0][static_cast<std::size_t>(i)], Offset{i});
    table.touch(**state, Offset{i});
    if (i % 10 == 0) checkpoint.mark();
    const Horizon behind{Partition{0}, Offset{i - 5}};  // five outputs are always under way
    checkpoint.step({&behind, 1});
  }
  EXPECT_GT(checkpoint.low(Partition{0}).value, 370);
}

TEST(Checkpoint, AFullDiskHoldsLowAndKeepsMemoryBounded) {
  const auto log = toy::log_of(5, 1, 2000, kAgents);
  const Truth truth = truth_of(log);
  const auto store = memory_store();
  toy::World world;
  toy::Life life(log, *store, world, {});
  sample::Dice dice(5);
  for (int i = 0; i < 500; ++i) life.act(dice);
  const Offset low = life.low(0);
  EXPECT_GT(low.value, 0);
  life.full_disk(true);
  for (int i = 0; i < 2000; ++i) life.act(dice);
  EXPECT_EQ(life.low(0), low);
  EXPECT_EQ(life.checkpoint().low(Partition{0}), low);
  const auto health = life.flusher().health();
  ASSERT_TRUE(health.fault);
  EXPECT_EQ(health.fault->kind, StoreError::Kind::NoSpace);
  EXPECT_LT(health.queued_bytes, 300'000U);
  life.full_disk(false);
  for (int i = 0; i < 200; ++i) life.act(dice);
  EXPECT_GT(life.low(0), low);
  EXPECT_FALSE(life.flusher().health().fault);
  life.finish();
  EXPECT_EQ(world.delivered, truth.outputs);
  EXPECT_EQ(toy::states_in(*store, 1, kAgents), truth.states);
}

/// A shard with one partition, by hand.
class OneShard : public ::testing::Test {
 protected:
  void apply(std::uint64_t agent, std::int64_t offset) {
    auto state = table_.open({kP, Offset{offset}}, sample::key_of(agent), "corp", "a", EventTime{offset});
    ASSERT_TRUE(state);
    table_.touch(**state, Offset{offset});
  }
  Checkpoint::Step step(std::int64_t acknowledged) {
    const Horizon horizon{kP, Offset{acknowledged}};
    return checkpoint_.step({&horizon, 1});
  }

  static constexpr Partition kP{3};
  const std::unique_ptr<Store> under_ = memory_store();
  sample::FaultyStore store_{*under_};
  const sample::TextMemories memories_;
  AgentTable table_{store_, memories_, {}};
  Flusher flusher_{store_, {.threaded = false}};
  Checkpoint checkpoint_{table_, flusher_, store_, {.states_per_step = 10}};
};

TEST_F(OneShard, AStateIsWrittenOnlyWhenItsOutputsAreAcknowledged) {
  checkpoint_.assign(kP, Offset{0});
  apply(1, 0);
  apply(2, 1);
  checkpoint_.mark();
  EXPECT_EQ(step(0).states, 1U);
  EXPECT_TRUE(store_.get(part_key(kP, sample::key_of(1), {})).value());
  EXPECT_FALSE(store_.get(part_key(kP, sample::key_of(2), {})).value());
  EXPECT_EQ(checkpoint_.low(kP), Offset{1});
  EXPECT_EQ(checkpoint_.held(), 1U);
  EXPECT_EQ(step(1).states, 1U);
  EXPECT_TRUE(store_.get(part_key(kP, sample::key_of(2), {})).value());
  EXPECT_EQ(checkpoint_.low(kP), Offset{2});
}

TEST_F(OneShard, ADripIsBoundedAndInOneBatchWithItsLow) {
  checkpoint_.assign(kP, Offset{0});
  for (std::int64_t i = 0; i < 25; ++i) apply(static_cast<std::uint64_t>(i), i);
  checkpoint_.mark();
  for (const std::size_t expected : {10U, 10U, 5U}) {
    const std::size_t before = store_.writes;
    EXPECT_EQ(step(24).states, expected);
    EXPECT_EQ(store_.writes, before + 1);
  }
  EXPECT_EQ(store_.largest_batch, 11U);
  EXPECT_EQ(step(24).states, 0U);
  EXPECT_EQ(read_low(store_, kP).value(), Offset{25});
}

TEST_F(OneShard, AnAgentIsWrittenOnceAnInterval) {
  checkpoint_.assign(kP, Offset{0});
  std::size_t states = 0;
  for (std::int64_t i = 0; i < 100; ++i) {
    apply(1, i);
    if (i % 20 == 0) checkpoint_.mark();
    states += step(i).states;
  }
  EXPECT_EQ(states, 5U);
}

TEST_F(OneShard, RecordsWithoutEffectMoveLowOnceAnInterval) {
  checkpoint_.assign(kP, Offset{0});
  for (std::int64_t i = 0; i < 100; ++i) {
    if (i % 25 == 0) checkpoint_.mark();
    step(i);
  }
  EXPECT_EQ(store_.writes, 4U);
  EXPECT_EQ(read_low(store_, kP).value(), Offset{76});
}

TEST_F(OneShard, FlushSaysHowManyStatesWaitForTheirOutputs) {
  checkpoint_.assign(kP, Offset{0});
  for (std::int64_t i = 0; i < 30; ++i) apply(static_cast<std::uint64_t>(i), i);
  const Horizon some{kP, Offset{19}}, all{kP, Offset{29}};
  EXPECT_EQ(checkpoint_.flush({&some, 1}, seconds(1)).value(), 10U);
  EXPECT_EQ(read_low(store_, kP).value(), Offset{20});
  EXPECT_EQ(checkpoint_.flush({&all, 1}, seconds(1)).value(), 0U);
  EXPECT_EQ(read_low(store_, kP).value(), Offset{30});
}

TEST_F(OneShard, AFlushThatIsCutOffLeavesLowAtItsBeginningOrItsEnd) {
  checkpoint_.assign(kP, Offset{0});
  for (std::int64_t i = 0; i < 2500; ++i) apply(static_cast<std::uint64_t>(i), i);
  const Horizon all{kP, Offset{2499}};
  store_.full_after = 2;
  EXPECT_FALSE(checkpoint_.flush({&all, 1}, milliseconds(1)));
  EXPECT_TRUE(store_.get(part_key(kP, sample::key_of(2000), {})).value()) << "most states are there";
  EXPECT_EQ(read_low(store_, kP).value(), std::nullopt);
  store_.full = false;
  store_.full_after = 1000;
  EXPECT_EQ(checkpoint_.flush({&all, 1}, seconds(1)).value(), 0U);
  EXPECT_EQ(read_low(store_, kP).value(), Offset{2500});
}

TEST_F(OneShard, FlushOntoAFullDiskSaysSo) {
  checkpoint_.assign(kP, Offset{0});
  apply(1, 0);
  store_.full = true;
  const Horizon all{kP, Offset{0}};
  const auto flushed = checkpoint_.flush({&all, 1}, milliseconds(1));
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().kind, StoreError::Kind::NoSpace);
  EXPECT_FALSE(checkpoint_.restore(kP, milliseconds(1))) << "what is on its way is newer than the store";
}

TEST_F(OneShard, ANamedRecordReachesTheStoreWithTheLowOfTheMoment) {
  checkpoint_.assign(kP, Offset{0});
  apply(1, 0);
  checkpoint_.put_record("facts", "as of 0");
  store_.full = true;
  step(0);
  EXPECT_EQ(get_record(store_, "facts").value(), std::nullopt);
  EXPECT_EQ(read_low(store_, kP).value(), std::nullopt);
  store_.full = false;
  step(0);
  EXPECT_EQ(get_record(store_, "facts").value(), "as of 0");
}

TEST_F(OneShard, APartitionThatComesBackFindsWhatItLeft) {
  checkpoint_.assign(kP, Offset{0});
  apply(1, 7);
  const Horizon all{kP, Offset{7}};
  ASSERT_EQ(checkpoint_.flush({&all, 1}, seconds(1)).value(), 0U);
  checkpoint_.leave(kP);
  EXPECT_EQ(table_.size(), 0U);
  EXPECT_EQ(checkpoint_.restore(kP, seconds(1)).value(), Offset{8});
  checkpoint_.assign(kP, Offset{8});
  EXPECT_EQ((*table_.open({kP, Offset{8}}, sample::key_of(1), "corp", "a", EventTime{8}))->lsn, 7);
}

TEST(Records, ReadBackAsTheyWereAndRefusedWhenDamaged) {
  const auto store = memory_store();
  EXPECT_EQ(get_record(*store, "epochs").value(), std::nullopt);
  ASSERT_TRUE(put_record(*store, "epochs", "three"));
  EXPECT_EQ(get_record(*store, "epochs").value(), "three");
  const StoreWrite moved = record_write("epochs", "three");
  ASSERT_TRUE(store->write({{StoreWrite::Kind::Put, record_key("other"), moved.value}}));
  EXPECT_EQ(get_record(*store, "other").error().kind, StoreError::Kind::Corrupt) << "a value is good only where it was put";
  ASSERT_TRUE(store->write({{StoreWrite::Kind::Put, low_key(Partition{1}, 0), "junk"}}));
  EXPECT_EQ(read_low(*store, Partition{1}).error().kind, StoreError::Kind::Corrupt);
}

TEST(Records, AStoreOfANewerReleaseIsLeftAlone) {
  const auto store = memory_store();
  ASSERT_TRUE(prepare_store(*store));
  ASSERT_TRUE(prepare_store(*store));
  Writer newer;
  newer.varint(kStateSchema + 1U);
  newer.varint(kModelVersion);
  ASSERT_TRUE(put_record(*store, "schema", newer.bytes()));
  EXPECT_EQ(prepare_store(*store).error().kind, StoreError::Kind::Version);
}

TEST(Records, TheLowOfAPartitionIsTheLeastOfItsLanes) {
  const auto store = memory_store();
  EXPECT_EQ(read_low(*store, Partition{2}).value(), std::nullopt);
  ASSERT_TRUE(begin_lanes(*store, Partition{2}, Offset{5}, 3));
  ASSERT_TRUE(store->write({low_write(Partition{2}, 0, Offset{50}), low_write(Partition{2}, 2, Offset{40})}));
  EXPECT_EQ(read_low(*store, Partition{2}).value(), Offset{5});
  ASSERT_TRUE(begin_lanes(*store, Partition{2}, Offset{5}, 1));
  ASSERT_TRUE(store->write({low_write(Partition{2}, 0, Offset{60})}));
  EXPECT_EQ(read_low(*store, Partition{2}).value(), Offset{60});
  EXPECT_EQ(read_low(*store, Partition{1}).value(), std::nullopt);
}

}  // namespace
}  // namespace ringfence
