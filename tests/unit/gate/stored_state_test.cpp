// SPDX-License-Identifier: Apache-2.0
// What a gate takes up again of its disk: all that was accepted, or it says what is wrong and does not start.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "connectors/encoders/base64url.h"
#include "connectors/gate/follower.h"
#include "tests/unit/connectors/sink_fakes.h"
#include "tests/unit/gate/control_topic.h"

namespace ringfence {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::gate_settings;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::key_from;
using testing::Speaker;
using testing::TemporaryDirectory;

class NoLog final : public ControlFeed {
 public:
  std::expected<ControlLog::Batch, SinkError> read(std::size_t /*max*/, std::chrono::milliseconds /*wait*/) override {
    return std::unexpected(SinkError{SinkError::Kind::Unavailable, "away"});
  }
};
class NoAcks final : public AckFeed {
 public:
  std::expected<void, SinkError> send(std::string_view /*key*/, std::string_view /*value*/) override { return {}; }
};

class StoredStates : public ::testing::Test {
 protected:
  void SetUp() override {
    // A hold, then a halt, of the same agent: who lost the halt would go back to the hold.
    lines_ = {engine_.claim(1), engine_.say(Speaker::halt("bot", 1, Level::Hold)), engine_.say(Speaker::halt("bot", 2)),
              engine_.say(Speaker::halt("other"))};
  }
  std::expected<void, std::string> start(ControlState::Settings settings = gate_settings()) {
    std::filesystem::remove_all(directory_.file("state"));
    auto store = StateStore::open(directory_.file("state"));
    if (!store || !store->append(lines_)) return std::unexpected("no store");
    return start_again(std::move(settings), std::move(*store));
  }
  std::expected<void, std::string> start_again(ControlState::Settings settings, StateStore store) {
    follower_.reset();
    notices_.clear();
    auto started = Follower::start({.gate = "g", .state = std::move(settings)},
                                   {std::make_unique<NoLog>(), std::make_unique<NoAcks>(), std::move(store)},
                                   [this](std::string_view what, std::string_view detail) {
                                     if (what.starts_with("stored")) notices_.push_back(std::string(detail));
                                   });
    if (!started) return std::unexpected(started.error().message);
    follower_ = std::move(*started);
    return {};
  }
  [[nodiscard]] bool lets_pass(std::string_view agent) const {
    Call call;
    call.subject[SubjectField::Agent] = agent;
    return follower_->table()->decide(call).allowed;
  }
  /// The entry with one letter of a part of its token changed to another of the alphabet.
  static ControlEntry changed(ControlEntry entry, char before_part, std::size_t letter) {
    const std::size_t at = (before_part == '^' ? 0 : entry.value.rfind(before_part) + 1) + letter;
    entry.value[at] = entry.value[at] == 'A' ? 'B' : 'A';
    return entry;
  }

  TemporaryDirectory directory_{"ringfence-stored-state"};
  Speaker engine_;
  std::vector<ControlEntry> lines_;
  std::vector<std::string> notices_;  // of what was stored
  std::unique_ptr<Follower> follower_;
};

TEST_F(StoredStates, AWholeStateIsInForceBeforeAnythingElseIsHeard) {
  ASSERT_TRUE(start().has_value());
  EXPECT_FALSE(lets_pass("bot"));
  EXPECT_FALSE(lets_pass("other"));
  EXPECT_THAT(notices_, IsEmpty());
}

TEST_F(StoredStates, OneChangedLetterOfASignatureStopsTheStartAndNamesItsLine) {
  lines_[2] = changed(lines_[2], '.', 20);
  const auto started = start();
  ASSERT_FALSE(started.has_value()) << "the hold of before would be in force in place of the halt";
  EXPECT_THAT(started.error(), AllOf(HasSubstr("verified.ndjson is damaged: line 3: signature"), HasSubstr("remove it to begin with")));
}

TEST_F(StoredStates, DamageOfEveryKindStopsTheStart) {
  const auto whole = lines_;
  const std::string token = whole[2].value;
  const std::vector<std::pair<const char*, ControlEntry>> damage{
      {"a letter of the payload",
       {whole[2].key, std::string(token).replace(token.find('.') + 30, 1, 1, token[token.find('.') + 30] == 'A' ? 'B' : 'A')}},
      {"a letter of the header", changed(whole[2], '^', 3)},
      {"cut", {whole[2].key, token.substr(0, token.size() - 5)}},
      {"no token", {whole[2].key, "x"}},
      {"under another agent's key", {whole[3].key, token}},
      {"under a key longer than any", {std::string(10'000, 'k'), token}},
      {"an algorithm of none", {whole[2].key, base64url(R"({"alg":"none"})") + token.substr(token.find('.'))}},
      {"a command",
       {whole[2].key,
        sign_jws(key_from('\x22'),
                 encode_command({.command = "halt", .scope = "agent:corp/bot", .reason = "r", .by = "a", .approver = "", .ticket = ""},
                                Speaker("operator").issuer(), testing::at_ms(0)))}},
  };
  for (const auto& [what, entry] : damage) {
    lines_ = whole;
    lines_[2] = entry;
    const auto started = start();
    ASSERT_FALSE(started.has_value()) << what;
    EXPECT_THAT(started.error(), HasSubstr("is damaged: line 3: ")) << what;
    follower_.reset();
  }
}

TEST_F(StoredStates, DamageStopsTheStartAlsoWhereALaterLineOvertookIt) {
  lines_[1] = changed(lines_[1], '.', 20);
  const auto started = start();
  ASSERT_FALSE(started.has_value());
  EXPECT_THAT(started.error(), HasSubstr("line 2: "));
}

TEST_F(StoredStates, WhatIsNoEntryIsNamedByItsLine) {
  ASSERT_TRUE(start().has_value());
  follower_.reset();
  std::ofstream(directory_.file("state/verified.ndjson"), std::ios::app) << "{\"key\":7}\n[]\n";
  auto store = StateStore::open(directory_.file("state"));
  ASSERT_TRUE(store.has_value());
  EXPECT_THAT(store->load().error().message, HasSubstr("is damaged: line 5 is no control entry (one of 2)"));
}

TEST_F(StoredStates, WhatAKeySignedThatIsTrustedNoMoreIsLeftOutAndTold) {
  Speaker person("operator", '\x22');
  lines_.push_back(person.say(Speaker::halt("third")));
  auto settings = gate_settings();
  settings.trusted = TrustedKeys();
  settings.trusted.add(key_from('\x22'), {"operator"});
  ASSERT_TRUE(start(std::move(settings)).has_value());
  EXPECT_TRUE(lets_pass("bot"));
  EXPECT_FALSE(lets_pass("third"));
  EXPECT_THAT(notices_, ElementsAre("3")) << "the claim and one record of each agent; what was overtaken counts for nothing";
}

TEST_F(StoredStates, ANewAudienceIssuerOrRightOfAKeyDoesNotEndAContainmentUnsaid) {
  auto other_audience = gate_settings(), other_issuer = gate_settings(), fewer_writers = gate_settings();
  other_audience.audience = "other-gates";
  other_issuer.issuer = "https://other.example/";
  fewer_writers.trusted.add(key_from('\x11'), {"engine-others-*"});
  for (const auto& [settings, words] : {std::pair(other_audience, "line 1: aud: "), std::pair(other_issuer, "line 1: iss: "),
                                        std::pair(fewer_writers, "line 1: writer: ")}) {
    const auto started = start(settings);
    ASSERT_FALSE(started.has_value()) << words;
    EXPECT_THAT(started.error(), AllOf(HasSubstr(words), HasSubstr("as they were, or remove the file"))) << words;
  }
}

TEST_F(StoredStates, WhatWasSaidAgainForANewAudienceDoesNotHoldUpTheStart) {
  Speaker engine;
  engine.issuer().aud.emplace_back("other-gates");
  lines_.push_back(engine.claim(2));
  lines_.push_back(engine.say(Speaker::halt("bot", 2)));
  lines_.push_back(engine.say(Speaker::halt("other")));
  auto settings = gate_settings();
  settings.audience = "other-gates";
  const auto started = start(std::move(settings));
  ASSERT_TRUE(started.has_value()) << started.error();
  EXPECT_FALSE(lets_pass("bot"));
  EXPECT_FALSE(lets_pass("other"));
}

}  // namespace
}  // namespace ringfence
