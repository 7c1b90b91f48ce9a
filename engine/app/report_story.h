// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/encoders/report.h"
#include "engine/app/file_run.h"
#include "engine/pipeline/rulebook.h"

namespace ringfence {

/// What an agent did, judged again from the records: for a report's curve and list of calls. The same arithmetic as the run that made the
/// finding, because it is the run of `replay` over all that is given: other agents' acts count as they did, commands and confirmations as
/// far as a context log brings them.
struct Story {
  std::vector<ReportCall> calls;  // the last 2,000
  std::size_t calls_left_out = 0;
  std::optional<Level> found;  // the finding came of it again: the highest level of its records
};

/// Whom and what to tell of.
struct StoryOf {
  std::string tenant, agent, finding_uid;
  /// What stood at calls behind this is not known: people freed the agent, and no context log says where.
  std::optional<EventTime> known_until;
};

/// Judges what `options` give, nothing of it written. Memory is bounded as a replay's is. TERM and INT end it, which is an error too.
[[nodiscard]] std::expected<Story, RunError> tell_story(FileRunOptions options, const std::shared_ptr<const Rulebook>& rules,
                                                        const StoryOf& of);

}  // namespace ringfence
