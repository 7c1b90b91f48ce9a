// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "engine/state/codec.h"

namespace ringfence::flow {

/// A Bloom filter whose every entry lies in one word of 64 bits, four of them set. 3,000 entries in 1,024 words: .3 % false. Only words
/// that have a bit are there, in order, until half of them have: a filter of few entries costs 8 bytes each and answers as the whole one
/// does.
template <std::size_t kWords>
class GramFilter {
 public:
  void add(std::uint64_t gram) {
    const std::size_t at = place(gram);
    if (whole()) {
      words_.data()[at] |= bits(gram);
    } else if (has(at)) {
      words_.data()[rank(at)] |= bits(gram);
    } else {
      insert(at, bits(gram));
    }
  }
  [[nodiscard]] bool holds(std::uint64_t gram) const {
    const std::size_t at = place(gram);
    if (!whole() && !has(at)) return false;
    return (words_.data()[whole() ? at : rank(at)] & bits(gram)) == bits(gram);
  }
  [[nodiscard]] std::size_t bytes() const { return sizeof(*this) + words_.capacity() * sizeof(std::uint64_t); }

  void encode(Writer& out) const {
    out.u8(whole() ? 1 : 0);
    if (!whole()) out.u64s(used_);
    out.u64s(words_);
  }
  void decode(Reader& in) {
    const std::uint8_t form = in.u8();
    if (form == 1) return decode_whole(in);
    if (form > 1) return in.fail();
    for (std::uint64_t& group : used_) group = in.u64();
    before_ = {};
    std::size_t before = 0;
    for (std::size_t i = 0; i < kGroups; ++i) {
      before_[i / 4] |= std::uint64_t{before} << (16 * (i % 4));
      before += count(used_[i]);
    }
    if (before > kFew) return in.fail();
    words_.resize(before);
    for (std::uint64_t& word : words_) word = in.u64();
  }
  /// The form in which all words are there, empty ones too.
  void decode_whole(Reader& in) {
    words_.assign(kWords, 0);
    for (std::uint64_t& word : words_) word = in.u64();
  }

 private:
  static constexpr std::size_t kGroups = kWords / 64, kFew = kWords / 2;

  static std::size_t place(std::uint64_t gram) { return (gram >> 32U) % kWords; }
  static std::uint64_t bits(std::uint64_t gram) {
    const auto bit = [&](unsigned shift) { return std::uint64_t{1} << ((gram >> shift) & 63U); };
    return bit(0) | bit(6) | bit(12) | bit(18);
  }

  [[nodiscard]] bool whole() const { return words_.size() == kWords; }
  [[nodiscard]] bool has(std::size_t at) const { return (used_[at / 64] >> (at % 64) & 1U) != 0; }
  [[nodiscard]] std::size_t rank(std::size_t at) const {
    const std::uint64_t below = (std::uint64_t{1} << (at % 64)) - 1;
    const std::size_t group = at / 64;
    return (before_[group / 4] >> (16 * (group % 4)) & 0xFFFFU) + count(used_[group] & below);
  }

  /// Bits set. Written out: without an instruction for it std::popcount is a call.
  static std::size_t count(std::uint64_t v) {
    v -= v >> 1U & 0x5555555555555555U;
    v = (v & 0x3333333333333333U) + (v >> 2U & 0x3333333333333333U);
    return ((v + (v >> 4U)) & 0x0F0F0F0F0F0F0F0FU) * 0x0101010101010101U >> 56U;
  }

  void insert(std::size_t at, std::uint64_t word) {
    if (words_.size() == kFew) {
      spread();
      words_[at] = word;
      return;
    }
    const std::size_t first = rank(at), behind = words_.size() - first;
    if (words_.size() == words_.capacity()) words_.reserve(words_.size() + words_.size() / 4 + kStep);
    words_.push_back(0);
    std::uint64_t* const to = words_.data() + first;
    std::memmove(to + 1, to, behind * sizeof(std::uint64_t));
    *to = word;
    used_[at / 64] |= std::uint64_t{1} << (at % 64);
    const std::size_t next = at / 64 + 1;  // the first group that has one more in front of it
    for (std::size_t i = next / 4; i < before_.size(); ++i) before_[i] += i == next / 4 ? kOnes << (16 * (next % 4)) : kOnes;
  }

  void spread() {
    std::vector<std::uint64_t> all(kWords);
    for (std::size_t at = 0; at < kWords; ++at)
      if (has(at)) all[at] = words_[rank(at)];
    words_ = std::move(all);
  }

  static constexpr std::size_t kStep = 16;
  std::array<std::uint64_t, kGroups> used_{};  // a bit a word that is there; without meaning once all are
  static constexpr std::uint64_t kOnes = 0x0001000100010001;
  std::array<std::uint64_t, kGroups / 4> before_{};  // words in front of a group, 16 bits each
  std::vector<std::uint64_t> words_;
};

}  // namespace ringfence::flow
