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
/// Records, bytes and distinct identifiers of a call make one class: the worst over the ladders that hold for the action, the caps widened
/// by their number (union bound: whatever their dependence, P(some ladder passes its rung) is at most the sum), which is the context.
/// Tokens and cost make the class of a wager of their own, widened alike; it is made only where a persona declares them.
/// Caps hold given the past and the action (the chain of detection.md §4: tool, outcome, volume).
///
/// Remembers nothing: 0 bytes. Cost: up to four comparisons a ladder; a hash per identifier where identifiers of a call are declared.
/// Blind to: acts that were refused or failed (they carried nothing, though their tokens and cost count), amounts the gateway does not
/// report or only half of (`Lacking::Quantity`), wrong units in the declaration, and whatever stays below the rungs (totals see its sum);
/// beyond eight ladders of one action the rest are not looked at. Source: docs/design/detection.md §3.3, volume.
[[nodiscard]] const Channel& volume_channel();

}  // namespace ringfence
