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

/// True if the leaf is what the rule's pointer names, or lies below it.
[[nodiscard]] bool speaks_of(const ArgumentRule& rule, const JsonLeaf& leaf);

/// Calls `visit` with every leaf of `args` that the rule speaks of, in document order: `argument_leaves` without a list.
template <class Visit>
void each_argument_leaf(const Event& event, const ArgumentRule& rule, const Visit& visit) {
  if (!event.args) return;
  for (const JsonLeaf& leaf : event.args->leaves)
    if (speaks_of(rule, leaf)) visit(leaf);
}

}  // namespace ringfence
