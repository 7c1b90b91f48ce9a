// SPDX-License-Identifier: Apache-2.0
// What args and result look like to the detectors.
#include <gmock/gmock.h>

#include <array>

#include "engine/event/limits.h"
#include "tests/unit/event/events.h"

namespace ringfence {
namespace {

using namespace testing_events;
using ::testing::ElementsAre;

/// `pointer kind text`, as a reader would list it.
std::vector<std::string> listed(const JsonValue& value) {
  constexpr std::array<std::string_view, 5> kKinds{"string", "number", "bool", "null", "key"};
  std::vector<std::string> rows;
  for (const JsonLeaf& leaf : value.leaves) {
    rows.push_back(std::string(leaf.pointer) + ' ' + std::string(kKinds[static_cast<std::size_t>(leaf.kind)]) + ' ' +
                   std::string(leaf.text));
  }
  return rows;
}

class FlatJson : public ::testing::Test {
 protected:
  JsonValue args(std::string_view raw) { return *decode_(with("/args", raw)).value().args; }
  JsonValue result(std::string_view raw) { return *decode_(with("/result", raw)).value().result; }
  Decoding decode_;
};

TEST_F(FlatJson, KeysAndScalarsStandInDocumentOrderWithTheirPointers) {
  EXPECT_THAT(listed(args(R"({"to":"GB29","n":[1,{"x":true}],"e":{},"l":[],"z":null})")),
              ElementsAre(" key to", "/to string GB29", " key n", "/n/0 number 1", "/n/1 key x", "/n/1/x bool true", " key e", " key l",
                          " key z", "/z null null"));
}

TEST_F(FlatJson, PointersAreEscapedAndTextsAreNot) {
  EXPECT_THAT(listed(args(R"({"a/b~c":{"":"\u00e9\n"},"\u0061":"\ud83d\ude00"})")),
              ElementsAre(" key a/b~c", "/a~1b~0c key ", "/a~1b~0c/ string \xC3\xA9\n", " key a", "/a string \xF0\x9F\x98\x80"));
}

TEST_F(FlatJson, KeysAndTextsOfAnyLengthAreReadWithWhatIsEscapedAtAnyPlace) {
  for (std::size_t size = 0; size < 30; ++size) {
    for (std::size_t at = 0; at <= size; ++at) {
      const std::string before(at, 'b'), behind(size - at, 'e');
      for (const auto& [written, read, pointed] : {std::array{R"(\n)", "\n", "\n"}, std::array{"~", "~", "~0"}, std::array{"/", "/", "~1"},
                                                   std::array{R"(\u00e9)", "\xC3\xA9", "\xC3\xA9"}, std::array{"", "", ""}}) {
        const std::string text = before + written + behind, key = before + read + behind;
        EXPECT_THAT(listed(args(R"({")" + text + R"(":[")" + text + R"("]})")),
                    ElementsAre(" key " + key, "/" + before + pointed + behind + "/0 string " + key));
      }
    }
  }
}

std::string rows(std::size_t count) {
  std::string array = "[";
  for (std::size_t i = 0; i < count; ++i) array += (i == 0 ? R"({"id":)" : R"(,{"id":)") + std::to_string(i % 10) + "}";
  return array + "]";
}

TEST_F(FlatJson, AResultOfMoreThanCanBeLaidFlatIsAbsentAndTheActIsJudged) {
  EXPECT_EQ(result(rows(32'768)).leaves.size(), limits::kLeavesPerValue);
  const std::string many = with("/result", rows(32'769));
  const auto event = decode_(many);
  ASSERT_TRUE(event.has_value()) << event.error().detail;
  EXPECT_FALSE(event->result);
  EXPECT_EQ(event->ignored_elements, 1U);
  EXPECT_TRUE(event->result_too_large);
  const std::string deep = R"({")" + std::string(60'000, 'k') + R"(":)" + rows(200) + "}";
  EXPECT_FALSE(decode_(with("/result", deep)).value().result) << "pointers of 12 MB";
}

TEST_F(FlatJson, AResultThatIsAbsentForItsSizeIsCheckedToItsEnd) {
  const std::string many = rows(32'769);
  EXPECT_EQ(decode_(with("/result", "[" + many + ",tru]")).error().reason, RefusalReason::InvalidJson);
  EXPECT_TRUE(decode_(with("/result", "[" + many + R"(,"\ud800"])")).has_value()) << "as in any result";
  std::string nested = many;
  for (int i = 0; i < 31; ++i) nested.insert(0, "[").push_back(']');
  EXPECT_EQ(decode_(with("/result", nested)).error().reason, RefusalReason::TooDeep);
}

TEST_F(FlatJson, ArgumentsOfMoreThanCanBeLaidFlatAreRefused) {
  const auto event = decode_(with("/args", R"({"rows":)" + rows(32'769) + "}"));
  ASSERT_FALSE(event.has_value());
  EXPECT_EQ(event.error().reason, RefusalReason::TooLarge);
  EXPECT_EQ(event.error().detail, "args: expected at most 65536 keys and scalars");
}

TEST_F(FlatJson, NumbersAreKeptAsTheyAreWritten) {
  EXPECT_THAT(
      listed(result("[1e400,-0,1.50,123456789012345678901234567890,2E+3]")),
      ElementsAre("/0 number 1e400", "/1 number -0", "/2 number 1.50", "/3 number 123456789012345678901234567890", "/4 number 2E+3"));
}

TEST_F(FlatJson, AResultMayBeAnyJson) {
  EXPECT_THAT(listed(result(R"("text")")), ElementsAre(" string text"));
  EXPECT_THAT(listed(result("17")), ElementsAre(" number 17"));
  EXPECT_THAT(listed(result("false")), ElementsAre(" bool false"));
  EXPECT_THAT(listed(result("[[],[[\"x\"]]]")), ElementsAre("/1/0/0 string x"));
  EXPECT_THAT(listed(result("{}")), ElementsAre());
}

TEST_F(FlatJson, OfTwoEqualKeysTheLastCounts) {
  EXPECT_THAT(listed(args(R"({"a":{"deep":[1,2]},"b":1,"a":2})")), ElementsAre(" key b", "/b number 1", " key a", "/a number 2"));
  EXPECT_THAT(listed(args(R"({"a":1,"\u0061":2,"a":3})")), ElementsAre(" key a", "/a number 3"));
  EXPECT_THAT(
      listed(args(R"({"x":{"a":1,"a":2},"y":[{"a":1,"b":0,"a":3}]})")),
      ElementsAre(" key x", "/x key a", "/x/a number 2", " key y", "/y/0 key b", "/y/0/b number 0", "/y/0 key a", "/y/0/a number 3"));
}

TEST_F(FlatJson, EqualKeysAreFoundInLargeObjectsToo) {
  std::string raw = "{\"k7\":\"first\"";
  for (int i = 0; i < 200; ++i) raw += ",\"k" + std::to_string(i) + "\":" + std::to_string(i);
  raw += ",\"k9\":\"last\"}";
  const auto rows = listed(args(raw));
  EXPECT_EQ(rows.size(), 400U);
  EXPECT_THAT(rows, ::testing::Contains("/k7 number 7"));
  EXPECT_THAT(rows, ::testing::Not(::testing::Contains("/k7 string first")));
  EXPECT_THAT(rows, ::testing::Not(::testing::Contains("/k9 number 9")));
  EXPECT_EQ(rows.back(), "/k9 string last");
}

TEST_F(FlatJson, LoneSurrogatesBecomeTheReplacementCharacter) {
  EXPECT_THAT(listed(args(R"({"a":"x\ud800y","b":"\udfff\ud83d\ude00"})")),
              ElementsAre(" key a", "/a string x\xEF\xBF\xBDy", " key b", "/b string \xEF\xBF\xBD\xF0\x9F\x98\x80"));
}

TEST_F(FlatJson, KeysThatOnlyLookEqualAfterReplacementHideNothing) { EXPECT_EQ(args(R"({"\ud800":1,"\ud801":2})").leaves.size(), 4U); }

TEST_F(FlatJson, TheRawTextIsWhatWasWrittenWithoutWhatIsAround) {
  EXPECT_EQ(args("  { \"a\" : [ 1 ] }  ").raw, "{ \"a\" : [ 1 ] }");
  EXPECT_EQ(result(" \"a b\" ").raw, "\"a b\"");
  EXPECT_EQ(result(" 12 ").raw, "12");
  EXPECT_EQ(result("[\"}\", {}]\n").raw, "[\"}\", {}]");
}

TEST_F(FlatJson, TheHashTellsOtherArgumentsApart) {
  const Hash128 one = args(R"({"a":1})").hash;
  EXPECT_EQ(args(R"( {"a":1} )").hash, one);
  EXPECT_NE(args(R"({"a":2})").hash, one);
}

TEST_F(FlatJson, ArgsAndResultLieSideBySide) {
  const auto event = decode_(with("/result", R"({"r":[1,2,3]})", with("/args", R"({"a":"x"})")));
  ASSERT_TRUE(event.has_value());
  EXPECT_THAT(listed(*event->args), ElementsAre(" key a", "/a string x"));
  EXPECT_THAT(listed(*event->result), ElementsAre(" key r", "/r/0 number 1", "/r/1 number 2", "/r/2 number 3"));
}

TEST_F(FlatJson, NestingOf32IsTheDeepestThatIsRead) {
  const std::string raw = std::string(31, '[') + "7" + std::string(31, ']');
  EXPECT_EQ(result(raw).leaves[0].pointer.size(), 62U);
}

}  // namespace
}  // namespace ringfence
