// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ringfence::json_text {

/// What to do with half of a surrogate pair, which no UTF-8 can carry.
enum class LoneSurrogate : std::uint8_t { Refuse, Replace };

struct Unescaped {
  enum class Fault : std::uint8_t { None, BadEscape, LoneSurrogate } fault{};
  /// Bytes written.
  std::size_t length = 0;
  /// A lone surrogate became U+FFFD, so another text may look the same.
  bool replaced = false;
};

/// Resolves the escapes of a JSON string given without its quotes into `out`, which has room for `raw.size()` bytes (never more are
/// needed).
[[nodiscard]] Unescaped unescape(std::string_view raw, LoneSurrogate policy, char* out);

/// True for a number as RFC 8259 writes it.
[[nodiscard]] bool is_number(std::string_view token);
/// True for a number without point and exponent.
[[nodiscard]] bool is_integer(std::string_view token);

}  // namespace ringfence::json_text
