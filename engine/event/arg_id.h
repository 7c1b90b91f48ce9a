// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace ringfence {

/// True for an element of `arg_ids` or `result_ids` as event.md gives it: `[name=]shape:hash`, the shape being pieces `uuid`, `dec-N`,
/// `hex-N` (N at least 8), `word` or `mixed` joined by `.`, the hash 16 lower-case hex digits.
[[nodiscard]] bool is_arg_id(std::string_view element);

}  // namespace ringfence
