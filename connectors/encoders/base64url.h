// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ringfence {

/// RFC 4648 §5 without padding, as JOSE uses it.
[[nodiscard]] std::string base64url(std::string_view bytes);
/// Nothing for padding, other characters, impossible lengths, or unused bits that are not zero: one text per value.
[[nodiscard]] std::optional<std::string> base64url_decoded(std::string_view text);

}  // namespace ringfence
