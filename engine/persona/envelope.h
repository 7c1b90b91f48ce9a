// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "engine/persona/persona.h"
#include "engine/persona/view.h"

namespace ringfence {

/// Declared amounts as persona.md writes them, from a tree that was found well formed; what cannot be read is left out.

/// `{p50, p90, p99, max}`, each read by `parse`; nothing where the node is no mapping.
[[nodiscard]] std::optional<Ladder> ladder(View node, std::optional<double> (*parse)(std::string_view));
/// The ladders of one unit of work: a call, a session or a day. Entities are counted together or, where each kind has its own, by kind.
[[nodiscard]] Envelope envelope(View node);

}  // namespace ringfence
