// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <string>

#include "tests/unit/models/barrier_story.h"

namespace ringfence {
namespace {

using namespace story;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Call file(const std::string& path, const std::string& session = "s1") {
  return {.session = session, .tool = "git/get_file", .uri = "repos/core/files/" + path, .args = {{"path", path}}, .action = kRead};
}

TEST(BarrierWords, SayHowManyGuessesStoodInNothingRead) {
  Story story;
  story.task("Tidy up");
  (void)story.tell(denied(file("build/app.jar")));
  (void)story.tell(file("build/other.jar"));
  (void)story.tell(denied(file("dist/app-2.jar")));
  const Description words = story.describe(Threat::Guess);
  EXPECT_EQ(words.title, "Agent guesses path identifiers after refusals");
  EXPECT_EQ(
      words.sentence,
      "2 of the last 3 calls to git/get_file were refused, the last of them on repos/core/files/{word}/{word}-{dec}.{word}; 2 identifiers "
      "stood in nothing the agent had read.");
  EXPECT_EQ(words.identifier_shape, "word.word.dec1.word");
  EXPECT_EQ(words.grounded, std::optional(false));
}

/// The branch was the same in every call, the paths were tried, and no two of them looked alike.
TEST(BarrierWords, NameWhatWasTriedAndClaimNoShapeThatNotAllCallsHad) {
  Story story;
  story.task("Tidy up");
  const auto at_main = [](const std::string& path) {
    Call call = file(path);
    call.args = {{"ref", "main"}, {"path", path}};
    return denied(call);
  };
  (void)story.tell(at_main("build/app.jar"));
  EXPECT_THAT(story.describe(Threat::Slow).title, HasSubstr("refusals"));
  EXPECT_EQ(story.describe(Threat::DeadEnd).title, "Agent comes back to a refused path in later sessions");
  (void)story.tell(at_main("Makefile.am"));
  (void)story.tell(at_main("build/libs/core-4.1.0.jar"));
  const auto expect = [&] {
    const Description words = story.describe(Threat::Guess);
    EXPECT_EQ(words.title, "Agent guesses path identifiers after refusals");
    EXPECT_THAT(words.sentence, StartsWith("3 of the last 3 calls to git/get_file were refused, the last of them on "
                                           "repos/core/files/{word}/{word}/{word}-{dec}.{dec}.{dec}.{word}; "));
  };
  expect();
  story.restart();
  expect();
  (void)story.tell(file("README.md"));
  EXPECT_THAT(story.describe(Threat::Slow).sentence, StartsWith("3 of the last 4 calls to git/get_file were refused; "))
      << "that call was not refused";
}

TEST(BarrierWords, CountTheSessionsOfADeadEnd) {
  Story story;
  for (const std::string session : {"s1", "s2", "s3"}) (void)story.tell(missed(file("guide", session)));
  EXPECT_THAT(story.describe(Threat::DeadEnd).sentence, HasSubstr("the same target was refused or not found in 3 sessions"));
  EXPECT_EQ(story.describe(Threat::DeadEnd).title, "Agent comes back to a refused path in later sessions");
}

TEST(BarrierWords, ShowNoValueAndNoControlCharacters) {
  Story story;
  story.task("x");
  Call call{.tool = "srv\x1b[2J/get\nsecret",
            .uri = "vault/keys/s3cr3t-hunter",
            .type = "key\x07",
            .args = {{"path", "hunter"}},
            .action = kRead};
  (void)story.tell(denied(call));
  for (const Threat threat : {Threat::Guess, Threat::Enumerate, Threat::Route, Threat::Escalate, Threat::DeadEnd, Threat::Slow}) {
    const Description words = story.describe(threat);
    EXPECT_THAT(words.sentence,
                AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\n")), Not(HasSubstr("hunter")), Not(HasSubstr("s3cr3t")), EndsWith(".")));
    EXPECT_THAT(words.title, AllOf(StartsWith("Agent "), Not(HasSubstr("\x07"))));
  }
}

TEST(BarrierWords, SayNothingWhereTheConductIsThatOfOthers) {
  Story story;
  (void)story.tell({});
  EXPECT_EQ(story.describe(Threat::Slow).sentence, "");
  EXPECT_EQ(story.describe(Threat::Slow).title, "");
}

}  // namespace
}  // namespace ringfence
