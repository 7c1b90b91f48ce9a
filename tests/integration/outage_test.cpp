// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/context_log.h"
#include "connectors/kafka/control_log.h"
#include "tests/integration/fixture.h"

namespace ringfence::testing {
namespace {

using std::chrono::milliseconds;

class Outages : public BrokerTest {};

TEST_F(Outages, ABrokerKilledUnderWayCostsNoRecordAndRepeatsNone) {
  constexpr std::int32_t kPartitions = 2;
  const std::string name = topic("outage", kPartitions);
  SharedPositions positions;
  Seen seen;
  Member member(consumer(name), positions, seen);
  ASSERT_TRUE(member.start());
  const auto writer = producer();
  ASSERT_TRUE(fill(*writer, name, kPartitions, 0, 500));
  ASSERT_TRUE(seen.wait_for(500 * kPartitions / 2));

  // Records on their way when it dies, and more while it is dead.
  std::atomic<std::int64_t> sent{500};
  const auto publish_some = [&](std::int64_t count) {
    for (std::int64_t end = sent + count; sent < end; ++sent)
      for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
        const std::string value = payload(partition, sent);
        ASSERT_TRUE(writer->publish({.topic = name, .key = value, .value = value, .cause = {}, .partition = Partition{partition}}));
      }
  };
  publish_some(500);
  broker().kill();
  publish_some(500);
  ASSERT_TRUE(broker().start());
  publish_some(500);
  const auto flushed = writer->flush(kPatience);
  ASSERT_TRUE(flushed) << flushed.error().message;
  ASSERT_TRUE(seen.wait_for(static_cast<std::size_t>(kPartitions * sent)));
  EXPECT_EQ(seen.by_partition(), every_record(kPartitions, 0, sent));
  EXPECT_FALSE(member.failure());
  EXPECT_FALSE(member.alarms(ConsumerAlarm::Kind::Unavailable).empty()) << "an operator hears of it";
}

/// A store that writes all the time, also while the broker is away.
class BusyStore : public Member {
 public:
  using Member::Member;
  ~BusyStore() override { stop(); }  // while what its thread calls is still there
  std::optional<Offset> low(Partition) override { return Offset{++low_}; }

 private:
  std::int64_t low_ = 0;
};

TEST_F(Outages, ANamedMemberThatOutlivesItsSessionIsNotFencedByItsOwnCommits) {
  const std::string name = topic("away", 2);
  SharedPositions positions;
  Seen seen;
  BusyStore member(consumer(name, "host-a"), positions, seen);
  ASSERT_TRUE(member.start());
  const auto writer = producer();
  ASSERT_TRUE(fill(*writer, name, 2, 0, 100));
  ASSERT_TRUE(seen.wait_for(200));
  const auto commits_beyond = [&](std::optional<Offset> before) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline)
      if (committed(broker(), name + "-group", name, 0) > before) return true;
    return false;
  };
  ASSERT_TRUE(commits_beyond(std::nullopt));
  broker().kill();
  ASSERT_TRUE(seen.wait_until([&] { return member.owned().empty(); })) << "the session ends without the broker";
  ASSERT_TRUE(broker().start());
  ASSERT_TRUE(fill(*writer, name, 2, 100, 100));
  ASSERT_TRUE(seen.wait_for(400)) << (member.failure() ? member.failure()->message : "");
  EXPECT_FALSE(member.failure());
  EXPECT_EQ(seen.by_partition(), every_record(2, 0, 200));
  EXPECT_TRUE(commits_beyond(committed(broker(), name + "-group", name, 0))) << "commits go on";
}

TEST_F(Outages, NothingIsCalledStoredBeforeTheBrokerSaysSo) {
  const std::string name = topic("horizon", 1);
  ProducerSettings settings;
  settings.max_open = 4;
  const auto writer = producer(settings);
  TopicSink sink(*writer, name);
  ASSERT_TRUE(sink.publish("before", "agent", {Partition{7}, Offset{3}}));
  ASSERT_TRUE(sink.flush(ringfence::seconds(60)));
  EXPECT_EQ(sink.acknowledged(Partition{7}), kAllAcknowledged);

  broker().stop();
  for (const std::int64_t cause : {5, 6, 6, 9}) ASSERT_TRUE(sink.publish("while away", "agent", {Partition{7}, Offset{cause}}));
  EXPECT_EQ(sink.acknowledged(Partition{7}), Offset{5});
  EXPECT_EQ(sink.acknowledged(Partition{8}), kAllAcknowledged) << "other partitions are not held back";
  const auto full = sink.publish("one too many", "agent", {Partition{7}, Offset{10}});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().kind, SinkError::Kind::Unavailable) << "backpressure, not loss";
  const auto late = sink.flush(ringfence::milliseconds(200));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, SinkError::Kind::Unavailable);
  EXPECT_EQ(sink.acknowledged(Partition{7}), Offset{5});

  ASSERT_TRUE(broker().start());
  const auto flushed = sink.flush(ringfence::seconds(60));
  ASSERT_TRUE(flushed) << flushed.error().message;
  EXPECT_EQ(sink.acknowledged(Partition{7}), kAllAcknowledged);
  EXPECT_EQ(writer->counters().acknowledged, 5U);
}

TEST_F(Outages, ABrokerThatIsNotThereIsAnErrorInBoundedTime) {
  KafkaSettings nowhere{.bootstrap_servers = "127.0.0.1:1", .client_id = "test", .client = {}};
  SharedPositions positions;
  Seen seen;
  Member owner({}, positions, seen);
  const auto before = std::chrono::steady_clock::now();
  const auto opened =
      Consumer::open({.kafka = nowhere, .topic = "t", .group = "g", .instance = {}, .shards = 1, .open_within = milliseconds(300)}, owner);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, KafkaError::Code::Unreachable) << opened.error().message;
  const auto log = KafkaControlLog::open(nowhere, "t", {}, {.open_within = milliseconds(300)});
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, KafkaError::Code::Unreachable);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(20));
}

class Logs : public BrokerTest {
 protected:
  std::string compacted(const std::string& stem, std::int32_t partitions = 1) {
    auto spec = plain_topic(unique_name(stem), partitions);
    spec.cleanup_policy = "compact";
    EXPECT_TRUE(make_topic(broker(), spec));
    return spec.name;
  }
};

TEST_F(Logs, ControlRecordsAreReadBackByAnyWriterInTheOrderTheyWereAppended) {
  const std::string name = compacted("control");
  const auto open = [&] { return KafkaControlLog::open(kafka(), name); };
  auto mine = open();
  ASSERT_TRUE(mine) << mine.error().message;
  EXPECT_EQ((*mine)->acknowledged(), 0U);
  EXPECT_EQ((*mine)->append("agent:corp/a#engine-0", "contained"), 1U);
  EXPECT_EQ((*mine)->append("agent:corp/b#engine-0", "contained"), 2U);
  EXPECT_EQ((*mine)->append("agent:corp/a#engine-0", "released"), 3U);
  EXPECT_EQ((*mine)->append("agent:corp/a#engine-0", ""), 4U);
  ASSERT_TRUE((*mine)->flush(kPatience));
  EXPECT_EQ((*mine)->acknowledged(), 4U);

  auto other = open();
  ASSERT_TRUE(other);
  std::vector<ControlEntry> entries;
  bool caught_up = false;
  for (const auto deadline = std::chrono::steady_clock::now() + kPatience; !caught_up && std::chrono::steady_clock::now() < deadline;) {
    const auto batch = (*other)->read(2);
    ASSERT_TRUE(batch) << batch.error().message;
    EXPECT_LE(batch->entries.size(), 2U);
    std::ranges::copy(batch->entries, std::back_inserter(entries));
    caught_up = batch->caught_up;
  }
  EXPECT_THAT(entries,
              ::testing::ElementsAre(ControlEntry{"agent:corp/a#engine-0", "contained"}, ControlEntry{"agent:corp/b#engine-0", "contained"},
                                     ControlEntry{"agent:corp/a#engine-0", "released"}, ControlEntry{"agent:corp/a#engine-0", ""}));

  const auto reader = TopicReader::open({.kafka = kafka(), .topic = name, .from = Offset{3}}, KafkaLog{});
  ASSERT_TRUE(reader);
  const auto last = (*reader)->read(10, kPatience);
  ASSERT_TRUE(last);
  ASSERT_THAT(last->records, ::testing::SizeIs(1));
  EXPECT_TRUE(last->records[0].tombstone) << "compaction takes nothing else";
}

TEST_F(Logs, AControlTopicOfSeveralPartitionsIsRefusedForItHasNoOrder) {
  const auto opened = KafkaControlLog::open(kafka(), compacted("split", 2));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, KafkaError::Code::Config);
  EXPECT_THAT(opened.error().message, ::testing::HasSubstr("2 partitions"));
}

TEST_F(Logs, TheContextIsReadFromItsBeginningAndThenFollowed) {
  const std::string name = compacted("context");
  auto log = ContextLog::open(kafka(), name);
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_THAT((*log)->read_to_end(kPatience).value(), ::testing::IsEmpty()) << "an empty topic has an end, too";
  ASSERT_TRUE((*log)->append("personas", "set 1", kPatience));
  ASSERT_TRUE((*log)->append("personas", "set 2", kPatience));
  std::vector<TopicRecord> followed;
  for (const auto deadline = std::chrono::steady_clock::now() + kPatience;
       followed.size() < 2 && std::chrono::steady_clock::now() < deadline;)
    std::ranges::move((*log)->read(10, milliseconds(1000)).value().records, std::back_inserter(followed));
  ASSERT_EQ(followed.size(), 2U);
  EXPECT_EQ(followed.back().value, "set 2");
  EXPECT_EQ(followed.back().position, (Position{Partition{0}, Offset{1}}));

  auto later = ContextLog::open(kafka(), name);
  ASSERT_TRUE(later);
  const auto all = (*later)->read_to_end(kPatience);
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->back().value, "set 2");
}

class TopicsOnABroker : public BrokerTest {};

TEST_F(TopicsOnABroker, AreCreatedAsThePlanSaysAndThenFoundRight) {
  TopicPlan plan;
  plan.event_partitions = 2;
  plan.replication = 1;
  const std::string prefix = unique_name("fleet") + ".";
  for (std::string* name : {&plan.names.events, &plan.names.findings, &plan.names.control, &plan.names.control_acks, &plan.names.verdicts,
                            &plan.names.links, &plan.names.state, &plan.names.context, &plan.names.audit, &plan.names.deadletter})
    *name = prefix + *name;
  const auto specs = specs_of(plan);
  const auto missing = check_topics(kafka(), specs, 1, kPatience);
  ASSERT_TRUE(missing) << missing.error().message;
  EXPECT_EQ(missing->size(), specs.size());
  EXPECT_THAT(*missing, ::testing::Contains(TopicDifference{plan.names.control, "topic", "present", "missing"}));

  // One of them is there already, and wrong.
  ASSERT_TRUE(make_topic(broker(), plain_topic(plan.names.control, 3)));
  const auto made = create_topics(kafka(), specs, 1, kPatience);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->size(), specs.size() - 1);
  std::vector<TopicDifference> differences;
  for (const auto deadline = std::chrono::steady_clock::now() + kPatience; std::chrono::steady_clock::now() < deadline;) {
    differences = check_topics(kafka(), specs, 1, kPatience).value();
    if (std::ranges::none_of(differences, [](const TopicDifference& d) { return d.property == "topic"; })) break;
  }
  EXPECT_THAT(differences, ::testing::UnorderedElementsAre(TopicDifference{plan.names.control, "partitions", "1", "3"},
                                                           TopicDifference{plan.names.control, "cleanup.policy", "compact", "delete"}))
      << "a topic that exists is reported, never altered";
  EXPECT_THAT(create_topics(kafka(), specs, 1, kPatience).value(), ::testing::IsEmpty()) << "the second time there is nothing to do";

  // What counts is how wide the events are, not how wide somebody thinks they are.
  TopicPlan wider = plan;
  wider.names.state = unique_name("fleet") + ".state";
  wider.event_partitions = 4;
  EXPECT_THAT(check_topics(kafka(), specs_of(wider), 1, kPatience).value(),
              ::testing::Contains(TopicDifference{plan.names.events, "partitions", "at least 4", "2"}));
  ASSERT_TRUE(create_topics(kafka(), specs_of(wider), 1, kPatience));
  TopicPlan narrow = plan;
  narrow.event_partitions = 1;
  narrow.names.state = unique_name("fleet") + ".state";
  ASSERT_TRUE(make_topic(broker(), plain_topic(narrow.names.state, 1)));
  EXPECT_THAT(check_topics(kafka(), specs_of(narrow), 1, kPatience).value(),
              ::testing::Contains(TopicDifference{narrow.names.state, "partitions", "2", "1"}));
}

TEST_F(TopicsOnABroker, AskingForMoreReplicasThanBrokersIsSaid) {
  const auto made = create_topics(kafka(), {plain_topic(unique_name("replicas"), 1)}, 3, kPatience);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, ::testing::HasSubstr("eplication"));
}

}  // namespace
}  // namespace ringfence::testing
