// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/channel.h"

namespace ringfence {

/// What an agent does after a refusal: asks and stops, or retries, guesses, goes round, climbs, comes back (docs/design/detection.md §3.1).
/// Contexts: the session's previous judged call fine, or refused. Classes in the order of the golden table.
enum class BarrierClass : std::uint8_t { Fine, Retry, NewTarget, Guess, OtherPath, Escalation, DeadEnd, NearMiss };

/// The channel; judged on completed tool calls, once an act.
///
/// Bytes: an agent never refused nothing, its sessions 0.5 KiB to 2 KiB once they have read ids; a refused one 0.8 KiB of dead ends and
/// up to 2.2 KiB a session. Cost: 20 ns for a fine call in a session without refusals, some 20 ns a token of its result, 0.5-1 us after a
/// refusal [E]. Interpretations beyond the table:
/// - a way round, or from reading to changing, that works counts once per refused object and tool; one that is refused counts each time;
/// - reading an object that was refused for a change is no way to the change; declared next steps (`barriers.then`) and actions that need
///   approval are neither a way round nor an escalation;
/// - an identifier of a form that the action declares, or that the agent has read, is never a broken one;
/// - a fault neither reaches nor refuses: it is fine and leaves the context, and so does an unknown outcome, which is counted as one: a
///   share of refusals is one of all calls whose end is told;
/// - of what was refused before in the session the ring knows the last eight; that a denied target is one of those before these, the dead
///   ends tell, as long as they keep it: a retry, and no new target;
/// - where requests are told, an act is held against the refusals known when it was asked for, and in the context that it was asked in.
/// What was asked for before the present run of
///   them began, and would be no more than a new plausible target, gives no mark: the first of these refusals speaks for it. A run goes on
///   over successes as long as each refusal was asked for before the one before it was known;
/// - the same name in another directory, through the same tool and standing in nothing the agent had read, is a guess, not a way round;
/// - closeness counts only for identifiers of 12 characters and more with a hex, uuid or mixed piece, and not for one the agent has read:
///   numbers and words lie close by nature.
/// Blind to: refusals that a gateway tells at the request alone (not evaluable); tools that answer a refusal as success; a first guess that
/// is right; identifiers inside free text; an identifier echoed through a tool that succeeds; ids read more than 1,400 ids ago (they look
/// unread); completions without arguments, ids and uri whose request was not seen, or lies behind more than eight others that are open in
/// the session; how many plausible targets were asked for at once before the first refusal came. Source: threshold random walk (Jung,
/// Paxson, Berger, Balakrishnan 2004); see the design page.
[[nodiscard]] const Channel& barrier_channel();

}  // namespace ringfence
