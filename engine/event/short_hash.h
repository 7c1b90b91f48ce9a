// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "engine/event/event.h"

/// `hash64` without a call for the texts of at most 16 bytes that most words are: XXH3 as its specification has it (`XXH3_64bits_withSeed`,
/// default secret), which takes some 20 instructions where the seed is known. A test holds it against the library.
namespace ringfence::short_hash {

static_assert(std::endian::native == std::endian::little, "texts are hashed as they lie in memory");
inline constexpr std::size_t kMost = 16;

/// A number as it lies in the text from the place `at` on.
template <class T>
[[nodiscard]] inline std::uint64_t read(std::string_view text, std::size_t at) {
  T value;
  std::memcpy(&value, text.data() + at, sizeof value);
  return std::uint64_t{value};
}

[[nodiscard]] inline std::uint64_t of_few(std::string_view text, std::uint64_t seed) {
  const std::size_t size = text.size();
  const auto byte = [text](std::size_t at) { return read<std::uint8_t>(text, at); };
  std::uint64_t hash = (byte(0) << 16U | byte(size / 2) << 24U | byte(size - 1) | size << 8U) ^ (0x87275A9BULL + seed);
  hash = (hash ^ hash >> 33U) * 0xC2B2AE3D27D4EB4FULL;
  hash = (hash ^ hash >> 29U) * 0x165667B19E3779F9ULL;
  return hash ^ hash >> 32U;
}
[[nodiscard]] inline std::uint64_t of_four_to_eight(std::string_view text, std::uint64_t seed) {
  const std::size_t size = text.size();
  seed ^= std::uint64_t{__builtin_bswap32(static_cast<std::uint32_t>(seed))} << 32U;
  std::uint64_t hash = (read<std::uint32_t>(text, size - 4) + (read<std::uint32_t>(text, 0) << 32U)) ^ (0xC73AB174C5ECD5A2ULL - seed);
  hash = (hash ^ std::rotl(hash, 49) ^ std::rotl(hash, 24)) * 0x9FB21C651E98DF25ULL;
  hash = (hash ^ ((hash >> 35U) + size)) * 0x9FB21C651E98DF25ULL;
  return hash ^ hash >> 28U;
}
[[nodiscard]] inline std::uint64_t of_nine_to_sixteen(std::string_view text, std::uint64_t seed) {
  const std::size_t size = text.size();
  __extension__ using Wide = unsigned __int128;
  const std::uint64_t low = read<std::uint64_t>(text, 0) ^ (0x6782737BEA4239B9ULL + seed);
  const std::uint64_t high = read<std::uint64_t>(text, size - 8) ^ (0xAF56BC3B0996523AULL - seed);
  const Wide product = Wide{low} * high;
  std::uint64_t hash =
      size + __builtin_bswap64(low) + high + (static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U));
  hash = (hash ^ hash >> 37U) * 0x165667919E3779F9ULL;
  return hash ^ hash >> 32U;
}

/// Equals `hash64` for every text.
[[nodiscard]] inline std::uint64_t of(std::string_view text, std::uint64_t seed = 0) {
  const std::size_t size = text.size();
  if (size > kMost || size == 0) return hash64(text, seed);
  if (size > 8) return of_nine_to_sixteen(text, seed);
  return size >= 4 ? of_four_to_eight(text, seed) : of_few(text, seed);
}

}  // namespace ringfence::short_hash
