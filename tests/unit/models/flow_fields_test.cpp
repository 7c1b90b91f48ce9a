// SPDX-License-Identifier: Apache-2.0
#include "models/flow_fields.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace ringfence::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> values_in(std::string_view text) {
  std::vector<std::string> values;
  for (const flow::FieldValue& value : flow::field_values(text)) values.emplace_back(value.text);
  return values;
}

TEST(FlowFields, AMailIsItsHeadersAndItsMessage) {
  EXPECT_THAT(values_in("Id: m-1\nFrom: Ann <ann@shop.example>\nSubject:\n\nHello,\n\nsee you.\nAnn"),
              ElementsAre("m-1", "Ann <ann@shop.example>", "Hello,\n\nsee you.\nAnn"));
  EXPECT_THAT(values_in("Id: m-1\r\nFrom: Ann\r\n\r\nHello"), ElementsAre("m-1", "Ann", "Hello")) << "line ends of mail";
}

TEST(FlowFields, RecordsFollowEachOther) {
  EXPECT_THAT(values_in("Event id: 7\nTitle: Lunch\n\nbring cake\n\n---\n\nEvent id: 8\nTitle: Tea\n"),
              ElementsAre("7", "Lunch", "bring cake", "8", "Tea"));
  const std::vector<flow::FieldValue> values = flow::field_values("- id: 7\n  title: Lunch\n- id: 8\n  title: Tea");
  ASSERT_EQ(values.size(), 4U);
  EXPECT_EQ(values[0].record, values[1].record);
  EXPECT_EQ(values[2].record, values[3].record);
  EXPECT_NE(values[0].record, values[2].record);
}

TEST(FlowFields, ListsAreTheirElements) {
  EXPECT_THAT(values_in("id: 7\nto: [ann@shop.example, bob@shop.example]\ncc: cy@shop.example, dan@shop.example\nnote: ann, who came late"),
              ElementsAre("7", "ann@shop.example", "bob@shop.example", "cy@shop.example", "dan@shop.example", "ann, who came late"));
  EXPECT_THAT(values_in("id: 7\nwho:\n  - Ann\n  - Bob"), ElementsAre("7", "Ann", "Bob"));
}

TEST(FlowFields, WhatIsBelowAKeyIsTakenApartToo) {
  EXPECT_THAT(values_in("hotel: Inn\nreviews:\n  - by: Ann\n    text: Good\n  - by: Bob\n    text: Bad"),
              ElementsAre("Inn", "Ann", "Good", "Bob", "Bad"));
  const std::string deep =
      "a: 1\nb:\n  a: 1\n  b:\n    a: 1\n    b:\n      a: 1\n      b:\n        a: 1\n        b:\n          a: 1\n          b: 2";
  EXPECT_THAT(values_in(deep), ElementsAre("1", "1", "1", "1", "1", "a: 1\n          b: 2")) << "four levels";
}

TEST(FlowFields, AMessageAddsNoFields) {
  EXPECT_THAT(values_in("Id: m-1\nFrom: Ann\n\nHello\nAccount: LT601\nFrom: Bob"),
              ElementsAre("m-1", "Ann", "Hello\nAccount: LT601\nFrom: Bob"));
  EXPECT_THAT(values_in("- id: 7\n  body: |\n    Hello\n\n    Account: LT601\n    ---\n    id: 9\n- id: 8\n  body: Bye"),
              ElementsAre("7", "|\n    Hello\n\n    Account: LT601\n    ---\n    id: 9", "8", "Bye"));
  EXPECT_THAT(values_in("id: 7\ntitle: Tea\n\nid: 8\nAccount: LT601\ntitle: Lunch"), ElementsAre("7", "Tea", "8\nAccount: LT601", "Lunch"))
      << "the first record has shown all keys there are";
}

TEST(FlowFields, WhatComesBehindARuleIsReadToo) {
  EXPECT_THAT(values_in("Id: m-1\nFrom: Ann\n\nHello\n-----\nOne more thing\n-----\nBye"),
              ElementsAre("m-1", "Ann", "Hello", "One more thing", "Bye"));
  EXPECT_THAT(values_in("Id: m-1\nFrom: Ann\n---\nHello"), ElementsAre("m-1", "Ann", "Hello"));
}

TEST(FlowFields, ProseHasNone) {
  for (const char* text :
       {"", "Hello", "Note: one line", "Dear Ann,\nplease pay.\nAccount: LT601", "Note: one field\nand then a text", "- milk\n- eggs",
        "https://shop.example: closed\nhttps://shop.example: open", "a very long key of words: 1\nanother long key of words: 2"}) {
    EXPECT_THAT(values_in(text), IsEmpty()) << text;
  }
}

TEST(FlowFields, WhateverATextIsAllOfItsValuesStandInItInOrder) {
  const std::vector<std::string_view> lines{"key: %",      "- key: %",    "  key: %",   "%",   "",    "---",   "- %",   "other: [%, %]",
                                            "who:",        "  - who: %",  "a: |",       "  %", "\t%", "   ",   "--",    "key:",
                                            "- %, %",      "other: %, %", "    key: %", ": %", "-%",  "key %", "=====", "  ---",
                                            "% - key: %\r"};
  std::mt19937_64 random(11);  // NOLINT: seeded
  int of_fields = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = random() % 2 == 0 ? "" : "key: %\nother: %\n";
    for (std::size_t n = random() % 14; n > 0; --n) text += std::string(lines[random() % lines.size()]) + "\n";
    const char* end = text.data();
    std::ptrdiff_t read = 0;
    const std::vector<flow::FieldValue> values = flow::field_values(text);
    if (values.empty()) continue;
    ++of_fields;
    for (const flow::FieldValue& value : values) {
      ASSERT_FALSE(value.text.empty());
      ASSERT_GE(value.text.data(), end) << text;
      end = value.text.data() + value.text.size();
      ASSERT_LE(end, text.data() + text.size()) << text;
      read += std::ranges::count(value.text, '%');
    }
    ASSERT_EQ(read, std::ranges::count(text, '%')) << "what is neither key nor rule is read: " << text;
  }
  EXPECT_GT(of_fields, 5'000);
}

}  // namespace
}  // namespace ringfence::testing
