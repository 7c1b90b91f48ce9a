// SPDX-License-Identifier: Apache-2.0
// Writing JSON Pointers (RFC 6901) step by step. Private to the decoder.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

/// Of every text given here `kSlack` bytes behind its end can be read, and at every place given as many may be written behind what is asked
/// for.
namespace ringfence::decoding::json_pointer {

/// Sixteen bytes at once, of which every comparison gives all ones where it holds.
using Lane [[gnu::vector_size(16)]] = signed char;
inline constexpr std::size_t kSlack = sizeof(Lane);

inline Lane load(const char* from) {
  Lane lane;
  std::memcpy(&lane, from, sizeof lane);
  return lane;
}
inline void store(char* to, Lane lane) { std::memcpy(to, &lane, sizeof lane); }

inline void copy(char* out, std::string_view text) {
  for (std::size_t at = 0; at < text.size(); at += sizeof(Lane)) store(out + at, load(text.data() + at));
}

/// Writes a slash and the step as it is: false where `~` or `/` stands in it, so that this is not its reference token.
[[gnu::always_inline]] inline bool put_plain_step(char* out, std::string_view step) {
  alignas(sizeof(Lane)) static constexpr std::array<char, 2 * sizeof(Lane)> kOnesAndZeros{-1, -1, -1, -1, -1, -1, -1, -1,
                                                                                          -1, -1, -1, -1, -1, -1, -1, -1};
  *out++ = '/';
  Lane found{};
  std::size_t left = step.size();
  const auto put = [&] {
    const Lane lane = load(step.data() + (step.size() - left));
    store(out + (step.size() - left), lane);
    return (lane == '~') | (lane == '/');
  };
  for (; left > sizeof(Lane); left -= sizeof(Lane)) found |= put();
  found |= put() & load(kOnesAndZeros.data() + (sizeof(Lane) - left));  // what stands behind the step is no part of it
  using Halves [[gnu::vector_size(16)]] = std::uint64_t;
  const auto halves = reinterpret_cast<Halves>(found);
  return (halves[0] | halves[1]) == 0;
}

/// Bytes of the reference token, in which `~` and `/` take two.
[[nodiscard]] std::size_t escaped_size(std::string_view step);
/// Writes a slash and the reference token.
void put_escaped_step(char* out, std::string_view step);

}  // namespace ringfence::decoding::json_pointer
