// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/connectors/sink_control_process.h"

namespace ringfence {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the process and its helpers

TEST(BlastRadiusLimit, beyond_three_agents_and_a_tenth_of_the_fleet_a_halt_waits_as_a_hold) {
  SharedTopic topic;
  Process engine(topic, "one");
  engine.start();
  for (int agent = 1; agent <= 4; ++agent) engine.publish(halt(agent), 100, 20);
  for (int agent = 1; agent <= 3; ++agent) EXPECT_EQ(read_as_gate(topic, key_of(halt(agent))).record.level, Level::Halt);
  const ContainmentRecord fourth = read_as_gate(topic, key_of(halt(4))).record;
  EXPECT_EQ(fourth.level, Level::Hold);
  EXPECT_TRUE(fourth.pending_approval);
  EXPECT_EQ(fourth.wanted, Level::Halt);
  const auto held = engine.writers.take_held();
  ASSERT_EQ(held.size(), 1U);
  EXPECT_EQ(held[0].agent_id, "agent-4");
  EXPECT_TRUE(engine.writers.take_held().empty()) << "each once";
}

TEST(BlastRadiusLimit, a_person_lets_the_held_one_be_halted) {
  SharedTopic topic;
  Process engine(topic, "one", {20, 0.1, 0});
  engine.start();
  ContainmentRecord first = halt(4, 6);
  first.select.push_back({"credential.fingerprint", "9f86d0"});
  engine.publish(first, 100, 5);
  EXPECT_EQ(read_as_gate(topic, key_of(halt(4))).record.level, Level::Hold);
  ContainmentRecord word = halt(4, 7);
  word.approver = "alice";
  engine.publish(word, 200, 5);
  const ContainmentRecord approved = read_as_gate(topic, key_of(halt(4))).record;
  EXPECT_EQ(approved.level, Level::Halt);
  EXPECT_EQ(approved.epoch, 7U) << "gates ignore what is not above the last epoch";
  EXPECT_EQ(approved.approver, "alice");
  EXPECT_FALSE(approved.pending_approval);
  EXPECT_EQ(approved.select.size(), 2U) << "of all the calls that were held";
}

TEST(BlastRadiusLimit, twenty_halts_a_minute_and_the_next_minute_twenty_more) {
  BlastRadius radius({});
  const auto admit = [&radius](int agent, std::int64_t ms) { return radius.admit("a" + std::to_string(agent), 100'000, at_ms(ms)); };
  for (int agent = 0; agent < 20; ++agent) EXPECT_TRUE(admit(agent, agent));
  EXPECT_FALSE(admit(20, 59'000));
  EXPECT_TRUE(admit(3, 59'000)) << "halted already: it widens nothing";
  EXPECT_TRUE(admit(20, 60'000));
  EXPECT_FALSE(admit(21, 60'000)) << "the second halt is still within the minute";
}

TEST(BlastRadiusLimit, a_tenth_of_the_active_agents_and_no_more) {
  BlastRadius radius({});
  for (int agent = 0; agent < 5; ++agent) EXPECT_TRUE(radius.admit(std::to_string(agent), 50, at_ms(0)));
  EXPECT_FALSE(radius.admit("x", 50, at_ms(0)));
  radius.released("0");
  EXPECT_TRUE(radius.admit("x", 50, at_ms(0)));
}

TEST(BlastRadiusLimit, counts_agents_that_were_halted_before_a_restart) {
  SharedTopic topic;
  {
    Process engine(topic, "first");
    engine.start();
    for (int agent = 1; agent <= 3; ++agent) engine.publish(halt(agent), 100, 20);
  }
  Process engine(topic, "second");
  engine.start(5000);
  engine.publish(halt(4), 5100, 20);
  EXPECT_EQ(read_as_gate(topic, key_of(halt(4))).record.level, Level::Hold);
}

TEST(BlastRadiusLimit, throttles_and_holds_are_not_limited) {
  SharedTopic topic;
  Process engine(topic, "one", {0, 0, 0});
  engine.start();
  ContainmentRecord throttle = halt(1);
  throttle.level = Level::Throttle;
  throttle.release_auto = true;
  engine.publish(throttle);
  EXPECT_EQ(read_as_gate(topic, key_of(throttle)).record.level, Level::Throttle);
  EXPECT_TRUE(engine.writers.take_held().empty());
}

TEST(BlastRadiusLimit, a_drill_is_neither_limited_nor_counted) {
  SharedTopic topic;
  Process engine(topic, "one", {1, 1.0, 3});  // one halt a minute
  engine.start();
  for (int i = 0; i < 5; ++i) {
    ContainmentRecord drill = halt(i);
    drill.tenant = "ringfence-drill";
    drill.agent_id = "urn:ringfence:drill:" + std::to_string(i);
    drill.scope = scope_key("agent", drill.tenant, drill.agent_id);
    engine.publish(drill);
    EXPECT_EQ(read_as_gate(topic, key_of(drill)).record.level, Level::Halt);
  }
  engine.publish(halt(9));
  EXPECT_EQ(read_as_gate(topic, key_of(halt(9))).record.level, Level::Halt) << "the one halt is still there for a real agent";
}

}  // namespace
}  // namespace ringfence
