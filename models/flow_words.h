// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/short_hash.h"

/// The words by which orders are known (docs/design/flow.md §4), compiled from config/words: data, a file per language, all at once.
namespace ringfence::flow {

/// Hash of a word in lower case.
[[nodiscard]] inline std::uint64_t word_hash(std::string_view lower_case) {
  const std::uint64_t hash = short_hash::of(lower_case);
  return hash == 0 ? 1 : hash;  // 0 is an empty place of a table
}
/// The word and its inflections: `share shares shared sharing …`, by the regular endings.
[[nodiscard]] std::vector<std::string> forms_of(std::string_view word);
/// A word's stem: its first five letters.
inline constexpr std::size_t kStemLetters = 5;
[[nodiscard]] std::uint32_t stem_of(std::string_view lower_case);

/// What is known of one word; found by its hash, one probe for most words.
struct WordEntry {
  /// Common: names nothing. Clause: with it in front an order may follow a comma. BeginsOrder: the first word of a pattern that is an
  /// order. Lead: in a text that speaks to the agent a verb behind it is an order.
  enum Class : std::uint16_t {
    Verb = 1,
    Opener = 2,
    Filler = 4,
    Copula = 8,
    HostEnding = 16,
    BeginsOrder = 32,
    Clause = 64,
    Common = 128,
    Lead = 256
  };
  std::uint64_t hash = 0;
  std::uint16_t classes = 0;
  std::uint64_t kin = 0;                  // a bit per row of kin it stands in, in any form
  std::uint64_t nouns = 0;                // likewise
  std::array<std::uint64_t, 3> places{};  // bit p of places[i]: may be word i of pattern p
};

/// A row of the tables of kin and nouns: the word a tool's name has, and what texts call it.
struct WordRow {
  std::vector<std::string> words;
};

/// Immutable; shared by threads.
class Words {
 public:
  enum class Meaning : std::uint8_t { Order, Addressed, Follows, HandsOver, Courtesy, Reminder };
  static constexpr std::size_t kMost = 64;  // patterns, rows of kin, rows of nouns

  /// Texts of files; the error names the line.
  [[nodiscard]] static std::expected<Words, std::string> parse(std::span<const std::string_view> files);
  /// Those of config/words.
  [[nodiscard]] static const Words& built_in();

  /// Null for a word that means nothing here.
  [[nodiscard]] const WordEntry* find(std::uint64_t hash) const {
    for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
      const WordEntry& entry = table_.data()[at];
      if (entry.hash == hash) return &entry;
      if (entry.hash == 0) return nullptr;
    }
  }
  /// Calls `visit` with every word that means something.
  template <class Visit>
  void each(const Visit& visit) const {
    for (const WordEntry& entry : table_)
      if (entry.hash != 0) visit(entry);
  }
  /// Of the rows of kin and nouns in their order: bits of rows mean the same where it is equal.
  [[nodiscard]] std::uint32_t rows_id() const { return rows_id_; }
  /// Number of the row of a tool's word, or -1.
  [[nodiscard]] int kin_row(std::string_view word) const { return row(kin_rows_, word); }
  [[nodiscard]] int noun_row(std::string_view word) const { return row(noun_rows_, word); }
  [[nodiscard]] const WordRow& kin(int row) const { return kin_[static_cast<std::size_t>(row)]; }
  /// Verbs with kin that stand for a tool of this effect whose own name says nothing.
  [[nodiscard]] std::span<const std::string> verbs_of(std::string_view effect) const {
    const auto found = effects_.find(effect);
    return found == effects_.end() ? std::span<const std::string>{} : std::span<const std::string>(found->second);
  }

  /// Patterns that end with their first, second, third word; those that want a mark right behind; those of a meaning.
  [[nodiscard]] std::uint64_t ends(std::size_t word) const { return ends_[word]; }
  [[nodiscard]] std::uint64_t marked() const { return marked_; }
  [[nodiscard]] char mark(int pattern) const { return marks_[static_cast<std::size_t>(pattern)]; }
  [[nodiscard]] std::uint64_t of(Meaning meaning) const { return meanings_[static_cast<std::size_t>(meaning)]; }

 private:
  class Builder;
  using Rows = std::map<std::string, int, std::less<>>;
  static int row(const Rows& rows, std::string_view word) {
    const auto found = rows.find(word);
    return found == rows.end() ? -1 : found->second;
  }

  std::vector<WordEntry> table_;
  std::uint64_t mask_ = 0;
  Rows kin_rows_, noun_rows_;
  std::uint32_t rows_id_ = 0;
  std::vector<WordRow> kin_;
  std::map<std::string, std::vector<std::string>, std::less<>> effects_;
  std::array<std::uint64_t, 3> ends_{};
  std::array<std::uint64_t, 6> meanings_{};
  std::uint64_t marked_ = 0;
  std::array<char, kMost> marks_{};
};

}  // namespace ringfence::flow
