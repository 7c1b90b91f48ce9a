// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/channel.h"

namespace ringfence {

/// `volume.drip`: what sessions and days add up to, against the quantiles declared for them; and how many calls a minute holds, for
/// `cost.overuse` (docs/design/detection.md §3.3, totals and rate).
///
/// A total S_t never falls, so with P(S_end > b_j) <= alpha_j (p50 .5, p99 .01, times tolerance) the value e_t = w_0 + sum_j w_j [S_t >
/// b_j] / alpha_j, weights adding up to 1, never exceeds the mean of e_end given the past, which begins at no more than 1: an e-process
/// whatever the dependence inside the period. The period's first act ticks with what e_t is then, later acts multiply by what e_t has risen
/// (no tick); at most 20 a period. Several ladders (units, KINDs, those of actions) are averaged.
/// Two totals that run at once may depend on each other, so their product would not be lawful: the evidence is staked on one session and
/// on one day at a time, the one that began last, and what was won on the one before stands. Days and minutes move the agent's evidence
/// alone, for sessions see only parts of them. The totals themselves are those `limits` keeps (exact, over sessions and instances).
/// A minute is judged by the first call of another minute, by event time: P(calls > p50) <= .5, P(calls > p99) <= .01.
///
/// Of an amount of which a half is absent the totals have the least there was: e_t of it never exceeds that of the whole, so a rung is
/// passed only where it truly is, and a period of which too little is known counts as within its rungs.
///
/// A day or minute that is kept no longer (models/limits_channel.h) is judged no more.
///
/// Bytes: 8 a session, about 150 an agent, only where a persona declares such rungs. Cost: a comparison a ladder.
/// Blind to: what stays within the declared totals; sessions that overlap (only the last to begin is staked on; the day sees them all);
/// sessions under a borrowed name; a great sum in a single period (one period is worth at most 20: what must stop at once is `max`); the
/// minute an agent stops in; calls per minute where tokens or cost of a call are declared too are held against caps three times as wide.
/// Source: docs/design/detection.md §3.3, totals and rate.
[[nodiscard]] const Channel& totals_channel();

/// Rows of the sums of a session or a day: one period is counted once for each rise of its total, so counts are no shares of periods.
[[nodiscard]] bool counts_each_rung(RowId row);

}  // namespace ringfence
