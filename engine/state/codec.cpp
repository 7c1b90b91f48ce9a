// SPDX-License-Identifier: Apache-2.0
#include "engine/state/codec.h"

#include <algorithm>
#include <array>
#include <limits>

namespace ringfence {

void Writer::u64s(std::span<const std::uint64_t> words) {
  if constexpr (std::endian::native == std::endian::little)
    raw({reinterpret_cast<const char*>(words.data()), words.size_bytes()});
  else
    for (const std::uint64_t word : words) u64(word);
}

void Writer::grow(std::size_t size) { out_.resize(std::max({size_ + size, 2 * out_.size(), kLeastRoom})); }

std::uint8_t Reader::u8() {
  if (in_.empty()) {
    fail();
    return 0;
  }
  const auto v = static_cast<std::uint8_t>(in_.front());
  in_.remove_prefix(1);
  return v;
}

std::uint64_t Reader::u64() {
  if (in_.size() < 8) {
    fail();
    return 0;
  }
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < 8; ++i) v |= std::uint64_t{static_cast<unsigned char>(in_[i])} << (8 * i);
  in_.remove_prefix(8);
  return v;
}

std::uint64_t Reader::varint() {
  std::uint64_t v = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const std::uint8_t byte = u8();
    if (!ok_) return 0;
    // One value has one form: no bits beyond 64 and no trailing zero groups, so what decodes encodes to the same bytes.
    if ((shift == 63 && byte > 1) || (shift > 0 && byte == 0)) break;
    v |= std::uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return v;
  }
  fail();
  return 0;
}

std::int64_t Reader::svarint() {
  const std::uint64_t v = varint();
  return static_cast<std::int64_t>((v >> 1) ^ (~(v & 1) + 1));
}

float Reader::f32() {
  if (in_.size() < 4) {
    fail();
    return 0;
  }
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < 4; ++i) bits |= std::uint32_t{static_cast<unsigned char>(in_[i])} << (8 * i);
  in_.remove_prefix(4);
  return std::bit_cast<float>(bits);
}

double Reader::f64() { return std::bit_cast<double>(u64()); }

std::string_view Reader::text() {
  const std::uint64_t size = varint();
  if (size > in_.size()) fail();
  if (!ok_) return {};
  const std::string_view v = in_.substr(0, size);
  in_.remove_prefix(size);
  return v;
}

std::size_t Reader::count(std::size_t least_bytes, std::size_t at_most) {
  const std::uint64_t n = varint();
  const std::size_t fits = least_bytes == 0 ? std::numeric_limits<std::size_t>::max() : in_.size() / least_bytes;
  if (n > at_most || n > fits) fail();
  return ok_ ? n : 0;
}

}  // namespace ringfence
