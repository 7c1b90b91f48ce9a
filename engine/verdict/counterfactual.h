// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "engine/verdict/ledger.h"

namespace ringfence {

/// What would have to differ for a lower level by evidence, and last for none: a line for each kind of act that alone makes a difference,
/// then, where that can be known, the fewest kinds without which the evidence leads to nothing. None where it leads to nothing as it is.
///
/// Acts of a kind are those of a ledger's row; rows with the same number and the same samples are of the same acts, which are taken from
/// every threat and scope that they moved, under both nulls. All other acts count as they were counted. S without some acts is at most what
/// Shiryaev-Roberts makes of the rest in the order that is best for it (ascending factors, from where the ledger opened), and no more than
/// it is now; marks of other channels that the acts may have had beside are left out where they spoke against the threat. The level is
/// what policy makes of that. `Difference::at_most` says that S may well be lower.
///
/// Pure; some ten to a thousand sums over the rows of the agent's ledgers, so called where a record is written and not for every act.
[[nodiscard]] Differences what_would_differ(const Scored& scored, const Persona& persona, std::span<const Channel* const> channels);

}  // namespace ringfence
