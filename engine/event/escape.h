// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace ringfence {

/// For terminals and log lines: control characters (C0, DEL, C1), bidirectional controls, invalid UTF-8 and backslash become `\xHH` or
/// `\u{H}`; at most `max_chars` characters, the rest as `…`.
[[nodiscard]] std::string printable(std::string_view text, std::size_t max_chars = 200);
/// A JSON string with its quotes (RFC 8259); invalid UTF-8 becomes U+FFFD. What `printable` escapes for terminals is escaped here too, as
/// `\uHHHH`: a line of JSON may end on one.
[[nodiscard]] std::string json_quoted(std::string_view text);
/// RFC 3986 percent-encoding of everything but unreserved characters, in upper-case hex.
[[nodiscard]] std::string percent_encoded(std::string_view text);

}  // namespace ringfence
