// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/event/event.h"

/// How much of what a call returned its event shows. What is not shown may have given any value, so nobody may be held to have made one up
/// that it could have given. Pure.
namespace ringfence {

/// It may have returned values: more than four bytes (`null`, `true`, `{}`), or how much is not said.
[[nodiscard]] bool returns_values(const Event& call);
/// The event shows all that the call returned: its result or the hashes of it are there and hold as many entries (scalars, lines of texts,
/// identifiers) as records were returned, and the response was no larger than twice the result and 512 bytes, which is what escapes and a
/// protocol's wrapping come to. Where the event gives no counts, a result that is there is whole.
[[nodiscard]] bool shows_result(const Event& call);

}  // namespace ringfence
