// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/pipeline/judge.h"
#include "engine/pipeline/rulebook.h"
#include "engine/state/agent_state.h"
#include "engine/verdict/command.h"

namespace ringfence {

/// What became of an operator's command in one agent's state; of several answers the first of these tells most.
enum class CommandAnswer : std::uint8_t {
  Done,
  NeedsApprover,   // tier 4 is released only with an approver other than who releases
  OwnHalt,         // who halted cannot be the one who approves
  WiderScope,      // it is contained under another scope than the one named: release that
  StillContained,  // what gates hold is released before it is forgotten
  NothingStands,   // nothing to release or approve there, or halted already
  NotInState,      // a scope or command that no agent's state answers for
  UnknownAgent,    // nothing is known of the agent or session it names
};
/// For a log line and for whoever gave the command.
[[nodiscard]] std::string_view words_of(CommandAnswer answer);

struct Operated {
  CommandAnswer answer{};
  std::optional<Judgement> judgement;  // where something leaves because of it: records and closed findings, no verdict
};

/// Applies a checked command to the state of the agent its scope names (types agent, session, subtree).
///
/// `release` starts the evidence of the scope at zero (the agent's with its sessions', or one session's and what it shares with the agent),
/// ends every level that stands there, frees the containments of the scope and of the narrower ones with their next epochs, and closes the
/// findings they go back to (of an agent all). `halt` lets a halt stand without evidence; the operator's own writer publishes it. `approve`
/// says the halts of the scope again under their next epochs, with the approver: nothing holds back what a person has approved. `purge`
/// forgets the conduct of an agent that is not contained. The same command again changes nothing, but for `approve`, which says it again.
///
/// Pure; times are the agent's own. `at` is the record behind which it takes effect.
[[nodiscard]] Operated operate(const Command& command, const ScopeParts& scope, AgentState& agent, const Rulebook& rules, Position at,
                               std::string_view topic);

/// The same for a subject of links: what it stopped, root session with members or the agent that sent, is freed or approved; its own
/// evidence starts at zero where it is freed. A member of a root session that is stopped as a whole is freed with the whole.
[[nodiscard]] Operated operate_subject(const Command& command, const ScopeParts& scope, AgentState& subject, const Rulebook& rules,
                                       Position at, std::string_view topic);

}  // namespace ringfence
