// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/channel.h"

namespace ringfence {

/// What an outside detector thinks of the agent (event.md, `signal`): `signal.external` at a score of .5 and more, an alert by default, and
/// evidence of bounded weight.
///
/// An opinion has no declared cap, so it never enters the declared null: it throttles and halts nothing. For alerts it is a bet against an
/// assumption of ours, that of a well-behaved agent's signals the mean score given the past is at most .05: g = .1 + .9 s / .05, whose mean
/// is then at most 1. What only lowers A is safe (§2.1): factors between 1 and 1.5 are left out, the others above 1 alone tick, and only
/// while the product of all there ever were stays within e^9. So A is at most 3 e^9, and S of opinions alone at most 122, below every
/// default threshold for an alert; what speaks for longer is the finding. Opinions never multiply with other evidence: they are a threat of
/// their own.
///
/// State: 16 bytes an agent with signals. Cost: none for other events.
/// Blind to: whether the other detector is any good. Source: docs/contracts/event.md, signal; the bound by docs/design/detection.md §2.1.
[[nodiscard]] const Channel& opinion_channel();

}  // namespace ringfence
