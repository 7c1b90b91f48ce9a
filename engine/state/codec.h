// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "engine/event/ids.h"

namespace ringfence {

/// Appends little-endian fixed numbers, LEB128 varints and length-prefixed strings. The same values give the same bytes on every machine.
class Writer {
 public:
  void u8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
  void u64(std::uint64_t v);  // fixed 8 bytes
  void varint(std::uint64_t v);
  void svarint(std::int64_t v);  // zigzag
  void f32(float v);
  void f64(double v);
  void text(std::string_view v);
  /// Bytes as they are, without a length.
  void raw(std::string_view v) { out_.append(v); }
  void time(EventTime t) { svarint(t.value); }
  [[nodiscard]] const std::string& bytes() const { return out_; }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

/// Reads what Writer wrote, and nothing else: a number has one form only. After the first fault every read gives zero or empty and `ok()`
/// is false; lengths are checked before anything is allocated, so hostile bytes cost no more than their own size.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : in_(bytes) {}
  std::uint8_t u8();
  std::uint64_t u64();
  std::uint64_t varint();
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
