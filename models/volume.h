// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/channel.h"

namespace ringfence {

/// `volume.bulk` and `cost.overuse`: what single calls amount to, against the declared quantiles (docs/design/detection.md §3.3).
///
/// A ladder gives the rungs p50, p90 and p99; where it declares p50 and p99, p99.9, and p90 if it is not declared, lie on the log-normal
/// through them. The class of a call is the highest rung it passes, caps 1, .5, .1, .01, .001; nothing is trusted beyond the last rung, so
/// one absurd value is one mark. The log-normal is ours, so it moves alerts alone: throttles and halts know the declared rungs only, at
/// most .5 of calls above p50, .1 above p90, .01 above p99, wherever above it they lie; p90 where every ladder of calls declares it.
/// Records, bytes and distinct identifiers of a call make one class: the worst over the ladders that it reports, under caps that are
/// widened by the most ladders one call of the persona is held against, whatever its action (the context). Tokens and cost make the class
/// of a wager of their own, widened alike; it is made only where a persona declares them, at failed and refused calls too where they report
/// some.
///
/// Why so: what is declared of ladder L is P(reports L and passes its rung k | past) <= c_k P(reports L | past), the past being all before
/// the call: neither what it does nor how much the other ladders hold is known. An action's own ladder L counts its calls alone, so there
/// "reports L" means to be one of them. With n ladders at most in any one call, and M = "reports some of them", summing gives
///   P(M and class >= k | past) <= c_k sum_L P(reports L | past) = c_k E[ladders reported | past] <= n c_k P(M | past),
/// whatever the dependence and however the agent mixes its actions. So with g the numeraire of the caps n c_k (detection.md §2.1) E[g; M |
/// past] <= P(M | past): A <- (A + 1) g at M, else A, gains at most one a mark (§2.2). Caps of the ladders that the call's own action has
/// would not do: the mix of actions is free, and an agent can take its large calls with one action and its small ones with another.
/// In a threat's chain (§4: tool, outcome, volume) the caps are loosened by 3 for what comes earlier in the same act.
///
/// Remembers nothing: 0 bytes. Cost: up to four comparisons a ladder; a hash per identifier where identifiers of a call are declared.
/// Blind to: acts that were refused or failed (they carried nothing, though their tokens and cost count), amounts the gateway does not
/// report or only half of (`Lacking::Quantity`), wrong units in the declaration, and whatever stays below the rungs (totals see its sum);
/// beyond eight ladders of one action the rest are not looked at. The more ladders one call of the job is held against, the later all of
/// its calls are found. Source: docs/design/detection.md §3.3, volume.
[[nodiscard]] const Channel& volume_channel();

}  // namespace ringfence
