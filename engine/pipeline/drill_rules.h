// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "engine/pipeline/rulebook.h"

namespace ringfence {

/// The built-in job of agents that drills play (engine/event/drill.h). One for the whole process, made when first asked for.
[[nodiscard]] const Rulebook& drill_rules();

/// What agents of the tenant are held against: the rules in force, or for drills the built-in ones, whatever is in force.
[[nodiscard]] const Rulebook& rules_of(std::string_view tenant, const Rulebook& in_force);

}  // namespace ringfence
