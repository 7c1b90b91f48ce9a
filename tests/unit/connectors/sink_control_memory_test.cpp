// SPDX-License-Identifier: Apache-2.0
// What a writer forgets of what it has said, and what it never does.
#include "tests/unit/connectors/sink_control_process.h"

namespace ringfence {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the process and its helpers

/// A writer that remembers four released keys.
struct FewReleased {
  explicit FewReleased(SharedTopic& topic) : log(topic), writer(issuer(), "one", {key, keys, log, blast_radius, 4}) {}
  static Issuer issuer() { return {"urn:test", {std::string(kAudience)}, std::string(kWriter), 0, 2000}; }
  void follow() {
    const auto batch = log.read(10'000);
    for (const ControlEntry& entry : batch->entries) writer.observe(entry);
  }
  void poll(std::int64_t ms) {
    follow();
    EXPECT_TRUE(writer.caught_up(at_ms(ms)));
    follow();
    EXPECT_TRUE(writer.poll(at_ms(ms)));
    follow();
  }
  void say(const ContainmentRecord& record) { EXPECT_TRUE(writer.publish(record, 1000, at_ms(100))); }
  void halt_and_release(int agent) {
    say(halt(agent, 1));
    ContainmentRecord free = halt(agent, 2);
    free.contained = false;
    free.approver = "ada";
    free.effective_at = free.effective_at + seconds(agent);
    say(free);
  }
  /// One stays halted, and of five that were released one more than it remembers: at 2000 the first two are withdrawn.
  void halt_one_and_release_five() {
    poll(0);
    say(halt(100));
    for (int agent = 0; agent < 5; ++agent) halt_and_release(agent);
    poll(2000);
  }

  SigningKey key = engine_key();
  TrustedKeys keys = trusted();
  BlastRadius blast_radius{{.max_halts_per_minute = 1000}};
  FakeControlLog log;
  ControlWriter writer;
};

TEST(ControlWriterMemory, what_was_released_longest_ago_is_withdrawn_and_what_is_in_force_never) {
  SharedTopic topic;
  FewReleased engine(topic);
  engine.halt_one_and_release_five();
  EXPECT_EQ(topic.last_value(key_of(halt(0))), "");
  EXPECT_EQ(topic.last_value(key_of(halt(1))), "");
  for (const int kept : {2, 3, 4, 100}) EXPECT_NE(topic.last_value(key_of(halt(kept))), "") << kept;
  EXPECT_EQ(last_beat(topic).state_hash, digest_of({{key_of(halt(100)), {1, true, Level::Halt}}}).state_hash);

  const std::size_t said = topic.count(key_of(halt(0)));
  engine.poll(4000);
  EXPECT_EQ(topic.count(key_of(halt(0))), said) << "its own word on it does not come back to it as a stranger's";
  engine.say(halt(0, 3));
  engine.poll(6000);
  EXPECT_EQ(read_as_gate(topic, key_of(halt(0))).record.epoch, 3U);
  EXPECT_TRUE(read_as_gate(topic, key_of(halt(0))).record.contained);
}

TEST(ControlWriterMemory, a_next_owner_says_again_nothing_of_what_was_withdrawn) {
  SharedTopic topic;
  {
    FewReleased engine(topic);
    engine.halt_one_and_release_five();
  }
  const std::size_t said = topic.count(key_of(halt(0)));
  FewReleased next(topic);
  next.poll(10'000);
  next.poll(12'000);
  EXPECT_EQ(topic.count(key_of(halt(0))), said);
  EXPECT_EQ(read_as_gate(topic, key_of(halt(2))).generation, generation_at(10'000));
  EXPECT_EQ(read_as_gate(topic, key_of(halt(100))).generation, generation_at(10'000));
}

TEST(ControlWriterMemory, who_takes_out_what_is_in_force_takes_it_out_for_a_moment) {
  SharedTopic topic;
  FewReleased engine(topic);
  engine.poll(0);
  engine.say(halt(100));
  engine.halt_and_release(1);
  engine.poll(2000);
  for (const int agent : {100, 1}) topic.entries.push_back({key_of(halt(agent)), ""});
  engine.poll(4000);
  EXPECT_TRUE(read_as_gate(topic, key_of(halt(100))).record.contained);
  EXPECT_FALSE(read_as_gate(topic, key_of(halt(1))).record.contained) << "said again as long as it is remembered";
}

}  // namespace
}  // namespace ringfence
