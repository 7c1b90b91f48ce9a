// SPDX-License-Identifier: Apache-2.0
// People who speak on the control log at once, and on one that has forgotten what gates remember.
#include "engine/app/operator_voice.h"

#include <gmock/gmock.h>

#include <functional>
#include <map>

#include "connectors/encoders/control_order.h"
#include "engine/app/wall_clock.h"
#include "tests/unit/connectors/sink_fakes.h"

namespace ringfence {
namespace {

using testing::FakeControlLog;
using testing::SharedTopic;

const std::vector<std::string> kAudience{"ringfence-gates"};
const std::string kIssuer = "https://ringfence.corp.example/";
const std::string kScope = scope_key("agent", "corp", "a");
const std::string kKey = control_key(kScope, kOperatorWriter);

/// The topic with somebody else who comes between.
class Between final : public ControlLog {
 public:
  /// `come`: ahead of the next record of that key.
  using Come = std::map<std::string, std::function<void()>, std::less<>>;
  Between(SharedTopic& topic, Come& come) : log_(topic), come_(come) {}
  std::expected<std::uint64_t, SinkError> append(std::string_view key, std::string_view value) override {
    if (const auto one = come_.find(key); one != come_.end()) come_.extract(one).mapped()();
    return log_.append(key, value);
  }
  std::expected<std::uint64_t, SinkError> acknowledged() override { return log_.acknowledged(); }
  std::expected<Batch, SinkError> read(std::size_t max) override { return log_.read(max); }

 private:
  FakeControlLog log_;
  Come& come_;
};

ContainmentRecord word(bool contained = true) {
  ContainmentRecord record;
  record.scope = kScope;
  record.tenant = "corp";
  record.agent_id = "a";
  record.contained = contained;
  record.effective_at = EventTime{wall_now().value};
  record.finding_uid = halted_by("ada");
  record.reason = "looked at";
  record.approver = "ada";
  record.position.offset = Offset{0};
  return record;
}

class OperatorSpeaks : public ::testing::Test {
 protected:
  OperatorSpeaks() { trusted_.add(key_, {"operator"}); }
  std::expected<void, std::string> say(const ContainmentRecord& record, std::chrono::milliseconds within = std::chrono::seconds(20)) {
    return say_under(key_, record, within);
  }
  std::expected<void, std::string> say_under(const SigningKey& key, const ContainmentRecord& record,
                                             std::chrono::milliseconds within = std::chrono::seconds(20)) {
    Between log(topic_, come_);
    OperatorVoice voice({.iss = kIssuer, .aud = kAudience, .claimant = "ada", .within = within}, key, trusted_, log, progress_);
    EXPECT_TRUE(voice.read_to_end(record.scope).has_value());
    return voice.say(record, "ctl-command-" + std::to_string(++commands_));
  }
  /// Another process of people, of a clock that is this far ahead.
  [[nodiscard]] Issuer other(std::int64_t ahead_ms = 10'000) const {
    const auto generation = static_cast<std::uint64_t>(wall_now().value / 1'000'000 + ahead_ms);
    return {.iss = kIssuer, .aud = kAudience, .writer = std::string(kOperatorWriter), .generation = generation};
  }
  void claim_as(const Issuer& issuer) {
    const Claim claim{issuer.writer, "grace", issuer.generation, 1};
    topic_.entries.push_back({claim_key(issuer.writer), sign_jws(key_, encode_claim(claim, issuer))});
  }
  void say_as(const Issuer& issuer, ContainmentRecord record, std::uint64_t epoch) {
    record.epoch = epoch;
    record.cause_event_id = "cmd-grace";
    topic_.entries.push_back({control_key(record.scope, issuer.writer), sign_jws(key_, encode_containment(record, issuer))});
  }
  /// What a gate that has followed it all holds under the key; `order` is what it remembers.
  std::optional<ContainmentRecord> held(ControlOrder& order) const { return held(order, trusted_, kKey); }
  /// Where it trusts these keys alone.
  std::optional<ContainmentRecord> held(ControlOrder& order, const TrustedKeys& trusted, const std::string& key) const {
    std::optional<ContainmentRecord> held;
    for (const ControlEntry& entry : topic_.entries) {
      const auto message = verify_control(entry.key, entry.value, trusted, kAudience.front());
      if (!message || !order.admit(entry.key, *message) || entry.key != key) continue;
      held = std::get<SignedContainment>(message->body).record;
    }
    return held;
  }

  SigningKey key_ = std::move(*SigningKey::from_seed(std::string(32, 'o')));
  TrustedKeys trusted_;
  SharedTopic topic_;
  Between::Come come_;
  OutputProgress progress_;
  int commands_ = 0;
};

/// A new key beside the former one, and what gates hold once that is withdrawn.
class OperatorsKeyChanges : public OperatorSpeaks {
 protected:
  OperatorsKeyChanges() {
    trusted_.add(next_, {"operator"});
    alone_.add(next_, {"operator"});
    other_.scope = scope_key("agent", "corp", "b");
    other_.agent_id = "b";
    other_.finding_uid = halted_by("grace");
  }
  [[nodiscard]] std::optional<ContainmentRecord> left(const ContainmentRecord& record) const {
    ControlOrder gate;
    return held(gate, alone_, control_key(record.scope, kOperatorWriter));
  }
  SigningKey next_ = std::move(*SigningKey::from_seed(std::string(32, 'n')));
  TrustedKeys alone_;
  ContainmentRecord other_ = word();
};

TEST_F(OperatorsKeyChanges, WithItsFirstWordItTakesOverWhatPeopleHaveContained) {
  ASSERT_TRUE(say(other_).has_value());
  ASSERT_TRUE(say(word()).has_value());
  ControlOrder before;
  const auto was = held(before, trusted_, control_key(other_.scope, kOperatorWriter));
  ContainmentRecord third = word();
  third.scope = scope_key("agent", "corp", "c");
  ASSERT_TRUE(say_under(next_, third).has_value());
  EXPECT_TRUE(left(word()) && left(third)) << "halted under the former key, and free without it";
  const auto is = left(other_);
  ASSERT_TRUE(was && is);
  EXPECT_EQ(is->epoch, was->epoch) << "the same word, as it was said";
  EXPECT_EQ(is->finding_uid, halted_by("grace"));
  const std::size_t entries = topic_.entries.size();
  ASSERT_TRUE(say_under(next_, third).has_value());
  EXPECT_EQ(topic_.entries.size(), entries + 2) << "a claim and a word: all stands under this key";
}

TEST_F(OperatorsKeyChanges, WithoutAWordOfItsOwnToo) {
  ASSERT_TRUE(say(other_).has_value());
  const auto take_over = [this] {
    FakeControlLog log(topic_);
    OperatorVoice voice({.iss = kIssuer, .aud = kAudience, .claimant = "ada"}, next_, trusted_, log, progress_);
    EXPECT_TRUE(voice.read_to_end(kScope).has_value());
    return voice.take_over();
  };
  ASSERT_TRUE(take_over().has_value());
  const auto is = left(other_);
  ASSERT_TRUE(is) << "halted under the former key, and free without it";
  EXPECT_EQ(is->finding_uid, halted_by("grace"));
  const std::size_t entries = topic_.entries.size();
  ASSERT_TRUE(take_over().has_value());
  EXPECT_EQ(topic_.entries.size(), entries) << "nothing to say, and no claim";
}

TEST_F(OperatorsKeyChanges, WhatSomebodyReleasesMeanwhileStaysReleased) {
  ASSERT_TRUE(say(other_).has_value());
  const std::string key = control_key(other_.scope, kOperatorWriter);
  come_[key] = [&] {
    const Issuer rival = other();
    ContainmentRecord released = other_;
    released.contained = false;
    claim_as(rival);
    say_as(rival, released, rival.generation);
  };
  ASSERT_TRUE(say_under(next_, word()).has_value());
  ControlOrder gate;
  const auto held = this->held(gate, trusted_, key);
  ASSERT_TRUE(held);
  EXPECT_FALSE(held->contained);
  const auto message = verify_control(key, topic_.last_value(key), trusted_, kAudience.front());
  ASSERT_TRUE(message.has_value());
  EXPECT_FALSE(std::get<SignedContainment>(message->body).record.contained) << "what compaction leaves";
}

TEST_F(OperatorSpeaks, ItsWordBearsTheNameOfTheCommand) {
  ASSERT_TRUE(say(word()).has_value());
  EXPECT_EQ(decode_control(verify_jws(topic_.entries.back().value, trusted_)->payload)->jti, "ctl-command-1");
}

TEST_F(OperatorSpeaks, AHaltBehindAnothersClaimIsSaidAgainUntilGatesTakeIt) {
  const Issuer rival = other();
  ContainmentRecord of_rival = word();
  of_rival.scope = scope_key("agent", "corp", "b");
  come_[kKey] = [&] {
    claim_as(rival);
    say_as(rival, of_rival, 1);
  };
  ASSERT_TRUE(say(word()).has_value());
  ControlOrder gate;
  const auto held = this->held(gate);
  ASSERT_TRUE(held) << "published, and in force nowhere";
  EXPECT_TRUE(held->contained);
  EXPECT_GT(gate.generation(kOperatorWriter), rival.generation);
  EXPECT_EQ(topic_.count(kKey), 2U) << "the one that was passed, and the one that holds";
}

TEST_F(OperatorSpeaks, WhoClaimedLaterAndDiedDoesNotSilenceTheOthers) {
  come_[claim_key(kOperatorWriter)] = [&] { claim_as(other()); };
  ASSERT_TRUE(say(word()).has_value());
  ControlOrder gate;
  EXPECT_TRUE(held(gate));
}

TEST_F(OperatorSpeaks, OfTwoOnOneScopeTheWordThatCameSecondIsSaidUnderTheNextEpoch) {
  come_[kKey] = [&] {
    Issuer rival = other();
    rival.generation = std::get<Claim>(decode_control(verify_jws(topic_.entries.back().value, trusted_)->payload)->body).generation;
    say_as(rival, word(), rival.generation + 60'000);
  };
  ASSERT_TRUE(say(word(false)).has_value());
  ControlOrder gate;
  const auto held = this->held(gate);
  ASSERT_TRUE(held);
  EXPECT_FALSE(held->contained) << "what it said came last";
}

TEST_F(OperatorSpeaks, OnALogThatForgotItItsNextWordIsAboveWhatGatesRemember) {
  ASSERT_TRUE(say(word()).has_value());
  ASSERT_TRUE(say(word(false)).has_value());
  ControlOrder gate;
  const auto before = held(gate);
  ASSERT_TRUE(before && !before->contained);
  topic_.entries.clear();
  ASSERT_TRUE(say(word()).has_value());
  const auto after = held(gate);
  ASSERT_TRUE(after) << "the gate refuses it: calls pass";
  EXPECT_TRUE(after->contained);
}

TEST_F(OperatorSpeaks, ALogThatDoesNotAnswerIsToldInTime) {
  // Nobody lets it speak: every claim of its own is followed by another's.
  const std::function<void()> again = [&] {
    claim_as(other(60'000 + static_cast<std::int64_t>(topic_.entries.size())));
    come_[claim_key(kOperatorWriter)] = again;
  };
  come_[claim_key(kOperatorWriter)] = again;
  const auto said = say(word(), std::chrono::milliseconds(50));
  ASSERT_FALSE(said.has_value());
  ControlOrder gate;
  EXPECT_FALSE(held(gate)) << "what it says is true";
}

}  // namespace
}  // namespace ringfence
