// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "connectors/sinks/file_control_log.h"
#include "tests/unit/connectors/sink_control_process.h"

namespace ringfence {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the process and its helpers

TEST(ControlWriterClaims, it_speaks_only_after_it_has_read_its_own_claim) {
  SharedTopic topic;
  Process engine(topic, "one");
  engine.publish(halt(1));
  EXPECT_TRUE(topic.entries.empty());
  engine.poll(0);
  EXPECT_EQ(engine.writers.state(kPartition), State::Claiming);
  ASSERT_EQ(topic.entries.size(), 1U) << "the claim alone";
  EXPECT_EQ(topic.entries[0].key, "~claim#engine-ringfence.events-3");
  EXPECT_EQ(engine.writers.acknowledged(kPartition), Offset{100}) << "what waits is not acknowledged";
  engine.poll(1);
  EXPECT_EQ(topic.count(key_of(halt(1))), 1U);
  EXPECT_EQ(read_as_gate(topic, key_of(halt(1))).generation, generation_at(0));
  EXPECT_EQ(engine.writers.acknowledged(kPartition), kAllAcknowledged);
}

TEST(ControlWriterClaims, of_two_owners_with_one_generation_only_the_first_in_the_log_speaks) {
  SharedTopic topic;
  Process one(topic, "one"), two(topic, "two");
  two.log.blind = true;
  one.poll(0);
  two.poll(0);
  ASSERT_EQ(topic.count(claim_key(kWriter)), 2U) << "both claimed one generation";
  two.log.blind = false;
  one.poll(1);
  two.poll(1);
  EXPECT_EQ(one.writers.state(kPartition), State::Speaking);
  EXPECT_EQ(two.writers.state(kPartition), State::Fenced);
  EXPECT_EQ(two.writers.fenced(), std::vector{kPartition});
  EXPECT_EQ(one.writers.fenced(), std::vector<Partition>{});
  one.publish(halt(1));
  two.publish(halt(2));
  two.poll(5000);
  EXPECT_EQ(topic.count(key_of(halt(1))), 1U);
  EXPECT_EQ(topic.count(key_of(halt(2))), 0U);
  EXPECT_EQ(two.writers.acknowledged(kPartition), Offset{100}) << "not lost: it waits";
}

TEST(ControlWriterClaims, the_loser_of_a_tie_may_claim_again_and_then_fences_the_other) {
  SharedTopic topic;
  Process one(topic, "one"), two(topic, "two");
  two.log.blind = true;
  one.poll(0);
  two.poll(0);
  two.log.blind = false;
  one.poll(1);
  two.poll(1);
  two.publish(halt(2));
  two.writers.claim_again(kPartition);
  two.poll(2);
  two.poll(3);
  one.poll(4);
  EXPECT_EQ(two.writers.state(kPartition), State::Speaking);
  EXPECT_EQ(one.writers.state(kPartition), State::Fenced);
  EXPECT_EQ(read_as_gate(topic, key_of(halt(2))).generation, generation_at(2));
}

TEST(ControlWriterClaims, a_paused_former_owner_is_fenced_by_the_next_claim) {
  SharedTopic topic;
  Process former(topic, "former");
  former.start();
  former.publish(halt(1));
  Process next(topic, "next");
  next.start(10);
  EXPECT_EQ(read_as_gate(topic, key_of(halt(1))).generation, generation_at(10));

  former.publish(halt(2, 1, 101), 2000);  // still believes it may
  next.poll(2001);
  ControlOrder gate;
  for (const ControlEntry& entry : topic.entries) {
    const auto message = verify_control(entry.key, entry.value, trusted(), kAudience);
    ASSERT_TRUE(message.has_value());
    const bool admitted = gate.admit(entry.key, *message).has_value();
    if (entry.key == key_of(halt(2))) {
      EXPECT_FALSE(admitted) << "a gate refuses its generation";
    }
  }
  former.poll(2002);
  EXPECT_EQ(former.writers.state(kPartition), State::Fenced);
  const std::size_t before = topic.entries.size();
  former.publish(halt(3, 1, 102), 2003);
  former.poll(4000);
  EXPECT_EQ(topic.entries.size(), before);
}

TEST(ControlWriterClaims, a_record_of_a_later_generation_fences_it_though_its_claim_is_gone) {
  SharedTopic topic, other_topic;
  Process former(topic, "former"), next(other_topic, "next");
  former.start();
  next.start(10);
  next.publish(halt(1));
  topic.entries.push_back(other_topic.entries.back());
  former.poll(20);
  EXPECT_EQ(former.writers.state(kPartition), State::Fenced) << "gates take nothing from it any more";
}

TEST(ControlWriterClaims, a_claim_that_was_lost_on_its_way_is_made_again) {
  SharedTopic topic;
  Process engine(topic, "one");
  engine.poll(0);
  topic.entries.clear();
  Process fresh(topic, "one");
  fresh.poll(0);
  topic.entries.clear();
  fresh.poll(5000);
  EXPECT_TRUE(topic.entries.empty());
  fresh.poll(10'001);
  EXPECT_EQ(topic.count(claim_key(kWriter)), 1U);
}

TEST(ControlWriterRestart, records_of_the_former_owner_are_published_again_as_its_own_with_nothing_else_changed) {
  SharedTopic topic;
  {
    Process engine(topic, "first");
    engine.start();
    engine.publish(halt(1));
    engine.publish(halt(2, 4));
  }
  const auto payload = [&topic](const ContainmentRecord& record) {
    auto parsed = nlohmann::ordered_json::parse(verify_jws(topic.last_value(key_of(record)), trusted())->payload);
    parsed["events"].begin().value().erase("generation");
    return parsed.dump();
  };
  const std::string before = payload(halt(1));
  topic.compact();
  Process engine(topic, "second");
  engine.start(5000);
  EXPECT_EQ(read_as_gate(topic, key_of(halt(1))).generation, generation_at(5000));
  EXPECT_EQ(read_as_gate(topic, key_of(halt(2))).generation, generation_at(5000));
  EXPECT_EQ(payload(halt(1)), before);
  const std::size_t size = topic.entries.size();
  engine.poll(5002);
  EXPECT_EQ(topic.entries.size(), size) << "once";
}

TEST(ControlWriterRestart, what_stands_outlives_an_owner_that_died_between_its_claim_and_saying_it_again) {
  SharedTopic topic;
  Process one(topic, "one"), two(topic, "two"), three(topic, "three");
  one.start();
  one.publish(halt(1));
  two.poll(0);
  ASSERT_EQ(topic.count(claim_key(kWriter)), 2U) << "claimed, and dead before it could speak";
  // The third has read the log before the partition comes to it.
  three.writers.disown(kPartition);
  three.poll(0);
  three.writers.own(kPartition);
  three.start(1000);
  three.poll(3000);
  EXPECT_EQ(read_as_gate(topic, key_of(halt(1))).generation, generation_at(1000)) << "said again as its own";
  EXPECT_EQ(last_beat(topic).count, 1U);
}

TEST(ControlWriterRestart, what_the_replay_sends_again_is_not_written_twice) {
  SharedTopic topic;
  {
    Process engine(topic, "first");
    engine.start();
    engine.publish(halt(1));
  }
  Process engine(topic, "second");
  engine.publish(halt(1));
  engine.start(5000);
  EXPECT_EQ(topic.count(key_of(halt(1))), 2U) << "the former owner's and its repeat";
  EXPECT_EQ(engine.writers.acknowledged(kPartition), kAllAcknowledged);
}

TEST(ControlWriterRestart, a_new_halt_is_not_swallowed_where_the_state_behind_the_epochs_was_lost) {
  SharedTopic topic;
  {
    Process engine(topic, "first");
    engine.start();
    ContainmentRecord released = halt(1, 7);
    released.contained = false;
    released.approver = "bob";
    engine.publish(released);
  }
  Process engine(topic, "second");
  engine.start(5000);
  ContainmentRecord again = halt(1, 1);
  again.cause_event_id = "call-9000";
  again.effective_at = EventTime{1'795'180'000'000'000'000};
  engine.publish(again, 6000);
  const SignedContainment read = read_as_gate(topic, key_of(again));
  EXPECT_TRUE(read.record.contained);
  EXPECT_EQ(read.record.epoch, 8U);
}

TEST(ControlWriterKeys, a_tombstone_a_forgery_or_a_former_owners_record_is_replaced_by_its_own) {
  SharedTopic topic;
  Process engine(topic, "one");
  engine.start();
  engine.publish(halt(1));
  engine.poll(200);
  const std::string good = topic.last_value(key_of(halt(1)));
  std::int64_t ms = 300;
  for (const std::string& bad : {std::string(), std::string("a.b.c"), std::string("x")}) {
    topic.entries.push_back({key_of(halt(1)), bad});
    engine.poll(ms += 10);
    EXPECT_EQ(topic.last_value(key_of(halt(1))), good) << bad;
  }
  topic.entries.push_back({claim_key(kWriter), ""});
  engine.poll(ms += 10);
  EXPECT_NE(topic.last_value(claim_key(kWriter)), "") << "the claim too";
  const std::size_t size = topic.entries.size();
  engine.poll(ms += 10);
  EXPECT_EQ(topic.entries.size(), size);
}

TEST(ControlWriterKeys, other_writers_records_are_none_of_its_business) {
  SharedTopic topic;
  topic.entries = {{"agent:corp/agent-1#operator", "x"}, {"agent:corp/agent-1#engine-ringfence.events-33", "y"}, {"~claim#operator", "z"}};
  Process engine(topic, "one");
  engine.start();
  engine.poll(2000);
  for (const ControlEntry& entry : topic.entries)
    if (entry.key.starts_with("agent:")) {
      EXPECT_EQ(topic.count(entry.key), 1U);
    }
}

TEST(ControlWriterKeys, a_partition_that_is_not_owned_cannot_speak) {
  SharedTopic topic;
  Process engine(topic, "one");
  ContainmentRecord record = halt(1);
  record.position.partition = Partition{4};
  EXPECT_EQ(engine.writers.publish(record, 10, at_ms(0)).error().kind, SinkError::Kind::Refused);
  engine.start();
  engine.writers.own(Partition{4});
  engine.poll(10);
  engine.poll(11);
  EXPECT_EQ(engine.writers.state(Partition{4}), State::Speaking);
  EXPECT_TRUE(engine.writers.publish(record, 10, at_ms(12)).has_value());
}

TEST(ControlWriterAcks, a_record_is_acknowledged_when_the_log_says_so) {
  SharedTopic topic;
  Process engine(topic, "one");
  engine.log.acknowledge = false;
  engine.start();
  engine.publish(halt(1, 1, 41));
  engine.publish(halt(2, 1, 42));
  engine.poll(200);
  EXPECT_EQ(engine.writers.acknowledged(kPartition), Offset{41});
  engine.log.acknowledge = true;
  engine.poll(300);
  EXPECT_EQ(engine.writers.acknowledged(kPartition), kAllAcknowledged);
}

TEST(ControlWriterAcks, a_log_that_goes_away_loses_nothing_and_keeps_the_order) {
  SharedTopic topic;
  Process engine(topic, "one");
  engine.start();
  engine.log.fault = SinkError{SinkError::Kind::Unavailable, "away"};
  ContainmentRecord released = halt(1, 2, 42);
  released.contained = false;
  released.approver = "bob";
  engine.publish(halt(1, 1, 41));
  engine.publish(released);
  EXPECT_EQ(engine.writers.poll(at_ms(100)).error().kind, SinkError::Kind::Unavailable);
  EXPECT_EQ(engine.writers.acknowledged(kPartition), Offset{41});
  engine.log.fault.reset();
  engine.poll(200);
  EXPECT_EQ(topic.count(key_of(halt(1))), 2U);
  EXPECT_FALSE(read_as_gate(topic, key_of(halt(1))).record.contained);
}

TEST(ControlHeartbeat, its_hash_is_over_key_epoch_state_and_level_of_what_is_in_force_in_order_of_key) {
  // printf 'agent:corp/a#w\0007\000contained\000halt\nagent:corp/b#w\0002\000contained\000throttle\n' | sha256sum
  const std::map<std::string, LiveRecord> two{{"agent:corp/b#w", {2, true, Level::Throttle}}, {"agent:corp/a#w", {7, true, Level::Halt}}};
  EXPECT_TRUE((digest_of(two) == ControlDigest{2, "61fdbe2c6e7fe89b313b59bd4567da30f0b51dd7c364baa8c961be4b31e01177"}))
      << digest_of(two).state_hash;
  auto with_one_released = two;
  with_one_released["agent:corp/c#w"] = {4, false, Level::Halt};
  EXPECT_TRUE(digest_of(with_one_released) == digest_of(two)) << "nothing is in force there";
  EXPECT_TRUE((digest_of({}) == ControlDigest{0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}));
}

TEST(ControlHeartbeat, beats_each_second_and_says_what_is_live) {
  SharedTopic topic;
  Process engine(topic, "one");
  engine.start();
  EXPECT_EQ(topic.count(heartbeat_key(kWriter)), 1U);
  EXPECT_EQ(last_beat(topic).count, 0U);
  engine.publish(halt(1));
  engine.poll(500);
  EXPECT_EQ(topic.count(heartbeat_key(kWriter)), 1U);
  engine.poll(1001);
  const Heartbeat beat = last_beat(topic);
  EXPECT_EQ(beat.count, 1U);
  EXPECT_EQ(beat.generation, generation_at(0));
  EXPECT_EQ(beat.time_ms, 1'795'170'001'001);
  EXPECT_EQ(beat.state_hash, digest_of({{key_of(halt(1)), {1, true, Level::Halt}}}).state_hash);
}

TEST(ControlHeartbeat, is_the_same_after_a_restart) {
  SharedTopic topic;
  std::string before;
  {
    Process engine(topic, "first");
    engine.start();
    engine.publish(halt(1));
    engine.publish(halt(2, 3));
    engine.poll(1500);
    before = last_beat(topic).state_hash;
  }
  topic.compact();
  Process engine(topic, "second");
  engine.start(5000);
  EXPECT_EQ(last_beat(topic).state_hash, before);
  EXPECT_EQ(last_beat(topic).generation, generation_at(5000));
}

TEST(ControlOrderOfAGate, old_epochs_and_generations_are_stale_and_repeats_are_not) {
  ControlOrder order;
  const auto status = [&order](const ContainmentRecord& record, std::uint64_t generation) {
    const Issuer issuer{"i", {std::string(kAudience)}, std::string(kWriter), generation, 2000};
    const auto message = decode_control(encode_containment(record, issuer));
    const auto admitted = order.admit(key_of(record), *message);
    return admitted ? AckStatus::Applied : admitted.error().status;
  };
  EXPECT_EQ(status(halt(1, 7), 4), AckStatus::Applied);
  EXPECT_EQ(status(halt(1, 7), 4), AckStatus::Applied) << "a repeat";
  EXPECT_EQ(status(halt(1, 6), 4), AckStatus::Stale);
  EXPECT_EQ(status(halt(1, 7), 5), AckStatus::Applied) << "the next owner's repeat";
  EXPECT_EQ(status(halt(1, 8), 4), AckStatus::Stale) << "the former owner";
  ContainmentRecord other = halt(1, 7);
  other.cause_event_id = "another";
  EXPECT_EQ(status(other, 5), AckStatus::Stale) << "the same epoch cannot mean two things";
  EXPECT_EQ(order.epoch(key_of(other)), 7U);
}

TEST(ControlWriterOnAFile, halts_are_in_the_file_and_a_restart_goes_on_from_it) {
  const TemporaryDirectory dir("ringfence-control-writer");
  for (std::uint64_t start = 1; start <= 2; ++start) {
    auto log = *FileControlLog::open(dir.file("control"));
    ControlWriters writers(
        {"https://ringfence.corp.example/", {std::string(kAudience)}, "ringfence.events", "start-" + std::to_string(start), 2000, {}},
        engine_key(), trusted(), *log);
    writers.own(kPartition);
    const auto base = static_cast<std::int64_t>(start) * 10'000;
    ASSERT_TRUE(writers.poll(at_ms(base)).has_value());
    ASSERT_TRUE(writers.poll(at_ms(base + 1)).has_value());
    ASSERT_TRUE(writers.publish(halt(static_cast<int>(start)), 1000, at_ms(base + 2)).has_value());
    EXPECT_EQ(writers.acknowledged(kPartition), Offset{100});
    ASSERT_TRUE(writers.poll(at_ms(base + 3)).has_value());
    EXPECT_EQ(writers.acknowledged(kPartition), kAllAcknowledged);
  }
  auto log = *FileControlLog::open(dir.file("control"));
  SharedTopic topic;
  topic.entries = log->read(1000)->entries;
  for (const int agent : {1, 2}) EXPECT_EQ(read_as_gate(topic, key_of(halt(agent))).generation, generation_at(20'000));
}

TEST(ControlWriterKeys, a_new_key_goes_on_where_the_former_one_was) {
  SharedTopic topic;
  {
    Process former(topic, "former");
    former.start();
    former.publish(halt(1));
  }
  SigningKey next = std::move(*SigningKey::from_seed(std::string(32, '\x22')));
  TrustedKeys both = trusted();
  both.add(next, {"engine-*"});
  FakeControlLog log(topic);
  ControlWriters writers({"https://ringfence.corp.example/", {std::string(kAudience)}, "ringfence.events", "next", 2000, {}},
                         std::move(next), both, log);
  writers.own(kPartition);
  for (std::int64_t ms = 1000; ms < 1004; ++ms) ASSERT_TRUE(writers.poll(at_ms(ms)).has_value());
  ASSERT_EQ(writers.state(kPartition), State::Speaking);
  const auto message = verify_control(key_of(halt(1)), topic.last_value(key_of(halt(1))), both, kAudience);
  ASSERT_TRUE(message.has_value());
  const auto& said = std::get<SignedContainment>(message->body);
  EXPECT_EQ(said.generation, generation_at(1000)) << "gates take no generation that they have seen";
  EXPECT_EQ(said.record.epoch, 1U);
  EXPECT_FALSE(verify_control(key_of(halt(1)), topic.last_value(key_of(halt(1))), trusted(), kAudience))
      << "signed anew, under the new key";
}

}  // namespace
}  // namespace ringfence
