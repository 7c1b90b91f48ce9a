// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/shard_park.h"

#include <gtest/gtest.h>

#include <latch>
#include <thread>

namespace ringfence {
namespace {

using std::chrono::milliseconds;
constexpr std::chrono::seconds kPatience{60};

TEST(ShardPark, NoShardRunsWhileItIsClosed) {
  constexpr std::size_t kShards = 3;
  constexpr int kRebalances = 200;
  ShardPark park(kShards);
  std::atomic<bool> done{false};
  std::atomic<int> inside{0};
  std::atomic<std::uint64_t> passes{0};
  std::vector<std::jthread> shards;
  for (std::size_t shard = 0; shard < kShards; ++shard)
    shards.emplace_back([&, shard] {
      while (!done) {
        park.pass(shard);
        ++inside;
        ++passes;
        --inside;
      }
      park.leave(shard);
    });
  for (int rebalance = 0; rebalance < kRebalances; ++rebalance) {
    ASSERT_TRUE(park.close(kPatience, [] {}));
    EXPECT_EQ(inside, 0);
    const auto before = passes.load();
    std::this_thread::yield();
    EXPECT_EQ(passes, before);
    park.open();
  }
  done = true;
}

TEST(ShardPark, SaysSoWhenAShardDoesNotComeToRestAndOpensAgain) {
  ShardPark park(1);
  std::latch running(1);
  std::latch told(1);
  std::jthread shard([&] {
    park.pass(0);
    running.count_down();
    told.wait();
    park.pass(0);  // passes: the park is open again
    park.leave(0);
  });
  running.wait();
  EXPECT_FALSE(park.close(milliseconds(1), [] {}));
  told.count_down();
}

TEST(ShardPark, WakesShardsAfterItIsClosed) {
  ShardPark park(1);
  std::latch running(1);
  std::latch woken(1);
  std::jthread shard([&] {
    park.pass(0);
    running.count_down();
    woken.wait();  // what a wait for records is
    park.pass(0);
    park.leave(0);
  });
  running.wait();
  EXPECT_TRUE(park.close(kPatience, [&] { woken.count_down(); }));
  park.open();
}

TEST(ShardPark, DoesNotWaitForShardsThatNeverStartedOrHaveLeft) {
  ShardPark park(2);
  park.pass(0);
  park.leave(0);
  EXPECT_TRUE(park.close(milliseconds(0), [] {}));
  park.open();
}

}  // namespace
}  // namespace ringfence
