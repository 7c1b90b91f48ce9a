// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/channel.h"
#include "models/scope_ruling.h"

namespace ringfence::breadth {

/// `breadth.predicate` from counts: what had to select is not there to be looked at, or was left out, but all there is was matched (of at
/// least 10 records). Pure; of an act that took place.
[[nodiscard]] scope::Ruling judge_counts(const Act& act);

}  // namespace ringfence::breadth
