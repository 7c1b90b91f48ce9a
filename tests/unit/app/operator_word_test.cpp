// SPDX-License-Identifier: Apache-2.0
// What a command line says itself, and what it may not without an engine.
#include "engine/app/operator_word.h"

#include <gmock/gmock.h>

#include "connectors/sinks/file_control_log.h"
#include "engine/app/command_file.h"
#include "engine/app/context_feed.h"
#include "engine/app/operator_voice.h"
#include "engine/app/wall_clock.h"
#include "tests/unit/connectors/source_files.h"

namespace ringfence {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const ScopeParts kScope{"agent", "default", "clerk-1", ""};

Command command(const std::string& word, const std::string& approver = "") {
  return {.command = word, .scope = scope_key("agent", "default", "clerk-1"), .reason = "looked at", .by = "ada", .approver = approver};
}

class OperatorWords : public ::testing::Test {
 protected:
  OperatorWords() {
    trusted_.add(key_, {"operator"});
    trusted_.add(engine_, {"engine-*"});
    std::filesystem::create_directory(directory_.path("personas"));
    directory_.write("control", "");
    const std::string outputs = "findings: 'file:" + directory_.path("findings") + "', control: 'file:" + directory_.path("control") +
                                "', dead_letter: 'file:" + directory_.path("dead_letter") + "'";
    const std::string file =
        directory_.write("settings.yaml", "input: {kind: stdin}\npersonas: {directory: " + directory_.path("personas") +
                                              "}\nstate: {directory: " + directory_.path("state") + "}\noutputs: {" + outputs + "}\n");
    SettingsLoad load = load_settings(file);
    for (const SettingsError& error : load.errors) ADD_FAILURE() << to_string(error);
    settings_ = std::move(*load.settings);
  }
  void persona(int tier) {
    directory_.write("personas/payer.yaml",
                     "schema: ringfence/persona/v1\nid: payer\nversion: \"1\"\njob: Pays.\ntier: " + std::to_string(tier) +
                         "\nowner: {team: desk, contact: desk@corp.example, approver: soc@corp.example}\n"
                         "applies_to: {agents: [\"payer-*\"]}\nactions: [{id: read, tools: [wiki/get], effect: read}]\n");
  }
  std::expected<OperatorWord, Fault> open(const Command& order) {
    return OperatorWord::open({order, kScope, settings_, key_, trusted_, past_}, Engine::Takes);
  }
  /// A command to engines by somebody whose clock is this far ahead, without a word of people.
  WallTime commanded(const Command& order, Nanos ahead) {
    const WallTime at{wall_now().value + ahead.value};
    const Issuer issuer{.iss = settings_.control.issuer, .aud = settings_.control.audience, .writer = std::string(kOperatorWriter)};
    const auto put = append_command(settings_, std::string(kCommandKeys) + "1", sign_jws(key_, encode_command(order, issuer, at)));
    EXPECT_TRUE(put.has_value());
    return at;
  }
  /// What a writer of engines has contained, or freed.
  void engine_says(const std::string& writer, bool contained, std::uint64_t epoch) {
    auto log = FileControlLog::open(directory_.path("control"));
    ContainmentRecord record;
    record.scope = scope_key(kScope.type, kScope.tenant, kScope.id);
    record.tenant = kScope.tenant;
    record.agent_id = kScope.id;
    record.contained = contained;
    record.epoch = epoch;
    record.reason = "looked at";
    record.approver = contained ? "" : "ada";
    const Issuer issuer{.iss = settings_.control.issuer, .aud = settings_.control.audience, .writer = writer, .generation = 1};
    ASSERT_TRUE((*log)->append(control_key(record.scope, writer), sign_jws(engine_, encode_containment(record, issuer))).has_value());
  }
  /// A halt by somebody whose clock is this far ahead.
  void halted(Nanos ahead) {
    auto log = FileControlLog::open(directory_.path("control"));
    OutputProgress progress;
    OperatorVoice voice({.iss = settings_.control.issuer, .aud = settings_.control.audience, .claimant = "grace"}, key_, trusted_, **log,
                        progress);
    ContainmentRecord record;
    record.scope = command("halt").scope;
    record.tenant = kScope.tenant;
    record.agent_id = kScope.id;
    record.effective_at = EventTime{wall_now().value + ahead.value};
    record.finding_uid = halted_by("grace");
    record.approver = "grace";
    ASSERT_TRUE(voice.read_to_end(record.scope).has_value());
    ASSERT_TRUE(voice.say(record, "ctl-0").has_value());
    halted_at_ = record.effective_at;
  }

  testing_files::TemporaryDirectory directory_;
  SigningKey key_ = std::move(*SigningKey::from_seed(std::string(32, 'o')));
  SigningKey engine_ = std::move(*SigningKey::from_seed(std::string(32, 'e')));
  TrustedKeys trusted_;
  Settings settings_;
  ContextPast past_{settings_, trusted_, nullptr};
  EventTime halted_at_;
};

TEST_F(OperatorWords, AreGivenBehindTheWordTheyAnswerWhateverItsClock) {
  persona(2);
  halted(minutes(2));
  const Command release = command("release");
  const auto word = open(release);
  ASSERT_TRUE(word.has_value()) << word.error().message;
  EXPECT_TRUE(word->due());
  EXPECT_GT(word->at().value, halted_at_.value);
}

TEST_F(OperatorWords, AreDatedBehindAnEarlierCommandOnTheScopeWhateverItsClock) {
  persona(2);
  const Command release = command("release"), halt = command("halt"), purge = command("purge");
  const WallTime fast = commanded(release, minutes(10));
  const ScopeParts other{"agent", "default", "clerk-2", ""};
  Command of_other = release;
  of_other.scope = scope_key("agent", "default", "clerk-2");
  for (const Command* order : {&release, &halt, &purge}) {
    const auto word = open(*order);
    ASSERT_TRUE(word.has_value()) << word.error().message;
    EXPECT_GE(word->at().value / seconds(1).value, fast.value / seconds(1).value) << order->command << ": engines would pass it over";
  }
  const auto word = OperatorWord::open({of_other, other, settings_, key_, trusted_, past_}, Engine::Takes);
  ASSERT_TRUE(word.has_value()) << word.error().message;
  EXPECT_LT(word->at().value, fast.value) << "another scope's clock is its own";
}

TEST_F(OperatorWords, OfAReleaseThatOneEngineHasDoneTheWritersThatStandStillAreTold) {
  persona(2);
  engine_says("engine-events-0", true, 1);
  engine_says("engine-events@twin-0", true, 1);
  const Command release = command("release");
  auto word = open(release);
  ASSERT_TRUE(word.has_value()) << word.error().message;
  engine_says("engine-events-0", false, 2);
  auto left = word->still_contained_by();
  ASSERT_TRUE(left.has_value()) << left.error().message;
  EXPECT_THAT(*left, ElementsAre("engine-events@twin-0"));
  engine_says("engine-events@twin-0", false, 2);
  left = word->still_contained_by();
  ASSERT_TRUE(left.has_value());
  EXPECT_THAT(*left, IsEmpty());
}

TEST_F(OperatorWords, OfAReleaseThatNoEngineAnswersAnyJobOfTierFourAsksForTwo) {
  halted({});
  const Command alone = command("release"), two = command("release", "edsger");
  for (const int tier : {3, 4}) {
    persona(tier);
    auto word = open(alone);
    ASSERT_TRUE(word.has_value()) << word.error().message;
    const auto allowed = word->check_unheard();
    EXPECT_EQ(allowed.has_value(), tier < 4);
    if (!allowed) {
      EXPECT_THAT(allowed.error().message, HasSubstr("only with an --approver"));
    }
    EXPECT_TRUE(open(two)->check_unheard().has_value());
  }
}

TEST_F(OperatorWords, AHaltThatAnotherKeyHasSignedIsSaidAgain) {
  halted({});
  const Command halt = command("halt");
  EXPECT_FALSE(open(halt)->due());
  key_ = std::move(*SigningKey::from_seed(std::string(32, 'n')));
  trusted_.add(key_, {"operator"});
  EXPECT_TRUE(open(halt)->due());
}

}  // namespace
}  // namespace ringfence
