// SPDX-License-Identifier: Apache-2.0
// What an agent was refused in earlier sessions, and how it is compared with what it asks for in this one.
#include <gmock/gmock.h>

#include <string>

#include "tests/unit/models/barrier_story.h"

namespace ringfence {
namespace {

using namespace story;
using enum BarrierClass;

const std::string kSha = "9fceb02d0ae598e95dc970b74767f19372d61af8";

Call commit(const std::string& ref, const std::string& session = "s1") {
  return {.session = session, .uri = "repos/billing-core/commits/" + ref, .args = {{"ref", ref}}, .action = kRead};
}

TEST(BarrierSessions, ABrokenCopyOfWhatAnEarlierSessionWasRefusedIsANearMiss) {
  Story story;
  story.task("Fix the build");
  EXPECT_EQ(story.cls(denied(commit(kSha))), Guess);
  story.end_session("s1");
  story.restart();
  story.task("Fix the build", "s2");
  std::string other = kSha;
  other[5] = '7';
  EXPECT_EQ(story.cls(denied(commit(other, "s2"))), Guess) << "unread; of valid form, so near alone says nothing a day later";
  EXPECT_EQ(story.cls(denied(commit(kSha + "0", "s2"))), NearMiss);
}

TEST(BarrierSessions, WhatLiesBesideYesterdaysRefusalsIsNoGuess) {
  Story story;
  EXPECT_EQ(story.cls(denied(commit("INV-2026-000417"))), NewTarget);
  story.end_session("s1");
  EXPECT_EQ(story.cls(denied(commit("INV-2026-000418", "s2"))), NewTarget);
}

TEST(BarrierSessions, WhatWasReachedAfterAllIsComparedWithNoLonger) {
  Story story;
  story.task("Fix the build");
  EXPECT_EQ(story.cls(denied(commit(kSha))), Guess);
  EXPECT_EQ(story.cls(commit(kSha)), Fine);
  story.end_session("s1");
  story.task("Fix the build", "s2");
  EXPECT_EQ(story.cls(denied(commit(kSha.substr(1), "s2"))), Guess);
}

}  // namespace
}  // namespace ringfence
