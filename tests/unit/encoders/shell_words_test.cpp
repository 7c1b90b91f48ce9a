// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/shell_words.h"

#include <gmock/gmock.h>

#include <array>
#include <cstdio>
#include <string>

#include "engine/event/escape.h"

namespace ringfence {
namespace {

/// What bash understands by it.
std::string read_by_a_shell(const std::string& word) {
  const std::string file = ::testing::TempDir() + "shell_word.sh";
  std::FILE* const script = std::fopen(file.c_str(), "w");
  const std::string line = "printf %s " + word + "\n";
  std::fwrite(line.data(), 1, line.size(), script);
  std::fclose(script);
  std::FILE* const shell = popen(("bash '" + file + "'").c_str(), "r");
  std::string out(1U << 16U, '\0');
  out.resize(std::fread(out.data(), 1, out.size(), shell));
  pclose(shell);
  return out;
}

TEST(ShellWord, StandsForItsTextWhateverThatIs) {
  const std::array<std::string, 12> texts{"plain/file-1.nd",
                                          "two words",
                                          "o'brien/ev.nd",
                                          "$HOME `id` $(id) \"x\" *?[a] ~ # ! ; & | < > {a,b}",
                                          "back\\slash",
                                          "\\'",
                                          "line\nbreak and 'quotes' and \\",
                                          "\x1b[31mred",
                                          "\xe2\x80\xae"
                                          "dn.esrever",
                                          "not \xff utf-8",
                                          "\xc3\xbc"
                                          "ber",
                                          std::string(5000, 'x') + "'"};
  for (const std::string& text : texts) {
    const std::string word = shell_word(text);
    EXPECT_EQ(read_by_a_shell(word), text) << word;
    std::string shown = word;
    std::erase(shown, '\\');
    EXPECT_EQ(printable(shown, shown.size()), shown) << "nothing of it moves a terminal";
  }
  EXPECT_EQ(shell_word(texts[0]), texts[0]);
  EXPECT_EQ(shell_word("two words"), "'two words'");
  EXPECT_EQ(shell_word(""), "''");
}

}  // namespace
}  // namespace ringfence
