// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <utility>

#include "engine/event/level.h"
#include "engine/pipeline/judge.h"

namespace ringfence {

/// The progress bar's line: `[####....]  40 %  1024 events`, or the events alone where `total` is not known (0).
[[nodiscard]] std::string bar_line(std::uint64_t read, std::uint64_t total, std::uint64_t events);

/// Tells a person on a terminal what the engine decides: a line for each finding record, a progress bar where there is a terminal, and at
/// the end the table of agents. Every value of an event is escaped. Writes to one stream; one thread.
class Transcript {
 public:
  /// `lines`: a line per finding record. Colour and the bar only where `out` is a terminal.
  Transcript(std::FILE* out, bool lines);

  void tell(const Judgement& judgement);
  /// Bytes read so far of `total` (0: unknown). Drawn where the percentage has changed, without a total every so many events.
  void progress(std::uint64_t read, std::uint64_t total, std::uint64_t events);
  /// Agents with level, score and leading threat, worst first; at most `rows` of them, the rest counted.
  void table(std::size_t rows = 20);

 private:
  struct Row {
    Level level = Level::Observe;
    double score = 0, top_score = 0;
    std::string threat, persona;
    std::uint64_t calls = 0, findings = 0, stopped = 0;
  };
  void clear_bar();

  std::FILE* out_;
  bool lines_, terminal_, bar_shown_ = false;
  std::uint64_t last_shown_ = 0;                               // percent, or events where there is no total
  std::map<std::pair<std::string, std::string>, Row> agents_;  // tenant and agent
};

}  // namespace ringfence
