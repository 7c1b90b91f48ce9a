// SPDX-License-Identifier: Apache-2.0
#include "engine/verdict/policy.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ringfence {
namespace {

Persona junior() {
  Persona persona;
  persona.response.undeclared.fill(Level::Halt);
  persona.response.undeclared[static_cast<std::size_t>(Effect::Read)] = Level::Alert;
  persona.response.undeclared_default = Level::Revoke;
  return persona;
}

Level level(const Persona& persona, Analytic analytic, std::optional<Effect> effect = Effect::Write) {
  return level_of({.analytic = analytic, .what = "", .level = std::nullopt}, persona, effect);
}

TEST(Scores, EndWhereThePersonasLintSays) {
  double least = 1;
  for (const ThreatInfo& threat : kThreats)
    if (threat.dangerous) least = std::min(least, threat.prior);
  EXPECT_NEAR(least / 2 * static_cast<double>(kGreatestEvidence), 5e27, 1e22) << "kReachedByAll of engine/persona/lint.cpp";
}

TEST(BreachLevel, WhatIsOutsideTheJobGoesByTheEffect) {
  const Persona persona = junior();
  for (const Analytic analytic : {Analytic::ScopeUndeclared, Analytic::ScopeArgument, Analytic::ScopeDestination, Analytic::ScopeTask,
                                  Analytic::ScopeDelegation, Analytic::ScopeApproval, Analytic::WorkflowOrder}) {
    EXPECT_EQ(level(persona, analytic, Effect::Read), Level::Alert) << uid_of(analytic);
    EXPECT_EQ(level(persona, analytic, Effect::Write), Level::Halt) << uid_of(analytic);
    EXPECT_EQ(level(persona, analytic, std::nullopt), Level::Revoke) << uid_of(analytic) << ": an effect nobody names takes default";
  }
}

TEST(BreachLevel, OtherBreaksHaveTheirOwn) {
  Persona persona = junior();
  persona.response.never = Level::Revoke;
  persona.response.hard_limit = Level::Hold;
  EXPECT_EQ(level(persona, Analytic::ScopeNever), Level::Revoke);
  EXPECT_EQ(level(persona, Analytic::LimitHard), Level::Hold);
  EXPECT_EQ(level(persona, Analytic::ScopeSchedule), Level::Alert);
  EXPECT_EQ(level(persona, Analytic::AgentCharterChanged), Level::Alert);
}

TEST(BreachLevel, TheAnalyticsOwnLevelOverridesAnyDefault) {
  Persona persona = junior();
  persona.response.analytics = {{"scope.never", Level::Observe}, {"limit.hard", Level::Halt}};
  EXPECT_EQ(level(persona, Analytic::ScopeNever), Level::Observe);
  EXPECT_EQ(level(persona, Analytic::LimitHard), Level::Halt);
  const Breach fixed{.analytic = Analytic::LimitHard, .what = "", .level = Level::Hold};
  EXPECT_EQ(level_of(fixed, persona, Effect::Send), Level::Halt);
  persona.response.analytics.clear();
  EXPECT_EQ(level_of(fixed, persona, Effect::Send), Level::Hold);
}

TEST(Applied, IsWhatTheModeAllows) {
  for (std::size_t i = 0; i < kLevels; ++i) {
    const auto reached = static_cast<Level>(i);
    EXPECT_EQ(applied_level(reached, Mode::Observe), Level::Observe);
    EXPECT_EQ(applied_level(reached, Mode::Alert), std::min(reached, Level::Alert));
    EXPECT_EQ(applied_level(reached, Mode::Enforce), reached);
  }
}

struct Matter {
  Persona persona;
  PersonaSet set;
  AgentState agent;
  SessionState session;
  Event event;

  Matter() {
    Action action;
    action.id = "post";
    persona.actions.push_back(action);
    event.kind = EventKind::ToolCall;
    event.agent.id = "clerk-1";
    event.tool.server = "mail";
    event.tool.name = "post";
    event.resource.uri = "box/out";
    event.time = EventTime{1000};
  }
  bool excepted(Exception exception, std::optional<ActionIndex> action = ActionIndex{0}, const std::vector<std::string>& targets = {}) {
    exception.analytic = "scope.destination";
    if (exception.expires == EventTime{}) exception.expires = EventTime{2000};
    persona.exceptions = {std::move(exception)};
    const Act act{event, persona, set, {.action = action}, Effect::Send, agent, session};
    return ringfence::excepted(persona, Analytic::ScopeDestination, act, targets);
  }
};

TEST(Exceptions, HoldOnlyWhereAllTheyNameHolds) {
  Matter matter;
  EXPECT_TRUE(matter.excepted({.agent = Glob("clerk-*"), .action = Glob("post"), .tool = Glob("mail/*"), .resource = Glob("box/*")}));
  EXPECT_FALSE(matter.excepted({.agent = Glob("clerk-*"), .tool = Glob("files/*")}));
  EXPECT_FALSE(matter.excepted({.action = Glob("**")}, std::nullopt)) << "no action, no match";
  EXPECT_FALSE(matter.excepted({.agent = Glob("clerk-*"), .destination = Glob("**")})) << "the act goes nowhere";
}

TEST(Exceptions, ForToolsOfAServerHoldWhereTheServerIsSaid) {
  Matter matter;
  EXPECT_TRUE(matter.excepted({.tool = Glob("mail/post")}));
  matter.event.tool.server = std::nullopt;
  EXPECT_FALSE(matter.excepted({.tool = Glob("mail/post")})) << "it may be the post of another server";
  EXPECT_FALSE(matter.excepted({.tool = Glob("mail/*")}));
  EXPECT_TRUE(matter.excepted({.tool = Glob("post")})) << "of whichever server";
}

TEST(Exceptions, CoverAllPlacesAtFaultOrNone) {
  Matter matter;
  const auto covers = [&](const char* glob, const std::vector<std::string>& targets) {
    return matter.excepted({.destination = Glob(glob)}, ActionIndex{0}, targets);
  };
  EXPECT_TRUE(covers("partner.example", {"partner.example"}));
  EXPECT_TRUE(covers("partner.example", {"bob@partner.example", "https://Partner.Example/in"})) << "by the host they lead to";
  EXPECT_TRUE(covers("bob@partner.example", {"bob@partner.example"}));
  EXPECT_FALSE(covers("bob@partner.example", {"bob@partner.example", "eve@partner.example"}));
  EXPECT_FALSE(covers("partner.example", {"partner.example", "evil.example"}));
  EXPECT_FALSE(covers("partner.example", {"https://partner.example\\@evil.example/"}));
  EXPECT_TRUE(covers("GB29*", {"GB29NWBK"}));
}

TEST(Exceptions, OfWhatNamesNoPlaceItselfCoverAllTheActNames) {
  Matter matter;
  const std::vector<std::string_view> hosts{"partner.example", "evil.example"}, account{"GB29NWBK"};
  matter.event.destination.hosts = std::span(hosts).first(1);
  matter.event.destination.accounts = account;
  EXPECT_TRUE(matter.excepted({.destination = Glob("partner.example")})) << "an account there is no other place";
  EXPECT_TRUE(matter.excepted({.destination = Glob("GB29*")}));
  matter.event.destination.hosts = hosts;
  EXPECT_FALSE(matter.excepted({.destination = Glob("partner.example")}));
}

TEST(Exceptions, NameAToolAsThePersonaDoesWithOrWithoutItsServer) {
  Matter matter;
  EXPECT_TRUE(matter.excepted({.tool = Glob("post")}));
  EXPECT_TRUE(matter.excepted({.tool = Glob("mail/post")}));
  EXPECT_FALSE(matter.excepted({.tool = Glob("web/post")}));
}

TEST(Exceptions, HoldThroughTheirLastMoment) {
  Matter matter;
  EXPECT_TRUE(matter.excepted({.tool = Glob("post"), .expires = EventTime{1000}}));
  EXPECT_FALSE(matter.excepted({.tool = Glob("post"), .expires = EventTime{999}}));
}

TEST(Exceptions, AreOfOneAnalytic) {
  Matter matter;
  ASSERT_TRUE(matter.excepted({.tool = Glob("post")}));
  const Act act{matter.event, matter.persona, matter.set, {}, Effect::Send, matter.agent, matter.session};
  EXPECT_FALSE(excepted(matter.persona, Analytic::ScopeNever, act));
}

}  // namespace
}  // namespace ringfence
