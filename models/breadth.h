// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/channel.h"

namespace ringfence {

/// `breadth.sweep`, `breadth.coverage` and, from counts, `breadth.predicate`: how the agent goes through what there is
/// (docs/design/detection.md §3.3, breadth). From arguments alone `breadth.predicate` is found by scope, at the request; by counts, where a
/// call matched all there is (of at least 10), its event has no arguments or leaves out every one that must select.
///
/// Sweep: of moves to another identifier of a KIND the persona marks. Classes: another entity beyond the declared p99; the next
/// one in a listing the agent was given; counted up or down, ids that nothing it has read gave, or where that cannot be known. A run counts
/// from its third. It can be known where the event of every call before showed all that it returned (models/result_shown.h). Contexts are
/// known before the act: the session had at most the declared p99 of distinct values (listed work is the job), more, or none is declared.
/// An act of several identifiers is so many moves, each a mark given the ones before it: its first, and those behind a run of two up to the
/// first that speaks for a sweep (at most 32 more), so that how an exporter batches moves decides little and one act counts like one move.
/// The caps are a default table like the barrier's; p99 of `entities` a session puts it in force. Without one a sweep raises alerts alone,
/// and within it throttles and halts hold only counted ids that nothing gave against the agent. How many distinct values sessions and days
/// may have in the end is evidence of the totals channel (a quantile of sessions bounds no rate of calls), `max` is limit.hard. Coverage:
/// records returned over the population, of calls that report both, where `data.coverage` is declared: up to the declared p99, then by
/// tenths; caps 1, .2, .05, .01, .002, of which none above a declared p99 exceeds .01. These caps are ours, and move alerts alone:
/// throttles and halts know that .01 of calls may pass a declared p99, and without one nothing. A wager, since a call can be both.
///
/// Bytes: at most 4 KiB a session: 512 entries of listings given (6 bytes each, the latest), 64 bytes a KIND; only where the
/// persona marks identifiers and they are used. Cost: 10 ns without identifiers, some 300 instructions a
/// value of a result with digits, a search among the listing where the agent moves on.
/// Blind to: counting one step a session (totals of days see it), order that is no count and in no listing (random ids), listings past the
/// latest 512 values, ids hidden in other arguments, counting where the gateway sends only hashes, within one act all but the first move
/// that counts, and that behind 32 runs of two; of shares, calls that report no population; for throttles and halts, sweeps and shares of a
/// population where the persona declares no p99 for them.
/// Source: docs/design/detection.md §3.3, breadth.
[[nodiscard]] const Channel& breadth_channel();

}  // namespace ringfence
