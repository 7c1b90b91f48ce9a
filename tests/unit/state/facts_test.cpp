// SPDX-License-Identifier: Apache-2.0
#include "engine/state/facts.h"

#include <gmock/gmock.h>

#include <limits>

namespace ringfence {
namespace {

constexpr EventTime kNow{1'795'168'800'000'000'000};

Event change(std::string_view scope, ChangeKind kind = ChangeKind::Deploy, std::string_view tenant = "corp", EventTime time = kNow) {
  Event event;
  event.kind = EventKind::ContextChange;
  event.change = kind;
  event.scope = scope;
  event.tenant = tenant;
  event.time = time;
  return event;
}

Event act(Nanos after = {}, std::string_view tenant = "corp") {
  Event event;
  event.tenant = tenant;
  event.agent.id = "agent-1";
  event.tool.server = "git";
  event.tool.name = "get/commit";
  event.time = kNow + after;
  return event;
}

bool explains(std::string_view scope, const Event& event, std::string_view tenant = "corp") {
  Facts facts;
  EXPECT_TRUE(facts.apply(change(scope, ChangeKind::Deploy, tenant)));
  return facts.explains(event, "maintainer");
}

TEST(Facts, ExplainWhatTheirScopeCovers) {
  for (const char* scope : {"agent:agent-1", "persona:maintainer", "server:git", "tool:git/get/commit", "tenant:corp", "*"})
    EXPECT_TRUE(explains(scope, act())) << scope;
  for (const char* scope :
       {"agent:agent-2", "persona:other", "server:gi", "tool:git/get", "tool:git/get/commits", "tool:gi/tget/commit", "tenant:other"}) {
    EXPECT_FALSE(explains(scope, act())) << scope;
  }
}

TEST(Facts, ActWithoutServerIsCoveredByNoServerOrTool) {
  Event bare = act();
  bare.tool.server.reset();
  EXPECT_FALSE(explains("server:git", bare));
  EXPECT_FALSE(explains("tool:git/get/commit", bare));
  EXPECT_TRUE(explains("agent:agent-1", bare));
}

TEST(Facts, MalformedScopeChangesNothing) {
  for (const char* scope : {"", ":", "agent:", "agent", "host:x", "tool:git", "tool:/get", "tool:git/", "**", "agent-1"}) {
    Facts facts;
    EXPECT_FALSE(facts.apply(change(scope))) << scope;
    EXPECT_TRUE(facts.empty()) << scope;
  }
}

TEST(Facts, OnlyContextChangesAreFacts) {
  Event call = change("*");
  call.kind = EventKind::ToolCall;
  Facts facts;
  EXPECT_FALSE(facts.apply(call));
}

TEST(Facts, HoldInTheirOwnTenant) {
  EXPECT_FALSE(explains("*", act({}, "corp"), "other"));
  EXPECT_FALSE(explains("tenant:corp", act({}, "corp"), "other")) << "no tenant may speak for another";
  EXPECT_FALSE(explains("server:git", act({}, "corp"), "default"));
}

TEST(Facts, TenantAndStarOfTheDefaultTenantHoldEverywhere) {
  EXPECT_TRUE(explains("*", act({}, "corp"), "default"));
  EXPECT_TRUE(explains("tenant:corp", act({}, "corp"), "default"));
  EXPECT_FALSE(explains("tenant:corp", act({}, "other"), "default"));
}

TEST(Facts, ChangeExplainsForFifteenMinutes) {
  for (const ChangeKind kind : {ChangeKind::Policy, ChangeKind::Credential, ChangeKind::Deploy}) {
    Facts facts;
    EXPECT_TRUE(facts.apply(change("*", kind)));
    EXPECT_FALSE(facts.explains(act(Nanos{-1}), "p"));
    EXPECT_TRUE(facts.explains(act(), "p"));
    EXPECT_TRUE(facts.explains(act(Nanos{minutes(15).value - 1}), "p"));
    EXPECT_FALSE(facts.explains(act(minutes(15)), "p"));
  }
}

TEST(Facts, OutageExplainsUntilItsEnd) {
  Facts facts;
  EXPECT_TRUE(facts.apply(change("server:git", ChangeKind::OutageStart)));
  EXPECT_TRUE(facts.explains(act(hours(2)), "p"));
  EXPECT_TRUE(facts.apply(change("server:git", ChangeKind::OutageEnd, "corp", kNow + hours(1))));
  EXPECT_TRUE(facts.explains(act(minutes(59)), "p")) << "a late event of the outage";
  EXPECT_FALSE(facts.explains(act(hours(1)), "p"));
}

TEST(Facts, AnOutageThatWasOnlyObservedIsNoAnnouncement) {
  Facts facts;
  Event found = change("server:git", ChangeKind::OutageStart);
  found.source.product = kObservingProduct;
  EXPECT_TRUE(facts.apply(found));
  EXPECT_FALSE(facts.explains(act(), "p"));
  EXPECT_TRUE(facts.seems_out(act(), "p"));
  EXPECT_TRUE(facts.apply(change("server:git", ChangeKind::OutageStart)));
  EXPECT_TRUE(facts.explains(act(), "p"));

  Event back = change("server:git", ChangeKind::OutageEnd, "corp", kNow + minutes(1));
  back.source.product = kObservingProduct;
  EXPECT_TRUE(facts.apply(back));
  EXPECT_FALSE(facts.seems_out(act(minutes(2)), "p"));
  EXPECT_TRUE(facts.explains(act(minutes(2)), "p")) << "what was announced ends by an announcement";
}

TEST(Facts, OutageWithoutEndExplainsForFourHours) {
  Facts facts;
  EXPECT_TRUE(facts.apply(change("*", ChangeKind::OutageStart)));
  EXPECT_TRUE(facts.explains(act(Nanos{hours(4).value - 1}), "p"));
  EXPECT_FALSE(facts.explains(act(hours(4)), "p"));
}

TEST(Facts, OutageEndsOnlyWhatItNamesAndWhatBeganBeforeIt) {
  Facts facts;
  EXPECT_TRUE(facts.apply(change("server:git", ChangeKind::OutageStart)));
  EXPECT_TRUE(facts.apply(change("server:ci", ChangeKind::OutageEnd)));
  EXPECT_TRUE(facts.apply(change("server:git", ChangeKind::OutageEnd, "other")));
  EXPECT_TRUE(facts.apply(change("server:git", ChangeKind::OutageEnd, "corp", kNow - hours(1))));
  EXPECT_TRUE(facts.explains(act(hours(1)), "p"));
  EXPECT_TRUE(facts.apply(change("server:git", ChangeKind::OutageEnd)));
  EXPECT_TRUE(facts.empty());
}

TEST(Facts, AreBoundedAndTheOldestLeave) {
  Facts facts;
  EXPECT_TRUE(facts.apply(change("agent:agent-1")));
  for (int i = 0; i < 4096; ++i) {
    const std::string scope = "server:s" + std::to_string(i);
    EXPECT_TRUE(facts.apply(change(scope)));
  }
  EXPECT_EQ(facts.all().size(), 4096U);
  EXPECT_FALSE(facts.explains(act(), "p"));
}

TEST(Facts, EndOfTimeDoesNotOverflow) {
  Facts facts;
  const EventTime last{std::numeric_limits<std::int64_t>::max()};
  EXPECT_TRUE(facts.apply(change("*", ChangeKind::OutageStart, "corp", last - Nanos{1})));
  EXPECT_EQ(facts.all().front().until, last);
}

TEST(Facts, AChangeOfCredentialsIsRememberedBeyondItsMuting) {
  Facts facts;
  ASSERT_TRUE(facts.apply(change("agent:agent-1", ChangeKind::Credential)));
  EXPECT_EQ(facts.credential_changed(act(seconds(1)), "maintainer"), kNow);
  ASSERT_FALSE(facts.explains(act(hours(2)), "maintainer"));
  EXPECT_EQ(facts.credential_changed(act(hours(2)), "maintainer"), kNow);
}

TEST(Facts, TheLatestChangeOfCredentialsBeforeTheActCounts) {
  Facts facts;
  ASSERT_TRUE(facts.apply(change("agent:agent-1", ChangeKind::Credential)));
  ASSERT_TRUE(facts.apply(change("persona:maintainer", ChangeKind::Credential, "corp", kNow + hours(1))));
  EXPECT_EQ(facts.credential_changed(act(minutes(59)), "maintainer"), kNow) << "the second has not begun";
  EXPECT_EQ(facts.credential_changed(act(hours(1)), "maintainer"), kNow + hours(1));
  EXPECT_EQ(facts.credential_changed(act(hours(1)), "other"), kNow) << "it is about another job";
  EXPECT_EQ(facts.credential_changed(act(seconds(-1)), "maintainer"), std::nullopt);
}

TEST(Facts, OtherChangesAndOtherAgentsChangeNoCredential) {
  Facts facts;
  ASSERT_TRUE(facts.apply(change("agent:agent-1", ChangeKind::Deploy)));
  ASSERT_TRUE(facts.apply(change("agent:agent-1", ChangeKind::Policy)));
  ASSERT_TRUE(facts.apply(change("agent:agent-2", ChangeKind::Credential)));
  ASSERT_TRUE(facts.apply(change("agent:agent-1", ChangeKind::Credential, "elsewhere")));
  EXPECT_EQ(facts.credential_changed(act(seconds(1)), "maintainer"), std::nullopt);
}

}  // namespace
}  // namespace ringfence
