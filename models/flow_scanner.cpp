// SPDX-License-Identifier: Apache-2.0
#include "models/flow_scanner.h"

#include <algorithm>

#include "models/byte_masks.h"
#include "models/flow_text.h"

namespace ringfence::flow {
namespace {

constexpr bytes::Set kCapitals("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), kSmall("abcdefghijklmnopqrstuvwxyz0123456789_");

}  // namespace

std::size_t wide_mark(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  if (byte(at) == 0xC2 && byte(at + 1) == 0xA0) return 2;
  if (byte(at) == 0xE2 && (byte(at + 1) == 0x80 || byte(at + 1) == 0x81) && byte(at + 2) != 0) return 3;
  return 0;
}

void Scanner::load() {
  from_ = until_;
  until_ += kBlock;
  const std::size_t count = std::min(kBlock, text_.size() - from_);
  std::uint64_t high = 0;
  words_ = upper_ = 0;
  for (std::size_t at = 0; at < count; at += bytes::kLane) {
    const bytes::Lane here = bytes::lane(text_.data() + from_ + at, count - at);
    upper_ |= bytes::tops(bytes::in<kCapitals>(here)) << at;
    words_ |= bytes::tops(bytes::in<kSmall>(here)) << at;
    high |= bytes::tops(here) << at;
  }
  words_ |= upper_ | high;
  if (high != 0 || wide_until_ > from_) clear_wide_marks(high);
}

/// They part words and mean nothing else; one may reach into the next block.
void Scanner::clear_wide_marks(std::uint64_t high) {
  const auto clear = [&](std::size_t begin) {
    for (std::size_t at = begin; at < std::min(wide_until_, until_); ++at) words_ &= ~(std::uint64_t{1} << (at - from_));
  };
  clear(from_);
  for (; high != 0; high &= high - 1) {
    const std::size_t at = from_ + static_cast<std::size_t>(std::countr_zero(high));
    const std::size_t size = at < wide_until_ ? 0 : wide_mark(text_, at);
    if (size == 0) continue;
    wide_until_ = at + size;
    clear(at);
  }
}

void Scanner::lower() {
  if (word_.size() > short_.size()) {
    long_ = lower_case(word_);
    word_ = long_;
    return;
  }
  std::ranges::transform(word_, short_.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  word_ = {short_.data(), word_.size()};
}

}  // namespace ringfence::flow
