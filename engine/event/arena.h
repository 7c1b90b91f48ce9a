// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/event/decode.h"

namespace ringfence {

/// Memory handed out in order and taken back all at once. What was handed out stays where it is until `reset`.
class Bump {
 public:
  /// Room for `size` bytes at least, which stay free until they are taken: the next room may be the same.
  [[nodiscard]] char* room(std::size_t size) {
    if (size > left_) open_block(size);
    return next_;
  }
  /// Takes the first `size` bytes of the room asked for last.
  void take(std::size_t size) {
    next_ += size;
    left_ -= size;
  }
  void reset();
  [[nodiscard]] std::span<const std::string_view> copy(std::span<const std::string_view> list) {
    constexpr std::size_t kAlign = alignof(std::string_view);
    if (list.empty()) return {};
    const char* const begin = room(list.size_bytes() + kAlign);
    take((0 - reinterpret_cast<std::uintptr_t>(begin)) % kAlign);
    auto* const out = reinterpret_cast<std::string_view*>(next_);
    take(list.size_bytes());
    std::uninitialized_copy(list.begin(), list.end(), out);
    return {out, list.size()};
  }

 private:
  struct Block {
    std::unique_ptr<char[]> bytes;  // NOLINT(cppcoreguidelines-avoid-c-arrays)
    std::size_t size = 0;
  };
  void open_block(std::size_t least);

  std::vector<Block> blocks_;
  std::size_t opened_ = 0;  // the first of them
  char* next_ = nullptr;    // in the one opened last, with what is left of it
  std::size_t left_ = 0;
};

/// A member of an object in `args` or `result`, to find equal keys.
struct JsonMember {
  std::string_view key;
  std::size_t first_leaf = 0;
  /// A lone surrogate was replaced in the key: it equals no other.
  bool replaced = false;
  bool superseded = false;
};

/// What one decoded event points into. Kept between events, so that a steady stream allocates nothing; given back after an outsized one.
struct EventArena::Body {
  /// The record with room behind it for reads by whole vector registers.
  std::unique_ptr<char[]> input;  // NOLINT(cppcoreguidelines-avoid-c-arrays)
  std::size_t input_capacity = 0;
  Bump bump;
  /// Room for the leaves of `args` and of `result`: as many as have been needed, from one event to the next.
  std::array<std::vector<JsonLeaf>, 2> leaves;
  std::vector<JsonMember> members;
  /// Of the objects under way, the leaves that are keys in which a lone surrogate was replaced.
  std::vector<std::size_t> replaced_keys;
  std::vector<std::string_view> list;
  /// The first names of the record that are no field's.
  static constexpr std::size_t kUnknownNames = 32;
  std::array<std::string_view, kUnknownNames> unknown_names;
  /// Room for the JSON Pointer of the array or object under way.
  std::string pointer;

  /// Ends the life of everything handed out and copies `bytes` in, followed by `padding` spaces.
  std::string_view load(std::string_view bytes, std::size_t padding);
};

}  // namespace ringfence
