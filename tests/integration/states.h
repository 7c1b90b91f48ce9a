// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace ringfence::testing {

/// Where a state stands in its input may differ between a file and Kafka (streaming.md §2).
enum class Place : std::uint8_t { Counts, Masked };

/// Every agent's state in a state directory that no process holds, as `tenant/agent` and a hash of all its bytes, with what helps to find
/// a difference: events applied, sessions, acts, findings, containments. Throws where it cannot be read.
[[nodiscard]] std::map<std::string, std::string> states_in(const std::filesystem::path& directory, Place place);

}  // namespace ringfence::testing
