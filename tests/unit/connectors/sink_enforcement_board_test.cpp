// SPDX-License-Identifier: Apache-2.0
// Which gates have what in force, and who has not said so in time.
#include "connectors/sinks/enforcement_board.h"

#include <gmock/gmock.h>

#include "tests/unit/gate/control_topic.h"

namespace ringfence {
namespace {

using ::testing::AllOf;
using testing::at_ms;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kAudience;
using ::testing::Not;
using testing::pinned;
using ::testing::SizeIs;
using testing::Speaker;

const EnforcementBoard::Mine kAll{.speaks = [](const std::string&) { return true; }, .gates = true};

class Board : public ::testing::Test {
 protected:
  Board() { begin({"nginx-eu-1", "envoy-us-1"}); }
  void begin(std::vector<std::string> gates) {
    board = std::make_unique<EnforcementBoard>(
        EnforcementBoard::Settings{.trusted = pinned(), .audience = std::string(kAudience), .gates = std::move(gates)});
    board->caught_up(at_ms(0));
  }
  void said(const ContainmentRecord& record, std::int64_t ms = 0) {
    board->observe(engine.say(record), at_ms(ms));
    last = record;
  }
  void ack(const std::string& gate, std::int64_t ms, AckStatus status = AckStatus::Applied) {
    GateAck ack{.jti = control_jti(last.cause_event_id, key(), last.epoch), .key = key(), .generation = 1, .epoch = last.epoch};
    ack.status = status;
    if (status == AckStatus::Applied) ack.applied_at = at_ms(ms);
    hear(gate, ack, ms);
  }
  void hear(const std::string& gate, const GateAck& ack, std::int64_t ms) {
    board->acknowledge({ack_key(gate, ack.key), encode_ack(ack, gate)}, at_ms(ms));
  }
  void alive(const std::string& gate, std::int64_t ms) {
    hear(gate, {.key = heartbeat_key(engine.issuer().writer), .status = AckStatus::Applied, .applied_at = at_ms(ms)}, ms);
  }
  /// The engine's heartbeats, one a second.
  void beats(std::int64_t from_ms, std::int64_t until_ms) {
    for (std::int64_t ms = from_ms; ms <= until_ms; ms += 1000) board->observe(engine.heartbeat(ms), at_ms(ms));
  }
  [[nodiscard]] std::string key() const { return engine.key_of("bot"); }
  /// Alarms about containments; gates are alive.
  std::vector<FindingRecord> unacked(std::int64_t ms) {
    for (const char* gate : {"nginx-eu-1", "envoy-us-1"}) alive(gate, ms);
    return board->alarms(at_ms(ms), kAll);
  }

  Speaker engine;
  ContainmentRecord last;
  std::unique_ptr<EnforcementBoard> board;
};

TEST_F(Board, OfMoreThanItHoldsItForgetsWhatWasReleasedAndConfirmed) {
  board = std::make_unique<EnforcementBoard>(
      EnforcementBoard::Settings{.trusted = pinned(), .audience = std::string(kAudience), .gates = {"nginx-eu-1"}, .keys_max = 20});
  board->caught_up(at_ms(0));
  const auto says_so = [&](const std::string& agent) {
    GateAck ack{.jti = control_jti(last.cause_event_id, engine.key_of(agent), last.epoch),
                .key = engine.key_of(agent),
                .generation = 1,
                .epoch = last.epoch};
    ack.status = AckStatus::Applied;
    ack.applied_at = at_ms(0);
    hear("nginx-eu-1", ack, 0);
  };
  said(Speaker::halt("bot"));
  says_so("bot");
  said(Speaker::release("waits-for-its-gate", 2));
  for (int i = 0; i < 200; ++i) {
    const std::string agent = "of-a-year-" + std::to_string(i);
    for (const auto& word : {Speaker::halt(agent), Speaker::release(agent, 2)}) {
      said(word);
      says_so(agent);
    }
    EXPECT_EQ(board->state(engine.key_of(agent)), EnforcementState::Released) << agent;
    EXPECT_THAT(board->alarms(at_ms(1), kAll), IsEmpty());
  }
  EXPECT_LE(board->rows().size(), 20U);
  EXPECT_EQ(board->state(key()), EnforcementState::Enforced);
  EXPECT_EQ(board->rows().count(engine.key_of("of-a-year-7")), 0U);

  board->observe({engine.key_of("of-a-year-199"), ""}, at_ms(2));
  EXPECT_EQ(board->rows().count(engine.key_of("of-a-year-199")), 0U) << "withdrawn by its writer";
  board->observe({key(), ""}, at_ms(2));
  EXPECT_EQ(board->state(key()), EnforcementState::Enforced) << "nobody is released by that";
}

TEST_F(Board, AContainmentIsRequestedThenPartlyThenEverywhereInForceAndReleased) {
  said(Speaker::halt("bot"));
  EXPECT_EQ(board->state(key()), EnforcementState::Requested);
  ack("nginx-eu-1", 8);
  EXPECT_EQ(board->state(key()), EnforcementState::Partial);
  EXPECT_THAT(board->take_confirmed(), IsEmpty());
  ack("envoy-us-1", 30);
  EXPECT_EQ(board->state(key()), EnforcementState::Enforced);
  const auto confirmed = board->take_confirmed();
  ASSERT_THAT(confirmed, SizeIs(1));
  EXPECT_EQ(confirmed[0].writer, engine.issuer().writer);
  EXPECT_EQ(confirmed[0].what.from().value, at_ms(30).value + seconds(2).value);
  EXPECT_EQ(confirmed[0].what.gates[0].name, "envoy-us-1");
  EXPECT_EQ(confirmed[0].what.effective_at, last.effective_at);
  ack("envoy-us-1", 31);
  EXPECT_THAT(board->take_confirmed(), IsEmpty()) << "once an epoch";
  said(Speaker::release("bot", 2), 100);
  EXPECT_EQ(board->state(key()), EnforcementState::Released);
  const auto ended = board->take_confirmed();
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_TRUE(ended[0].what.lifted());
  EXPECT_EQ(ended[0].what.effective_at, last.effective_at);
}

TEST_F(Board, AGateThatDoesNotAnswerInTimeIsNamed) {
  said(Speaker::halt("bot"));
  ack("envoy-us-1", 8);
  EXPECT_THAT(unacked(1999), IsEmpty());
  const auto found = unacked(2000);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].analytic, Analytic::ContainmentUnacked);
  EXPECT_EQ(found[0].agent_id, "bot");
  EXPECT_THAT(found[0].sentence, AllOf(HasSubstr("nginx-eu-1 has not answered"), HasSubstr("2000 ms"), Not(HasSubstr("envoy"))));
  EXPECT_THAT(unacked(60'000), IsEmpty()) << "said once";
  ack("nginx-eu-1", 60'500);
  const auto closed = unacked(61'000);
  ASSERT_THAT(closed, SizeIs(1));
  EXPECT_EQ(closed[0].activity, FindingRecord::Activity::Close);
  EXPECT_EQ(closed[0].uid, found[0].uid);
  EXPECT_EQ(closed[0].number, 2U);
  EXPECT_EQ(closed[0].close_reason, "acknowledged");
  EXPECT_THAT(board->take_confirmed(), SizeIs(1)) << "late is not never";
}

TEST_F(Board, ARefusalSaysWhichOne) {
  const std::vector<std::pair<AckStatus, std::string>> refusals{{AckStatus::BadSignature, "bad signature (401)"},
                                                                {AckStatus::WrongAudience, "wrong audience (403)"},
                                                                {AckStatus::Stale, "stale epoch or generation (409)"},
                                                                {AckStatus::Unsupported, "cannot do all of it (501)"}};
  for (const auto& [status, words] : refusals) {
    begin({"nginx-eu-1"});
    said(Speaker::halt("bot"));
    ack("nginx-eu-1", 8, status);
    const auto found = unacked(2000);
    ASSERT_THAT(found, SizeIs(1)) << words;
    EXPECT_THAT(found[0].sentence, HasSubstr(words));
    EXPECT_EQ(board->state(key()), EnforcementState::Requested);
  }
}

TEST_F(Board, ARevokeIsInForceWhereTheGateRefusesTheCallsAndStaysUnconfirmed) {
  begin({"nginx-eu-1"});
  said(Speaker::halt("bot", 1, Level::Revoke));
  hear("nginx-eu-1",
       {.jti = control_jti(last.cause_event_id, key(), last.epoch),
        .key = key(),
        .generation = 1,
        .epoch = last.epoch,
        .status = AckStatus::Unsupported,
        .applied_at = at_ms(8),
        .unsupported = {"revoke_credential"}},
       8);
  EXPECT_EQ(board->state(key()), EnforcementState::Enforced) << "a call that passes is a violation";
  const auto found = unacked(2000);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0].sentence, HasSubstr("nginx-eu-1 cannot do all of it (501), but refuses the calls."));
  EXPECT_THAT(found[0].sentence, Not(HasSubstr("Calls may pass there")));
  EXPECT_THAT(unacked(3600'000), IsEmpty()) << "it stays open, and is said once";
  said(Speaker::release("bot", 2), 3600'001);
  const auto closed = unacked(3600'002);
  ASSERT_THAT(closed, SizeIs(1));
  EXPECT_EQ(closed[0].close_reason, "released");
}

TEST_F(Board, JunkUnderTheKeyUndoesNoConfirmation) {
  begin({"nginx-eu-1"});
  said(Speaker::halt("bot"));
  ack("nginx-eu-1", 8);
  hear("nginx-eu-1", {.key = key(), .status = AckStatus::BadSignature}, 20);  // what a forged record is answered with
  EXPECT_EQ(board->state(key()), EnforcementState::Enforced);
  EXPECT_THAT(unacked(5000), IsEmpty());
}

TEST_F(Board, ARecordOfAFormerOwnerMayBeRefused) {
  begin({"nginx-eu-1"});
  (void)engine.claim(2);
  said(Speaker::halt("bot"));
  GateAck old{.jti = control_jti(last.cause_event_id, key(), 1), .key = key(), .generation = 1, .epoch = 1, .status = AckStatus::Stale};
  hear("nginx-eu-1", old, 5);
  const auto found = unacked(2000);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0].sentence, HasSubstr("has not answered"));
}

TEST_F(Board, WhatIsSaidOfAnEarlierEpochConfirmsNothing) {
  begin({"nginx-eu-1"});
  said(Speaker::halt("bot", 1, Level::Hold));
  ack("nginx-eu-1", 8);
  EXPECT_THAT(board->take_confirmed(), SizeIs(1));
  said(Speaker::halt("bot", 2), 1000);
  EXPECT_EQ(board->state(key()), EnforcementState::Requested);
  ASSERT_THAT(unacked(3000), SizeIs(1));
  said(Speaker::release("bot", 3), 4000);
  const auto closed = unacked(4000);
  ASSERT_THAT(closed, SizeIs(1));
  EXPECT_EQ(closed[0].close_reason, "released");
}

TEST_F(Board, AThrottleMayGoUnconfirmed) {
  said(Speaker::halt("bot", 1, Level::Throttle));
  EXPECT_THAT(unacked(60'000), IsEmpty());
}

TEST_F(Board, WithoutExpectedGatesAnyGatesWordIsEnoughAndNoneIsMissed) {
  begin({});
  said(Speaker::halt("bot"));
  EXPECT_THAT(board->alarms(at_ms(60'000), kAll), IsEmpty());
  ack("some-gate", 60'001);
  EXPECT_EQ(board->state(key()), EnforcementState::Enforced);
  EXPECT_THAT(board->take_confirmed(), SizeIs(1));
}

TEST_F(Board, AcknowledgementsThatComeBeforeTheRecordIsReadCount) {
  begin({"nginx-eu-1"});
  last = Speaker::halt("bot");
  ack("nginx-eu-1", 8);
  said(last, 10);
  EXPECT_THAT(board->take_confirmed(), SizeIs(1));
}

TEST_F(Board, AGateThatConfirmsNoHeartbeatIsStaleUntilItDoes) {
  begin({"nginx-eu-1"});
  beats(0, 1000);
  alive("nginx-eu-1", 1000);
  beats(2000, 15'000);
  EXPECT_THAT(board->alarms(at_ms(15'999), kAll), IsEmpty());
  beats(16'000, 16'000);
  const auto found = board->alarms(at_ms(16'000), kAll);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].analytic, Analytic::GateStale);
  EXPECT_THAT(found[0].sentence, HasSubstr("nginx-eu-1 has confirmed no heartbeat since 2026-11-20"));
  EXPECT_THAT(board->alarms(at_ms(30'000), kAll), IsEmpty());
  alive("nginx-eu-1", 31'000);
  const auto closed = board->alarms(at_ms(31'000), kAll);
  ASSERT_THAT(closed, SizeIs(1));
  EXPECT_EQ(closed[0].activity, FindingRecord::Activity::Close);
}

TEST_F(Board, WhereNobodyBeatsNoGateIsStale) {
  begin({"nginx-eu-1"});
  EXPECT_THAT(board->alarms(at_ms(60'000), kAll), IsEmpty()) << "there was nothing to confirm";
  beats(61'000, 62'000);
  alive("nginx-eu-1", 61'000);
  EXPECT_THAT(board->alarms(at_ms(200'000), kAll), IsEmpty()) << "a service over files is idle";
  beats(200'000, 200'000);
  EXPECT_THAT(board->alarms(at_ms(200'001), kAll), IsEmpty()) << "and has just begun again";
  beats(201'000, 215'000);
  EXPECT_THAT(board->alarms(at_ms(215'000), kAll), SizeIs(1)) << "it has been told for long enough";
  EXPECT_THAT(board->alarms(at_ms(400'000), kAll), IsEmpty()) << "that is no news, and no end of it";
  beats(400'000, 401'000);
  EXPECT_THAT(board->alarms(at_ms(401'000), kAll), IsEmpty()) << "nor is that";
  alive("nginx-eu-1", 401'500);
  EXPECT_THAT(board->alarms(at_ms(402'000), kAll), SizeIs(1)) << "closed";
}

TEST_F(Board, WhatAStaleGateDoesNotConfirmIsToldWithTheGateAndAgainAtTenTimesAsMany) {
  begin({"nginx-eu-1"});
  beats(0, 13'000);
  alive("nginx-eu-1", 0);
  said(Speaker::halt("before"), 13'500);
  EXPECT_THAT(board->alarms(at_ms(14'000), kAll), IsEmpty());
  beats(14'000, 15'000);
  ASSERT_THAT(board->alarms(at_ms(15'000), kAll), SizeIs(1)) << "the gate";
  std::vector<std::uint64_t> counts;
  for (int i = 0; i < 100; ++i) {
    said(Speaker::halt("bot-" + std::to_string(i)), 16'000);
    for (const FindingRecord& finding : board->alarms(at_ms(20'000), kAll)) {
      EXPECT_EQ(finding.analytic, Analytic::GateStale);
      EXPECT_EQ(finding.activity, FindingRecord::Activity::Update);
      counts.push_back(finding.count);
    }
  }
  EXPECT_THAT(counts, ElementsAre(2, 20)) << "with the one before";
  alive("nginx-eu-1", 21'000);
  std::size_t closed = 0, unacked = 0;
  for (const FindingRecord& finding : board->alarms(at_ms(21'000), kAll)) {
    closed += finding.activity == FindingRecord::Activity::Close ? 1U : 0U;
    unacked += finding.analytic == Analytic::ContainmentUnacked ? 1U : 0U;
  }
  EXPECT_EQ(closed, 1U);
  EXPECT_EQ(unacked, 101U) << "a gate that is back and still has not confirmed them fails each of them";
}

TEST_F(Board, AContainmentThatHasAFindingOfItsOwnKeepsItWhenTheGateGoesStale) {
  begin({"nginx-eu-1"});
  beats(0, 0);
  alive("nginx-eu-1", 0);
  said(Speaker::halt("bot"));
  ASSERT_THAT(board->alarms(at_ms(2'000), kAll), SizeIs(1));
  beats(1000, 15'000);
  const auto stale = board->alarms(at_ms(15'000), kAll);
  ASSERT_THAT(stale, SizeIs(1));
  EXPECT_EQ(stale[0].analytic, Analytic::GateStale);
  EXPECT_THAT(board->alarms(at_ms(16'000), kAll), IsEmpty());
  ack("nginx-eu-1", 17'000);
  const auto closed = board->alarms(at_ms(17'000), kAll);
  ASSERT_THAT(closed, SizeIs(1));
  EXPECT_EQ(closed[0].analytic, Analytic::ContainmentUnacked);
  EXPECT_EQ(closed[0].activity, FindingRecord::Activity::Close);
}

TEST_F(Board, OnlyWhoAnswersForAContainmentRaisesItsAlarm) {
  said(Speaker::halt("bot"));
  EXPECT_THAT(board->alarms(at_ms(60'000), {.speaks = [](const std::string&) { return false; }, .gates = false}), IsEmpty());
}

TEST_F(Board, WhatCannotBeReadIsCountedAndConfirmsNothing) {
  said(Speaker::halt("bot"));
  const GateAck good{.jti = "ctl-1", .key = key(), .generation = 1, .epoch = 1, .status = AckStatus::Applied, .applied_at = at_ms(5)};
  const std::string value = encode_ack(good, "nginx-eu-1");
  for (const auto& [name, text] : std::vector<std::pair<std::string, std::string>>{
           {ack_key("envoy-us-1", key()), value},  // one gate in the name of another
           {ack_key("nginx-eu-1", "agent:corp/other#x"), value},
           {ack_key("nginx-eu-1", key()), "{}"},
           {ack_key("nginx-eu-1", key()), "no json"},
           {ack_key("nginx-eu-1", key()), R"({"gate":"nginx-eu-1","jti":1,"key":"k","generation":1,"epoch":1,"status":200})"}})
    board->acknowledge({name, text}, at_ms(6));
  EXPECT_EQ(board->refused(), 5U);
  EXPECT_THAT(board->words(key()), IsEmpty());
  Speaker stranger("engine-ringfence.events-3", '\x77');
  board->observe(stranger.say(Speaker::release("bot", 9)), at_ms(7));
  EXPECT_EQ(board->refused(), 6U);
  EXPECT_EQ(board->state(key()), EnforcementState::Requested);
}

}  // namespace
}  // namespace ringfence
