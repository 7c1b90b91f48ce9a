// SPDX-License-Identifier: Apache-2.0
#include "engine/persona/values.h"
#include "tests/unit/persona/persona_fixture.h"

namespace ringfence::testing_persona {
namespace {

EventTime at(const char* text) { return *parse_rfc3339(text); }

LocalCalendar calendar(const std::string& schedule) {
  return LocalCalendar(Loaded(persona_text("schedule: " + schedule + "\n")).persona().schedule);
}

TEST(Calendar, ADayBeginsAtLocalMidnightInSummerAndInWinter) {
  const LocalCalendar berlin = calendar("{timezone: Europe/Berlin}");
  EXPECT_EQ(berlin.local_day(at("2026-07-01T21:59:59Z")) + 1, berlin.local_day(at("2026-07-01T22:00:00Z"))) << "UTC+2 in July";
  EXPECT_EQ(berlin.local_day(at("2026-11-20T22:59:59Z")) + 1, berlin.local_day(at("2026-11-20T23:00:00Z"))) << "UTC+1 in November";
  EXPECT_EQ(LocalCalendar(Schedule{}).local_day(at("1970-01-02T00:00:00Z")), 1);
  EXPECT_EQ(LocalCalendar(Schedule{}).local_day(at("1969-12-31T23:59:59Z")), -1);
}

TEST(Calendar, TheDayTheClocksGoBackHasTwentyFiveHours) {
  const LocalCalendar berlin = calendar("{timezone: Europe/Berlin}");
  EXPECT_EQ(berlin.local_day(at("2026-10-24T22:00:00Z")), berlin.local_day(at("2026-10-25T22:59:59Z")));
  EXPECT_NE(berlin.local_day(at("2026-10-24T21:59:59Z")), berlin.local_day(at("2026-10-24T22:00:00Z")));
  EXPECT_NE(berlin.local_day(at("2026-10-25T22:59:59Z")), berlin.local_day(at("2026-10-25T23:00:00Z")));
}

TEST(Calendar, WorkingHoursFollowTheWallClockAcrossTheChange) {
  const LocalCalendar london = calendar("{timezone: Europe/London, active: [\"Mon-Fri 07:00-19:00\"]}");
  EXPECT_TRUE(london.active(at("2026-10-23T06:00:00Z"))) << "07:00 in summer time";
  EXPECT_FALSE(london.active(at("2026-10-26T06:30:00Z"))) << "06:30 in winter time";
  EXPECT_TRUE(london.active(at("2026-10-26T07:00:00Z")));
  EXPECT_TRUE(london.active(at("2026-11-20T18:59:59.999Z")));
  EXPECT_FALSE(london.active(at("2026-11-20T19:00:00Z"))) << "the end is outside";
  EXPECT_FALSE(london.active(at("2026-11-21T12:00:00Z"))) << "a Saturday";
}

TEST(Calendar, AWindowMayPassMidnightAndTheWeek) {
  const LocalCalendar night = calendar("{active: [\"Sun 22:00-02:00\", \"Wed,Thu 10:00-10:01\"]}");
  EXPECT_TRUE(night.active(at("2026-11-22T22:00:00Z")));
  EXPECT_TRUE(night.active(at("2026-11-23T01:59:00Z"))) << "Monday, the window that began on Sunday";
  EXPECT_FALSE(night.active(at("2026-11-23T02:00:00Z")));
  EXPECT_FALSE(night.active(at("2026-11-22T01:00:00Z")));
  EXPECT_TRUE(night.active(at("2026-11-19T10:00:59Z")));
  EXPECT_FALSE(night.active(at("2026-11-20T10:00:00Z")));
  EXPECT_TRUE(calendar("{timezone: Asia/Tokyo}").active(at("2026-11-20T10:00:00Z"))) << "no window: always";
}

TEST(Windows, DaysMayRangeWrapAndList) {
  const auto count = [](const char* text) {
    std::vector<bool> minutes;
    return add_window(text, minutes) ? std::ranges::count(minutes, true) : -1;
  };
  EXPECT_EQ(count("Mon-Fri 07:00-19:00"), 5 * 12 * 60);
  EXPECT_EQ(count("Sat-Mon 00:00-24:00"), 3 * 24 * 60);
  EXPECT_EQ(count("09:00-10:00"), 7 * 60);
  EXPECT_EQ(count("Mon,Wed-Thu 23:00-01:00"), 3 * 120);
  for (const char* bad : {"", "Mon", "mon 07:00-08:00", "Mon 7:00-8:00", "Mon 07:00-25:00", "Mon 24:00-01:00", "Mon 07:60-08:00",
                          "Mon- 07:00-08:00", "Mon  07:00-08:00"})
    EXPECT_EQ(count(bad), -1) << bad;
}

TEST(Values, UnitsWordsAndMoments) {
  EXPECT_EQ(parse_size("4KiB"), 4096);
  EXPECT_EQ(parse_size("1.5 MiB"), 1.5 * 1048576);
  EXPECT_EQ(parse_size("2GiB"), 2.0 * 1073741824);
  EXPECT_EQ(parse_size("17B"), 17);
  EXPECT_EQ(parse_size("4KB"), std::nullopt);
  EXPECT_EQ(parse_size("-1B"), std::nullopt);
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("2d"), days(2));
  EXPECT_EQ(parse_duration("1e3s"), std::nullopt);
  EXPECT_EQ(parse_share("sometimes"), .1);
  EXPECT_EQ(parse_share("-0.1"), std::nullopt);
  EXPECT_EQ(parse_number("nan"), std::nullopt);
  EXPECT_EQ(parse_number("0x10"), std::nullopt);
  EXPECT_EQ(parse_moment("2026-11-30"), at("2026-11-30T23:59:59.999999999Z"));
  EXPECT_EQ(parse_moment("2026-11-30T08:00:00+01:00"), at("2026-11-30T07:00:00Z"));
  EXPECT_EQ(parse_moment("30.11.2026"), std::nullopt);
}

TEST(Nearest, StaysSilentWhereNothingIsNear) {
  const std::vector<std::string> known{"denials", "retries", "then"};
  EXPECT_EQ(nearest("dailials", known), "denials");
  EXPECT_EQ(nearest("tehn", known), "then");
  EXPECT_EQ(nearest("budget", known), std::nullopt);
  EXPECT_EQ(nearest("", known), std::nullopt);
}

}  // namespace
}  // namespace ringfence::testing_persona
