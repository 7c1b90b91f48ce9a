// SPDX-License-Identifier: Apache-2.0
// What a delegate is held to: its own maxima and those of its parent's job.
#include <gtest/gtest.h>

#include "tests/unit/models/limits_world.h"

namespace ringfence::testing {
namespace {

struct LimitsOfADelegate : Limits {
  Persona desk;
  void SetUp() override {
    desk.id = "desk";
    desk.version = "1";
    world.parent = &desk;
  }
};

TEST_F(LimitsOfADelegate, TheNarrowerMaximumOfACallHolds) {
  world.job.per_call.records = at_most(500);
  desk.per_call.records = at_most(50);
  holds(call("files/read").records(50));
  EXPECT_EQ(broken(call("files/read").records(51)),
            "51 records in one call for the job desk@1 it was delegated from, declared are at most 50");
  world.parent = nullptr;
  holds(call("files/read").records(500));
}

TEST_F(LimitsOfADelegate, WhatItDoesForItselfDoesNotCountForTheParent) {
  desk.per_day.records = at_most(10);
  world.parent = nullptr;
  holds(call("files/read").records(100));
  world.parent = &desk;
  holds(call("files/read").session("s1").records(6));
  world.restart();
  EXPECT_EQ(broken(call("files/read").session("s2").records(5)),
            "11 records today for the job desk@1 it was delegated from, declared are at most 10");
}

TEST_F(LimitsOfADelegate, OwnMaximaHoldForEveryParentTogether) {
  Persona office;
  office.id = "office";
  world.job.per_day.records = at_most(10);
  holds(call("files/read").records(6));
  world.parent = &office;
  EXPECT_EQ(broken(call("files/read").records(6)), "12 records today, declared are at most 10");
}

TEST_F(LimitsOfADelegate, DistinctValuesAreCountedUnderTheParentsMaximum) {
  mark_identifier("customer", "customer");
  desk.per_session.entities = at_most(1);
  desk.actions = world.job.actions;
  holds(call("files/read").with("customer", "C-1"));
  holds(call("files/read").with("customer", "C-1"));
  broken(call("files/read").with("customer", "C-2"));
}

TEST_F(LimitsOfADelegate, CallsOfAMinuteAreHeldToTheNarrowerMaximum) {
  world.job.calls_per_minute = at_most(3);
  desk.calls_per_minute = at_most(2);
  holds(call("files/read"));
  holds(call("files/read"));
  EXPECT_EQ(broken(call("files/read")), "3 calls in this minute, declared are at most 2");
}

}  // namespace
}  // namespace ringfence::testing
