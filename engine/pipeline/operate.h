// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/pipeline/judge.h"
#include "engine/pipeline/rulebook.h"
#include "engine/state/agent_state.h"
#include "engine/verdict/command.h"
#include "engine/verdict/foreign_containments.h"

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

/// Contains an agent that is known to work in a tree which a person has just halted (contain_member). NothingStands where it is halted
/// already.
[[nodiscard]] Operated stop_member(const Command& command, const ForeignContainment& tree, AgentState& member, const Rulebook& rules,
                                   Position at);

/// Frees an agent that was contained because it worked in a tree which a person had halted (contain_member), as `release` of the agent
/// does; where a command told of the tree, by the rules of a release. Closes what its calls made of the containment, of a tree or of any
/// other scope. NothingStands where it is not contained for that, and nothing is open.
[[nodiscard]] Operated free_member(const Command& command, const ForeignContainment& standing, AgentState& member, const Rulebook& rules,
                                   Position at, std::string_view topic);

/// True where the command would free, by its own name, an agent that a tree has contained which stands.
[[nodiscard]] bool held_by_tree(const Command& command, const ScopeParts& scope, const AgentState& agent,
                                const ForeignContainments& foreign);

/// Adds what the command came to in one more state.
void join(Operated& out, Operated one);

/// Puts what several agents' states made of one command in order of the agents' names, so that it is the same over any number of shards.
void order_by_agent(Judgement& judgement);

/// Scopes whose containments lie in no agent's state, whoever they cover.
[[nodiscard]] bool is_wide(const ScopeParts& scope);

/// Takes a command into what stands over the agents of a partition, whatever its scope. The answer is for a wide one.
CommandAnswer operate_foreign(const Command& command, const ScopeParts& scope, ForeignContainments& foreign);

}  // namespace ringfence
