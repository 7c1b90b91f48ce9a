// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "models/byte_masks.h"

namespace ringfence::flow {

/// Bytes of a mark that is not ASCII at `at`: no-break space, and general punctuation (U+2000 to U+207F: dashes, quotes, bullets); else 0.
[[nodiscard]] std::size_t wide_mark(std::string_view text, std::size_t at);

/// A text in lower case, made block by block from front to back, and which of its bytes are of words. Of a text longer than it keeps, only
/// the end of what was read is still there. Views the text, which must outlive it.
class SmallText {
 public:
  explicit SmallText(std::string_view text) : text_(text) {}  // NOLINT(cppcoreguidelines-pro-type-member-init): `small_` is written first

  /// A bit for each of the 64 bytes from `from` on, of a word or not: 0 for what is not there.
  [[nodiscard]] std::uint64_t read_block(std::size_t from) {
    if (from + bytes::kBlock - kept_from_ > small_.size()) move_on(from);
    char* const to = small_.data() + (from - kept_from_);
    std::uint64_t words = 0, high = 0;
    const std::string_view block(text_.data() + from, std::min(bytes::kBlock, text_.size() - from));
    bytes::each_lane(block, [&](bytes::Lane here, std::size_t at) {
      const bytes::Lane small = bytes::made_small(here);
      std::memcpy(to + at, &small, sizeof small);
      words |= bytes::tops(bytes::in<kSmall>(small) | here) << at;
      high |= bytes::tops(here) << at;
    });
    return high == 0 && wide_until_ <= from ? words : without_wide_marks(words, high, from);
  }

  /// What was read, in lower case; until more is read.
  [[nodiscard]] std::string_view word(std::size_t begin, std::size_t end) {
    if (begin < kept_from_) return long_word(begin, end);
    return {small_.data() + (begin - kept_from_), end - begin};
  }

  /// What words are made of, besides what is not ASCII.
  static constexpr bytes::Set kSmall{"abcdefghijklmnopqrstuvwxyz0123456789_"};

 private:
  static constexpr std::size_t kMost = 16 * bytes::kBlock, kKept = 2 * bytes::kBlock;

  void move_on(std::size_t from);
  std::uint64_t without_wide_marks(std::uint64_t words, std::uint64_t high, std::size_t from);
  std::string_view long_word(std::size_t begin, std::size_t end);

  std::string_view text_;
  std::array<char, kMost> small_;
  std::size_t kept_from_ = 0;   // where in the text its first byte stands
  std::size_t wide_until_ = 0;  // where the last mark that is not ASCII ends
  std::string long_;
};

/// Calls `visit` with every word of the text: where it begins and ends, and itself in lower case, until the next.
template <class Visit>
inline void each_word(std::string_view text, const Visit& visit) {
  SmallText small(text);
  bytes::each_run(
      text.size(), [&](std::size_t from) { return small.read_block(from); },
      [&](std::size_t begin, std::size_t end) { visit(begin, end, small.word(begin, end)); });
}

/// The hash of a text of at most 16 bytes that is one word of ASCII, as keys of objects and numbers mostly are; 0 for any other.
[[nodiscard]] std::uint64_t lone_word(std::string_view text);

}  // namespace ringfence::flow
