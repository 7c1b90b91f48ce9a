// SPDX-License-Identifier: Apache-2.0
#include "engine/app/command_file.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <sstream>

#include "connectors/encoders/control.h"
#include "connectors/encoders/jws.h"
#include "engine/app/context_feed.h"

namespace ringfence {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class CommandFiles : public ::testing::Test {
 protected:
  CommandFiles() {
    std::filesystem::create_directories(directory_);
    settings_.state.directory = directory_;
    settings_.control.key_file = directory_ / "key";
    EXPECT_TRUE(person_.save(settings_.control.key_file));
    positions_ = *ContextPositions::open(context_log_file(settings_));
  }
  ~CommandFiles() override { std::filesystem::remove_all(directory_); }

  /// Puts a release of this reason on the file, signed so many seconds after the first.
  void give(const std::string& reason, std::int64_t second = 0) {
    ASSERT_TRUE(append_command(settings_, "command/" + reason, signed_by(person_, reason, second)));
  }
  [[nodiscard]] std::string signed_by(const SigningKey& key, const std::string& reason, std::int64_t second = 0) const {
    const Command command{"release", "agent:corp/a", reason, "ada", "", ""};
    return sign_jws(key, encode_command(command, {.iss = "urn:test", .aud = settings_.control.audience, .writer = "operator"},
                                        WallTime{(1'795'170'000 + second) * 1'000'000'000}));
  }
  void start() {
    commands_ = *CommandFile::open(settings_, *store_, *positions_, log_,
                                   [this](const OperatorCommand*, Offset at, std::string_view) { passed_over_.push_back(at.value); });
  }
  /// Reasons of the commands that it gives, each placed.
  std::vector<std::string> taken() {
    std::vector<std::string> out;
    while (true) {
      const auto next = commands_->next();
      if (!next || !*next) return out;
      out.push_back((*next)->command.reason);
      EXPECT_TRUE(commands_->placed());
    }
  }
  [[nodiscard]] std::string next() {
    const auto order = commands_->next();
    return order && *order ? (*order)->command.reason : "";
  }

  const std::filesystem::path directory_ = ::testing::TempDir() + "command-file-" + std::to_string(::getpid());
  Settings settings_ = default_settings();
  SigningKey person_ = *SigningKey::from_seed(std::string(32, 'p'));
  std::unique_ptr<Store> store_ = memory_store();
  std::unique_ptr<ContextPositions> positions_;
  std::ostringstream told_;
  ServiceLog log_{LogLevel::Warning, LogFormat::Json, told_};
  std::unique_ptr<CommandFile> commands_;
  std::vector<std::int64_t> passed_over_;
};

TEST_F(CommandFiles, AFileThatAppearsLateIsFollowed) {
  start();
  EXPECT_EQ(next(), "");
  give("one");
  give("two");
  EXPECT_THAT(taken(), ElementsAre("one", "two"));
  give("three");
  EXPECT_THAT(taken(), ElementsAre("three"));
  EXPECT_EQ(told_.str(), "");
}

TEST_F(CommandFiles, ARestartTakesWhatWasNotPlacedAndNothingElse) {
  give("one");
  give("two");
  start();
  EXPECT_EQ(next(), "one");
  EXPECT_EQ(next(), "one") << "until it was placed";
  ASSERT_TRUE(commands_->placed());
  EXPECT_EQ(next(), "two");
  start();
  EXPECT_THAT(taken(), ElementsAre("two"));
  start();
  EXPECT_THAT(taken(), IsEmpty());
  EXPECT_THAT(passed_over_, IsEmpty());
}

TEST_F(CommandFiles, WhatStandsOnTheContextLogIsNotPlacedAgain) {
  give("one");
  start();
  const auto order = commands_->next();
  ASSERT_TRUE(order && *order);
  const ContextPositions::Line line{Partition{0}, Offset{7}, (*order)->record};
  ASSERT_TRUE(positions_->write({&line, 1}));
  positions_.reset();  // killed before it was noted
  positions_ = *ContextPositions::open(context_log_file(settings_));
  start();
  EXPECT_THAT(taken(), IsEmpty());
  EXPECT_THAT(passed_over_, IsEmpty());
}

TEST_F(CommandFiles, TheSameRecordAndAnOlderOneOfItsScopeArePassedOver) {
  give("one", 100);
  give("one", 100);
  give("held back", 10);
  give("two", 101);
  start();
  EXPECT_THAT(taken(), ElementsAre("one", "two"));
  EXPECT_THAT(passed_over_, ElementsAre(1, 2));
}

TEST_F(CommandFiles, AnotherFileInItsPlaceIsReadFromItsBeginning) {
  give("one");
  start();
  EXPECT_THAT(taken(), ElementsAre("one"));
  std::filesystem::rename(command_file(settings_), directory_ / "former");
  give("two");
  give("one");
  EXPECT_THAT(taken(), ElementsAre("two"));
  EXPECT_THAT(passed_over_, ElementsAre(2)) << "counted on from the former file";
  start();
  give("three");
  EXPECT_THAT(taken(), ElementsAre("three"));
  EXPECT_THAT(passed_over_, ElementsAre(2)) << "said once";
}

TEST_F(CommandFiles, WhatNoOperatorSignedIsPassedOver) {
  ASSERT_TRUE(append_command(settings_, "command/x", signed_by(*SigningKey::from_seed(std::string(32, 's')), "forged")));
  ASSERT_TRUE(append_command(settings_, "command/y", "nothing that anybody signed"));
  ASSERT_TRUE(append_command(settings_, "personas", signed_by(person_, "under another key")));
  give("one");
  start();
  EXPECT_THAT(taken(), ElementsAre("one"));
  EXPECT_THAT(passed_over_, ElementsAre(0, 1, 2));
}

}  // namespace
}  // namespace ringfence
