// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/event/level.h"
#include "engine/pipeline/rulebook.h"
#include "engine/verdict/command.h"
#include "engine/verdict/enforcement.h"

namespace ringfence::scenario {

/// What came of one record, in the form runs are compared in.
struct Outcome {
  std::string agent;    // tenant/id; empty where the record shows none
  std::string id;       // of the event; empty where it was refused or is a fact
  std::string refused;  // reason; `command` for an operator's command, `confirmed` for gates' word: neither is an event
  std::string answer;   // to a command
  bool copy = false, fact = false;
  Level level = Level::Observe, applied = Level::Observe;
  double score = 0;
  std::vector<std::string> raised;  // analytic uids of Create records
  struct Controlled {
    std::string word, scope;  // its level, or `released` where one ended
  };
  std::vector<Controlled> controlled;
  std::string lines;  // verdict, findings and containments as they leave, positions left out
};

/// The operator's command that a line of the scenario gave, or nothing where the record is another.
[[nodiscard]] std::optional<Command> command_in(const std::string& record);

/// What gates have confirmed, as a line of the scenario gave it, or nothing where the record is another.
[[nodiscard]] std::optional<Enforcement> confirmed_in(const std::string& record);

/// How records go through the pipeline.
struct Way {
  std::size_t shards = 1;
  /// Asked before each record: whether all states are written, the process gone and started again there.
  std::function<bool(std::size_t record)> restart_before;
  /// Findings about refused records are named after their position, so runs that move positions are compared without them.
  bool positions_move = false;
};

/// Judges records by shards over a table and a store, as the service does.
[[nodiscard]] std::vector<Outcome> run(const std::shared_ptr<const Rulebook>& rules, std::span<const std::string> records, const Way& way);

}  // namespace ringfence::scenario
