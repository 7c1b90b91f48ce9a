// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "models/flow_words.h"

namespace ringfence::flow {

/// Bytes of a mark that is not ASCII at `at`: no-break space, and general punctuation (U+2000 to U+207F: dashes, quotes, bullets); else 0.
[[nodiscard]] std::size_t wide_mark(std::string_view text, std::size_t at);

/// Calls `visit` with the places of the marks of one byte in what lies between two words, [first, last) of the text. Spaces and marks that
/// are not ASCII mean nothing.
template <class Visit>
void each_mark(std::string_view text, std::size_t first, std::size_t last, const Visit& visit) {
  for (; first < last; ++first)
    if (const char c = text.data()[first]; c != ' ' && (c & 0x80) == 0) visit(first);
}

/// A text word by word. Reads 64 bytes at once into a bit a byte. Views the text, which must outlive it.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  /// False at the end.
  bool next_word() {
    std::size_t at = end_;
    for (;; at = until_) {
      if (at >= text_.size()) {
        begin_ = end_ = text_.size();
        return false;
      }
      if (at >= until_) load();
      const std::uint64_t bits = words_ >> (at - from_);
      if (bits == 0) continue;
      begin_ = at + static_cast<std::size_t>(std::countr_zero(bits));
      take_word();
      return true;
    }
  }

  [[nodiscard]] std::string_view word() const { return word_; }  // in lower case; until the next word
  [[nodiscard]] std::uint64_t hash() const { return word_hash(word_); }
  [[nodiscard]] std::size_t begin() const { return begin_; }
  [[nodiscard]] std::size_t end() const { return end_; }

 private:
  static constexpr std::size_t kBlock = 64;

  void take_word() {
    std::size_t at = begin_;
    std::uint64_t capitals = 0;
    for (;;) {
      const auto shift = at - from_;
      const auto length = static_cast<std::size_t>(std::countr_one(words_ >> shift));
      capitals |= upper_ >> shift & (length == kBlock ? ~std::uint64_t{0} : (std::uint64_t{1} << length) - 1);
      at += length;
      if (at < until_ || at >= text_.size()) break;
      load();
      if ((words_ & 1U) == 0) break;
    }
    end_ = at;
    word_ = {text_.data() + begin_, at - begin_};
    if (capitals != 0) lower();
  }

  void load();  // the next block
  void clear_wide_marks(std::uint64_t high);
  void lower();

  std::string_view text_, word_;
  std::array<char, 64> short_;  // NOLINT(cppcoreguidelines-pro-type-member-init): written before it is read
  std::string long_;
  std::size_t begin_ = 0, end_ = 0;
  std::size_t from_ = 0, until_ = 0;  // the block
  std::uint64_t words_ = 0, upper_ = 0;
  std::size_t wide_until_ = 0;  // where the last mark that is not ASCII ends
};

}  // namespace ringfence::flow
