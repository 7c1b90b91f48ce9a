// SPDX-License-Identifier: Apache-2.0
#include "engine/app/service_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>
#include <vector>

namespace ringfence {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;
using testing::SizeIs;

std::vector<std::string> lines_of(const std::ostringstream& out) {
  std::vector<std::string> lines;
  std::istringstream in(out.str());
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// A new line that forges a record, an escape sequence, a right-to-left override, a quote, broken UTF-8.
constexpr std::string_view kHostile = "a\nerror forged=1 \x1b[31m \xE2\x80\xAE \" = \xFF";

TEST(ServiceLog, WritesOneJsonObjectALineWithTypedFields) {
  std::ostringstream out;
  const ServiceLog log(LogLevel::Info, LogFormat::Json, out);
  log.info("partition assigned",
           {{"topic", "ringfence.events"}, {"partition", 3}, {"lag", std::uint64_t{7}}, {"share", .25}, {"first", true}});
  ASSERT_THAT(lines_of(out), SizeIs(1));
  const auto line = nlohmann::json::parse(lines_of(out)[0]);
  EXPECT_THAT(line["time"].get<std::string>(), MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z"));
  EXPECT_EQ(line["level"], "info");
  EXPECT_EQ(line["message"], "partition assigned");
  EXPECT_EQ(line["topic"], "ringfence.events");
  EXPECT_EQ(line["partition"], 3);
  EXPECT_EQ(line["lag"], 7);
  EXPECT_EQ(line["share"], .25);
  EXPECT_EQ(line["first"], true);
}

TEST(ServiceLog, WritesPlainWordsBareAndTheRestQuotedAsText) {
  std::ostringstream out;
  const ServiceLog log(LogLevel::Info, LogFormat::Plain, out);
  log.warning("persona refused", {{"file", "personas/ap.yaml"}, {"why", "two words"}, {"empty", ""}, {"count", 2}});
  ASSERT_THAT(lines_of(out), SizeIs(1));
  EXPECT_THAT(lines_of(out)[0], HasSubstr("Z warning persona refused file=personas/ap.yaml why=\"two words\" empty=\"\" count=2"));
}

TEST(ServiceLog, AHostileValueStaysInItsFieldAndHoldsNoControlCharacter) {
  for (const auto format : {LogFormat::Json, LogFormat::Plain}) {
    std::ostringstream out;
    const ServiceLog log(LogLevel::Info, format, out);
    log.info("refused", {{"agent", kHostile}, {"after", 1}});
    ASSERT_THAT(lines_of(out), SizeIs(1));
    EXPECT_THAT(lines_of(out)[0], AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\xE2\x80\xAE")), Not(HasSubstr("\xFF"))));
    if (format == LogFormat::Json) {
      const auto line = nlohmann::json::parse(lines_of(out)[0]);
      EXPECT_FALSE(line.contains("forged"));
      EXPECT_EQ(line["after"], 1);
    } else {
      EXPECT_THAT(lines_of(out)[0], MatchesRegex(".* info refused agent=\"a.*\" after=1"));
    }
  }
}

TEST(ServiceLog, AnEndlessValueIsCut) {
  std::ostringstream out;
  const ServiceLog log(LogLevel::Info, LogFormat::Json, out);
  log.info("refused", {{"agent", std::string(1U << 20U, 'a')}});
  EXPECT_LT(out.str().size(), 4096U);
}

TEST(ServiceLog, NumbersThatJsonLacksBecomeTexts) {
  std::ostringstream out;
  const ServiceLog log(LogLevel::Info, LogFormat::Json, out);
  log.info("score", {{"a", std::numeric_limits<double>::infinity()}, {"b", std::numeric_limits<double>::quiet_NaN()}, {"c", -7}});
  const auto line = nlohmann::json::parse(lines_of(out).at(0));
  EXPECT_EQ(line["a"], "inf");
  EXPECT_EQ(line["b"], "nan");
  EXPECT_EQ(line["c"], -7);
}

TEST(ServiceLog, BelowTheLeastLevelNothingIsWritten) {
  std::ostringstream out;
  const ServiceLog log(LogLevel::Warning, LogFormat::Json, out);
  log.debug("a");
  log.info("b");
  EXPECT_THAT(out.str(), IsEmpty());
  log.warning("c");
  log.error("d");
  EXPECT_THAT(lines_of(out), SizeIs(2));
}

TEST(ServiceLog, APercentSignOrBraceInAMessageIsNoPattern) {
  std::ostringstream out;
  const ServiceLog log(LogLevel::Info, LogFormat::Plain, out);
  log.info("100% {} done", {{"value", "%v{}"}});
  EXPECT_THAT(out.str(), HasSubstr("info 100% {} done value=\"%v{}\""));
}

TEST(ServiceLog, LinesOfSeveralThreadsDoNotMix) {
  std::ostringstream out;
  const ServiceLog log(LogLevel::Info, LogFormat::Json, out);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 100; ++i) log.info("turn", {{"text", std::string(200, 'x')}});
      });
    }
  }
  ASSERT_THAT(lines_of(out), SizeIs(400));
  for (const auto& line : lines_of(out)) EXPECT_TRUE(nlohmann::json::accept(line)) << line;
}

}  // namespace
}  // namespace ringfence
