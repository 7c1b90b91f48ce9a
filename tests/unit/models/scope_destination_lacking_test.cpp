// SPDX-License-Identifier: Apache-2.0
// Acts that do not say where they go.
#include <gtest/gtest.h>

#include <functional>

#include "models/scope.h"
#include "tests/unit/models/scope_world.h"

namespace ringfence::testing {
namespace {

/// Whether an act lacks a destination under a job without a word on destinations, but for `change`.
bool lacks_destination(Made made, const std::function<void(Persona&)>& change) {
  World each{scope_channel()};
  each.job.destinations = {};
  change(each.job);
  return lacks(each.read(std::move(made)), Lacking::Destination);
}

TEST(ActThatDoesNotSayWhereItGoes, LacksADestinationWhereItGoesSomewhere) {
  const auto with_effect = [](Effect effect) { return [effect](Persona& job) { job.actions.front().effect = effect; }; };
  EXPECT_FALSE(lacks_destination(call("files/read"), with_effect(Effect::Read))) << "a read goes nowhere";
  for (const Effect effect : {Effect::Send, Effect::Transfer}) {
    EXPECT_TRUE(lacks_destination(call("files/read"), with_effect(effect)));
    EXPECT_FALSE(lacks_destination(call("files/read").host("evil.example"), with_effect(effect)));
  }
  const auto marked = [](Persona& job) {
    job.actions.front().arguments.push_back(rule("to"));
    job.actions.front().arguments.back().destination = true;
  };
  EXPECT_TRUE(lacks_destination(call("files/read"), marked));
  EXPECT_FALSE(lacks_destination(call("files/read").with("to", "evil.example"), marked));
}

TEST(ActThatDoesNotSayWhereItGoes, LacksNothingWhereTheJobLimitsNoDestination) {
  const auto sends = [](const std::function<void(Persona&)>& more) {
    return lacks_destination(call("files/read"), [&](Persona& job) {
      job.actions.front().effect = Effect::Send;
      job.destinations.external = External::Any;
      more(job);
    });
  };
  EXPECT_FALSE(sends([](Persona&) {}));
  EXPECT_FALSE(sends([](Persona& job) { job.flows.push_back({"secret", FlowRule::To::External, std::nullopt, true}); }));
  EXPECT_TRUE(sends([](Persona& job) { job.flows.push_back({"secret", FlowRule::To::External, std::nullopt, false}); }));
  EXPECT_TRUE(sends([](Persona& job) { job.destinations.new_per_day = 1; }));
}

}  // namespace
}  // namespace ringfence::testing
