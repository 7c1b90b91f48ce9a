// SPDX-License-Identifier: Apache-2.0
#include "connectors/gate/control_state.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/unit/gate/control_topic.h"

namespace ringfence {
namespace {

using testing::at_ms;
using testing::gate_settings;
using ::testing::HasSubstr;
using testing::kStartMs;
using testing::QuietGate;
using testing::Speaker;

TEST(GateRecords, a_signed_halt_denies_the_call_and_is_acknowledged_as_applied) {
  Speaker engine;
  QuietGate gate;
  const auto step = gate.read({engine.say(Speaker::halt("bot"))}, 8);
  EXPECT_FALSE(gate.lets_pass("bot"));
  EXPECT_TRUE(gate.lets_pass("other"));
  ASSERT_EQ(step.acks.size(), 1U);
  const auto ack = nlohmann::json::parse(encode_ack(step.acks.front(), "nginx-eu-1"));
  EXPECT_EQ(ack.at("gate"), "nginx-eu-1");
  EXPECT_EQ(ack.at("key"), engine.key_of("bot"));
  EXPECT_EQ(ack.at("generation"), 1);
  EXPECT_EQ(ack.at("epoch"), 1);
  EXPECT_EQ(ack.at("status"), 200);
  EXPECT_EQ(ack.at("applied_at"), kStartMs + 8);
  EXPECT_EQ(ack.at("lag_ms"), 8);
  EXPECT_EQ(ack.at("unsupported"), nlohmann::json::array());
  EXPECT_THAT(ack.at("jti").get<std::string>(), ::testing::StartsWith("ctl-"));
}

TEST(GateRecords, a_heartbeat_is_answered_now_and_then_and_when_the_answer_changes) {
  Speaker engine;
  QuietGate gate;
  gate.read({engine.say(Speaker::halt("bot"))});
  const auto first = gate.read({engine.heartbeat(1000)});
  EXPECT_TRUE(first.acks.empty());
  ASSERT_EQ(first.beats.size(), 1U);
  EXPECT_EQ(first.beats[0].status, AckStatus::Applied);
  EXPECT_EQ(first.beats[0].key, heartbeat_key(engine.issuer().writer));
  EXPECT_TRUE(gate.read({engine.heartbeat(2000)}).beats.empty());
  const ControlEntry lost = engine.say(Speaker::halt("other"));
  const auto differs = gate.read({engine.heartbeat(3000)});
  ASSERT_EQ(differs.beats.size(), 1U);
  EXPECT_EQ(differs.beats[0].status, AckStatus::Received) << "it has not all that the writer has said";
  const auto again = gate.read({lost, engine.heartbeat(4000)});
  ASSERT_EQ(again.beats.size(), 1U);
  EXPECT_EQ(again.beats[0].status, AckStatus::Applied);
  EXPECT_EQ(gate.read({engine.heartbeat(9000)}).beats.size(), 1U);
}

TEST(GateRecords, a_release_with_a_higher_epoch_opens_its_own_key_only) {
  Speaker engine, person("operator", '\x22');
  QuietGate gate;
  gate.read({engine.say(Speaker::halt("bot")), person.say(Speaker::halt("bot"))});
  EXPECT_EQ(gate.status_of(engine.say(Speaker::release("bot", 2))), AckStatus::Applied);
  EXPECT_FALSE(gate.lets_pass("bot"));
  EXPECT_EQ(gate.status_of(person.say(Speaker::release("bot", 2))), AckStatus::Applied);
  EXPECT_TRUE(gate.lets_pass("bot"));
}

TEST(GateRecords, an_old_signed_record_cannot_undo_a_newer_one) {
  Speaker engine;
  QuietGate gate;
  const auto halt = engine.say(Speaker::halt("bot", 1)), release = engine.say(Speaker::release("bot", 2)),
             again = engine.say(Speaker::halt("bot", 3));
  gate.read({halt, release, again});
  EXPECT_EQ(gate.status_of(release), AckStatus::Stale);
  EXPECT_EQ(gate.status_of(halt), AckStatus::Stale);
  EXPECT_FALSE(gate.lets_pass("bot"));
}

TEST(GateRecords, another_statement_under_a_known_epoch_is_refused) {
  Speaker engine;
  QuietGate gate;
  gate.read({engine.say(Speaker::halt("bot", 2))});
  EXPECT_EQ(gate.status_of(engine.say(Speaker::release("bot", 2))), AckStatus::Stale) << "the same cause, and so the same jti";
  auto other = Speaker::halt("bot", 2);
  other.cause_event_id = "another call";
  EXPECT_EQ(gate.status_of(engine.say(other)), AckStatus::Stale);
  EXPECT_FALSE(gate.lets_pass("bot"));
}

TEST(GateRecords, a_tombstone_over_a_live_key_changes_nothing) {
  Speaker engine;
  QuietGate gate;
  gate.read({engine.say(Speaker::halt("bot"))});
  EXPECT_TRUE(gate.read({{engine.key_of("bot"), ""}}).acks.empty());
  EXPECT_FALSE(gate.lets_pass("bot"));
}

TEST(GateRecords, a_repeat_is_acknowledged_again_with_the_time_it_was_applied_first) {
  Speaker engine;
  QuietGate gate;
  const auto halt = engine.say(Speaker::halt("bot"));
  gate.read({halt}, 10);
  const auto exact = gate.read({halt}, 500);
  ASSERT_EQ(exact.acks.size(), 1U);
  EXPECT_EQ(exact.acks.front().status, AckStatus::Applied);
  EXPECT_EQ(exact.acks.front().applied_at, at_ms(10));
  EXPECT_FALSE(exact.changed);
  EXPECT_TRUE(exact.stored.empty());

  gate.read({engine.claim(2)});
  const auto republished = gate.read({engine.say(Speaker::halt("bot"))}, 900);
  ASSERT_EQ(republished.acks.size(), 1U);
  EXPECT_EQ(republished.acks.front().generation, 2U);
  EXPECT_EQ(republished.acks.front().applied_at, at_ms(10));
}

TEST(GateRecords, a_paused_former_owner_cannot_speak) {
  Speaker former, next;
  QuietGate gate;
  gate.read({former.claim(1), former.say(Speaker::halt("bot")), next.claim(2, "host-2"), next.say(Speaker::halt("bot", 2))});
  EXPECT_EQ(gate.status_of(former.say(Speaker::release("bot", 3))), AckStatus::Stale);
  EXPECT_EQ(gate.status_of(former.claim(1)), AckStatus::Stale);
  EXPECT_FALSE(gate.lets_pass("bot"));
}

TEST(GateRecords, of_two_claims_of_one_generation_the_first_counts) {
  Speaker one, two;
  QuietGate gate;
  EXPECT_TRUE(gate.read({one.claim(5, "host-1")}).acks.empty());
  EXPECT_EQ(gate.status_of(two.claim(5, "host-2")), AckStatus::Stale);
}

TEST(GateRecords, a_level_of_tomorrow_is_a_halt_and_says_so) {
  Speaker engine;
  QuietGate gate;
  const auto step = gate.read({engine.say_changed(Speaker::halt("bot"), "\"level\":\"halt\"", "\"level\":\"quarantine\"")});
  EXPECT_FALSE(gate.lets_pass("bot"));
  ASSERT_EQ(step.acks.size(), 1U);
  EXPECT_EQ(step.acks.front().status, AckStatus::Unsupported);
  EXPECT_THAT(step.acks.front().unsupported, ::testing::ElementsAre("quarantine"));
  EXPECT_TRUE(step.acks.front().applied_at.has_value());
}

TEST(GateRecords, revoke_denies_all_calls_and_names_what_the_gate_cannot_do) {
  Speaker engine;
  QuietGate gate;
  const auto step = gate.read({engine.say(Speaker::halt("bot", 1, Level::Revoke))});
  EXPECT_FALSE(gate.lets_pass("bot"));
  ASSERT_EQ(step.acks.size(), 1U);
  EXPECT_EQ(step.acks.front().status, AckStatus::Unsupported);
  EXPECT_THAT(step.acks.front().unsupported, ::testing::ElementsAre("revoke_credential"));
}

TEST(GateRecords, a_session_that_a_gate_cannot_see_is_not_acknowledged_as_applied) {
  auto settings = gate_settings();
  settings.visible = VisibleFields().set(static_cast<std::size_t>(SubjectField::Agent));
  QuietGate gate(settings);
  Speaker engine;
  auto halt = Speaker::halt("bot");
  halt.scope = session_scope_key("corp", "bot", "s-1");
  halt.select = {{"session.id", "s-1"}};
  const auto step = gate.read({engine.say(halt)});
  ASSERT_EQ(step.acks.size(), 1U);
  EXPECT_EQ(step.acks.front().status, AckStatus::Unsupported);
  EXPECT_FALSE(step.acks.front().applied_at.has_value());
  EXPECT_TRUE(gate.lets_pass("bot")) << "nobody is halted under a name that may be borrowed";
}

TEST(GateRecords, a_signed_denial_cannot_be_an_answer_that_opens) {
  Speaker engine;
  QuietGate gate;
  gate.read(
      {engine.say_changed(Speaker::halt("bot"), "\"http_status\":403,\"jsonrpc_code\":-32010", "\"http_status\":200,\"jsonrpc_code\":0")});
  Call call;
  call.subject[SubjectField::Agent] = "bot";
  const auto table = gate.state.table();
  const auto decision = table->decide(call);
  ASSERT_FALSE(decision.allowed);
  EXPECT_EQ(decision.by->denial, Denial{});
}

TEST(GateRecords, a_halt_does_not_lapse_even_where_it_was_signed_so) {
  Speaker engine;
  QuietGate gate;
  auto halt = Speaker::halt("bot");
  halt.release_auto = true;
  gate.read({engine.say_changed(halt, "\"expires_at\":null", "\"expires_at\":1")});
  EXPECT_FALSE(gate.lets_pass("bot"));
}

TEST(GateHeartbeats, a_gate_is_ready_when_its_hash_is_the_writers) {
  Speaker engine;
  QuietGate gate;
  EXPECT_THAT(gate.state.readiness(at_ms(0)).why, HasSubstr("no writer has been heard"));
  gate.read({engine.claim(1), engine.say(Speaker::halt("a")), engine.say(Speaker::release("b", 4)), engine.heartbeat(1000)});
  EXPECT_FALSE(gate.state.readiness(at_ms(1000)).caught_up);
  gate.state.caught_up();
  const auto ready = gate.state.readiness(at_ms(1000));
  EXPECT_TRUE(ready.caught_up && ready.agrees && ready.fresh) << ready.why;
  EXPECT_EQ(ready.why, "");
}

TEST(GateHeartbeats, a_gate_that_lacks_a_record_is_not_ready) {
  Speaker engine;
  QuietGate gate;
  const auto lost = engine.say(Speaker::halt("a"));
  gate.state.caught_up();
  gate.read({engine.heartbeat(1000)});
  EXPECT_FALSE(gate.state.readiness(at_ms(1000)).agrees);
  gate.read({lost, engine.heartbeat(2000)});
  EXPECT_TRUE(gate.state.readiness(at_ms(2000)).agrees);
}

TEST(GateHeartbeats, every_live_writer_must_agree) {
  Speaker one("engine-ringfence.events-1"), two("engine-ringfence.events-2");
  QuietGate gate;
  gate.state.caught_up();
  static_cast<void>(two.say(Speaker::halt("lost")));
  gate.read({one.heartbeat(1000), two.heartbeat(1000)});
  EXPECT_FALSE(gate.state.readiness(at_ms(1000)).agrees);
  EXPECT_THAT(gate.state.readiness(at_ms(1000)).why, HasSubstr("engine-ringfence.events-2"));
}

TEST(GateHeartbeats, a_gate_that_names_its_writers_waits_for_these_alone_and_for_each) {
  Speaker live("engine-ringfence.events-1"), gone("engine-old.events-0");
  auto settings = testing::gate_settings();
  settings.awaited = {"engine-ringfence.events-*", "engine-ringfence.links-0"};
  ControlState state(std::move(settings));
  state.caught_up();
  const std::vector<ControlEntry> halted{gone.say(Speaker::halt("a")), gone.heartbeat(1000)};
  static_cast<void>(state.take(halted, 0));
  EXPECT_THAT(state.readiness(at_ms(1000)).why, HasSubstr("no heartbeat of engine-ringfence.events-* has been heard"));
  const std::vector<ControlEntry> beat{live.heartbeat(60'000)};
  static_cast<void>(state.take(beat, 0));
  const auto without = state.readiness(at_ms(60'000));
  EXPECT_FALSE(without.agrees || without.fresh) << "whoever takes a heartbeat from the log opens nothing";
  EXPECT_EQ(without.why, "no heartbeat of engine-ringfence.links-0 has been heard");
  Speaker links("engine-ringfence.links-0");
  const std::vector<ControlEntry> last{links.heartbeat(60'000)};
  static_cast<void>(state.take(last, 0));
  const auto ready = state.readiness(at_ms(60'000));
  EXPECT_TRUE(ready.agrees && ready.fresh) << ready.why;
  EXPECT_EQ(state.contained(), 1U) << "what the other has said stays in force";
}

TEST(GateHeartbeats, silence_and_clocks_that_differ_are_not_freshness) {
  Speaker engine;
  QuietGate gate;
  gate.state.caught_up();
  gate.read({engine.heartbeat(60'000)});
  EXPECT_TRUE(gate.state.readiness(at_ms(65'000)).fresh);
  EXPECT_FALSE(gate.state.readiness(at_ms(65'001)).fresh);
  EXPECT_TRUE(gate.state.readiness(at_ms(55'000)).fresh);
  EXPECT_FALSE(gate.state.readiness(at_ms(54'999)).fresh) << "a heartbeat from the future is no sign of life";
}

TEST(GateHeartbeats, an_old_heartbeat_played_again_is_refused) {
  Speaker engine;
  QuietGate gate;
  const auto old = engine.heartbeat(1000);
  static_cast<void>(engine.say(Speaker::halt("a")));
  gate.read({old, engine.say(Speaker::halt("a")), engine.heartbeat(2000)});
  EXPECT_EQ(gate.status_of(old), AckStatus::Stale);
  EXPECT_TRUE(gate.state.readiness(at_ms(2000)).agrees);
}

TEST(GateMemory, what_was_stored_is_the_same_state_again) {
  Speaker engine;
  QuietGate gate;
  gate.read({engine.claim(3), engine.say(Speaker::halt("a")), engine.say(Speaker::halt("b"))});
  gate.read({engine.say(Speaker::release("b", 2)), engine.claim(4), engine.say(Speaker::halt("c")), engine.heartbeat(1000)});
  for (const auto& stored : {gate.stored, gate.state.snapshot()}) {
    QuietGate restarted;
    restarted.read(stored);
    EXPECT_FALSE(restarted.lets_pass("a"));
    EXPECT_TRUE(restarted.lets_pass("b"));
    EXPECT_FALSE(restarted.lets_pass("c"));
    restarted.read({engine.heartbeat(2000)});
    EXPECT_TRUE(restarted.state.readiness(at_ms(2000)).agrees);
  }
}

TEST(GateMemory, a_topic_restored_from_an_old_backup_rolls_nothing_back) {
  Speaker engine;
  QuietGate before;
  const std::vector<ControlEntry> backup{engine.claim(1), engine.say(Speaker::halt("a")), engine.say(Speaker::release("a", 2))};
  before.read(backup);
  before.read({engine.claim(2), engine.say(Speaker::halt("a", 3)), engine.say(Speaker::halt("b"))});

  QuietGate restarted;
  restarted.read(before.state.snapshot());
  const auto step = restarted.read(backup);
  EXPECT_FALSE(restarted.lets_pass("a"));
  EXPECT_FALSE(restarted.lets_pass("b"));
  for (const GateAck& ack : step.acks) EXPECT_EQ(ack.status, AckStatus::Stale);
  // An owner that knows only the backup claims a generation that was used: it cannot speak here.
  Speaker lost_its_past;
  EXPECT_EQ(restarted.status_of(lost_its_past.claim(2, "host-9")), AckStatus::Stale);
}

TEST(GateMemory, what_a_key_signed_that_is_trusted_no_more_is_not_taken_up_again) {
  Speaker engine;
  QuietGate gate;
  gate.read({engine.say(Speaker::halt("a"))});
  auto settings = gate_settings();
  settings.trusted = TrustedKeys();
  QuietGate restarted(settings);
  const auto step = restarted.read(gate.state.snapshot());
  ASSERT_FALSE(step.acks.empty());
  EXPECT_EQ(step.acks.front().status, AckStatus::BadSignature);
}

TEST(GateMemory, checking_on_several_threads_gives_the_same_state) {
  Speaker engine;
  std::vector<ControlEntry> entries{engine.claim(1)};
  for (int i = 0; i < 500; ++i)
    entries.push_back(engine.say(Speaker::halt("bot-" + std::to_string(i % 200), static_cast<std::uint64_t>(i) / 200 + 1)));
  QuietGate one;
  one.read(entries);
  ControlState four(gate_settings());
  const auto step = four.take(entries, 0, 4);
  EXPECT_EQ(step.acks.size(), 500U);
  const auto left = one.state.snapshot(), right = four.snapshot();
  EXPECT_EQ(left, right);
}

}  // namespace
}  // namespace ringfence
