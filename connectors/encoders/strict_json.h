// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace ringfence {

inline constexpr int kStrictJsonDepth = 32;

/// Parses small JSON texts that must not be read in two ways: a second key of one name in an object, nesting over 32, invalid UTF-8 and
/// text after the end are errors. The error names the fault, not the content. For signed payloads, headers and key files; events have their
/// own decoder.
[[nodiscard]] std::expected<nlohmann::ordered_json, std::string> parse_strict_json(std::string_view text);

}  // namespace ringfence
