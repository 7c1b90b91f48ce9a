// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "engine/verdict/verdict.h"

namespace ringfence {

/// One JSON object without a line feed: id, agent, time, level, applied, score (six digits), threat (null while there is none), analytics,
/// and tenant where it is not `default`.
[[nodiscard]] std::string encode_verdict(const Verdict& verdict);

}  // namespace ringfence
