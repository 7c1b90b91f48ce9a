// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/event/level.h"

namespace ringfence::scenario {

/// What a scenario says must be so, right after the event before it.
struct Expectation {
  enum class Kind {
    LevelIs,       // the last verdict's level
    LevelBy,       // reached not later than the n-th call since `mark`
    NeverAbove,    // no verdict since `mark` is above this level
    ScoreBelow,    // no score since `mark` reaches this
    Finding,       // this analytic has a finding
    NoFinding,     // this analytic, or `any`, has none
    Refused,       // the last record was refused for this reason
  } kind{};
  int line = 0;
  std::size_t after = 0;  // number of events before it
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
  std::vector<std::size_t> marks;       // number of events before each mark
  std::vector<Expectation> expectations;
};

/// The scenario in `file`, or `file:line: message`.
[[nodiscard]] std::expected<Scenario, std::string> load(const std::filesystem::path& file);

/// What came of a run, in the form all runs of a scenario are compared in.
struct Trace {
  struct Verdict {
    std::string id, level, refused;
    double score = 0;
  };
  std::vector<Verdict> verdicts;       // one an event, in order
  std::vector<std::string> findings;   // analytic uids of Create records, in order
};

/// Every expectation that does not hold, as `line: expected …, saw …`; empty where all hold.
[[nodiscard]] std::vector<std::string> unmet(const Scenario& scenario, const Trace& trace);

}  // namespace ringfence::scenario
