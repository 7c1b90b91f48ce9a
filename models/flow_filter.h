// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/state/codec.h"
#include "models/byte_masks.h"

namespace ringfence::flow {

/// A Bloom filter whose every entry lies in one word of 64 bits, four of them set. 3,000 entries in 1,024 words: .3 % false. As long as
/// that is smaller, the entries themselves are kept, four bytes each in rows of eight, and answer as the whole filter does.
template <std::size_t kWords>
class GramFilter {
 public:
  void add(std::uint64_t gram) {
    if (kept(place(gram), entry(place(gram), code(gram)))) return;
    if (words_.empty()) return keep(gram);
    words_.data()[place(gram)] |= bits(code(gram));
  }
  [[nodiscard]] bool holds(std::uint64_t gram) const {
    const std::uint64_t wanted = bits(code(gram));
    return (word(place(gram)) & wanted) == wanted;
  }
  [[nodiscard]] std::size_t bytes() const {
    return sizeof(*this) + words_.capacity() * sizeof(std::uint64_t) + entries_.capacity() * sizeof(std::uint32_t);
  }

  void encode(Writer& out) const {
    out.u8(words_.empty() ? kEntries : kWhole);
    out.u64s(words_);
    if (!words_.empty()) return;
    out.varint(rows());
    for (std::size_t row = 0; row < rows(); ++row) {
      const std::uint32_t* const first = &entries_[row * kRow];
      const std::size_t count = used(first);
      out.u8(static_cast<std::uint8_t>(count));
      for (std::size_t i = 0; i < count; ++i) out.f32(std::bit_cast<float>(first[i]));  // four bytes
    }
  }
  void decode(Reader& in) {
    const std::uint8_t form = in.u8();
    if (form == kWhole) return decode_whole(in);
    if (form == kUsedWords) return decode_used(in);
    if (form != kEntries) return in.fail();
    const std::uint64_t rows = in.varint();
    if (rows == 0) return;
    if (rows < kLeastRows || rows > kMostRows) return in.fail();
    entries_.resize(rows * kRow);
    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t count = in.u8();
      if (count > kRow) return in.fail();
      for (std::size_t i = 0; i < count; ++i) {
        const auto entry = std::bit_cast<std::uint32_t>(in.f32());
        if (entry == 0 || !belongs(entry, row)) return in.fail();
        entries_[row * kRow + i] = entry;
      }
    }
  }
  /// The form of the first version, in which all words are there, empty ones too.
  void decode_whole(Reader& in) {
    words_.assign(kWords, 0);
    for (std::uint64_t& word : words_) word = in.u64();
  }

 private:
  enum Form : std::uint8_t { kUsedWords, kWhole, kEntries };
  static constexpr std::size_t kByte = 256, kRow = 8;
  static_assert(kWords >= kByte && std::has_single_bit(kWords));
  /// Entries of one row at home and of the row behind it must not be taken for those of a word 256 away.
  static constexpr std::size_t kLeastRows = 2 * kWords / kByte, kMostRows = 3 * kWords / 16, kManyRows = kWords / 32;

  static std::size_t place(std::uint64_t gram) { return (gram >> 32U) % kWords; }
  /// Four numbers of six bits.
  static std::uint32_t code(std::uint64_t gram) { return static_cast<std::uint32_t>(gram & 0xFFFFFFU); }
  static std::uint64_t bits(std::uint32_t code) {
    const auto bit = [code](unsigned shift) { return std::uint64_t{1} << ((code >> shift) & 63U); };
    return bit(0) | bit(6) | bit(12) | bit(18);
  }
  /// An entry is a code, and of its place what the row leaves open; 0 is an empty one.
  static std::uint32_t entry(std::size_t place, std::uint32_t code) { return code << 8U | static_cast<std::uint32_t>(place % kByte); }

  [[nodiscard]] std::size_t rows() const { return entries_.size() / kRow; }
  [[nodiscard]] std::size_t home(std::size_t place) const { return place * rows() / kWords; }
  [[nodiscard]] std::size_t behind(std::size_t row) const { return row + 1 == rows() ? 0 : row + 1; }
  static bool has(const std::uint32_t* row, std::uint32_t entry) { return bytes::any_equal(row, row + kRow / 2, entry); }
  /// Entries of a row, which are those in front.
  static std::size_t used(const std::uint32_t* row) {
    return static_cast<std::size_t>(std::countr_zero(bytes::where_equal(row, 0) | bytes::where_equal(row + 4, 0) << 4U | 1U << kRow));
  }
  [[nodiscard]] bool belongs(std::uint32_t entry, std::size_t row) const {
    for (std::size_t place = entry % kByte; place < kWords; place += kByte)
      if (home(place) == row || behind(home(place)) == row) return true;
    return false;
  }

  /// The entry is there. Behind its home it can only be where that is full.
  [[nodiscard]] bool kept(std::size_t place, std::uint32_t entry) const {
    if (entries_.empty() || entry == 0) return false;
    const std::size_t at_home = home(place);
    const std::uint32_t* const first = entries_.data() + at_home * kRow;
    if (has(first, entry)) return true;
    return first[kRow - 1] != 0 && has(entries_.data() + behind(at_home) * kRow, entry);
  }
  [[gnu::noinline]] void keep(std::uint64_t gram) {
    const std::uint32_t fresh = entry(place(gram), code(gram));
    if (entries_.empty()) entries_.resize(kLeastRows * kRow);
    while (fresh == 0 || !put(place(gram), fresh)) {
      if (fresh != 0 && grow()) continue;
      spread();
      words_[place(gram)] |= bits(code(gram));
      return;
    }
  }
  /// False where both rows are full.
  bool put(std::size_t place, std::uint32_t entry) {
    for (const std::size_t row : {home(place), behind(home(place))}) {
      std::uint32_t* const first = entries_.data() + row * kRow;
      if (first[kRow - 1] != 0) continue;
      first[used(first)] = entry;
      return true;
    }
    return false;
  }

  /// To twice as many rows, later to half as many again, or what more it takes; false where that would be too many.
  bool grow() {
    std::vector<std::uint32_t> old;
    old.swap(entries_);
    for (std::size_t more = old.size() / kRow;;) {
      more += more < kManyRows ? more : more / 2;
      if (more > kMostRows) break;
      entries_.assign(more * kRow, 0);
      if (each(old, [this](std::size_t place, std::uint32_t entry) { return put(place, entry); })) return true;
    }
    entries_ = std::move(old);
    return false;
  }

  /// Calls `use` with the place of every entry until it says no.
  template <class Use>
  static bool each(const std::vector<std::uint32_t>& entries, const Use& use) {
    const std::size_t rows = entries.size() / kRow;
    for (std::size_t row = 0; row < rows; ++row) {
      // Of the places at home here or one row before, of which there are at most as many as a byte tells apart, the first.
      const std::size_t least = ((row + rows - 1) % rows * kWords + rows - 1) / rows;
      for (const std::uint32_t entry : std::span(entries).subspan(row * kRow, kRow)) {
        if (entry == 0) break;
        if (!use((least + (entry - least) % kByte) % kWords, entry)) return false;
      }
    }
    return true;
  }

  /// The filter's word, whatever it is kept as.
  [[nodiscard]] std::uint64_t word(std::size_t place) const {
    if (!words_.empty()) return words_[place];
    if (entries_.empty()) return 0;
    std::uint64_t set = 0;
    for (const std::size_t row : {home(place), behind(home(place))})
      for (std::size_t i = row * kRow; i < (row + 1) * kRow; ++i)
        if (entries_[i] != 0 && entries_[i] % kByte == place % kByte) set |= bits(entries_[i] >> 8U);
    return set;
  }

  void spread() {
    words_.resize(kWords);
    (void)each(entries_, [this](std::size_t place, std::uint32_t entry) { return words_[place] |= bits(entry >> 8U), true; });
    std::vector<std::uint32_t>().swap(entries_);
  }

  /// The form of the second version: which words have bits, and these. What set them is not known: any entries with these bits will do.
  void decode_used(Reader& in) {
    std::array<std::uint64_t, kWords / 64> has{};
    for (std::uint64_t& group : has) group = in.u64();
    std::vector<std::uint64_t> words(kWords);
    for (std::size_t at = 0; at < kWords; ++at)
      if ((has[at / 64] >> (at % 64) & 1U) != 0) words[at] = in.u64();
    for (std::size_t at = 0; at < kWords; ++at) {
      for (std::uint64_t left = words[at]; left != 0;) {
        std::uint32_t four = 0;
        for (unsigned i = 0; i < 4; ++i) {
          four = four << 6U | static_cast<std::uint32_t>(std::countr_zero(left));
          if ((left & (left - 1)) != 0 || i == 3) left &= left - 1;
        }
        add(std::uint64_t{at} << 32U | four);
      }
    }
  }

  std::vector<std::uint32_t> entries_;  // rows of eight; none once the words are there
  std::vector<std::uint64_t> words_;
};

}  // namespace ringfence::flow
