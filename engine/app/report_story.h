// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "connectors/encoders/report.h"
#include "engine/pipeline/rulebook.h"

namespace ringfence {

/// What an agent did, judged again from the records: for a report's curve, list of calls and containments. The same arithmetic as the run
/// that made the finding, because it is the same code.
struct Story {
  std::vector<ReportCall> calls;  // the last 2,000
  std::size_t calls_left_out = 0;
  std::vector<std::string> containments;
};

/// Reads the files (NDJSON, .gz, .zst) and judges those records that are the agent's or facts about the fleet. The error names the file.
[[nodiscard]] std::expected<Story, std::string> tell_story(const Rulebook& rules, const std::string& tenant, const std::string& agent,
                                                           const std::vector<std::string>& files);

}  // namespace ringfence
