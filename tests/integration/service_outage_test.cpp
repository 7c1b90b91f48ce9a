// SPDX-License-Identifier: Apache-2.0
// `ringfence run` on a real broker that goes away, was never there, or that somebody else speaks to under our name.
#include <signal.h>

#include <chrono>
#include <fstream>
#include <functional>

#include "tests/integration/service_fixture.h"
#include "tests/integration/supervisor.h"

namespace ringfence::testing {
namespace {

using ::testing::HasSubstr;

/// Half the fleet, a broker that dies, the other half, under a supervisor; `while_away` returns when the broker may come back.
class Outage : public Services {
 protected:
  void expect_nothing_lost(const std::function<bool(SupervisedService&)>& while_away) {
    Installation at(broker(), kPartitions);
    TopicTail findings(broker(), at.topic("findings")), control(broker(), at.topic("control"));
    const std::size_t half = fleet().size() / 2;
    SupervisedService service(at.member("a"));
    ASSERT_TRUE(service.logged("partition assigned", kPartitions)) << service.log();
    at.feed(fleet(), 0, half);
    broker().kill();
    ASSERT_TRUE(service.logged("kafka client")) << "an operator hears of it: " << service.log();
    ASSERT_TRUE(while_away(service)) << service.log();
    ASSERT_TRUE(broker().start());
    at.feed(fleet(), half, fleet().size());
    ASSERT_TRUE(fleet_is_out(at, findings, control)) << service.log();
    EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
    expect_the_fleet(at, findings, control);
    expect_true_heartbeats(read_board(at, control.all()));
  }
};

TEST_F(Outage, OfABrokerKilledUnderWayCostsNothing) {
  expect_nothing_lost([](SupervisedService&) { return true; });
}

TEST_F(Outage, LongerThanTheSessionCostsNothing) {
  expect_nothing_lost([](SupervisedService& service) { return service.logged("session timed out"); });
}

TEST_F(Outage, DoesNotHoldBackAStop) {
  Installation at(broker(), kPartitions);
  ServiceProcess service(at.member("a"));
  ASSERT_TRUE(service.logged("partition assigned", kPartitions)) << service.log();
  broker().kill();
  ASSERT_TRUE(service.logged("kafka client")) << service.log();
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  ASSERT_TRUE(broker().start());
}

TEST_F(Outage, WhileAPartitionIsTakenOnDoesNotHoldBackAStop) {
  Installation at(broker(), kPartitions);
  ServiceProcess service(at.member("a"));
  ASSERT_TRUE(service.logged("links assigned")) << "of eight partitions the first: " << service.log();
  broker().kill();
  ASSERT_TRUE(service.logged("kafka client")) << service.log();
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  ASSERT_TRUE(broker().start());
}

TEST_F(Services, AFencedWriterWhosePartitionIsStillOursSpeaksAgain) {
  Installation at(broker(), 1);
  TopicTail control(broker(), at.topic("control"));
  ServiceProcess service(at.member("a"));
  const std::string writer = at.writer(0);
  ASSERT_TRUE(control.until([&](const auto& records) { return heartbeats_of(read_board(at, records), writer) >= 1; })) << service.log();
  const auto key = SigningKey::load(at.directory() / "control.key");
  ASSERT_TRUE(key);
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
  const std::uint64_t later = static_cast<std::uint64_t>(now.count()) + 60'000;  // its clock is ahead
  const Issuer issuer{.iss = "urn:ringfence:engine", .aud = {"ringfence-gates"}, .writer = writer, .generation = later};
  at.put(at.topic("control"), 0, claim_key(writer), sign_jws(*key, encode_claim({writer, "someone else", later, 1}, issuer)));
  ASSERT_TRUE(service.logged("claims again")) << service.log();
  const auto speaks_again = [&](const auto& records) {
    return std::ranges::any_of(read_board(at, records).messages, [later](const ControlMessage& message) {
      const auto* beat = std::get_if<Heartbeat>(&message.body);
      return beat != nullptr && beat->generation == later + 1;
    });
  };
  EXPECT_TRUE(control.until(speaks_again)) << service.log();
}

TEST_F(Services, TwinsOfTwoGroupsSpeakBesideEachOther) {
  Installation at(broker(), 1);
  TopicTail control(broker(), at.topic("control"));
  const auto twin = at.member("twin");
  std::string text;
  {
    std::ifstream in(twin);
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  text.replace(text.find("group: " + at.group()), 7 + at.group().size(), "group: ringfence");
  ASSERT_TRUE(make_topic(broker(), plain_topic(at.topic("states-of-twin"), 1)));
  text.replace(text.find(at.topic("state")), at.topic("state").size(), at.topic("states-of-twin"));
  std::ofstream(twin) << text;
  ServiceProcess one(at.member("a")), other(twin);
  const std::vector<std::string> writers{at.writer(0), engine_writer(at.topic("events"), Partition{0})};
  at.feed({forbidden_call("code-1", "1")});
  const auto halted_by_both = [&](const std::vector<TopicRecord>& records) {
    return std::ranges::all_of(writers, [&](const std::string& writer) {
      return std::ranges::any_of(records, [&](const TopicRecord& r) { return r.key == "agent:corp/code-1#" + writer; });
    });
  };
  ASSERT_TRUE(control.until(halted_by_both)) << one.log() << other.log();
  EXPECT_THAT(one.log() + other.log(), ::testing::Not(HasSubstr("fenced")));
  EXPECT_EQ(one.end(SIGTERM), 0) << one.log();
  EXPECT_EQ(other.end(SIGTERM), 0) << other.log();
}

TEST_F(Services, AMissingTopicAndASilentBrokerEndTheStartWithThree) {
  Installation at(broker(), 1);
  for (const std::string name : {"events", "findings", "control", "acks", "deadletter"}) {
    const auto config = at.member("a");
    std::string text;
    {
      std::ifstream in(config);
      text.assign(std::istreambuf_iterator<char>(in), {});
    }
    text.replace(text.find(at.topic(name)), at.topic(name).size(), "not-there");
    std::ofstream(config) << text;
    const Ran ran = run_ringfence({"run", "--config", config.string()});
    EXPECT_EQ(ran.exit, 3) << ran.output;
    EXPECT_THAT(ran.output, HasSubstr("not-there"));
  }
  const auto config = at.directory() / "silent.yaml";
  std::ofstream(config) << "kafka: {bootstrap: \"127.0.0.1:1\"}\npersonas: {directory: " << at.personas().string()
                        << "}\nstate: {directory: " << at.state("silent").string()
                        << "}\ncontrol: {key_file: " << (at.directory() / "control.key").string() << "}\n";
  const auto began = std::chrono::steady_clock::now();
  const Ran ran = run_ringfence({"run", "--config", config.string()});
  EXPECT_EQ(ran.exit, 3) << ran.output;
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(30));
}

}  // namespace
}  // namespace ringfence::testing
