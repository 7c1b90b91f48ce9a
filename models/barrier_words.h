// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/barrier_act.h"
#include "models/barrier_memory.h"
#include "models/channel.h"

namespace ringfence {

/// The target of an act in the words of `describe_barrier`, as a number that is never 0: alike for calls that are told alike.
[[nodiscard]] std::uint32_t place_key(const Event& event, const BarrierAct& what);
/// An identifier by its kind and value.
[[nodiscard]] std::uint32_t named_key(const Identifier& id);

/// Title and sentence for a finding of the barrier family, from the counts the session keeps; no value of an argument, result or
/// identifier, and nothing unescaped, in either. A target in words is said to be that of all refused calls only where each had it.
/// `session` and `agent` may be null.
[[nodiscard]] Description describe_barrier(const Act& act, Threat threat, const BarrierSession* session, const BarrierAgent* agent);

}  // namespace ringfence
