// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/scope_ruling.h"

namespace ringfence::scope {

/// `scope.undeclared`: no action of the job has this tool and resource, or the user's entitlements do not.
[[nodiscard]] Ruling judge_declared(const Act& act);
/// `scope.never`: the act is one the job forbids; the union along the chain of delegation, as far as those agents' jobs are known.
[[nodiscard]] Ruling judge_never(const Act& act);
/// `decoy.touched`: all parts that a decoy names match, whatever the outcome.
[[nodiscard]] Ruling judge_decoys(const Act& act);
/// `scope.approval`: the act asks for a person's approval at most 24 h before it and has none.
[[nodiscard]] Ruling judge_approval(const Act& act);
/// A person's approval is asked for: by the act's action, or because an intern's act is not known to be a read.
[[nodiscard]] bool asks_approval(const Act& act);
/// `scope.delegation`: from whom, how deep and to whom, as far as this one event shows it.
[[nodiscard]] Ruling judge_delegation(const Act& act);
/// `scope.schedule`, `scope.expired` and `agent.charter_changed`: when the agent acts, how old it is and with which text it runs.
[[nodiscard]] Ruling judge_circumstances(const Act& act);

/// Of these what a completion may be the first to show: never and decoys by its resource, and the text the agent runs with.
[[nodiscard]] Ruling judge_shown_late(const Act& act);

/// Agents above this one, nearest first, each once, as far as the event names them: in up to three places. Who stands between is not among
/// them where only the root, or the parent and the root, are told.
[[nodiscard]] std::vector<std::string_view> ancestors_of(const Event& event);
/// Who delegated the act; absent where the event does not say, though it may name the root.
[[nodiscard]] Text parent_of(const Event& event);
/// Who began the delegation: as the event says, else the last of its chain. Absent where neither is told, or where it is the agent itself.
[[nodiscard]] Text root_of(const Event& event);
/// How deep the act was delegated.
struct Depth {
  std::int64_t least = 0;  // agents above that are named
  bool exact = true;       // none stands between them
};
[[nodiscard]] Depth depth_of(const Event& event, const std::vector<std::string_view>& ancestors);
/// `2`, or `2 or more`.
[[nodiscard]] std::string depth_words(const Depth& depth);
/// The job of an agent that is known by its name alone, in the tenant of this act; null where none applies.
[[nodiscard]] const Persona* job_of(const Act& act, std::string_view agent);
/// Whom the act delegates to: accounts, and arguments marked `destination`.
[[nodiscard]] std::vector<std::pair<std::string_view, std::string_view>> delegates_of(const Act& act);

/// Remembers that the agent was heard of, for `max_idle`.
void note_activity(const Act& act);

}  // namespace ringfence::scope
