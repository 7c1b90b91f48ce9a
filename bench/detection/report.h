// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// The sections of `./dev bench detection`. Each prints its tables and says whether every answer with a golden value is within its
/// allowance. Seeds are fixed: equal runs print equal tables.
namespace ringfence::bench {

/// How much work: `tiny` for the test, else what the golden medians need.
enum class Size : std::uint8_t { Tiny, Full };

/// §3.1 within 10 %, §3.3 and §3.4 within 25 %.
[[nodiscard]] bool print_delays(Size size);
/// §8: what every part of the design is worth, false alarms beside calls to detect.
[[nodiscard]] bool print_ablations(Size size);
/// §8: what those who know the declaration get away with, a day.
[[nodiscard]] bool print_adversary(Size size);

}  // namespace ringfence::bench
