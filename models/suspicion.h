// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/channel.h"

namespace ringfence {

/// S of the alert null ahead of this act, as a channel may ask for it that stops learning while an agent is suspect (detection.md §3.2,
/// §3.4): weights of all threats, for it knows no tables; a threat that these dropped never ticked, so its part is 0. Under a borrowed name
/// that session's half alone. Some 20 ns a live session.
[[nodiscard]] double suspicion(const Act& act);

/// True where the greatest value of each scope alone shows that suspicion(act) is below `s`: for most acts, at a tenth of the cost.
[[nodiscard]] bool surely_below(const Act& act, double s);

}  // namespace ringfence
