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

class RepeatedMessages : public testing::Test {
 protected:
  std::vector<std::string> lines() const { return lines_of(out_); }
  void pass(std::chrono::seconds time) { now_ += time; }
  void refused(int port, int tries) const {
    const std::string line = "127.0.0.1:" + std::to_string(port) + ": Connection refused, " + std::to_string(tries) + " times";
    log_.warning("kafka client", {{"line", line}});
  }

  std::chrono::steady_clock::time_point now_{};
  std::ostringstream out_;
  const ServiceLog log_{LogLevel::Info, LogFormat::Plain, out_, [this] { return now_; }};
};

TEST_F(RepeatedMessages, AreWrittenOnceAndThenWithTheirNumber) {
  for (int i = 0; i < 1000; ++i) refused(9092 + i % 3, i);
  ASSERT_THAT(lines(), SizeIs(1));
  EXPECT_THAT(lines()[0], AllOf(HasSubstr("9092: Connection refused, 0 times"), Not(HasSubstr("repeated"))));
  pass(std::chrono::seconds(9));
  log_.tell_repeats();
  ASSERT_THAT(lines(), SizeIs(1));
  pass(std::chrono::seconds(1));
  log_.tell_repeats();
  ASSERT_THAT(lines(), SizeIs(2));
  EXPECT_THAT(lines()[1], AllOf(HasSubstr("Connection refused, 999 times"), testing::EndsWith("repeated=999")));
  refused(9092, 1000);
  EXPECT_THAT(lines(), SizeIs(3)) << "and begin anew";
  pass(std::chrono::seconds(10));
  log_.tell_repeats();
  EXPECT_THAT(lines(), SizeIs(3)) << "what came once was not repeated";
}

TEST_F(RepeatedMessages, AreToldByTheNextMessageOfAnyKind) {
  for (int i = 0; i < 3; ++i) refused(9092, i);
  pass(std::chrono::seconds(10));
  log_.info("partition assigned", {{"partition", 1}});
  ASSERT_THAT(lines(), SizeIs(3));
  EXPECT_THAT(lines()[1], testing::EndsWith("repeated=2"));
}

TEST_F(RepeatedMessages, OfOtherWordsPartitionsAndLevelsAreNoRepeats) {
  log_.warning("feed", {{"partition", 1}, {"message", "away"}});
  log_.warning("feed", {{"partition", 2}, {"message", "away"}});
  log_.error("feed", {{"partition", 1}, {"message", "away"}});
  log_.warning("feed", {{"partition", 1}, {"message", "gone"}});
  EXPECT_THAT(lines(), SizeIs(4));
  for (int i = 0; i < 5; ++i) log_.info("partition assigned", {{"partition", 1}});
  EXPECT_THAT(lines(), SizeIs(9)) << "what is no fault is always written";
}

TEST_F(RepeatedMessages, OfVeryManyKindsAreAllWrittenAndNoneIsKeptForEver) {
  for (int i = 0; i < 1000; ++i) log_.error("feed", {{"partition", i}});
  EXPECT_THAT(lines(), SizeIs(1000));
}

TEST(ServiceLog, TellsAtItsEndWhatItLeftOut) {
  std::ostringstream out;
  {
    const ServiceLog log(LogLevel::Info, LogFormat::Json, out);
    for (int i = 0; i < 4; ++i) log.error("state not flushed");
  }
  ASSERT_THAT(lines_of(out), SizeIs(2));
  EXPECT_EQ(nlohmann::json::parse(lines_of(out)[1])["repeated"], 3);
}

}  // namespace
}  // namespace ringfence
