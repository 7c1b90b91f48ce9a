// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ringfence::utf8 {

/// One step through a text: a Unicode scalar value, or a run of bytes that is none.
struct Step {
  char32_t code = 0;
  /// Bytes read; of invalid input the longest prefix of a well-formed sequence, at least 1.
  std::size_t length = 1;
  bool valid = false;
};

/// The character at the start of `text`, which must not be empty. Refuses surrogates, overlong forms and codes above U+10FFFF.
[[nodiscard]] Step next(std::string_view text);
[[nodiscard]] bool valid(std::string_view text);
/// Unicode characters in a valid UTF-8 text.
[[nodiscard]] std::size_t characters(std::string_view text);
/// The longest prefix of `text` of at most `bytes` bytes that cuts no character of a valid text.
[[nodiscard]] std::string_view prefix(std::string_view text, std::size_t bytes);
/// Appends a scalar value.
void append(std::string& out, char32_t code);

inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

}  // namespace ringfence::utf8
