// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/barrier_memory.h"
#include "models/channel.h"

namespace ringfence {

/// Title and sentence for a finding of the barrier family, from the counts the session keeps; no value of an argument, result or
/// identifier, and nothing unescaped, in either. `session` and `agent` may be null.
[[nodiscard]] Description describe_barrier(const Act& act, Threat threat, const BarrierSession* session, const BarrierAgent* agent);

}  // namespace ringfence
