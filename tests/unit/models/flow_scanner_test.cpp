// SPDX-License-Identifier: Apache-2.0
#include "models/flow_scanner.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace ringfence::testing {
namespace {

using flow::Scanner;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> words_in(std::string_view text) {
  std::vector<std::string> words;
  for (Scanner scanner(text); scanner.next_word();) words.emplace_back(scanner.word());
  return words;
}

std::string marks_in(std::string_view text) {
  std::string marks;
  const auto note = [&](std::size_t place) { marks += text[place]; };
  std::size_t behind = 0;
  for (Scanner scanner(text); scanner.next_word(); behind = scanner.end()) flow::each_mark(text, behind, scanner.begin(), note);
  flow::each_mark(text, behind, text.size(), note);
  return marks;
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

TEST(FlowScanner, SpacesAndWideMarksMeanNothingOtherMarksAreTold) {
  EXPECT_EQ(marks_in("one, two.\n three \xE2\x80\x94 four? [five]"), ",.\n?[]");
  EXPECT_EQ(marks_in(std::string("a\0b", 3)), std::string(1, '\0'));
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

}  // namespace
}  // namespace ringfence::testing
