// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <string>
#include <utility>

#include "models/limits_channel.h"
#include "tests/unit/models/scope_world.h"

namespace ringfence::testing {

inline Ladder at_most(double max) { return {std::nullopt, std::nullopt, max}; }

struct Limits : ::testing::Test {
  World world{limits_channel()};
  void holds(Made made) { EXPECT_THAT(world.breaks(std::move(made)), ::testing::IsEmpty()); }
  std::string broken(Made made) {
    const Reading reading = world.read(std::move(made));
    EXPECT_THAT(World::uids(reading), ::testing::ElementsAre("limit.hard"));
    return reading.breaches.empty() ? "" : reading.breaches.front().what;
  }
  void is_too_late(Made made) {
    const Reading reading = world.read(std::move(made));
    EXPECT_THAT(reading.breaches, ::testing::IsEmpty());
    EXPECT_TRUE(lacks(reading, Lacking::Past));
  }
  void mark_identifier(std::string name, std::string kind) {
    world.job.actions.front().arguments.push_back(rule(std::move(name)));
    world.job.actions.front().arguments.back().identifier = true;
    world.job.actions.front().arguments.back().identifier_kind = std::move(kind);
  }
};

}  // namespace ringfence::testing
