// SPDX-License-Identifier: Apache-2.0
// A host is gone with its disk: another takes its partitions over from the changelog of states.
#include <signal.h>

#include <filesystem>
#include <string>

#include "tests/integration/service_fixture.h"

namespace ringfence::testing {
namespace {

namespace fs = std::filesystem;

struct Takeovers : Services {
  /// What the group has stored for good is gone from the topic, as retention takes it: who comes now has states from elsewhere or none.
  void forget_judged_events(const Installation& at) {
    std::int64_t gone = 0;
    for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
      const auto judged = committed(broker(), at.group(), at.topic("events"), partition);
      ASSERT_TRUE(judged);
      gone += judged->value;
      const auto deleted = delete_records(broker(), at.topic("events"), partition, judged->value);
      ASSERT_TRUE(deleted) << deleted.error();
    }
    ASSERT_GT(gone, 0);
  }
  /// The machine with its disk.
  void lose(const Installation& at, const std::string& instance) { fs::remove_all(at.state(instance)); }
};

TEST_F(Takeovers, AHostThatIsGoneWithItsDiskLeavesItsStatesToTheNext) {
  Installation at(broker(), kPartitions);
  TopicTail findings(broker(), at.topic("findings")), control(broker(), at.topic("control"));
  const std::size_t half = fleet().size() / 2;
  at.feed(fleet(), 0, half);
  ServiceProcess first(at.member("a"));
  ASSERT_TRUE(findings.until([](const auto& records) { return !records.empty(); })) << first.log();
  EXPECT_EQ(first.end(SIGTERM), 0) << first.log();
  lose(at, "a");
  forget_judged_events(at);

  ServiceProcess second(at.member("b"));
  ASSERT_TRUE(second.logged("states taken from the changelog", kPartitions)) << second.log();
  at.feed(fleet(), half, fleet().size());
  ASSERT_TRUE(fleet_is_out(at, findings, control)) << second.log();
  EXPECT_EQ(second.end(SIGTERM), 0) << second.log();
  expect_the_fleet(at, findings, control);
  expect_true_heartbeats(read_board(at, control.all()));
}

TEST_F(Takeovers, AHostKilledUnderWayAndGoneWithItsDiskCostsNothing) {
  Installation at(broker(), kPartitions);
  TopicTail findings(broker(), at.topic("findings")), control(broker(), at.topic("control"));
  const std::size_t half = fleet().size() / 2;
  ServiceProcess first(at.member("a"));
  ASSERT_TRUE(first.logged("partition assigned", kPartitions)) << first.log();
  at.feed(fleet(), 0, half);
  ASSERT_TRUE(findings.until([](const auto& records) { return !records.empty(); })) << first.log();
  EXPECT_EQ(first.end(SIGKILL), -SIGKILL);
  lose(at, "a");

  ServiceProcess second(at.member("b"));
  ASSERT_TRUE(second.logged("states taken from the changelog", kPartitions)) << second.log();
  at.feed(fleet(), half, fleet().size());
  ASSERT_TRUE(fleet_is_out(at, findings, control)) << second.log();
  EXPECT_EQ(second.end(SIGTERM), 0) << second.log();
  expect_the_fleet(at, findings, control);
}

TEST_F(Takeovers, AHostThatComesBackFindsWhatTheOtherDidMeanwhile) {
  Installation at(broker(), kPartitions);
  TopicTail findings(broker(), at.topic("findings")), control(broker(), at.topic("control"));
  const std::size_t third = fleet().size() / 3;
  const auto serves = [&](const std::string& instance, std::size_t from, std::size_t to) {
    ServiceProcess member(at.member(instance));
    ASSERT_TRUE(member.logged("partition assigned", kPartitions)) << member.log();
    at.feed(fleet(), from, to);
    if (to == fleet().size()) {
      ASSERT_TRUE(fleet_is_out(at, findings, control)) << member.log();
    }
    EXPECT_EQ(member.end(SIGTERM), 0) << member.log();
  };
  serves("a", 0, third);
  serves("b", third, 2 * third);
  forget_judged_events(at);
  serves("a", 2 * third, fleet().size());
  expect_the_fleet(at, findings, control);
}

}  // namespace
}  // namespace ringfence::testing
