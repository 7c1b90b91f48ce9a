// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "engine/event/level.h"
#include "tests/scenario/runner.h"

namespace ringfence::scenario {

/// What a scenario says must be so, right after the event before it.
struct Expectation {
  enum class Kind {
    LevelIs,     // the last verdict's level
    LevelBy,     // reached not later than the n-th call since `mark`
    NeverAbove,  // no verdict since `mark` is above this level
    ScoreBelow,  // no score since `mark` reaches this
    Finding,     // this analytic has a finding
    NoFinding,   // this analytic, or `any`, has none
    Refused,     // the last record was refused for this reason
    AppliedIs,   // what response.mode made of the last verdict's level
    Copy,        // the last event was a copy of a known act
    Control,     // a containment at this level, of this scope or any, was published since `mark`
    NoControl,   // none was
    Released,    // one ended since `mark`
    Answer,      // what became of the last command
  } kind{};
  bool aim = false;  // reported where it is missed, never a failure
  int line = 0;
  std::size_t after = 0;  // number of events before it
  std::size_t since = 0;  // number of events before the last `mark` above it
  Level level = Level::Observe;
  std::size_t calls = 0;
  double score = 0;
  std::string text;
};

/// A story as text, compiled into canonical events (one JSON line each) and expectations. The language stands in tests/scenario/README.md.
struct Scenario {
  std::string name;
  std::filesystem::path personas;
  std::vector<std::string> events;
  std::vector<std::size_t> restarts;  // number of events before each restart
  std::vector<Expectation> expectations;
};

/// The scenario in `file`, or `file:line: message`.
[[nodiscard]] std::expected<Scenario, std::string> load(const std::filesystem::path& file);

/// Expectations that do not hold, as `line: expected …, saw …`.
struct Unmet {
  std::vector<std::string> expectations, aims;
};
[[nodiscard]] Unmet unmet(const Scenario& scenario, std::span<const Outcome> outcomes);

}  // namespace ringfence::scenario
