// SPDX-License-Identifier: Apache-2.0
// Escaping on output, identifiers without values, and the hashes that name things in states.
#include <gmock/gmock.h>

#include <array>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "engine/event/arg_id.h"
#include "engine/event/escape.h"
#include "engine/event/event.h"
#include "engine/event/hash.h"
#include "engine/event/short_hash.h"
#include "engine/event/utf8.h"

namespace ringfence {
namespace {

using namespace std::string_view_literals;

TEST(Printable, LeavesPlainTextAloneAndEscapesWhatActsOnATerminal) {
  EXPECT_EQ(printable("payments.create \xC3\xA9 \xF0\x9F\x98\x80"), "payments.create \xC3\xA9 \xF0\x9F\x98\x80");
  EXPECT_EQ(printable("a\x1b[31m\n\0\x7f\\"sv), R"(a\x1B[31m\x0A\x00\x7F\x5C)");
  EXPECT_EQ(printable("\xC2\x85\xC2\x9B"), R"(\u{85}\u{9B})");
  EXPECT_EQ(printable("a\xE2\x80\xAE"
                      "b\xE2\x81\xA6\xE2\x80\xA8"),
            R"(a\u{202E}b\u{2066}\u{2028})");
  EXPECT_EQ(printable("\xFF\xC3(\xE2\x82"), R"(\xFF\xC3(\xE2\x82)");
}

TEST(Printable, CutsLongTextBetweenCharactersAndSaysSo) {
  EXPECT_EQ(printable("abcdef", 3), "abc\xE2\x80\xA6");
  EXPECT_EQ(printable("\xC3\xA9\xC3\xA9\xC3\xA9", 2), "\xC3\xA9\xC3\xA9\xE2\x80\xA6");
  EXPECT_EQ(printable("ab\n", 5), "ab\xE2\x80\xA6") << "an escape is never cut";
  EXPECT_EQ(printable("abc", 3), "abc");
  EXPECT_EQ(printable("abc", 0), "\xE2\x80\xA6");
}

TEST(JsonQuoted, ReadsBackAsTheSameText) {
  std::string all;
  for (int c = 0; c < 128; ++c) all.push_back(static_cast<char>(c));
  all += "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
  EXPECT_EQ(nlohmann::json::parse(json_quoted(all)).get<std::string>(), all);
  EXPECT_EQ(json_quoted("a\x7F"
                        "b\xC2\x9B"
                        "c\xE2\x80\xAE"),
            R"("a\u007Fb\u009Bc\u202E")");
  EXPECT_EQ(json_quoted("a\"b\\c\n\x01"), R"("a\"b\\c\n\u0001")");
}

TEST(JsonQuoted, InvalidUtf8BecomesTheReplacementCharacter) {
  EXPECT_EQ(json_quoted("a\xFF"
                        "b\xE2\x82"),
            "\"a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD\"");
  EXPECT_EQ(json_quoted("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST(ShortHash, IsTheHashOfTheLibraryForEveryLengthAndSeed) {
  std::mt19937_64 random(9);  // NOLINT: seeded
  for (std::size_t size = 0; size <= 40; ++size) {
    for (int times = 0; times < 200; ++times) {
      std::string text(size, '\0');
      for (char& c : text) c = static_cast<char>(random() % (times < 20 ? 2 : 256));
      for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{11}, std::uint64_t{0x80000000}, std::uint64_t{random()}})
        ASSERT_EQ(short_hash::of(text, seed), hash64(text, seed)) << size << " " << seed;
    }
  }
}

TEST(PercentEncoded, KeepsOnlyUnreservedCharacters) {
  EXPECT_EQ(percent_encoded("spiffe://corp/a b~\xC3\xA9"), "spiffe%3A%2F%2Fcorp%2Fa%20b~%C3%A9");
  EXPECT_EQ(percent_encoded("AZaz09-._~"), "AZaz09-._~");
}

TEST(Utf8, KnowsWellFormedSequencesOnly) {
  for (const char* text : {"", "a", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBF",
                           "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(utf8::valid(text)) << text;
  }
  for (const char* text : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF", "\xE2\x82",
                           "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    EXPECT_FALSE(utf8::valid(text)) << text;
  }
}

TEST(Utf8, EveryScalarValueReadsBackAsItself) {
  for (char32_t code = 0; code <= 0x10FFFF; code += code < 0x900 ? 1 : 37) {
    if (code >= 0xD800 && code < 0xE000) continue;
    std::string text;
    utf8::append(text, code);
    const utf8::Step step = utf8::next(text);
    ASSERT_TRUE(step.valid && step.code == code && step.length == text.size()) << static_cast<std::uint32_t>(code);
  }
}

TEST(Utf8, APrefixCutsNoCharacter) {
  EXPECT_EQ(utf8::prefix("a\xE2\x82\xAC"
                         "b",
                         3),
            "a");
  EXPECT_EQ(utf8::prefix("a\xE2\x82\xAC"
                         "b",
                         4),
            "a\xE2\x82\xAC");
  EXPECT_EQ(utf8::prefix("abc", 10), "abc");
  EXPECT_EQ(utf8::prefix("\x80\x80\x80\x80\x80\x80", 5).size(), 5U);
}

TEST(ArgId, HasAShapeAndAHashAndMaybeAName) {
  for (const char* element : {"uuid:0123456789abcdef", "dec-1:0123456789abcdef", "hex-8:0123456789abcdef",
                              "word.dec-12.mixed.hex-40:0123456789abcdef", "id=word:0123456789abcdef", "/a=b:c=word:0123456789abcdef"}) {
    EXPECT_TRUE(is_arg_id(element)) << element;
  }
  for (const char* element :
       {"", "word", "word:0123456789abcde", "word:0123456789abcdef0", "word:0123456789ABCDEF", ":0123456789abcdef",
        "=word:0123456789abcdef", "id=:0123456789abcdef", "hex-7:0123456789abcdef", "dec-0:0123456789abcdef", "dec-05:0123456789abcdef",
        "dec-:0123456789abcdef", "hex-99999999999:0123456789abcdef", "word..word:0123456789abcdef", "word.:0123456789abcdef",
        "Word:0123456789abcdef", "dec--5:0123456789abcdef", "word:0123456789abcdeg"}) {
    EXPECT_FALSE(is_arg_id(element)) << element;
  }
}

TEST(Hashes, ArePartOfStoredStatesAndNeverChange) {
  EXPECT_EQ(hash64(""), 0x2D06800538D394C2U) << "XXH3-64 of nothing, as published";
  EXPECT_NE(hash64("a"), hash64("a", 1));
  const AgentKey key = agent_key("corp", "spiffe://corp.example/agent/ap-invoice");
  EXPECT_EQ(key.hash.high, 5373206279189824273U);
  EXPECT_EQ(key.hash.low, 3790993550938369769U);
}

TEST(Hashes, ATenantInPartsIsTheTenant) {
  constexpr std::array<std::string_view, 4> kParts{"user", "", "-", "corp"};
  EXPECT_EQ(key_of(kParts, "u-17"), agent_key("user-corp", "u-17"));
}

TEST(Hashes, TenantAndAgentDoNotRunIntoEachOther) {
  EXPECT_NE(agent_key("ab", "c"), agent_key("a", "bc"));
  EXPECT_NE(agent_key("", "abc"), agent_key("abc", ""));
  EXPECT_EQ(agent_key(std::string(3000, 't'), "a"), agent_key(std::string(3000, 't'), "a"));
  EXPECT_NE(agent_key(std::string(3000, 't'), "a"), agent_key(std::string(3001, 't'), "a"));
}

}  // namespace
}  // namespace ringfence
