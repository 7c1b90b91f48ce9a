// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

#include "engine/event/event.h"

/// `hash64` without a call for the texts of at most 16 bytes that most words are: what the compiler leaves of XXH3 for those takes some 20
/// instructions where the seed is known.
namespace ringfence::short_hash {

inline constexpr std::size_t kMost = 16;

/// Equals `hash64` for every text.
[[nodiscard]] inline std::uint64_t of(std::string_view text, std::uint64_t seed = 0) {
  if (text.size() > kMost) return hash64(text, seed);
  return XXH3_64bits_withSeed(text.data(), text.size(), seed);
}

}  // namespace ringfence::short_hash
