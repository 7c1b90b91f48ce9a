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

[[nodiscard]] inline Lane whole_lane(const char* from) {
  Lane bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return bytes;
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
/// One of two times four numbers equals `value`.
[[nodiscard]] inline bool any_equal(const std::uint32_t* four, const std::uint32_t* others, std::uint32_t value) {
  return tops(reinterpret_cast<Lane>((quad(four) == value) | (quad(others) == value))) != 0;
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
      // Moved up so that the greatest member is the greatest number there is, nothing else lies above the least.
      using Unsigned [[gnu::vector_size(16)]] = unsigned char;
      constexpr unsigned char kUp = 127 - kRange.most;
      return static_cast<Lane>(reinterpret_cast<Lane>(reinterpret_cast<Unsigned>(all) + kUp) >
                               static_cast<signed char>(126 - (kRange.most - kRange.least)));
    }
  };
  return [&]<std::size_t... i>(std::index_sequence<i...>) {
    return static_cast<Lane>((kAsk.template operator()<kSet.ranges[i]>(bytes) | ...));
  }(std::make_index_sequence<kSet.count>{});
}

/// Calls `use` with the lanes of at most 64 bytes and where each begins. What does not fill one is read as the last sixteen bytes, of which
/// some have been read before; of fewer than sixteen bytes in all there is one lane with zeros behind them.
template <class Use>
inline void each_lane(std::string_view text, const Use& use) {
  const char* const from = text.data();
  const std::size_t size = text.size();
  if (size < kLane) {
    if (size > 0) use(lane(from, size), std::size_t{0});
    return;
  }
  std::size_t at = 0;
  do {
    use(whole_lane(from + at), at);
    at += kLane;
  } while (at + kLane <= size);
  if (at < size) use(whole_lane(from + size - kLane), size - kLane);
}

/// A bit for each of at most 64 bytes of which `test` holds, the first one's lowest; 0 for what is not there.
template <class Test>
[[nodiscard]] inline std::uint64_t where(std::string_view text, const Test& test) {
  std::uint64_t bits = 0;
  each_lane(text, [&](Lane bytes, std::size_t at) { bits |= tops(test(bytes)) << at; });
  return text.size() < kLane ? bits & ((std::uint64_t{1} << text.size()) - 1) : bits;
}
template <Set kSet>
[[nodiscard]] inline std::uint64_t where_in(std::string_view text) {
  return where(text, [](Lane bytes) { return in<kSet>(bytes); });
}

/// ASCII capitals as small letters, everything else as it is.
[[nodiscard]] inline Lane made_small(Lane bytes) {
  constexpr Set kCapitals("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
  constexpr Lane kCaseBits{32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32};
  return bytes | (in<kCapitals>(bytes) & kCaseBits);
}

/// All bytes of the text are in the set.
template <Set kSet>
[[nodiscard]] inline bool all_in(std::string_view text) {
  for (std::size_t from = 0; from < text.size(); from += kBlock)
    if (where(text.substr(from, kBlock), [](Lane bytes) { return ~in<kSet>(bytes); }) != 0) return false;
  return true;
}

/// Place of the first byte of the set at or behind `from`; the text's size where there is none.
template <Set kSet>
[[nodiscard]] inline std::size_t find_in(std::string_view text, std::size_t from = 0) {
  for (; from < text.size(); from += kBlock)
    if (const std::uint64_t found = where_in<kSet>(text.substr(from, kBlock)); found != 0)
      return from + static_cast<std::size_t>(std::countr_zero(found));
  return text.size();
}

/// Calls `visit` with the begin and the end of every run of bytes in a row that `bits_of` holds of, of a text of `size` bytes. `bits_of` is
/// asked from front to back, with the place of each block of 64, and gives a bit a byte: 0 for what is not there.
template <class BitsOf, class Visit>
inline void each_run(std::size_t size, const BitsOf& bits_of, const Visit& visit) {
  std::size_t begin = 0;
  std::uint64_t before = 0;  // 1: a run reaches into the block
  for (std::size_t from = 0; from < size || before != 0; from += kBlock) {
    const std::uint64_t bits = from < size ? bits_of(from) : 0;
    const std::uint64_t behind = bits << 1U | before;
    std::uint64_t begins = bits & ~behind;
    const auto next_begin = [&] {  // of none any: it is not asked for
      begin = from + static_cast<std::size_t>(std::countr_zero(begins | std::uint64_t{1} << (kBlock - 1)));
      begins &= begins - 1;
    };
    if (before == 0) next_begin();
    for (std::uint64_t ends = behind & ~bits; ends != 0; ends &= ends - 1) {
      visit(begin, from + static_cast<std::size_t>(std::countr_zero(ends)));
      next_begin();
    }
    before = bits >> (kBlock - 1);
  }
}

/// Calls `visit` with every piece of the text between bytes of the set, none of them empty.
template <Set kBreaks, class Visit>
inline void each_piece(std::string_view text, const Visit& visit) {
  const auto pieces = [&](std::size_t from) {
    return where(text.substr(from, kBlock), [](Lane bytes) { return static_cast<Lane>(~in<kBreaks>(bytes)); });
  };
  each_run(text.size(), pieces, [&](std::size_t begin, std::size_t end) { visit(std::string_view(text.data() + begin, end - begin)); });
}

}  // namespace ringfence::bytes
