// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "connectors/encoders/numbers.h"
#include "engine/verdict/finding.h"

namespace ringfence {

inline constexpr std::size_t kOcsfTextBytes = 2048;

/// At most kOcsfTextBytes, cut between characters.
[[nodiscard]] std::string ocsf_text(std::string_view value);

/// Of an agent that a drill plays: no incident, whatever it shows. A record that was refused for claiming to be one is none.
[[nodiscard]] bool of_drill(const FindingRecord& record);

/// What OCSF has no attribute for, under `unmapped.ringfence` (docs/contracts/finding.md).
[[nodiscard]] nlohmann::ordered_json ocsf_ours(const FindingRecord& record, const PrintedTerms& printed);

}  // namespace ringfence
