// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/channel.h"

namespace ringfence {

/// Whether the agent works in the declared order (docs/design/detection.md §3.2 a). Classes in the order of the table; one context.
enum class WorkflowClass : std::uint8_t { InOrder, OutOfOrder, ConstraintBroken, OutsideWorkflow, OutsidePersona, OutsideCatalogue };

/// The channel; the persona's `workflow` compiled into a DFA whose state is the session's last act of the workflow, and masks. Judged on
/// completed tool calls, once an act. It gives marks, and breaches of `workflow.order` that name the constraint: `before` and `at_most` at
/// the act that breaks them, `after` at the agent's first judged event past the deadline, under an id made of the first act and the
/// deadline (level alert; the others are governed by response.undeclared).
///
/// How the contract is read:
/// - what must precede has arrived before and, by its own time, happened at most 5 s later; acts that were refused, failed or never ended
///   did not happen: they satisfy, count and move nothing;
/// - an attempt that the world refused is still the agent's choice: it gives a mark, for order is conduct, but no breach, for nothing was
///   done; one that failed otherwise may have taken effect and is a breach. A refusal of our own containment gives neither;
/// - where requests are told, an act is held, when it ends, against the last that happened of those asked for before it. Does that not lead
///   to it, the newest before it that is still open, of another action, is taken to happen on trust: 16 such acts of an agent, and one more
///   for each session that is kept of it, may wait or have waited in vain; ten that came make up for one that did not. What was asked for
///   earlier and ends later does not take the state back, and is out of order where it parts two that were in order. Of more than 16 under
///   way in a session the others are judged as they end;
/// - right after such a refusal a step of `barriers.then` is accepted wherever the work stands: it says nothing and needs no precedence;
/// - an `anytime` act moves nothing and, unless it breaks a constraint, says nothing;
/// - an action without a `next` of its own leaves open what follows it, a workflow without `start` how a session begins;
/// - an act out of order moves the state where the DFA gets there by steps left out (their number is precomputed) or begins anew; else it
///   is an insertion and the state stays;
/// - the follow-up of `after` may come in any session of the agent; one does for all that wait for it;
/// - outside the catalogue: outside the persona, and not among the tools that its server's definitions named (models/supply.h).
///
/// Bytes: 4 KiB a persona; an agent 0, or 32 and 48 per deadline that runs (at most 64); a session 72 and 24 per distinct action where the
/// persona declares `before` or `at_most`, and 48 per act under way (at most 16) or done between such. Cost: some 20 ns, no allocation
/// after a session's first acts [E]. Blind to: order inside a loosely declared workflow; what passes no gateway; acts without `session.id`
/// (not evaluable); a reordering of more than 5 s; the first 17 to 80 acts of an agent behind steps that are asked for and never done.
/// Source: Declare constraints and streaming alignments (van Zelst et al. 2017), as the design page says.
[[nodiscard]] const Channel& workflow_channel();

}  // namespace ringfence
