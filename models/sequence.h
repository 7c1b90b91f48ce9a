// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/channel.h"

namespace ringfence {

/// Whether one act follows the others as in the declared work (docs/design/detection.md §3.2 b). Alert only; never a breach.
///
/// A predictor of variable order, at most 2, over 16 classes of action: e_d(x) = (20 m_d(x) + n_d(x)) / (20 + N_d), mixed as in context
/// tree weighting; m_0 the declared shares, m_1 and m_2 the shares of the declared successors (with one part in ten for all others), where
/// no `next` is declared m_0. Counts fade by .995 and, like the weights of the contexts, learn only while S of the alert null is below 100.
/// Wager: P_off(x) / P_2(x), at most 20. P_off is fixed, the same share for each class of the persona: what the fleet does is no part of
/// one agent's evidence. Under the declared prior its mean is 1, so the bound holds on average over the agents of the persona: alerts only.
///
/// What was attempted is judged; what was refused or failed teaches nothing and is no context, nor is an `anytime` act a context.
/// Bytes: 0 where neither shares nor `next` are declared; else 0.4 KiB to 1.8 KiB an agent, 32 a session. Cost: measured 110 ns, learning
/// included, beside the allocation of `Reading::wagers`. Blind to: order within a class; an agent whose job has none (its predictor is as
/// wide as its conduct). Source: Willems, Shtarkov, Tjalkens 1995 (CTW, predictive form); see the design page.
[[nodiscard]] const Channel& sequence_channel();

/// Bits of surprise at the agent's next act being of this event's class: -log2 P_2; nothing where the channel has no say. For displays, it
/// decides nothing.
[[nodiscard]] std::optional<double> surprise_bits(const Act& act);

}  // namespace ringfence
