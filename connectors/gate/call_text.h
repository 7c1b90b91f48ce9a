// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace ringfence {

/// Parses a call's JSON text where every server reads it alike. Beside what `parse_strict_json` refuses: two keys of one object that differ
/// in case alone, and in a JSON-RPC 2.0 envelope or its `params` a key that is one of theirs but for its case. Decoders that match keys
/// without regard to case (Go's encoding/json, Json.NET) take such a key for the other, and the last one wins. The error names the fault,
/// not the content.
[[nodiscard]] std::expected<nlohmann::ordered_json, std::string> parse_call_text(std::string_view body);

}  // namespace ringfence
