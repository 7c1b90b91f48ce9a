// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/// Bytes of a text sixteen at a time, as a bit a byte: what a channel asks of every byte that an agent reads. Pure; nothing is read beyond
/// a text's end.
namespace ringfence::bytes {

/// Sixteen bytes. What is asked of them is answered byte by byte: all ones where it holds.
using Lane [[gnu::vector_size(16)]] = signed char;
inline constexpr std::size_t kLane = 16, kBlock = 64;

/// Eight bytes or fewer as a number, the first lowest where that is how numbers lie in memory; zeros for what is not there. Two reads that
/// overlap are cheaper than a copy whose length is not known.
[[nodiscard]] inline std::uint64_t word(const char* from, std::size_t count) {
  const auto read = [from]<class T>(std::size_t at, T value) {
    std::memcpy(&value, from + at, sizeof value);
    return std::uint64_t{value};
  };
  if (count >= 8) return read(0, std::uint64_t{});
  if (count >= 4) return read(0, std::uint32_t{}) | read(count - 4, std::uint32_t{}) << 8 * (count - 4);
  if (count == 0) return 0;
  return read(0, std::uint8_t{}) | read(count / 2, std::uint8_t{}) << 8 * (count / 2) | read(count - 1, std::uint8_t{}) << 8 * (count - 1);
}

/// The first sixteen of `count` bytes; zeros for what is not there.
[[nodiscard]] inline Lane lane(const char* from, std::size_t count) {
  if (std::endian::native == std::endian::little && count < kLane) {
    using Halves [[gnu::vector_size(16)]] = std::uint64_t;
    return reinterpret_cast<Lane>(Halves{word(from, count), count > 8 ? word(from + 8, count - 8) : 0});
  }
  Lane bytes{};
  std::memcpy(&bytes, from, std::min(count, kLane));
  return bytes;
}

/// The top bits, the first byte's lowest.
[[nodiscard]] inline std::uint64_t tops(Lane bytes) {
#if defined(__SSE2__)
  return static_cast<std::uint32_t>(_mm_movemask_epi8(reinterpret_cast<__m128i>(bytes)));
#else
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < kLane; ++i) bits |= std::uint64_t{bytes[i] < 0 ? 1U : 0U} << i;
  return bits;
#endif
}

/// Four numbers; what is asked of them is answered number by number: all ones where it holds.
using Quad [[gnu::vector_size(16)]] = std::uint32_t;
[[nodiscard]] inline Quad quad(const std::uint32_t* from) {
  Quad numbers;
  std::memcpy(&numbers, from, sizeof numbers);
  return numbers;
}
/// A bit for each of four numbers that equals `value`, the first one's lowest.
[[nodiscard]] inline unsigned where_equal(const std::uint32_t* four, std::uint32_t value) {
  const auto equal = quad(four) == value;
#if defined(__SSE2__)
  return static_cast<unsigned>(_mm_movemask_ps(reinterpret_cast<__m128>(equal)));
#else
  unsigned bits = 0;
  for (unsigned i = 0; i < 4; ++i) bits |= (equal[i] != 0 ? 1U : 0U) << i;
  return bits;
#endif
}
/// Place of the first number that equals `value`; their count where none does.
[[nodiscard]] inline std::size_t find_equal(std::span<const std::uint32_t> numbers, std::uint32_t value) {
  const std::uint32_t* const from = numbers.data();
  std::size_t at = 0;
  for (; at + 16 <= numbers.size(); at += 16) {
    const auto any =
        (quad(from + at) == value) | (quad(from + at + 4) == value) | (quad(from + at + 8) == value) | (quad(from + at + 12) == value);
    if (tops(reinterpret_cast<Lane>(any)) != 0) break;
  }
  for (; at + 4 <= numbers.size(); at += 4)
    if (const unsigned here = where_equal(from + at, value); here != 0) return at + static_cast<std::size_t>(std::countr_zero(here));
  while (at < numbers.size() && from[at] != value) ++at;
  return at;
}

/// A set of ASCII characters as ranges of them, for `in`.
struct Set {
  struct Range {
    signed char least = 0, most = 0;
  };
  std::array<Range, 16> ranges{};
  std::size_t count = 0;

  consteval explicit Set(std::string_view members) {
    std::array<bool, 128> has{};
    for (const char c : members) has.at(static_cast<unsigned char>(c)) = true;
    for (std::size_t c = 0; c < has.size(); ++c) {
      if (!has[c]) continue;
      if (c == 0 || !has[c - 1]) ranges.at(count++).least = static_cast<signed char>(c);
      ranges[count - 1].most = static_cast<signed char>(c);
    }
  }
};

/// Which bytes are in the set.
template <Set kSet>
[[nodiscard]] Lane in(Lane bytes) {
  constexpr auto kAsk = []<Set::Range kRange>(Lane all) {
    if constexpr (kRange.least == kRange.most) {
      return static_cast<Lane>(all == kRange.least);
    } else {
      return static_cast<Lane>((all >= kRange.least) & (all <= kRange.most));
    }
  };
  return [&]<std::size_t... i>(std::index_sequence<i...>) {
    return static_cast<Lane>((kAsk.template operator()<kSet.ranges[i]>(bytes) | ...));
  }(std::make_index_sequence<kSet.count>{});
}

/// All bytes of the text are in the set.
template <Set kSet>
[[nodiscard]] bool all_in(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); at += kLane) {
    const std::size_t left = text.size() - at;
    const std::uint64_t there = left >= kLane ? 0xFFFF : (std::uint64_t{1} << left) - 1;
    if ((~tops(in<kSet>(lane(text.data() + at, left))) & there) != 0) return false;
  }
  return true;
}

/// A bit for each of at most 64 bytes of which `test` holds, the first one's lowest; 0 for what is not there.
template <class Test>
[[nodiscard]] std::uint64_t where(std::string_view text, const Test& test) {
  std::uint64_t bits = 0;
  for (std::size_t at = 0; at < text.size(); at += kLane) bits |= tops(test(lane(text.data() + at, text.size() - at))) << at;
  return text.size() < kBlock ? bits & ((std::uint64_t{1} << text.size()) - 1) : bits;
}
template <Set kSet>
[[nodiscard]] std::uint64_t where_in(std::string_view text) {
  return where(text, [](Lane bytes) { return in<kSet>(bytes); });
}

/// Place of the first byte of the set at or behind `from`; the text's size where there is none.
template <Set kSet>
[[nodiscard]] std::size_t find_in(std::string_view text, std::size_t from = 0) {
  for (; from < text.size(); from += kLane) {
    const std::uint64_t found = tops(in<kSet>(lane(text.data() + from, text.size() - from)));
    // Where zero is in the set, what is not there reads as that.
    if (found != 0) return std::min(from + static_cast<std::size_t>(std::countr_zero(found)), text.size());
  }
  return text.size();
}

/// Calls `visit` with every piece of the text between bytes of the set, none of them empty.
template <Set kBreaks, class Visit>
void each_piece(std::string_view text, const Visit& visit) {
  std::size_t begin = 0;
  for (std::size_t from = 0; from < text.size(); from += kBlock) {
    for (std::uint64_t breaks = where_in<kBreaks>(text.substr(from, kBlock)); breaks != 0; breaks &= breaks - 1) {
      const std::size_t at = from + static_cast<std::size_t>(std::countr_zero(breaks));
      if (at > begin) visit(text.substr(begin, at - begin));
      begin = at + 1;
    }
  }
  if (begin < text.size()) visit(text.substr(begin));
}

}  // namespace ringfence::bytes
