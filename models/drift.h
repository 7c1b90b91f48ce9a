// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/channel.h"

namespace ringfence {

/// Whether the mix of an agent's acts stays within its declared shares (docs/design/detection.md §3.4). Alert only; never a breach.
///
/// Classes: one per action with a share w below .327, cap v = min(1, 3 w + .02), the 13 rarest by themselves and the others together; all
/// actions that nothing caps; acts outside the persona, cap .02. The box of a call is these caps, tightened, with cap 1 for the action of
/// the session's call before: a lawful run of one action says nothing. Acts outside the persona have no such exemption.
///
/// Tightening: v_t = clamp(mean + 3 sd, v/8, v) of a Beta posterior with 40 pseudo-calls at v/2, over the calls where another action came
/// before; it learns while S of the alert null is at most 100. The box is solved on the fly, so v_t needs no steps. A plug-in null has no
/// exact bound, hence alerts.
///
/// The bet is a mixture of e-detectors, each a lawful bet by itself: one on the mix of late (discounted Dirichlet n <- .95 n + [x], .2
/// each), weight .4, and one per capped action on its rate rising to twice its cap. Each counts only the calls where its bet is worth .02
/// nats; the channel wagers the factor of the mixture.
///
/// What was attempted counts, whatever became of it: the mix is what the agent chooses. Our own refusals are left out.
/// Bytes: 0 where no share is declared; else 280 an agent and 32 a session. Cost: measured 130 ns with 4 classes, 510 with 15, beside
/// the allocation of `Reading::wagers`.
/// Blind to: runs of one action (volume and breadth see them); drift inside the caps before some hundred calls are known; actions without a
/// share. Source: Lindon and Malek 2022 (Dirichlet multinomial), made robust by a box; see the design page.
[[nodiscard]] const Channel& drift_channel();

}  // namespace ringfence
