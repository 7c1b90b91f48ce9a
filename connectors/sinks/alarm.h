// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "engine/verdict/finding.h"

namespace ringfence {

/// Findings about the operation of ringfence, without an act of an agent behind them: one that is open is told with each change and ends
/// when its cause has. `now` is the clock's.
[[nodiscard]] FindingRecord new_alarm(Analytic analytic, std::string uid, EventTime now);
[[nodiscard]] FindingRecord next_alarm(FindingRecord last, FindingRecord::Activity activity, EventTime now, std::string sentence);
[[nodiscard]] FindingRecord closed_alarm(FindingRecord last, EventTime now, std::string reason, std::string sentence);

}  // namespace ringfence
