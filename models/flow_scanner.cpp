// SPDX-License-Identifier: Apache-2.0
#include "models/flow_scanner.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "models/flow_text.h"

namespace ringfence::flow {

std::size_t wide_mark(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  if (byte(at) == 0xC2 && byte(at + 1) == 0xA0) return 2;
  if (byte(at) == 0xE2 && (byte(at + 1) == 0x80 || byte(at + 1) == 0x81) && byte(at + 2) != 0) return 3;
  return 0;
}

/// Makes room for a block; what stood last stays, where a word may have begun.
void SmallText::move_on(std::size_t from) {
  const std::size_t first = from - kept_from_ - kKept;
  std::copy_n(small_.data() + first, kKept, small_.data());
  kept_from_ += first;
}

/// They part words and mean nothing else; one may reach into the next block.
std::uint64_t SmallText::without_wide_marks(std::uint64_t words, std::uint64_t high, std::size_t from) {
  const auto clear = [&](std::size_t begin) {
    for (std::size_t at = begin; at < std::min(wide_until_, from + bytes::kBlock); ++at) words &= ~(std::uint64_t{1} << (at - from));
  };
  clear(from);
  for (; high != 0; high &= high - 1) {
    const std::size_t at = from + static_cast<std::size_t>(std::countr_zero(high));
    const std::size_t size = at < wide_until_ ? 0 : wide_mark(text_, at);
    if (size == 0) continue;
    wide_until_ = at + size;
    clear(at);
  }
  return words;
}

/// One that began before what is kept.
std::string_view SmallText::long_word(std::size_t begin, std::size_t end) {
  long_ = lower_case(text_.substr(begin, end - begin));
  return long_;
}

std::uint64_t lone_word(std::string_view text) {
  if (text.empty() || text.size() > bytes::kLane) return 0;
  const bytes::Lane small = bytes::made_small(bytes::lane(text.data(), text.size()));
  if (bytes::tops(bytes::in<SmallText::kSmall>(small)) != (std::uint64_t{1} << text.size()) - 1) return 0;
  std::array<char, bytes::kLane> word;  // NOLINT(cppcoreguidelines-pro-type-member-init): written right here
  std::memcpy(word.data(), &small, sizeof small);
  return word_hash({word.data(), text.size()});
}

}  // namespace ringfence::flow
