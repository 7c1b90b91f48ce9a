// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <string>

#include "tests/unit/models/barrier_commits.h"

namespace ringfence {
namespace {

using namespace story;
using enum BarrierClass;

TEST(BarrierClasses, FineIsWhatIsNotRefused) {
  Story story;
  EXPECT_EQ(story.cls(commit(kSha)), Fine);
  Call broken = commit(kSha);
  broken.outcome = Outcome::Error;
  broken.code = "503";
  EXPECT_EQ(story.cls(broken), Fine) << "an error is not a denial";
}

TEST(BarrierClasses, TheContextIsWhetherThePreviousCallOfTheSessionWasRefused) {
  Story story = after_denial();
  EXPECT_EQ(story.tell(commit(kSha)).context, 1);
  EXPECT_EQ(story.tell(commit(kSha)).context, 0);
  (void)story.tell(denied(commit(kSha)));
  Call elsewhere = commit(kSha);
  elsewhere.session = "s2";
  EXPECT_EQ(story.tell(elsewhere).context, 0) << "another session has its own";
}

TEST(BarrierClasses, TheSameToolTargetAndCredentialAgainIsARetry) {
  Story story = after_denial();
  EXPECT_EQ(story.cls(denied(commit(kSha))), Retry);
  EXPECT_EQ(story.cls(denied(commit(kSha))), Retry);
}

TEST(BarrierClasses, ATargetTheAgentHasReadIsPlausible) {
  Story story = after_denial();
  const std::string listed = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567";
  (void)story.tell({.tool = "git/list_commits", .result = {listed, "fix: parser"}, .action = kList});
  EXPECT_EQ(story.cls(denied(commit(listed))), NewTarget);
}

TEST(BarrierClasses, ATargetThatStoodInNothingReadIsAGuess) {
  Story story = after_denial();
  EXPECT_EQ(story.cls(denied(commit("0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"))), Guess);
  EXPECT_EQ(story.cls(denied(file("build/libs/billing-core.jar"))), Guess) << "names guessed from conventions";
}

TEST(BarrierClasses, APathPutTogetherFromWhatWasReadIsPlausible) {
  Story story = after_denial();
  (void)story.tell({.tool = "git/list_files", .result = {"see src/main and Parser.java, please"}, .action = kList});
  EXPECT_EQ(story.cls(denied(file("src/main/Parser.java"))), NewTarget) << "tokens between white space and /, punctuation aside";
  EXPECT_EQ(story.cls(denied(file("src/test/Parser.java"))), Guess);
}

TEST(BarrierClasses, WithoutATaskOrResultsTheShapeAloneDecides) {
  const auto alone = [](const std::string& ref) { return Story().cls(denied(commit(ref))); };
  EXPECT_EQ(alone("0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"), NewTarget);
  EXPECT_EQ(alone("0a1b2c3d4e5f60718293a4b5c6d7e8f90123456"), Guess) << "39 hex digits";
  EXPECT_EQ(alone("550e8400-e29b-41d4-a716-4466554400"), Guess) << "a uuid in the wrong groups";
  EXPECT_EQ(alone("GB29NWBK60161331926818"), Guess) << "check digits of an IBAN";
  EXPECT_EQ(alone("GB29NWBK60161331926819"), NewTarget);
}

TEST(BarrierClasses, ATaskTheAgentItselfReportsGroundsNothing) {
  Story story;
  story.task("Read " + kSha, "s1", "agent");
  (void)story.tell({.tool = "git/list_files", .result = {"README.md"}, .action = kList});
  EXPECT_EQ(story.cls(denied(commit(kSha))), Guess);
}

TEST(BarrierClasses, ARefusalThatRepeatsTheGuessDoesNotGroundIt) {
  Story story = after_denial();
  const std::string guess = kSha + "0";
  Call echoed = denied(commit(guess));
  echoed.result = {"commit " + guess + " is forbidden"};
  EXPECT_EQ(story.cls(echoed), NearMiss);
  echoed.session = "s2";
  EXPECT_EQ(story.cls(denied(commit(changed(guess, 3)))), NearMiss);
}

TEST(BarrierClasses, MalformedUnreadAndWithinTwoEditsIsANearMiss) {
  Story story = after_denial();
  EXPECT_EQ(story.cls(denied(commit(kSha + "0"))), NearMiss) << "41 characters";
  EXPECT_EQ(story.cls(denied(commit(kSha.substr(1)))), NearMiss) << "39 characters";
  EXPECT_EQ(story.cls(denied(commit(kSha.substr(3)))), NearMiss) << "37 characters, two edits from one of 39";
  EXPECT_EQ(story.cls(denied(commit(changed(kSha, 5)))), Guess) << "near, but of valid form";
  EXPECT_EQ(story.cls(denied(commit("0123456789abcdef0123456789abcdef0123456"))), Guess) << "malformed, but far";
}

TEST(BarrierClasses, NearMissesOfUuidsCountAcrossGroupings) {
  Story story;
  story.task("Read 550e8400-e29b-41d4-a716-446655440000");
  (void)story.tell(denied(commit("550e8400-e29b-41d4-a716-446655440000")));
  EXPECT_EQ(story.cls(denied(commit("550e8400-e29b-41d4-a716-44665544000"))), NearMiss);
}

TEST(BarrierClasses, NearAndMalformedIsANearMissWhereGroundsAreNotKnown) {
  Story story;
  (void)story.tell(denied(commit(kSha)));
  EXPECT_EQ(story.cls(denied(commit(kSha + "0"))), NearMiss);
  EXPECT_EQ(story.cls(denied(commit(changed(kSha, 5)))), Guess) << "near and of valid form";
}

TEST(BarrierClasses, NumbersAndWordsLieCloseByNature) {
  Story story;
  (void)story.tell(denied(commit("invoice-2026-000417")));
  EXPECT_EQ(story.cls(denied(commit("invoice-2026-000418"))), NewTarget);
}

TEST(BarrierClasses, AnIdTheAgentHasReadIsNotCloseByGuessing) {
  Story story;
  (void)story.tell({.tool = "git/list_commits", .result = {kSha, changed(kSha, 5)}, .action = kList});
  (void)story.tell(denied(commit(kSha)));
  EXPECT_EQ(story.cls(denied(commit(changed(kSha, 5)))), NewTarget);
}

TEST(BarrierClasses, HashedIdentifiersAreComparedByShapeAndHash) {
  const auto hashed = [](const std::string& id) { return Call{.uri = "", .args = {}, .arg_ids = {{id}}, .action = kRead}; };
  Story story;
  EXPECT_EQ(story.cls(denied(hashed("ref=hex-40:0123456789abcdef"))), NewTarget) << "nothing known";
  Call list{.tool = "git/list_commits", .action = kList};
  list.result_ids = {{"hex-40:00000000000000aa"}};
  (void)story.tell(list);
  EXPECT_EQ(story.cls(denied(hashed("ref=hex-40:00000000000000aa"))), NewTarget) << "stood in a result, whatever the name";
  EXPECT_EQ(story.cls(denied(hashed("ref=hex-40:00000000000000bb"))), Guess);
  EXPECT_EQ(story.cls(denied(hashed("ref=hex-41:00000000000000cc"))), Guess);
  EXPECT_EQ(story.cls(denied(hashed("ref=hex-40:00000000000000bb"))), Retry);
}

TEST(BarrierClasses, WithoutMarkedArgumentsTheLastSegmentOfTheUriIsTheIdentifier) {
  Story story;
  story.task("Have a look at secrets.yml");
  Call by_uri{.tool = "web/get", .uri = "https://git.corp.example/raw/secrets.yml?ref=main"};
  EXPECT_EQ(story.cls(denied(by_uri)), NewTarget);
  by_uri.uri = "https://git.corp.example/raw/passwords.yml";
  EXPECT_EQ(story.cls(denied(by_uri)), Guess);
}

TEST(BarrierClasses, WithoutUriAndIdentifiersToolAndArgumentsAreTheTarget) {
  Story story;
  Call query{.tool = "db/query", .args = {{"sql", "select 1"}}};
  EXPECT_EQ(story.cls(denied(query)), NewTarget);
  EXPECT_EQ(story.cls(denied(query)), Retry);
  query.args = {{"sql", "select 2"}};
  EXPECT_EQ(story.cls(denied(query)), NewTarget);
}

TEST(BarrierMisses, APlausibleOneIsFineAndLeavesTheContextFine) {
  Story story = after_denial();
  (void)story.tell(commit("main"));
  EXPECT_EQ(story.cls(missed(file("docs/index"))), Fine) << "all its pieces are words: agents search";
  EXPECT_EQ(story.tell(missed(commit(kSha))).cls, static_cast<int>(Retry)) << "a refused target again";
  EXPECT_EQ(story.tell(commit("main")).context, 1);
}

TEST(BarrierMisses, AGuessedOneCountsAsADenial) {
  Story story = after_denial();
  EXPECT_EQ(story.cls(missed(file("release-2026.tar.gz"))), Guess);
  EXPECT_EQ(story.tell(missed(commit(kSha + "1"))).cls, static_cast<int>(NearMiss));
  EXPECT_EQ(story.tell(commit("main")).context, 1);
}

TEST(BarrierMisses, OnlyTheCodesOfTheContractAreMisses) {
  Story story = after_denial();
  Call odd = missed(file("release-2026.tar.gz"));
  odd.code = "500";
  EXPECT_EQ(story.cls(odd), Fine);
}

TEST(BarrierDeadEnds, AreRememberedAcrossSessionsAndRestarts) {
  Story story = after_denial();
  story.end_session("s1");
  story.restart();
  Call again = denied(commit(kSha));
  again.session = "s2";
  EXPECT_EQ(story.cls(again), DeadEnd);
  EXPECT_EQ(story.cls(again), Retry) << "in the same session it is a retry";
  again.session = "s1";
  EXPECT_EQ(story.cls(again), DeadEnd) << "a session of the same name after its end is a later one";
}

TEST(BarrierDeadEnds, AnyMissedTargetCountsAndASuccessForgetsIt) {
  Story story;
  EXPECT_EQ(story.cls(missed(file("docs/index"))), Fine);
  Call again = missed(file("docs/index"));
  again.session = "s2";
  EXPECT_EQ(story.cls(again), DeadEnd);
  Call found = file("docs/index");
  found.session = "s3";
  EXPECT_EQ(story.cls(found), Fine);
  again.session = "s4";
  EXPECT_EQ(story.cls(again), Fine) << "forgotten";
}

TEST(BarrierDeadEnds, TheSixtyFourLeastRecentlyMetAreKept) {
  Story story;
  for (int i = 0; i < 65; ++i)
    (void)story.tell(missed(file("docs/page" + std::string(1, static_cast<char>('a' + i / 26)) + static_cast<char>('a' + i % 26))));
  Call first = missed(file("docs/pageaa")), second = missed(file("docs/pageab"));
  first.session = second.session = "s2";
  EXPECT_EQ(story.cls(second), DeadEnd);
  EXPECT_EQ(story.cls(first), Fine) << "65 are one too many";
}

TEST(BarrierOtherPath, TheSameObjectThroughAnotherToolDirectoryOrCredential) {
  Story story;
  story.task("Check config/secrets.yml");
  Call refused = denied(file("config/secrets.yml"));
  refused.credential = "sha256:a";
  (void)story.tell({.credential = "sha256:b"});  // the session works with two credentials
  (void)story.tell(refused);

  Call shell{.tool = "shell/cat", .uri = "file:///work/secrets.yml", .effect = Effect::Read};
  EXPECT_EQ(story.cls(shell), OtherPath);
  EXPECT_EQ(story.cls(shell), Fine) << "a way that works counts once";
  EXPECT_EQ(story.cls(denied(shell)), OtherPath) << "one that is refused counts each time";
  Call other_credential = file("config/secrets.yml");
  other_credential.credential = "sha256:b";
  EXPECT_EQ(story.cls(denied(other_credential)), OtherPath);
  Call copy = file("backup/secrets.yml");
  copy.credential = "sha256:a";
  EXPECT_EQ(story.cls(copy), OtherPath) << "another directory";
}

TEST(BarrierOtherPath, ARecordIdThroughAnotherTool) {
  Story story;
  (void)story.tell(denied({.tool = "crm/get_customer", .uri = "crm/customers/C-204411"}));
  EXPECT_EQ(story.cls({.tool = "reports/export", .uri = "reports/by-customer/C-204411", .effect = Effect::Send}), OtherPath);
  EXPECT_EQ(story.cls({.tool = "crm/get_order", .uri = "crm/orders/C-204412"}), Fine);
}

TEST(BarrierOtherPath, ABranchNameAloneIsNoObject) {
  Story story;
  Call here = commit("main"), there = commit("main");
  there.tool = "git/get_tree";
  there.uri = "repos/billing-api/trees/main";
  (void)story.tell(denied(here));
  EXPECT_EQ(story.cls(there), Fine) << "main of another repository";
  there.uri = kRepo + "commits/main";
  EXPECT_EQ(story.cls(there), OtherPath) << "repository and ref";
}

TEST(BarrierOtherPath, DeclaredNextStepsAndReadingWhatWasRefusedForAChangeAreNone) {
  Story story;
  (void)story.tell(denied(file("config/secrets.yml")));
  EXPECT_EQ(story.cls({.tool = "git/list_files", .uri = kRepo + "files/config/secrets.yml", .action = kList}), Fine) << "barriers.then";
  Call cancel{.tool = "shop/cancel", .uri = "orders/W-771234", .effect = Effect::Delete};
  (void)story.tell(denied(cancel));
  EXPECT_EQ(story.cls({.tool = "shop/get", .uri = "orders/W-771234"}), Fine);
  EXPECT_EQ(story.cls({.tool = "shop/refund", .uri = "orders/W-771234", .effect = Effect::Transfer}), OtherPath);
}

TEST(BarrierOtherPath, AGuessedPlaceForTheSameNameIsAGuess) {
  Story story;
  story.task("Find billing-core.jar in build/libs");
  (void)story.tell(denied(file("build/libs/billing-core.jar")));
  EXPECT_EQ(story.cls(denied(file("target/billing-core.jar"))), Guess);
}

TEST(BarrierOtherPath, ASuccessOnTheSameWayEndsTheRefusal) {
  Story story = after_denial();
  EXPECT_EQ(story.cls(commit(kSha)), Fine);
  Call tree = commit(kSha);
  tree.tool = "git/get_tree";
  EXPECT_EQ(story.cls(tree), Fine);
}

TEST(BarrierEscalation, FromReadingToChangingTheRefusedObject) {
  Story story;
  (void)story.tell(denied(file("config/secrets.yml")));
  Call write = file("config/secrets.yml");
  write.tool = "git/put_file";
  write.effect = Effect::Write;
  EXPECT_EQ(story.cls(write), Escalation);
  EXPECT_EQ(story.cls(write), Fine) << "a way that works counts once";
  EXPECT_EQ(story.cls(denied(write)), Escalation);
  write.args = {{"path", "docs/readme.md"}};
  write.uri = kRepo + "files/docs/readme.md";
  EXPECT_EQ(story.cls(write), Fine) << "another object";
}

TEST(BarrierEscalation, ACredentialTheSessionHasNotUsedBefore) {
  Story story;
  Call refused = denied(commit(kSha));
  refused.credential = "sha256:a";
  (void)story.tell(refused);
  Call stronger = commit(kSha);
  stronger.credential = "sha256:new";
  EXPECT_EQ(story.cls(denied(stronger)), Escalation);
  EXPECT_EQ(story.cls(denied(stronger)), OtherPath) << "no longer new";
}

TEST(BarrierEscalation, AskingForRightsUnlessTheJobDeclaresIt) {
  Story story = after_denial();
  EXPECT_EQ(story.cls({.tool = "iam/add_role_binding", .uri = "iam/roles/reader", .effect = std::nullopt}), Escalation);
  EXPECT_EQ(story.cls({.tool = "iam/create_token", .uri = "iam/tokens/t-1", .effect = Effect::Admin}), Escalation);
  Call asking{.tool = "access/request", .uri = kRepo + "commits/" + kSha, .effect = Effect::Admin, .action = kAsk};
  EXPECT_EQ(story.cls(asking), Fine) << "an action that needs approval asks a person";
  asking.action = kList;
  EXPECT_EQ(story.cls(asking), Fine) << "a declared next step";
  EXPECT_EQ(story.cls({.tool = "iam/create_user", .uri = "iam/users/u-1", .effect = Effect::Admin, .action = kAdminister}), Fine)
      << "an administrator's ordinary work";
  EXPECT_EQ(story.cls({.tool = "iam/list_roles", .uri = "iam/roles", .effect = Effect::Read}), Fine);
}

TEST(BarrierSilence, OurOwnRefusalsLeaveNoTrace) {
  Story story;
  story.task("Read " + kSha);
  Call refused = denied(commit(kSha));
  refused.own_refusal = true;
  EXPECT_EQ(story.tell(refused).kind, Reading::Kind::Silent);
  EXPECT_EQ(story.tell(commit("main")).context, 0);
  EXPECT_EQ(story.agent().memory[static_cast<std::size_t>(ChannelId::Barrier)], nullptr);
  Call elsewhere = denied(commit(kSha));
  elsewhere.session = "s2";
  EXPECT_EQ(story.cls(elsewhere), NewTarget) << "no dead end";
}

TEST(BarrierSilence, WhatAContextFactExplainsIsMuted) {
  Story story;
  story.task("Read " + kSha);
  Call refused = denied(commit(kSha));
  refused.explained = true;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(story.tell(refused).kind, Reading::Kind::Muted);
  EXPECT_EQ(story.alert(), 0);
  EXPECT_EQ(story.tell(commit("main")).context, 0);
  EXPECT_EQ(story.cls(denied(commit(kSha))), NewTarget) << "nothing was remembered of it";
  Call fine = commit("main");
  fine.explained = true;
  EXPECT_EQ(story.cls(fine), Fine) << "only refusals are muted";
}

TEST(BarrierSilence, AnOutageThatWasOnlyObservedExplainsRefusalsButNothingMadeUp) {
  Story story;
  story.task("Read " + kSha);
  Call refused = denied(commit(kSha));
  refused.seems_out = true;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(story.tell(refused).kind, Reading::Kind::Muted) << "what it was asked to read";
  EXPECT_EQ(story.alert(), 0);

  Story guessing = after_denial();
  const auto observed = [&](Call call) {
    call.seems_out = true;
    return guessing.tell(call);
  };
  EXPECT_EQ(observed(denied(commit(kSha + "7"))).cls, static_cast<std::uint8_t>(NearMiss));
  EXPECT_EQ(observed(missed(commit(kSha.substr(1)))).cls, static_cast<std::uint8_t>(NearMiss));
  EXPECT_EQ(observed(denied(commit("05445d21b6c9948c738d9cf73fe7f5f927ffc106"))).cls, static_cast<std::uint8_t>(Guess));
}

TEST(BarrierSilence, RequestsAndOtherKindsAreNotJudged) {
  Story story;
  Call asked = commit(kSha);
  asked.phase = Phase::Request;
  EXPECT_EQ(story.tell(asked).kind, Reading::Kind::Silent);
}

TEST(BarrierSilence, OfAnUnknownOutcomeNoRefusalIsKnown) {
  Story story = after_denial();
  Call unknown = commit("main");
  unknown.outcome = Outcome::Unknown;
  const Reading reading = story.tell(unknown);
  EXPECT_EQ(reading.kind, Reading::Kind::Marked) << "it is one of the calls of which a share may be refused";
  EXPECT_EQ(static_cast<BarrierClass>(reading.cls), Fine);
  EXPECT_EQ(reading.lacking, bit_of(Lacking::Outcome));
  EXPECT_EQ(story.tell(commit("main")).context, 1) << "the context stands";
}

}  // namespace
}  // namespace ringfence
