// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "engine/persona/persona.h"

namespace ringfence {

/// The job of a delegate under the job it was delegated from (docs/contracts/persona.md, delegation): the smaller of both for the share of
/// refusals and retries, the rungs p50 and p99 of calls and sessions, the share of the population, the shares of acts, how often an act may
/// come in a session, and the number of children; forbidden label flows of both. Nothing where the parent narrows nothing.
///
/// An act of the delegate is held against the parent's actions that have one of its tools; where several do, against the widest of them,
/// and shares of several add up. What no tool of the parent's meets is outside its job, which the delegation channel says.
/// Hard maxima are not here: they are judged under the parent's name (models/limits_channel). Nor are the rungs of days and minutes, which
/// hold what the delegate did for itself and for others.
[[nodiscard]] std::optional<Persona> delegated(const Persona& job, const Persona& parent);

/// Some agent of `parent` may hand work to some agent of `job`, as far as both jobs say.
[[nodiscard]] bool may_delegate(const Persona& parent, const Persona& job);

}  // namespace ringfence
