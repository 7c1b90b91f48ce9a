// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

/// The sections of `./dev bench detection`. Each prints its tables and says whether every answer with a golden value is within its
/// allowance. Seeds are fixed: equal runs print equal tables.
namespace ringfence::bench {

/// How much work: `tiny` for the test, else what the golden medians need.
enum class Size : std::uint8_t { Tiny, Full };

/// What a table must show; says so where it does not.
[[nodiscard]] inline bool claim(bool holds, const std::string& words) {
  if (!holds) std::printf("  ! not so: %s\n", words.c_str());
  return holds;
}

/// §3.1 within 10 %, §3.3 and §3.4 within 25 %.
[[nodiscard]] bool print_delays(Size size);
/// §8: what every part of the design is worth, false alarms beside calls to detect; fails where a part does not help where it claims to.
[[nodiscard]] bool print_ablations(Size size);
/// §8: what those who know the declaration get away with, a day; fails where a disguise costs nothing or the closed form of the blind
/// spots is not what the attempts come to.
[[nodiscard]] bool print_adversary(Size size);

}  // namespace ringfence::bench
