// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "engine/event/ids.h"

namespace ringfence {

/// Appends little-endian fixed numbers, LEB128 varints and length-prefixed strings. The same values give the same bytes on every machine.
class Writer {
 public:
  Writer() = default;
  /// With room for so many bytes made at once.
  explicit Writer(std::size_t expected) : out_(expected, '\0') {}
  void u8(std::uint8_t v) { *room(1) = static_cast<char>(v), ++size_; }
  void u64(std::uint64_t v) { fixed<8>(v); }
  void u64s(std::span<const std::uint64_t> words);
  void varint(std::uint64_t v) {
    char* const at = room(kVarintMost);
    if (v < 0x80) {
      *at = static_cast<char>(v), ++size_;
    } else {
      size_ += put_varint(at, v);
    }
  }
  void svarint(std::int64_t v) { varint((static_cast<std::uint64_t>(v) << 1) ^ (v < 0 ? ~std::uint64_t{0} : 0)); }  // zigzag
  void f32(float v) { fixed<4>(std::bit_cast<std::uint32_t>(v)); }
  void f64(double v) { u64(std::bit_cast<std::uint64_t>(v)); }
  void text(std::string_view v) {
    varint(v.size());
    raw(v);
  }
  /// Bytes as they are, without a length.
  void raw(std::string_view v) {
    if (v.empty()) return;
    std::memcpy(room(v.size()), v.data(), v.size());
    size_ += v.size();
  }
  void time(EventTime t) { svarint(t.value); }
  /// What `write` appends, as `text` would have it: without a buffer in between.
  template <class Write>
  void nested(const Write& write);
  /// What was written, until the next is.
  [[nodiscard]] std::string_view bytes() const { return {out_.data(), size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Takes back all but the first `size` bytes.
  void cut(std::size_t size) { size_ = size; }
  [[nodiscard]] std::string take() {
    out_.resize(std::exchange(size_, 0));
    return std::move(out_);
  }

 private:
  static constexpr std::size_t kVarintMost = 10, kLeastRoom = 64;

  template <std::size_t N>
  void fixed(std::uint64_t v) {
    put_little<N>(room(N), v);
    size_ += N;
  }
  template <std::size_t N>
  static void put_little(char* at, std::uint64_t v) {
    for (std::size_t i = 0; i < N; ++i) at[i] = static_cast<char>(static_cast<unsigned char>(v >> (8 * i)));
  }
  static std::size_t put_varint(char* at, std::uint64_t v) {
    std::size_t size = 0;
    for (; v >= 0x80; v >>= 7) at[size++] = static_cast<char>(static_cast<unsigned char>(v | 0x80));
    at[size++] = static_cast<char>(static_cast<unsigned char>(v));
    return size;
  }
  /// Where the next `size` bytes go.
  char* room(std::size_t size) {
    if (out_.size() - size_ < size) grow(size);
    return out_.data() + size_;
  }
  void grow(std::size_t size);

  std::string out_;  // what is written, and zeros behind it: room that has been made
  std::size_t size_ = 0;
};

template <class Write>
void Writer::nested(const Write& write) {
  const std::size_t start = size_;
  u8(0);  // most are shorter than 128 bytes
  write(*this);
  std::array<char, kVarintMost> length;
  const std::size_t written = size_ - start - 1, size = put_varint(length.data(), written);
  if (size > 1) {
    char* const body = room(size - 1) - written;
    std::memmove(body + size - 1, body, written);
    size_ += size - 1;
  }
  std::memcpy(out_.data() + start, length.data(), size);
}

/// Reads what Writer wrote, and nothing else: a number has one form only. After the first fault every read gives zero or empty and `ok()`
/// is false; lengths are checked before anything is allocated, so hostile bytes cost no more than their own size.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : in_(bytes) {}
  std::uint8_t u8();
  std::uint64_t u64();
  std::uint64_t varint();
  /// A larger number is a fault.
  std::uint32_t varint32() {
    const std::uint64_t v = varint();
    if (v > UINT32_MAX) fail();
    return static_cast<std::uint32_t>(v);
  }
  std::int64_t svarint();
  float f32();
  double f64();
  std::string_view text();
  EventTime time() { return EventTime{svarint()}; }
  /// A varint that counts elements still to come, each of at least `least_bytes`; a larger one is a fault.
  std::size_t count(std::size_t least_bytes, std::size_t at_most);
  [[nodiscard]] bool ok() const { return ok_; }
  /// Bytes not yet read; 0 after a fault.
  [[nodiscard]] std::size_t left() const { return in_.size(); }
  [[nodiscard]] bool at_end() const { return in_.empty(); }
  void fail() {
    ok_ = false;
    in_ = {};
  }

 private:
  std::string_view in_;
  bool ok_ = true;
};

}  // namespace ringfence
