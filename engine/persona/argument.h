// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/persona/persona.h"

namespace ringfence {

/// Which limit of an argument a value breaks.
enum class ArgumentFault : std::uint8_t { NotListed, NotOneOf, NoGlob, AboveMax, BelowMin, NotANumber, TooLong, NotSelective, OtherShape };

/// The first limit of `rule` that this value breaks, or nothing. Numbers are compared by value, and a text that writes a number counts as
/// one; lists, globs and shapes see the text; lengths count characters. `null` is absent and breaks nothing.
[[nodiscard]] std::optional<ArgumentFault> fault_of(const ArgumentRule& rule, const JsonLeaf& leaf);

/// True of a selective argument that is absent while others are given, so that nothing selects: no argument of the action that is marked
/// `identifier` has a value either. That the argument is absent is the caller's to know.
[[nodiscard]] bool asks_for_all(const Action& action, const ArgumentRule& rule, const Event& event);

/// True where the rule limits values at all; one that only marks what the argument is does not.
[[nodiscard]] bool limits_values(const ArgumentRule& rule);

/// `pointer` is `rule` or below it; positions in arrays, which the rule does not write, are passed over.
[[nodiscard]] bool names(std::string_view rule, std::string_view pointer);

/// True if the leaf is what the rule's pointer names, or lies below it.
[[nodiscard]] inline bool speaks_of(const ArgumentRule& rule, const JsonLeaf& leaf) {
  const std::string_view wanted = rule.pointer, found = leaf.pointer;
  if (leaf.kind == JsonLeaf::Kind::Key || found.size() < wanted.size()) return false;
  // Most arguments have another first letter.
  const bool other = wanted.size() > 1 && wanted[0] == '/' && wanted[1] != found[1] && (found[1] < '0' || found[1] > '9');
  return !other && names(wanted, found);
}

/// Calls `visit` with every leaf of `args` that the rule speaks of, in document order: `argument_leaves` without a list.
template <class Visit>
void each_argument_leaf(const Event& event, const ArgumentRule& rule, const Visit& visit) {
  if (!event.args) return;
  for (const JsonLeaf& leaf : event.args->leaves)
    if (speaks_of(rule, leaf)) visit(leaf);
}

}  // namespace ringfence
