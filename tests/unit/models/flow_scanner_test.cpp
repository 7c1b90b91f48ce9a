// SPDX-License-Identifier: Apache-2.0
#include "models/flow_scanner.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "models/flow_text.h"

namespace ringfence::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> words_in(std::string_view text) {
  std::vector<std::string> words;
  flow::each_word(text, [&](std::size_t, std::size_t, std::string_view word) { words.emplace_back(word); });
  return words;
}

TEST(FlowScanner, WordsAreLettersDigitsAndLowLinesInLowerCase) {
  EXPECT_THAT(words_in("Send_it to ACCT-17, (now)!"), ElementsAre("send_it", "to", "acct", "17", "now"));
  EXPECT_THAT(words_in(""), IsEmpty());
  EXPECT_THAT(words_in(" .,;"), IsEmpty());
  EXPECT_THAT(words_in("gr\xC3\xBC\xC3\x9F Gott"), ElementsAre("gr\xC3\xBC\xC3\x9F", "gott"));
}

TEST(FlowScanner, NoBreakSpacesDashesAndQuotesPartWords) {
  EXPECT_THAT(words_in("a\xC2\xA0"
                       "b\xE2\x80\x94"
                       "c \xE2\x80\x9C"
                       "d\xE2\x80\x9D e\xE2\x82\xAC"),
              ElementsAre("a", "b", "c", "d", "e\xE2\x82\xAC"));
}

TEST(FlowScanner, APlaceInTheTextMakesNoDifference) {
  const std::vector<std::string> pieces{"word", "Longer_Word", "x", "\xE2\x80\x94", ", ", "\xC2\xA0", "\xC3\xBC", " 17 ", "."};
  for (std::size_t before = 0; before < 70; ++before) {
    for (const std::string& piece : pieces) {
      const std::string text = std::string(before, ' ') + "ab" + piece + "cd" + std::string(130, 'y') + piece + "Z";
      EXPECT_EQ(words_in(text), words_in(text.substr(before))) << before << " " << piece;
    }
  }
}

TEST(FlowScanner, AWordOverManyBlocksIsOne) {
  const std::string word = std::string(63, 'a') + std::string(64, 'B') + "c";
  EXPECT_THAT(words_in(word + " d"), ElementsAre(std::string(63, 'a') + std::string(64, 'b') + "c", "d"));
}

/// As the rules say it, byte by byte.
std::vector<std::string> plain_words(std::string_view text) {
  std::vector<std::string> words(1);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t wide = flow::wide_mark(text, at);
    const char c = text[at];
    const bool capital = c >= 'A' && c <= 'Z';
    if (wide == 0 && (capital || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80) != 0)) {
      words.back() += capital ? static_cast<char>(c - 'A' + 'a') : c;
    } else {
      words.emplace_back();
    }
    at += std::max<std::size_t>(wide, 1);
  }
  std::erase(words, "");
  return words;
}

TEST(FlowScanner, WordsAreThoseOfAPlainReadingWhateverTheText) {
  std::mt19937_64 random(8);  // NOLINT: seeded
  const std::vector<std::string> pieces{"\xE2\x80\x94",       "\xC2\xA0", "\xE2\x80", "\xC3\xBC", "Z9_", " ", ".", "A",
                                        std::string(1, '\0'), "\xE2"};
  for (int times = 0; times < 4000; ++times) {
    std::string text;
    const std::size_t size = random() % (times % 20 == 0 ? 4000 : 200);
    const bool long_words = random() % 4 == 0;
    while (text.size() < size) {
      if (random() % 3 == 0) text += pieces[random() % (long_words ? 5 : pieces.size())];
      text += std::string(random() % (long_words ? 300 : 9), static_cast<char>(random() % 8 == 0 ? random() % 256 : 'a' + random() % 26));
    }
    std::vector<std::string> words;
    std::size_t behind = 0;
    flow::each_word(text, [&](std::size_t begin, std::size_t end, std::string_view word) {
      ASSERT_TRUE(behind <= begin && begin < end && end <= text.size() && word.size() == end - begin);
      behind = end;
      words.emplace_back(word);
    });
    ASSERT_EQ(words, plain_words(text)) << times;
  }
}

TEST(FlowScanner, ALoneWordIsATextOfOneShortWordAndNothingElse) {
  std::mt19937_64 random(10);  // NOLINT: seeded
  const std::string_view characters = "aZ09_bq -.\xC3\xBC";
  int lone = 0;
  for (int times = 0; times < 20'000; ++times) {
    std::string text(random() % 20, ' ');
    const std::size_t kinds = times % 3 == 0 ? characters.size() : 7;
    for (char& c : text) c = characters[random() % kinds];
    const flow::WordList words = flow::words_of(text);
    const bool ascii = std::ranges::none_of(text, [](char c) { return (c & 0x80) != 0; });
    const bool one = words.size() == 1 && plain_words(text).front().size() == text.size() && text.size() <= 16 && ascii;
    ASSERT_EQ(flow::lone_word(text), one ? words[0] : 0) << text;
    if (!one) continue;
    ASSERT_TRUE(flow::is_bare(text)) << text;
    ++lone;
  }
  EXPECT_GT(lone, 5'000);
}

}  // namespace
}  // namespace ringfence::testing
