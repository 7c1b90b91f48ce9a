// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string_view>

#include "engine/pipeline/judge.h"
#include "engine/pipeline/link.h"
#include "engine/pipeline/rulebook.h"
#include "engine/state/agent_table.h"

namespace ringfence {

/// Judges one link against its subject's state. Evidence adds up there under the tables of the persona whose act it was, by the same
/// theorem as an agent's: every mark of every member is counted, clean ones too, so S is bounded by what the members declared together. A
/// user's and a credential's evidence begins with the second agent: before that it would say what the agent's own says.
///
/// What follows: a root session is contained with its root and every member that has shown itself; content that left for where its labels
/// are forbidden holds the agent that sent it; a user and a credential are findings for people. Nothing where the link was here before or
/// its persona is no longer in force; the judgement has no verdict. Pure; `at` is the link's own place, `topic` its input.
[[nodiscard]] std::optional<Judgement> judge_link(const Link& link, AgentState& subject, const Rulebook& rules, Position at,
                                                  std::string_view topic);

/// Adds what a link led to to the judgement of the act it came from: in a file a link is judged at the line that caused it.
void join(Judgement& act, Judgement link);

/// The subjects behind a table of their own. One thread.
class Subjects {
 public:
  explicit Subjects(AgentTable& table) : table_(table) {}
  /// Judges a link read at `at` (kLinksPartition or above; lsn there as offset).
  [[nodiscard]] std::expected<std::optional<Judgement>, StoreError> judge(const Link& link, const Rulebook& rules, Position at,
                                                                          std::string_view topic);

 private:
  AgentTable& table_;
};

}  // namespace ringfence
