// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace ringfence::simulation {

/// A seeded fleet's telemetry as NDJSON: mostly ordinary calls of code maintainers, some agents that guess after a refusal, some acts
/// outside the job, copies, late events, requests with their completions, facts about the fleet and records that cannot be read.
[[nodiscard]] std::string fleet(std::uint64_t seed, std::size_t records, std::size_t agents);

}  // namespace ringfence::simulation
