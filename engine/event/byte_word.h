// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

/// Eight bytes of a text as one number, the first byte the lowest.
namespace ringfence::byte_word {

static_assert(std::endian::native == std::endian::little);
inline constexpr std::size_t kBytes = sizeof(std::uint64_t);

/// The first eight bytes of a text, and those behind a shorter one: all must be readable.
[[nodiscard]] inline std::uint64_t load(std::string_view from) {
  std::uint64_t word = 0;
  std::memcpy(&word, from.data(), kBytes);
  return word;
}
inline void store(char* to, std::uint64_t word) { std::memcpy(to, &word, kBytes); }

/// The same with zeros behind a shorter one.
[[nodiscard]] inline std::uint64_t first_of(std::string_view text) {
  const std::uint64_t word = load(text);
  return text.size() < kBytes ? word & ((std::uint64_t{1} << (8 * text.size())) - 1) : word;
}

/// Nonzero where a byte of the word is `c`. The lowest bit set lies in the first such byte; what is above it says nothing.
[[nodiscard]] constexpr std::uint64_t found(std::uint64_t word, char c) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kTops = 0x8080808080808080;
  const std::uint64_t zero_there = word ^ (kOnes * static_cast<unsigned char>(c));
  return (zero_there - kOnes) & ~zero_there & kTops;
}
/// Which byte of the word that is.
[[nodiscard]] constexpr std::size_t place_of(std::uint64_t found) { return static_cast<std::size_t>(std::countr_zero(found)) / 8; }

}  // namespace ringfence::byte_word
