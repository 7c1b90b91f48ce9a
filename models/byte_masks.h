// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
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

/// The first sixteen of `count` bytes; zeros for what is not there.
[[nodiscard]] inline Lane lane(const char* from, std::size_t count) {
  Lane bytes{};
  if (count >= kLane) {
    std::memcpy(&bytes, from, kLane);
  } else {
    std::memcpy(&bytes, from, count);
  }
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

}  // namespace ringfence::bytes
