// SPDX-License-Identifier: Apache-2.0
#include "models/flow_scanner.h"

#include <algorithm>
#include <cstring>

#include "models/flow_text.h"

namespace ringfence::flow {
namespace {

constexpr std::uint64_t kEach = 0x0101010101010101, kTop = kEach * 0x80;

/// Eight bytes of which each is below 128: the top bit of those that are at least `least`.
constexpr std::uint64_t at_least(std::uint64_t bytes, char least) {
  return bytes + kEach * static_cast<std::uint64_t>(0x80 - static_cast<unsigned char>(least));
}

constexpr std::uint64_t within(std::uint64_t bytes, char least, char most) {
  return at_least(bytes, least) & ~at_least(bytes, static_cast<char>(most + 1));
}

/// The top bits of eight bytes, the first byte's as bit 0.
constexpr std::uint64_t gathered(std::uint64_t tops) { return ((tops & kTop) >> 7U) * 0x0102040810204080U >> 56U; }

/// As one number, the first byte lowest; zeros for what is not there.
std::uint64_t eight(const char* from, std::size_t count) {
  std::uint64_t bytes = 0;
  if (count >= sizeof bytes) {
    std::memcpy(&bytes, from, sizeof bytes);
  } else {
    for (std::size_t i = 0; i < count; ++i) reinterpret_cast<char*>(&bytes)[i] = from[i];
  }
  if constexpr (std::endian::native == std::endian::big) bytes = __builtin_bswap64(bytes);
  return bytes;
}

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
  const char* const bytes = text_.data() + from_;
  words_ = upper_ = telling_ = 0;
  std::uint64_t high = 0;
  for (std::size_t at = 0; at < count; at += 8) {
    const std::uint64_t raw = eight(bytes + at, count - at);
    const std::uint64_t low = raw & ~kTop;
    const std::uint64_t capital = within(low, 'A', 'Z') & ~raw;
    const std::uint64_t small = within(low, 'a', 'z') | within(low, '0', '9') | within(low, '_', '_');
    words_ |= gathered((small & ~raw) | capital | raw) << at;
    upper_ |= gathered(capital) << at;
    telling_ |= gathered(~within(low, ' ', ' ') | raw) << at;
    high |= gathered(raw) << at;
  }
  if (count < kBlock) {  // what was not there read as zeros
    const std::uint64_t there = (std::uint64_t{1} << count) - 1;
    telling_ &= there;
  }
  if (high != 0 || wide_until_ > from_) clear_wide_marks(high);
}

/// They part words and mean nothing else; one may reach into the next block.
void Scanner::clear_wide_marks(std::uint64_t high) {
  const auto clear = [&](std::size_t begin) {
    for (std::size_t at = begin; at < std::min(wide_until_, until_); ++at) {
      const std::uint64_t bit = std::uint64_t{1} << (at - from_);
      words_ &= ~bit;
      telling_ &= ~bit;
    }
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
