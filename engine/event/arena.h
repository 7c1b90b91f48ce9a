// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
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
  /// `size` bytes, aligned for any of `std::string_view` and `char`.
  [[nodiscard]] char* allocate(std::size_t size) {
    const std::size_t rounded = (size + kAlign - 1) / kAlign * kAlign;
    if (rounded > left_) open_block(rounded);
    left_ -= rounded;
    return std::exchange(next_, next_ + rounded);
  }
  /// Gives back the last `size` bytes of the latest allocation.
  void shrink(std::size_t size) {
    next_ -= size / kAlign * kAlign;
    left_ += size / kAlign * kAlign;
  }
  void reset();
  [[nodiscard]] std::string_view copy(std::string_view text);
  [[nodiscard]] std::span<const std::string_view> copy(std::span<const std::string_view> list);

 private:
  static constexpr std::size_t kAlign = alignof(std::string_view);
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

/// A member of an object under way in `args` or `result`, to find equal keys.
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
  /// Leaves of `args` and of `result`.
  std::array<std::vector<JsonLeaf>, 2> leaves;
  std::vector<JsonMember> members;
  std::vector<std::string_view> list;
  std::string pointer;

  /// Ends the life of everything handed out and copies `bytes` in, followed by `padding` spaces.
  std::string_view load(std::string_view bytes, std::size_t padding);
};

}  // namespace ringfence
