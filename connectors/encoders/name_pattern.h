// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace ringfence {

/// A name, or a prefix and `*`, which stands nowhere else (`is_named` of keys.h).
[[nodiscard]] constexpr bool is_name_pattern(std::string_view pattern) {
  return !pattern.empty() && pattern.find('*') >= pattern.size() - 1;
}

/// The same of writers that a key may speak as: not all of them.
[[nodiscard]] constexpr bool is_writer_pattern(std::string_view pattern) { return is_name_pattern(pattern) && pattern != "*"; }
inline constexpr std::string_view kWriterPattern = "a writer is a name, or a prefix and `*` at its end";

}  // namespace ringfence
