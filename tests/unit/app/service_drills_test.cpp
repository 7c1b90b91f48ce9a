// SPDX-License-Identifier: Apache-2.0
#include "engine/app/service_drills.h"

#include <gmock/gmock.h>

#include <latch>
#include <sstream>

namespace ringfence {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr WallTime kNow{1'795'170'000'000'000'000};
constexpr Nanos kHour = hours(1);

std::optional<EventTime> ago(Nanos length) { return EventTime{kNow.value - length.value}; }

TEST(NextDrill, IsDueSoMuchLaterThanTheLastOneThatTheLogShows) {
  EXPECT_EQ(until_next_drill(ago(minutes(20)), kNow, kHour), minutes(40));
  EXPECT_EQ(until_next_drill(ago(hours(5)), kNow, kHour), seconds(5)) << "missed while nobody ran, but not into a start";
  EXPECT_EQ(until_next_drill(std::nullopt, kNow, kHour), seconds(5));
  EXPECT_EQ(until_next_drill(EventTime{kNow.value + hours(9).value}, kNow, kHour), kHour) << "a clock that went back";
  EXPECT_EQ(until_next_drill(ago(hours(5)), kNow, seconds(1)), seconds(1));
}

/// A service's drills as fast as they go; plays `results` in turn, then waits for the end.
class Drills : public ::testing::Test {
 protected:
  void play(std::vector<std::optional<DrillFailure>> results, bool here = true) {
    results_ = std::move(results);
    std::latch done(1);
    ServiceDrills drills({.every = milliseconds(1),
                          .log = log_,
                          .counters = metrics_.process(),
                          .due_here =
                              [&] {
                                if (!here && ++asked_ == 3) done.count_down();
                                return here;
                              },
                          .last = [] { return std::optional<EventTime>(); },
                          .play =
                              [&](const std::function<bool()>& stopping) {
                                if (played_ < results_.size())
                                  return DrillReport{.agent = "urn:ringfence:drill:scheduled",
                                                     .stages = {{DrillStageId::Detection, {}, 2'000'000}},
                                                     .failure = results_[played_++]};
                                done.count_down(played_++ == results_.size() ? 1 : 0);
                                while (!stopping()) std::this_thread::yield();
                                return DrillReport{.agent = {}, .stages = {}, .failure = DrillFailure{}};
                              }});
    done.wait();
    drills.stop();
    findings_ = drills.take_findings();
  }

  std::ostringstream out_;
  ServiceLog log_{LogLevel::Info, LogFormat::Plain, out_};
  ServiceMetrics metrics_{1};
  std::vector<std::optional<DrillFailure>> results_;
  std::size_t played_ = 0;
  int asked_ = 0;
  std::vector<FindingRecord> findings_;
};

const DrillFailure kGateAway{DrillStageId::Application, "edge", "it has not acknowledged the halt"};

TEST_F(Drills, TellsOneFindingFromTheFirstFailureUntilADrillPasses) {
  play({std::nullopt, kGateAway, kGateAway, std::nullopt});
  ASSERT_THAT(findings_, SizeIs(3));
  EXPECT_EQ(findings_[0].activity, FindingRecord::Activity::Create);
  EXPECT_EQ(findings_[0].analytic, Analytic::ContainmentUnacked);
  EXPECT_THAT(findings_[0].sentence, HasSubstr("A drill: application at edge did not answer: it has not acknowledged the halt."));
  EXPECT_NE(findings_[0].tenant, "ringfence-drill") << "that a drill failed is no drill";
  EXPECT_EQ(findings_[1].activity, FindingRecord::Activity::Update);
  EXPECT_EQ(findings_[1].count, 2U);
  EXPECT_EQ(findings_[2].activity, FindingRecord::Activity::Close);
  EXPECT_EQ(findings_[2].uid, findings_[0].uid);
  EXPECT_THAT(out_.str(), HasSubstr("drill failed"));
}

TEST_F(Drills, CountsThemApartFromWhatAgentsDo) {
  play({std::nullopt, kGateAway});
  const std::string page = metrics_.exposition(Nanos{});
  EXPECT_THAT(page, HasSubstr("ringfence_drills_total{result=\"passed\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("ringfence_drills_total{result=\"failed\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("ringfence_drill_stage_seconds{stage=\"detection\"} 0.002\n"));
}

TEST_F(Drills, ADrillThatTheEndOfTheServiceCutShortIsNoFailure) {
  play({});
  EXPECT_THAT(findings_, IsEmpty());
  EXPECT_EQ(metrics_.process().drills_failed.value(), 0U);
}

TEST_F(Drills, OnlyWhoOwnsTheFirstPartitionPlays) {
  play({kGateAway}, false);
  EXPECT_EQ(played_, 0U);
}

}  // namespace
}  // namespace ringfence
