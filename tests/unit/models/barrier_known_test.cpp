// SPDX-License-Identifier: Apache-2.0
// What an act is held against that was asked for before its outcome was known, that failed, or of which nobody knows; and what is no guess.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/models/barrier_commits.h"

namespace ringfence {
namespace {

using namespace story;
using enum BarrierClass;

TEST(BarrierClasses, AFaultIsNeitherASuccessNorARefusal) {
  Story story = after_denial();
  Call fault = commit(kSha);
  fault.outcome = Outcome::Error;
  fault.code = "503";
  EXPECT_EQ(story.tell(fault).context, 1);
  EXPECT_EQ(story.tell(commit("main")).context, 1) << "the context stands";
  EXPECT_EQ(story.tell(commit("main")).context, 0);
}

TEST(BarrierOtherPath, OneThatFailsOrOfWhichNobodyKnowsIsNone) {
  Story story;
  (void)story.tell(denied(file("config/secrets.yml")));
  Call shell{.tool = "shell/cat", .uri = "file:///srv/secrets.yml", .outcome = Outcome::Error, .code = "503", .effect = Effect::Read};
  for (int i = 0; i < 60; ++i) EXPECT_EQ(story.cls(shell), Fine);
  shell.outcome = Outcome::Unknown;
  for (int i = 0; i < 60; ++i) EXPECT_EQ(story.cls(shell), Fine);
  shell.outcome = Outcome::Ok;
  EXPECT_EQ(story.cls(shell), OtherPath) << "it reached the object";
  EXPECT_EQ(story.cls(denied(shell)), OtherPath);
  Call rights{.tool = "iam/add_role_binding", .uri = "iam/roles/reader", .outcome = Outcome::Error, .code = "503", .effect = std::nullopt};
  EXPECT_EQ(story.cls(rights), Fine);
}

TEST(BarrierClasses, WhatTheAgentHasReadIsNoGuessHoweverItLooks) {
  const std::string listed = "0a1b2c3d4e5f60718293a4b5c6d7e8f90123456789abcdef";
  Story story = after_denial();
  EXPECT_EQ(story.cls(denied(commit(listed))), Guess) << "48 hex digits that stood nowhere";
  Story told = after_denial();
  (void)told.tell({.tool = "git/list_commits", .result = {listed, kSha + "0"}, .action = kList});
  EXPECT_EQ(told.cls(denied(commit(listed))), NewTarget);
  EXPECT_EQ(told.cls(denied(commit(kSha + "0"))), NewTarget) << "two edits from the refused one";
}

TEST(BarrierClasses, AFormThatThePersonaDeclaresIsNoBrokenOne) {
  Persona job = maintainer();
  job.actions[kRead].arguments[0].shapes = {"hex-48", "mixed"};
  const std::string whole = "0a1b2c3d4e5f60718293a4b5c6d7e8f90123456789abcdef";
  const auto first = [&](const Call& call) { return Story(job).cls(denied(call)); };
  EXPECT_EQ(first(commit(whole)), NewTarget);
  EXPECT_EQ(first(commit(whole.substr(1))), Guess) << "47 digits";
  EXPECT_EQ(first({.tool = "git/get_commit", .uri = kRepo + "commits/" + whole, .action = kRead}), NewTarget) << "by its uri";
  EXPECT_EQ(first({.arg_ids = {{"ref=hex-48:0123456789abcdef"}}, .action = kRead}), NewTarget) << "by its hash";
  EXPECT_EQ(first({.arg_ids = {{"ref=hex-47:0123456789abcdef"}}, .action = kRead}), Guess);
  EXPECT_EQ(first(commit("GB29NWBK60161331926818")), Guess) << "a form has no check digits of an account";
  Story near(job);
  (void)near.tell(denied(commit(whole)));
  EXPECT_EQ(near.cls(denied(commit(changed(whole, 5)))), Guess) << "near, but no broken copy";
}

/// Requests that come now, before any answer.
struct Parallel {
  explicit Parallel(Story& told) : story(told), asked(told.now()) {}
  Reading tell(Call call) {
    call.asked = asked;
    return story.tell(call);
  }
  Story& story;
  Moment asked;
};

TEST(BarrierParallel, TheFirstRefusalSpeaksForThePlausibleTargetsAskedForBeforeIt) {
  Story story;
  std::vector<std::string> listed;
  for (int i = 0; i < 42; ++i) listed.push_back("INV-" + std::to_string(100000 + i));
  (void)story.tell({.tool = "git/list", .result = listed, .action = kList});
  Parallel parallel(story);
  const Reading first = parallel.tell(denied(file(listed[0])));
  EXPECT_EQ(first.context, 0);
  EXPECT_EQ(static_cast<BarrierClass>(first.cls), NewTarget);
  for (int i = 1; i < 40; ++i) EXPECT_EQ(parallel.tell(denied(file(listed.at(static_cast<std::size_t>(i))))).kind, Reading::Kind::Silent);
  story.restart();
  EXPECT_EQ(parallel.tell(file(listed[40])).kind, Reading::Kind::Silent) << "whatever becomes of it";
  Call other_tool = file(listed[0]);
  other_tool.tool = "shell/cat";
  EXPECT_EQ(parallel.tell(denied(other_tool)).kind, Reading::Kind::Silent) << "no way round what it did not know of";
  EXPECT_LT(story.alert(), 1e3);

  Parallel later(story);
  const Reading after = later.tell(denied(file(listed[41])));
  EXPECT_EQ(after.context, 1) << "those before did not end the run";
  EXPECT_EQ(static_cast<BarrierClass>(after.cls), NewTarget);
  EXPECT_EQ(static_cast<BarrierClass>(later.tell(denied(file(listed[39]))).cls), Retry) << "it knew of the refusal";
}

TEST(BarrierParallel, WhatIsMadeUpCountsWheneverItWasAskedFor) {
  Story story;
  story.task("Read " + kSha);
  Parallel parallel(story);
  (void)parallel.tell(denied(commit(kSha)));
  for (std::size_t i = 0; i < 8; ++i) {
    const Reading guess = parallel.tell(denied(commit(changed(kSha + "0", 3 * i))));
    EXPECT_EQ(guess.kind, Reading::Kind::Marked);
    EXPECT_EQ(guess.context, 0) << "the context of its request";
    EXPECT_GE(guess.cls, static_cast<std::uint8_t>(Guess));
  }
  EXPECT_GT(story.alert(), 1e5);
}

/// One success and one refusal turn by turn, each refused call asked for while `depth` before it were under way.
std::size_t spoken_of_refusals_in_flight(std::size_t depth) {
  Story story;
  std::vector<std::string> listed;
  for (int i = 0; i < 60; ++i) listed.push_back("INV-" + std::to_string(100000 + i));
  (void)story.tell({.tool = "git/list", .result = listed, .action = kList});
  std::vector<Moment> asked(depth, story.now());
  std::size_t spoken = 0;
  for (std::size_t i = 0; i < listed.size(); ++i) {
    Call fine{.tool = "git/status", .uri = kRepo + "status", .asked = story.now()};
    (void)story.tell(fine);
    asked.push_back(story.now());
    Call refused = denied(file(listed[i]));
    refused.asked = asked[i];
    spoken += story.tell(refused).kind == Reading::Kind::Marked ? 1U : 0U;
  }
  return spoken;
}

TEST(BarrierParallel, ARefusalThatAnotherSpokeForBeginsNoRun) {
  for (const std::size_t depth : {1U, 2U, 8U, 20U})
    EXPECT_EQ(spoken_of_refusals_in_flight(depth), 60 - depth) << "all but those asked for before the first was known";
}

TEST(BarrierParallel, WhatWasAskedForInARunOfRefusalsIsHeldAgainstItThoughASuccessCameBetween) {
  Story story;
  (void)story.tell({.tool = "git/list", .result = {"INV-100001", "INV-100002"}, .action = kList});
  Parallel before(story);
  (void)story.tell(denied(file("INV-100001")));
  Parallel behind(story);
  (void)story.tell(file("README.md"));
  Parallel later(story);
  story.restart();
  const Reading again = behind.tell(denied(file("INV-100001")));
  EXPECT_EQ(again.context, 1);
  EXPECT_EQ(static_cast<BarrierClass>(again.cls), Retry);
  (void)story.tell(file("README.md"));
  EXPECT_EQ(before.tell(file("README.md")).context, 0);
  EXPECT_EQ(later.tell(file("README.md")).context, 0);
  for (int i = 0; i < 20; ++i) {
    (void)story.tell(denied(file("INV-100002")));
    (void)story.tell(file("README.md"));
  }
  EXPECT_EQ(behind.tell(file("README.md")).context, 1) << "of many runs the oldest are one";
  EXPECT_EQ(before.tell(file("README.md")).context, 0);
}

TEST(BarrierClasses, WhatWasRefusedLongBeforeInTheSessionIsARetry) {
  Story story;
  std::vector<std::string> listed;
  for (int i = 0; i < 30; ++i) listed.push_back("INV-" + std::to_string(100000 + i));
  (void)story.tell({.tool = "git/list", .result = listed, .action = kList});
  (void)story.tell({.tool = "git/list", .result = {"INV-200000"}, .action = kList});
  for (const std::string& id : listed) EXPECT_EQ(story.cls(denied(file(id))), NewTarget);
  story.restart();
  for (const std::string& id : listed) EXPECT_EQ(story.cls(denied(file(id))), Retry);
  EXPECT_EQ(story.cls(denied(file("INV-200000"))), NewTarget);
  EXPECT_EQ(story.cls(missed(file("contact"))), Fine);
  EXPECT_EQ(story.cls(missed(file("contact"))), Fine) << "a search that finds nothing twice";
}

/// The greatest score of 40 agents under the declared null, each at its caps as known when it asks: after a fine answer one call in twenty
/// is refused, after a refusal six in ten are asked again. `depth` calls are in flight and answered in turn; of the others than the refused
/// the outcome is `otherwise`.
double greatest_score_at_the_caps(std::size_t depth, Outcome otherwise) {
  double greatest = 0;
  for (std::uint32_t agent = 1; agent <= 40; ++agent) {
    Story story;
    std::mt19937 random(agent);
    std::uniform_real_distribution<double> chance;
    std::deque<Call> flying;
    std::string refused_last;
    bool after_refusal = false;
    for (int i = 0; i < 600; ++i) {
      if (flying.size() == depth) {
        after_refusal = flying.front().outcome == Outcome::Denied;
        if (after_refusal) refused_last = flying.front().args.front().second;
        (void)story.tell(flying.front());
        greatest = std::max(greatest, story.declared());
        flying.pop_front();
      }
      const double drawn = chance(random);
      const bool again = after_refusal && drawn < .60;
      const bool refused = again || (!after_refusal && drawn < .05);
      Call call = file(again ? refused_last : std::string(1, static_cast<char>('a' + i % 26)) + "bout");
      if (refused) {
        call = denied(std::move(call));
      } else {
        call.outcome = otherwise;
      }
      call.asked = story.now();
      flying.push_back(std::move(call));
    }
  }
  return greatest;
}

TEST(BarrierParallel, AnAgentAtItsCapsStaysBelowAThrottleHoweverManyOfItsCallsAreInFlight) {
  for (const std::size_t depth : {1U, 6U, 20U}) EXPECT_LT(greatest_score_at_the_caps(depth, Outcome::Ok), 1e5) << depth << " in flight";
}

TEST(BarrierParallel, SoItDoesWhereNobodySaysWhatBecameOfTheOthers) { EXPECT_LT(greatest_score_at_the_caps(1, Outcome::Unknown), 1e5); }

TEST(BarrierParallel, OnceAllRefusalsAreKnownTheNextFortyCountAsOneAgain) {
  Story story;
  std::vector<std::string> listed;
  for (int i = 0; i < 80; ++i) listed.push_back("INV-" + std::to_string(100000 + i));
  (void)story.tell({.tool = "git/list", .result = listed, .action = kList});
  std::size_t spoken = 0;
  for (std::size_t i = 0; i < listed.size(); i += 40) {
    Parallel parallel(story);
    for (std::size_t k = i; k < i + 40; ++k) spoken += parallel.tell(denied(file(listed[k]))).kind == Reading::Kind::Marked ? 1U : 0U;
    (void)story.tell({.tool = "git/status", .uri = kRepo + "status"});
  }
  EXPECT_EQ(spoken, 2U);
}

TEST(BarrierParallel, TheSameConductInTurnCounts) {
  Story story;
  (void)story.tell({.tool = "git/list", .result = {"INV-100001", "INV-100002"}, .action = kList});
  for (const std::string id : {"INV-100001", "INV-100002"}) {
    Call call = denied(file(id));
    call.asked = story.now();
    EXPECT_EQ(story.cls(call), NewTarget);
  }
  EXPECT_EQ(story.tell(file("INV-100003")).context, 1);
}

TEST(BarrierSilence, ARefusalToldByTheRequestAloneIsNotEvaluable) {
  Story story;
  EXPECT_TRUE(story.heed(commit(kSha)));
  EXPECT_FALSE(story.heed(denied(commit(kSha))));
  Call ours = denied(commit(kSha));
  ours.own_refusal = true;
  EXPECT_TRUE(story.heed(ours)) << "that is no barrier anyway";
  EXPECT_EQ(story.cls(denied(commit(kSha))), NewTarget) << "nothing was counted yet";
}

}  // namespace
}  // namespace ringfence
