// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/context_log.h"
#include "engine/event/limits.h"
#include "engine/event/sha256.h"
#include "tests/integration/fixture.h"

namespace ringfence::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Consuming : public BrokerTest {};

TEST_F(Consuming, EveryRecordOfEightPartitionsComesOnceAndInOrderWhateverItsCompression) {
  constexpr std::int32_t kPartitions = 8;
  constexpr std::int64_t kEach = 200;
  const std::string name = topic("codecs", kPartitions);
  std::int64_t number = 0;
  for (const auto* codec : {"none", "gzip", "snappy", "lz4", "zstd"}) {
    const auto done = fill(*producer({.kafka = {}, .compression = codec}), name, kPartitions, number, kEach);
    ASSERT_TRUE(done) << codec << ": " << done.error();
    number += kEach;
  }
  SharedPositions positions;
  Seen seen;
  Member member(consumer(name), positions, seen);
  ASSERT_TRUE(member.start());
  ASSERT_TRUE(seen.wait_for(static_cast<std::size_t>(kPartitions * number)));
  EXPECT_EQ(seen.by_partition(), every_record(kPartitions, 0, number));
  EXPECT_EQ(member.consumer().counters().gaps, 0U);
  EXPECT_EQ(member.consumer().counters().strays, 0U);
}

TEST_F(Consuming, ALoneRecordDoesNotWaitForCompany) {
  const std::string name = topic("lone", 1);
  SharedPositions positions;
  Seen unused;
  Member owner(consumer(name), positions, unused);
  auto settings = consumer(name);
  settings.shards = 1;
  auto opened = Consumer::open(settings, owner);
  ASSERT_TRUE(opened) << opened.error().message;
  std::jthread serving([&](const std::stop_token& stop) {
    while (!stop.stop_requested() && (*opened)->serve(milliseconds(50))) {
    }
  });
  const auto writer = producer();
  ASSERT_TRUE(fill(*writer, name, 1, 0, 1));
  // The first wait also joins the group.
  std::span<const Record> records;
  for (const auto deadline = std::chrono::steady_clock::now() + kPatience; records.empty() && std::chrono::steady_clock::now() < deadline;)
    records = (*opened)->poll(0, seconds(1)).value();
  ASSERT_EQ(records.size(), 1U);

  constexpr seconds kWait{30};
  std::jthread later([&] { EXPECT_TRUE(fill(*writer, name, 1, 1, 1)); });
  const auto before = std::chrono::steady_clock::now();
  records = (*opened)->poll(0, kWait).value();
  EXPECT_LT(std::chrono::steady_clock::now() - before, kWait / 2);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records.front().bytes, payload(0, 1));
  EXPECT_EQ(records.front().key, payload(0, 1));
  EXPECT_TRUE(records.front().arrival);
  (*opened)->leave(0);
}

TEST_F(Consuming, ARecordLargerThanAFetchComesAsItsBeginningSizeAndHash) {
  auto spec = plain_topic(unique_name("large"), 1);
  spec.numbers["max.message.bytes"] = {8 << 20, Wanted::Exactly};
  ASSERT_TRUE(make_topic(broker(), spec));
  auto settings = kafka();
  settings.client["message.max.bytes"] = std::to_string(8 << 20);
  const auto writer = Producer::open({.kafka = settings, .compression = "none"});
  ASSERT_TRUE(writer);
  const std::string large(5U << 20U, 'x');
  for (const std::string& value : {large, std::string("after it")})
    ASSERT_TRUE((*writer)->publish({.topic = spec.name, .key = "k", .value = value, .cause = {}, .partition = {}}));
  ASSERT_TRUE((*writer)->flush(kPatience));
  SharedPositions positions;
  Seen seen;
  Member member(consumer(spec.name), positions, seen);
  ASSERT_TRUE(member.start());
  ASSERT_TRUE(seen.wait_for(2));
  EXPECT_EQ(seen.by_partition().at(0).front().second, large.substr(0, limits::kDeadLetterExcerpt));
  EXPECT_EQ(seen.by_partition().at(0).back().second, "after it");
  ASSERT_EQ(seen.cut().size(), 1U);
  EXPECT_EQ(seen.cut().front(), std::pair(std::uint64_t{large.size()}, sha256_hex(large)));
}

TEST_F(Consuming, GoesOnFromTheOwnersOffsetsAndShowsThemToLagTools) {
  const std::string name = topic("lows", 2);
  ASSERT_TRUE(fill(*producer(), name, 2, 0, 100));
  SharedPositions positions;
  positions.set(Partition{0}, Offset{40});
  positions.set(Partition{1}, Offset{99});
  Seen seen;
  Member member(consumer(name), positions, seen);
  ASSERT_TRUE(member.start());
  ASSERT_TRUE(seen.wait_for(61));
  EXPECT_EQ(seen.by_partition().at(0).front().first, 40);
  EXPECT_EQ(seen.by_partition().at(1), (std::vector<std::pair<std::int64_t, std::string>>{{99, payload(1, 99)}}));
  std::optional<Offset> shown;
  for (const auto deadline = std::chrono::steady_clock::now() + kPatience;
       shown != Offset{100} && std::chrono::steady_clock::now() < deadline;)
    shown = committed(broker(), name + "-group", name, 0);
  EXPECT_EQ(shown, Offset{100});
  for (const PartitionLag& lag : member.consumer().lag()) {
    EXPECT_EQ(lag.next, Offset{100});
    EXPECT_EQ(lag.end, Offset{100});
  }
}

TEST_F(Consuming, ATopicThatIsMissingIsSaidAtOnce) {
  SharedPositions positions;
  Seen seen;
  Member member(consumer("no-such-topic"), positions, seen);
  const auto started = member.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, KafkaError::Code::UnknownTopic);
  EXPECT_THAT(started.error().message, ::testing::HasSubstr("no-such-topic"));
  const auto warm = producer()->warm("no-such-topic", seconds(20));
  ASSERT_FALSE(warm);
  EXPECT_EQ(warm.error().code, KafkaError::Code::UnknownTopic);
}

TEST_F(Consuming, RecordsDeletedBelowThePositionStopThePartitionUntilItIsMoved) {
  const std::string name = topic("deleted", 2);
  ASSERT_TRUE(fill(*producer(), name, 2, 0, 100));
  const auto deleted = delete_records(broker(), name, 0, 50);
  ASSERT_TRUE(deleted) << deleted.error();
  SharedPositions positions;
  positions.set(Partition{0}, Offset{10});
  positions.set(Partition{1}, Offset{10});
  Seen seen;
  Member member(consumer(name), positions, seen);
  ASSERT_TRUE(member.start());
  ASSERT_TRUE(seen.wait_until([&] { return !member.alarms(ConsumerAlarm::Kind::OutOfRange).empty(); }));
  const auto alarm = member.alarms(ConsumerAlarm::Kind::OutOfRange).front();
  EXPECT_EQ(alarm.partition, Partition{0});
  EXPECT_EQ(alarm.expected, Offset{10});
  ASSERT_TRUE(seen.wait_for(90)) << "the other partition goes on";
  EXPECT_FALSE(seen.by_partition().contains(0)) << "never a silent jump";
  const auto behind = [&] {
    std::map<Partition, std::int64_t> records;
    for (const PartitionLag& lag : member.consumer().lag()) records.emplace(lag.partition, lag.behind());
    return records;
  };
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (behind()[Partition{0}] == 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_THAT(behind(), ::testing::ElementsAre(::testing::Pair(Partition{0}, 50), ::testing::Pair(Partition{1}, 0)))
      << "all that the log still holds of it waits";
  member.consumer().move(Partition{0}, Offset{50});
  ASSERT_TRUE(seen.wait_for(140));
  EXPECT_EQ(seen.by_partition().at(0).front().first, 50);
  EXPECT_FALSE(member.failure());
}

TEST_F(Consuming, HolesOfACompactedLogAreLookedForOnceAndPassedOver) {
  auto spec = plain_topic(unique_name("holes"), 1);
  spec.cleanup_policy = "compact";
  spec.numbers = {{"segment.ms", {100, Wanted::Exactly}},
                  {"min.compaction.lag.ms", {0, Wanted::Exactly}},
                  {"max.compaction.lag.ms", {100, Wanted::Exactly}}};
  spec.texts = {{"min.cleanable.dirty.ratio", "0.01"}};
  ASSERT_TRUE(make_topic(broker(), spec));
  const auto writer = producer();
  std::size_t written = 0;
  const auto read_all = [&] {
    auto log = ContextLog::open(kafka(), spec.name);
    EXPECT_TRUE(log);
    return (*log)->read_to_end(kPatience).value();
  };
  // Two keys over and over until the cleaner has been here.
  std::vector<TopicRecord> kept;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  do {
    const std::string value = payload(0, static_cast<std::int64_t>(written));
    ASSERT_TRUE(
        writer->publish({.topic = spec.name, .key = written % 2 == 0 ? "even" : "odd", .value = value, .cause = {}, .partition = {}}));
    ASSERT_TRUE(writer->flush(kPatience));
    ++written;
    kept = read_all();
  } while (kept.size() >= written && std::chrono::steady_clock::now() < deadline);
  ASSERT_LT(kept.size(), written) << "the broker compacted nothing";

  SharedPositions positions;
  positions.set(Partition{0}, Offset{0});
  Seen seen;
  Member member(consumer(spec.name), positions, seen);
  ASSERT_TRUE(member.start());
  ASSERT_TRUE(seen.wait_until([&] { return positions.next(Partition{0}) == Offset{static_cast<std::int64_t>(written)}; }));
  EXPECT_FALSE(member.alarms(ConsumerAlarm::Kind::Gap).empty());
  EXPECT_FALSE(member.alarms(ConsumerAlarm::Kind::Hole).empty());
  EXPECT_TRUE(member.alarms(ConsumerAlarm::Kind::OutOfRange).empty());
  const auto latest = kept.back();
  EXPECT_EQ(seen.by_partition().at(0).back(), std::pair(latest.position.offset.value, latest.value));
}

}  // namespace
}  // namespace ringfence::testing
