// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/scope_ruling.h"

namespace ringfence::scope {

/// `scope.argument`: every predicate that the act's action declares for its arguments, on every scalar the rule's pointer names. What had
/// to be selective and matches everything is `breadth.predicate`.
/// A value that is not the number a `max` or `min` speaks of breaks it, also a number written as text is read. An absent or null argument
/// is not evaluable, or the breach itself where it is `required`, or where it had to be selective and no other argument given names what is
/// asked for. Nor is a predicate too long to be told. Where a gateway sends identifiers' shapes instead of values (`arg_ids`),
/// `shape` and `required` are judged by them.
[[nodiscard]] Ruling judge_arguments(const Act& act);

/// Hashes of the shapes and values of `rule` in `arg_ids`, `[name=]shape:hash`: the part behind the name.
[[nodiscard]] std::vector<std::string_view> reported_ids(const Event& event, const ArgumentRule& rule);

}  // namespace ringfence::scope
