// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/integration/fixture.h"

namespace ringfence::testing {
namespace {

class Groups : public BrokerTest {};

TEST_F(Groups, TwoMembersShareThePartitionsAndOneTakesOverWhatTheOtherLeaves) {
  constexpr std::int32_t kPartitions = 4;
  constexpr std::int64_t kEach = 100;
  const std::string name = topic("shared", kPartitions);
  const auto writer = producer();
  SharedPositions positions;
  Seen seen;
  Member first(consumer(name), positions, seen);
  ASSERT_TRUE(first.start());
  ASSERT_TRUE(fill(*writer, name, kPartitions, 0, kEach));
  ASSERT_TRUE(seen.wait_for(kPartitions * kEach));
  std::int64_t number = kEach;
  // Twice, so that partitions also come back to a member that had them before.
  for (int round = 0; round < 2; ++round) {
    Member second(consumer(name), positions, seen);
    ASSERT_TRUE(second.start());
    ASSERT_TRUE(seen.wait_until([&] { return first.owned().size() == 2 && second.owned().size() == 2; })) << "round " << round;
    ASSERT_TRUE(fill(*writer, name, kPartitions, number, kEach));
    number += kEach;
    ASSERT_TRUE(seen.wait_for(static_cast<std::size_t>(kPartitions * number)));
    second.stop();
    ASSERT_TRUE(seen.wait_until([&] { return first.owned().size() == kPartitions; })) << "round " << round;
    ASSERT_TRUE(fill(*writer, name, kPartitions, number, kEach));
    number += kEach;
    ASSERT_TRUE(seen.wait_for(static_cast<std::size_t>(kPartitions * number)));
    EXPECT_FALSE(second.disturbed());
  }
  EXPECT_EQ(seen.by_partition(), every_record(kPartitions, 0, number));
  EXPECT_FALSE(first.disturbed()) << "a shard had records in hand while partitions changed hands";
  EXPECT_FALSE(first.failure());
  EXPECT_EQ(first.consumer().counters().gaps, 0U);
  EXPECT_EQ(first.consumer().counters().strays, 0U);
}

TEST_F(Groups, PartitionsMoveUnderLoadWithoutLossOrRepeat) {
  constexpr std::int32_t kPartitions = 8;
  constexpr std::int64_t kEach = 4000;
  const std::string name = topic("load", kPartitions);
  SharedPositions positions;
  Seen seen;
  Member first(consumer(name), positions, seen);
  ASSERT_TRUE(first.start());
  std::jthread load([&, writer = producer()] { EXPECT_TRUE(fill(*writer, name, kPartitions, 0, kEach)); });
  for (int round = 0; round < 2; ++round) {
    Member second(consumer(name), positions, seen);
    ASSERT_TRUE(second.start());
    ASSERT_TRUE(seen.wait_until([&] { return !second.owned().empty(); }));
    second.stop();
    EXPECT_FALSE(second.disturbed());
  }
  load.join();
  ASSERT_TRUE(seen.wait_for(static_cast<std::size_t>(kPartitions * kEach)));
  EXPECT_EQ(seen.by_partition(), every_record(kPartitions, 0, kEach));
  EXPECT_FALSE(first.disturbed());
}

TEST_F(Groups, ASecondProcessUnderTheSameNameEndsTheFirst) {
  const std::string name = topic("fenced", 1);
  SharedPositions positions;
  Seen seen;
  Member first(consumer(name, "host-a"), positions, seen);
  ASSERT_TRUE(first.start());
  ASSERT_TRUE(seen.wait_until([&] { return first.owned().size() == 1; }));
  Member second(consumer(name, "host-a"), positions, seen);
  ASSERT_TRUE(second.start());
  ASSERT_TRUE(seen.wait_until([&] { return first.failure() && first.shard_failure(); }));
  EXPECT_EQ(first.failure()->code, KafkaError::Code::Fatal) << first.failure()->message;
  EXPECT_TRUE(first.failure()->fatal);
  EXPECT_TRUE(first.shard_failure()->fatal);
  ASSERT_TRUE(seen.wait_until([&] { return second.owned().size() == 1; }));
  EXPECT_FALSE(second.failure());
}

TEST_F(Groups, AStoreThatCannotSayWhereToGoOnEndsTheConsumer) {
  const std::string name = topic("refused", 1);
  SharedPositions positions;
  Seen seen;
  Member member(consumer(name), positions, seen);
  member.refuse_partitions();
  ASSERT_TRUE(member.start());
  ASSERT_TRUE(seen.wait_until([&] { return member.failure().has_value(); }));
  EXPECT_EQ(member.failure()->code, KafkaError::Code::Owner);
  EXPECT_THAT(member.failure()->message, ::testing::HasSubstr("the store cannot be read"));
  member.stop();  // must not hang
}

/// What the killed process has stored: whole lines only.
std::map<std::int32_t, std::vector<std::pair<std::int64_t, std::string>>> stored(const std::filesystem::path& file) {
  std::map<std::int32_t, std::vector<std::pair<std::int64_t, std::string>>> records;
  std::ifstream in(file);
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::string text;
  while (in >> partition >> offset >> text) records[partition].emplace_back(offset, text);
  return records;
}

/// Reads the child's progress until it has stored `records`; false where it ends or time is up before.
bool wait_for_progress(int output, std::size_t records) {
  std::string line;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd waiting{.fd = output, .events = POLLIN, .revents = 0};
    if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) return false;
    char c = 0;
    if (::read(output, &c, 1) != 1) return false;
    if (c != '\n') {
      line += c;
      continue;
    }
    if (static_cast<std::size_t>(std::atoll(line.c_str())) >= records) return true;
    line.clear();
  }
}

TEST_F(Groups, AKilledProcessGoesOnFromItsOwnOffsetsWithNothingLostOrDoubled) {
  constexpr std::int32_t kPartitions = 8;
  constexpr std::int64_t kEach = 3000;
  constexpr std::size_t kMore = 3000;  // a process may run on until its kill is there, but not to the end
  const std::string name = topic("killed", kPartitions);
  ASSERT_TRUE(fill(*producer(), name, kPartitions, 0, kEach));
  const auto file = broker().directory() / name;
  const std::vector<std::string> command = {RINGFENCE_MEMBER, broker().address(), name, name + "-group", "host-a", file.string()};
  for (const std::size_t before_kill : {std::size_t{1}, std::size_t{2000}, std::size_t{5000}}) {
    std::vector<std::string> killed = command;
    killed.push_back(std::to_string(before_kill + kMore));
    const auto member = Process::start(killed, broker().directory(), false);
    ASSERT_TRUE(member);
    EXPECT_TRUE(wait_for_progress(member->output(), before_kill));
    member->signal(SIGKILL);
    EXPECT_EQ(member->wait(), -SIGKILL);
  }
  std::size_t left = static_cast<std::size_t>(kPartitions * kEach);
  for (const auto& [partition, records] : stored(file)) left -= records.size();
  ASSERT_GT(left, 0U);
  const auto last = Process::start(command, broker().directory(), false);
  ASSERT_TRUE(last);
  EXPECT_TRUE(wait_for_progress(last->output(), left));
  last->signal(SIGKILL);
  EXPECT_EQ(last->wait(), -SIGKILL);
  EXPECT_EQ(stored(file), every_record(kPartitions, 0, kEach));
}

}  // namespace
}  // namespace ringfence::testing
