// SPDX-License-Identifier: Apache-2.0
// Trees of delegation that are stopped as a whole.
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/unit/pipeline/watch.h"

namespace ringfence {
namespace {

using testing::command_on;
using testing::Watch;

struct Tree : ::testing::Test {
  Watch watch{"mode: enforce, scope: subtree, undeclared: {transfer: halt}"};
  const std::string scope = scope_key("subtree", "default", "chief");

  Judgement work(const std::string& agent, const std::string& root = "chief") {
    return watch.see({.session = "of-" + agent, .agent = agent, .more = R"(,"delegation":{"root":")" + root + "\"}"});
  }
  static std::vector<std::string> contained(const std::vector<ContainmentRecord>& records) {
    std::vector<std::string> out;
    for (const ContainmentRecord& record : records) out.push_back((record.contained ? "" : "free ") + record.scope);
    return out;
  }
};

TEST_F(Tree, APersonsHaltStopsByNameWhoIsKnownToWorkThereAndAReleaseFreesThem) {
  (void)work("clerk-1");
  (void)work("clerk-2");
  (void)work("clerk-3", "other-chief");
  const Operated halted = watch.operate(command_on("halt", scope));
  EXPECT_EQ(halted.answer, CommandAnswer::Done);
  ASSERT_TRUE(halted.judgement);
  EXPECT_THAT(contained(halted.judgement->containments), ::testing::UnorderedElementsAre("agent:default/clerk-1", "agent:default/clerk-2"))
      << "the root's own record is the person's";
  for (const ContainmentRecord& record : halted.judgement->containments) {
    EXPECT_EQ(record.finding_uid, halted_by("ada"));
    EXPECT_EQ(record.approver, "grace") << "a person has decided: the blast radius holds nothing back";
    EXPECT_THAT(record.reason, ::testing::HasSubstr("ordered by the desk"));
  }
  EXPECT_FALSE(watch.operate(command_on("halt", scope)).judgement) << "said once";
  const Operated freed = watch.operate(command_on("release", scope));
  ASSERT_TRUE(freed.judgement);
  EXPECT_THAT(contained(freed.judgement->containments),
              ::testing::UnorderedElementsAre("free agent:default/clerk-1", "free agent:default/clerk-2"));
  EXPECT_THAT(work("clerk-1").containments, ::testing::IsEmpty()) << "it works on";
}

TEST_F(Tree, AMemberThatAPersonsHaltStoppedIsNotSaidAgainAtItsNextCall) {
  (void)work("clerk-1");
  (void)watch.operate(command_on("halt", scope));
  EXPECT_THAT(work("clerk-1").containments, ::testing::IsEmpty());
  EXPECT_THAT(contained(work("clerk-2").containments), ::testing::ElementsAre("agent:default/clerk-2")) << "who appears later";
}

TEST_F(Tree, WhoHaltsOneAgentDoesNotHaltThoseItLeads) {
  (void)work("clerk-2", "clerk-1");
  (void)watch.operate(command_on("halt", "agent:default/clerk-1"));
  EXPECT_THAT(work("clerk-1").containments, ::testing::IsEmpty()) << "its job says `scope: subtree`; the person did not";
  EXPECT_THAT(work("clerk-2", "clerk-1").containments, ::testing::IsEmpty());
}

TEST_F(Tree, AHaltOfATreeNobodyIsKnownToWorkInStopsNobodyByName) {
  (void)work("clerk-3", "other-chief");
  const Operated halted = watch.operate(command_on("halt", scope));
  EXPECT_TRUE(!halted.judgement || halted.judgement->containments.empty());
}

TEST_F(Tree, TheHaltOfAMemberWhoseJobStopsItsTreeStopsOnlyWhoWorksBelowIt) {
  (void)work("clerk-2", "clerk-1");
  (void)work("clerk-3", "clerk-1");
  (void)work("clerk-1", "chief");
  const Judgement halted = watch.see({.tool = "bank/transfer", .session = "of-clerk-1", .agent = "clerk-1", .effect = "transfer"});
  ASSERT_EQ(halted.verdict.level, Level::Halt);
  std::vector<std::string> scopes = contained(halted.containments);
  std::ranges::sort(scopes);
  EXPECT_THAT(scopes, ::testing::ElementsAre("agent:default/clerk-2", "agent:default/clerk-3", "subtree:default/clerk-1"));
  const auto member = std::ranges::find(halted.containments, "agent:default/clerk-2", &ContainmentRecord::scope);
  EXPECT_EQ(member->finding_uid, halted.containments.front().finding_uid);
  EXPECT_THAT(member->reason, ::testing::HasSubstr("works in subtree:default/clerk-1"));
  EXPECT_EQ(member->approver, "") << "no person has decided: the blast radius counts it";
}

TEST_F(Tree, ATreeThatWasReleasedBeforeAnybodyWorkedInItStopsNobody) {
  (void)watch.see({.tool = "bank/transfer", .session = "of-clerk-1", .agent = "clerk-1", .effect = "transfer"});
  EXPECT_EQ(watch.operate(command_on("release", scope_key("subtree", "default", "clerk-1"))).answer, CommandAnswer::Done);
  EXPECT_THAT(work("clerk-2", "clerk-1").containments, ::testing::IsEmpty());
}

}  // namespace
}  // namespace ringfence
