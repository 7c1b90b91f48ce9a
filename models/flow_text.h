// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/short_list.h"
#include "models/flow_words.h"

/// Texts as the flow channel reads them: words, sentences, which of them command, and what in a text is an address. One pass a
/// text; allocates nothing for a short one. Words are runs of letters, digits, `_` and what is not ASCII, in lower case; all else parts
/// them. `at` and `dot` are left out, as the signs they stand for are.
namespace ringfence::flow {

/// Hashes of a text's words in order.
using WordList = ShortList<std::uint64_t, 32>;
using WordSpan = std::span<const std::uint64_t>;

/// Words of a value without scheme and `www.` in front: two values with the same words are the same. A number written in groups, such as
/// a telephone's or an account's, is one word.
[[nodiscard]] WordList words_of(std::string_view value);
/// Would two texts hold it by accident: it has a space, or 12 characters, or 4 with a digit or one of `@ . _ -`.
[[nodiscard]] bool distinctive(std::string_view value);
/// A text of at most 80 bytes and 3 words is a name or a number, not prose.
[[nodiscard]] bool is_bare(std::string_view leaf);
[[nodiscard]] std::string lower_case(std::string_view text);

/// The hash of a run of words, a word at a time.
class RunHash {
 public:
  void add(std::uint64_t word) {
    hash_ = (hash_ ^ word) * 0x9E3779B97F4A7C15ULL;
    hash_ ^= hash_ >> 29U;
    ++words_;
  }
  [[nodiscard]] std::uint64_t value() const { return hash_ ^ words_; }

 private:
  std::uint64_t hash_ = 0x243F6A8885A308D3ULL, words_ = 0;
};
[[nodiscard]] inline std::uint64_t run_hash(WordSpan words) {
  RunHash hash;
  for (const std::uint64_t word : words) hash.add(word);
  return hash.value();
}
/// `seen` holds the run: of more than three words every three in a row.
template <class Seen>
[[nodiscard]] bool holds_run(WordSpan words, const Seen& seen) {
  if (words.empty()) return false;
  if (words.size() <= 3) return seen(run_hash(words));
  for (std::size_t i = 0; i + 3 <= words.size(); ++i)
    if (!seen(run_hash(words.subspan(i, 3)))) return false;
  return true;
}

/// One sentence of prose.
struct Sentence {
  std::size_t first = 0, last = 0;  // its words, [first, last) of ProseText::words
  std::size_t paragraph = 0;
  bool commands = false;             // it is an order, or goes on with one
  bool led = false;                  // it holds a verb that is an order where the text speaks to the agent
  bool addressed = false;            // it, or one before it, speaks to the agent
  bool lower_start = false;          // it goes on with the sentence before
  std::uint64_t kin = 0, nouns = 0;  // rows of the word tables it touches
};

/// Where a word of prose stands in its leaf, and what the tables say of it.
struct WordPlace {
  std::uint32_t first, size;
  const WordEntry* entry;  // null where it means nothing
};

/// A leaf of prose, read. Sentences, and whether it speaks to the agent, only where a word of it can begin an order.
struct ProseText {
  ShortList<std::uint64_t, 64> words;  // hashes
  ShortList<WordPlace, 64> places;     // and of each where it stands
  struct Number {
    std::uint64_t hash;
    std::uint32_t end;  // the word behind it
  };
  ShortList<Number, 4> numbers;  // written in groups, as one word each
  ShortList<Sentence, 8> sentences;
  bool commands = false;  // some sentence does
};
/// The stem of a word of `text`, which hashes to `hash`.
[[nodiscard]] std::uint32_t stem_at(std::string_view text, WordPlace place, std::uint64_t hash);
[[nodiscard]] ProseText read_prose(const Words& lexicon, std::string_view leaf);

/// A task's words, and what it asks for in the terms of the word tables.
struct TaskText {
  WordList words;
  std::uint64_t kin = 0, nouns = 0;
  bool follows = false;      // it hands over to a text: "follow the instructions", "handle these"
  bool follows_all = false;  // to all texts of a kind: "whoever asked in the mails"
};
[[nodiscard]] TaskText read_task(const Words& lexicon, std::string_view text);

}  // namespace ringfence::flow
