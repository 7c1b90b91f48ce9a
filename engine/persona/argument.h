// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "engine/persona/persona.h"

namespace ringfence {

/// Which limit of an argument a value breaks.
enum class ArgumentFault : std::uint8_t { NotListed, NotOneOf, NoGlob, AboveMax, BelowMin, NotANumber, TooLong, NotSelective, OtherShape };

/// The first limit of `rule` that this value breaks, or nothing. Numbers are compared by value, and a text that writes a number counts as
/// one; lists, globs and shapes see the text; lengths count characters. `null` is absent and breaks nothing but `selective`.
[[nodiscard]] std::optional<ArgumentFault> fault_of(const ArgumentRule& rule, const JsonLeaf& leaf);

/// True where the rule limits values at all; one that only marks what the argument is does not.
[[nodiscard]] bool limits_values(const ArgumentRule& rule);

}  // namespace ringfence
