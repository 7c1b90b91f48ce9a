// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
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

/// What tells texts of one size apart, of up to eight bytes all and of longer ones some of the first; eight must be readable. Not for an
/// empty text.
[[nodiscard]] constexpr std::uint64_t low_part(std::uint64_t word, std::size_t size) { return word << ((0 - 8 * size) % 64); }
[[nodiscard]] inline std::uint64_t mark_of(std::string_view text) { return low_part(load(text), text.size()); }

/// The first eight bytes of a text known at compile time, zeros behind a shorter one, and its `mark_of`.
[[nodiscard]] constexpr std::uint64_t of_known(std::string_view text) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < std::min(text.size(), kBytes); ++i)
    word |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[i])) << (8 * i);
  return word;
}
[[nodiscard]] constexpr std::uint64_t mark_of_known(std::string_view text) { return low_part(of_known(text), text.size()); }

/// True if two texts of one size are equal, which is at least eight bytes.
[[nodiscard]] inline bool same(std::string_view a, std::string_view b) {
  std::uint64_t x = 0, y = 0;
  const auto differ = [&](std::size_t at) {
    std::memcpy(&x, a.data() + at, kBytes);
    std::memcpy(&y, b.data() + at, kBytes);
    return x != y;
  };
  for (std::size_t at = 0; at + kBytes < a.size(); at += kBytes) {
    if (differ(at)) return false;
  }
  return !differ(a.size() - kBytes);
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
