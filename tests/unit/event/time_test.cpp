// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <limits>
#include <random>

#include "engine/event/decode.h"

namespace ringfence {
namespace {

using ::testing::Eq;
using ::testing::Optional;

TEST(Rfc3339, IsReadToTheNanosecond) {
  EXPECT_THAT(parse_rfc3339("1970-01-01T00:00:00Z"), Optional(EventTime{0}));
  EXPECT_THAT(parse_rfc3339("1970-01-01T00:00:00.000000001Z"), Optional(EventTime{1}));
  EXPECT_THAT(parse_rfc3339("1969-12-31T23:59:59.999999999Z"), Optional(EventTime{-1}));
  EXPECT_THAT(parse_rfc3339("2026-11-20T10:20:00.123456Z"), Optional(EventTime{1'795'170'000'123'456'000}));
  EXPECT_THAT(parse_rfc3339("2026-11-20t10:20:00.1z"), Optional(EventTime{1'795'170'000'100'000'000}));
  EXPECT_THAT(parse_rfc3339("2000-02-29T00:00:00Z"), Optional(EventTime{951'782'400'000'000'000}));
}

TEST(Rfc3339, OffsetsNameTheSameInstant) {
  const auto utc = parse_rfc3339("2026-11-20T10:20:00Z");
  for (const char* text :
       {"2026-11-20T11:20:00+01:00", "2026-11-20T04:50:00-05:30", "2026-11-21T10:19:00+23:59", "2026-11-20T10:20:00-00:00"}) {
    EXPECT_EQ(parse_rfc3339(text), utc) << text;
  }
}

TEST(Rfc3339, ALeapSecondIsTheEndOfItsSecond) {
  const auto last = parse_rfc3339("2016-12-31T23:59:59.999999999Z");
  EXPECT_EQ(parse_rfc3339("2016-12-31T23:59:60Z"), last);
  EXPECT_EQ(parse_rfc3339("2017-01-01T08:59:60.5+09:00"), last);
  EXPECT_THAT(parse_rfc3339("2016-12-31T12:00:60Z"), Eq(std::nullopt));
  EXPECT_THAT(parse_rfc3339("2016-12-31T23:59:61Z"), Eq(std::nullopt));
}

TEST(Rfc3339, AnyOtherFormIsRefused) {
  for (const char* text : {"",
                           "2026",
                           "2026-11-20",
                           "2026-11-20T10:20:00",
                           "2026-11-20 10:20:00Z",
                           "2026-11-20T10:20Z",
                           "2026-11-20T10:20:00.Z",
                           "2026-11-20T10:20:00.1234567890Z",
                           "2026-11-20T10:20:00,5Z",
                           "2026-11-20T10:20:00+0100",
                           "2026-11-20T10:20:00+01",
                           "2026-11-20T10:20:00+24:00",
                           "2026-11-20T10:20:00+01:60",
                           "2026-11-20T10:20:00ZZ",
                           " 2026-11-20T10:20:00Z",
                           "2026-11-20T10:20:00Z ",
                           "2026-13-20T10:20:00Z",
                           "2026-00-20T10:20:00Z",
                           "2026-11-31T10:20:00Z",
                           "2026-11-00T10:20:00Z",
                           "2026-02-29T10:20:00Z",
                           "1900-02-29T10:20:00Z",
                           "2026-11-20T24:00:00Z",
                           "2026-11-20T10:60:00Z",
                           "+026-11-20T10:20:00Z",
                           "2026-1-20T10:20:00Z",
                           "12026-11-20T10:20:00Z",
                           "2026-11-20T-1:20:00Z",
                           "20261120T102000Z"}) {
    EXPECT_THAT(parse_rfc3339(text), Eq(std::nullopt)) << text;
  }
}

TEST(Rfc3339, WhatNanosecondsCannotHoldIsRefused) {
  EXPECT_THAT(parse_rfc3339("0000-01-01T00:00:00Z"), Eq(std::nullopt));
  EXPECT_THAT(parse_rfc3339("1600-01-01T00:00:00Z"), Eq(std::nullopt));
  EXPECT_THAT(parse_rfc3339("2300-01-01T00:00:00Z"), Eq(std::nullopt));
  EXPECT_THAT(parse_rfc3339("9999-12-31T23:59:59.999999999-23:59"), Eq(std::nullopt));
  EXPECT_TRUE(parse_rfc3339("1678-01-01T00:00:00Z"));
  EXPECT_TRUE(parse_rfc3339("2261-12-31T23:59:59.999999999Z"));
}

TEST(Rfc3339, IsWrittenWithNoMoreDigitsThanNeeded) {
  EXPECT_EQ(format_rfc3339(EventTime{0}), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_rfc3339(EventTime{1'500'000'000}), "1970-01-01T00:00:01.500Z");
  EXPECT_EQ(format_rfc3339(EventTime{1'000}), "1970-01-01T00:00:00.000001Z");
  EXPECT_EQ(format_rfc3339(EventTime{-1}), "1969-12-31T23:59:59.999999999Z");
  EXPECT_EQ(format_rfc3339(EventTime{std::numeric_limits<std::int64_t>::min()}), "1677-09-21T00:12:43.145224192Z");
  EXPECT_EQ(format_rfc3339(EventTime{std::numeric_limits<std::int64_t>::max()}), "2262-04-11T23:47:16.854775807Z");
}

TEST(Rfc3339, WhatIsWrittenReadsBackAsTheSameInstant) {
  std::mt19937_64 random(3339);  // NOLINT: seeded
  std::uniform_int_distribution<std::int64_t> any(-9'000'000'000'000'000'000, 9'000'000'000'000'000'000);
  for (int i = 0; i < 20'000; ++i) {
    const EventTime time{any(random)};
    ASSERT_THAT(parse_rfc3339(format_rfc3339(time)), Optional(time)) << format_rfc3339(time);
  }
}

}  // namespace
}  // namespace ringfence
