// SPDX-License-Identifier: Apache-2.0
// `ringfence run` as a process on a real broker: what goes in comes out once, whatever becomes of the members.
#include <signal.h>

#include "tests/integration/service_fixture.h"
#include "tests/integration/states.h"

namespace ringfence::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST_F(Services, FindingsAndSignedHaltsOfAFleetEqualThoseOfAReplay) {
  Installation at(broker(), kPartitions);
  TopicTail findings(broker(), at.topic("findings")), control(broker(), at.topic("control"));
  at.feed(fleet());
  {
    ServiceProcess service(at.member("a"));
    ASSERT_TRUE(fleet_is_out(at, findings, control) && all_judged(at)) << service.log();
    EXPECT_THAT(service.get("/healthz"), HasSubstr("200 OK"));
    EXPECT_THAT(service.get("/readyz"), HasSubstr("200 OK"));
    EXPECT_THAT(service.get("/metrics"), AllOf(HasSubstr("200 OK"), HasSubstr("ringfence_")));
    ASSERT_TRUE(control.until([&](const auto& records) { return heartbeats_of(read_board(at, records), at.writer(kPartitions - 1)) >= 3; }))
        << service.log();
    EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  }
  expect_the_fleet(at, findings, control);
  EXPECT_EQ(states_in(at.state("a"), Place::Masked), expected_of_fleet().states);
  expect_schema(findings.all());
  expect_true_heartbeats(read_board(at, control.all()));
  const std::size_t said = findings.all().size();
  EXPECT_EQ(said, findings_in(findings.all()).size()) << "each once";
  EXPECT_EQ(containments_read(read_board(at, control.all())), expected_of_fleet().containments.size()) << "each once";

  // Stopped and started: nothing is judged again, nothing is left out.
  ServiceProcess again(at.member("a"));
  ASSERT_TRUE(again.logged("partition assigned", kPartitions)) << again.log();
  EXPECT_EQ(again.end(SIGTERM), 0) << again.log();
  EXPECT_EQ(findings.all().size(), said);
}

TEST_F(Services, KilledAgainAndAgainItLosesNothing) {
  Installation undisturbed(broker(), kPartitions), at(broker(), kPartitions);
  undisturbed.feed(fleet());
  ServiceProcess reference(undisturbed.member("a"));
  TopicTail findings(broker(), at.topic("findings")), control(broker(), at.topic("control"));
  const std::size_t quarter = fleet().size() / 4;
  for (std::size_t round = 0; round < 3; ++round) {
    ServiceProcess service(at.member("a"));
    ASSERT_TRUE(service.logged("partition assigned", kPartitions)) << service.log();
    at.feed(fleet(), round * quarter, (round + 1) * quarter);
    if (round > 0) {
      ASSERT_TRUE(findings.until([](const auto& records) { return !records.empty(); })) << service.log();
    }
    EXPECT_EQ(service.end(SIGKILL), -SIGKILL);
  }
  at.feed(fleet(), 3 * quarter, fleet().size());
  ServiceProcess last(at.member("a"));
  ASSERT_TRUE(fleet_is_out(at, findings, control) && all_judged(at)) << last.log();
  EXPECT_EQ(last.end(SIGTERM), 0) << last.log();
  expect_the_fleet(at, findings, control);
  expect_true_heartbeats(read_board(at, control.all()));

  TopicTail measure(broker(), undisturbed.topic("findings")), measure_control(broker(), undisturbed.topic("control"));
  ASSERT_TRUE(fleet_is_out(undisturbed, measure, measure_control) && all_judged(undisturbed)) << reference.log();
  EXPECT_EQ(reference.end(SIGTERM), 0) << reference.log();
  EXPECT_EQ(states_in(at.state("a"), Place::Counts), states_in(undisturbed.state("a"), Place::Counts));
}

TEST_F(Services, OneMemberLeavesAndTheOtherTakesOver) {
  Installation at(broker(), kPartitions);
  TopicTail findings(broker(), at.topic("findings")), control(broker(), at.topic("control"));
  const std::size_t half = fleet().size() / 2;
  ServiceProcess first(at.member("a"));
  ASSERT_TRUE(first.logged("partition assigned", kPartitions)) << first.log();
  ServiceProcess second(at.member("b"));
  ASSERT_TRUE(second.logged("partition assigned", kPartitions / 2)) << second.log();
  at.feed(fleet(), 0, half);
  ASSERT_TRUE(findings.until([](const auto& records) { return !records.empty(); })) << first.log();
  EXPECT_EQ(first.end(SIGTERM), 0) << first.log();
  at.feed(fleet(), half, fleet().size());
  ASSERT_TRUE(second.logged("partition assigned", kPartitions)) << second.log();
  ASSERT_TRUE(fleet_is_out(at, findings, control)) << second.log();
  EXPECT_EQ(second.end(SIGTERM), 0) << second.log();
  expect_the_fleet(at, findings, control);
  expect_true_heartbeats(read_board(at, control.all()));
}

}  // namespace
}  // namespace ringfence::testing
