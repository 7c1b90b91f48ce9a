// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "engine/event/level.h"
#include "engine/verdict/finding.h"

namespace ringfence {

/// An OCSF enumeration value with the caption that must go with it.
struct OcsfChoice {
  int id = 0;
  std::string_view caption;
};
/// Of evidence `100 * log10(S) / log10(c_halt)` between 0 and 100, rounded down, so that 100 means the threshold of a halt was reached. Of
/// what was declared and broken, and of facts, the figure that a score at the level's default threshold would have: alert 50, throttle 70,
/// hold 85, halt 100. The greater of the two where a record tells of both.
[[nodiscard]] int risk_score_of(const FindingRecord& record);

/// One line of JSON without a line feed: an OCSF 1.8.0 Detection Finding (class 2004) that the schema in config/ accepts. A function of the
/// record alone. ASCII only: whatever a terminal could take for a command is a JSON escape; invalid UTF-8 becomes U+FFFD; free text is cut
/// at 2 KiB a field. Holds nothing of arguments or results but what the record's own sentences say.
[[nodiscard]] std::string encode_finding(const FindingRecord& record);

}  // namespace ringfence
