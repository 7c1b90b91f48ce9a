// SPDX-License-Identifier: Apache-2.0
// Partitions of the input that cannot be read on: shown, never jumped, let go on by a person.
#include <signal.h>

#include "tests/integration/service_fixture.h"

namespace ringfence::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

bool any_with(const std::vector<TopicRecord>& records, const std::string& one, const std::string& other) {
  return std::ranges::any_of(
      records, [&](const TopicRecord& r) { return r.value.find(one) != std::string::npos && r.value.find(other) != std::string::npos; });
}

TEST_F(Services, WhatRetentionTookBeforeItWasReadStandsInSightUntilAPersonLetsThePartitionGoOn) {
  Installation at(broker(), 1);
  const std::string events = at.topic("events");
  TopicTail findings(broker(), at.topic("findings")), audit(broker(), at.topic("audit"));
  at.feed({forbidden_call("code-1", "1"), forbidden_call("code-1", "2")});
  {
    ServiceProcess service(at.member("a"));
    ASSERT_TRUE(all_judged(at)) << service.log();
    EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  }
  at.feed({forbidden_call("code-2", "3"), forbidden_call("code-3", "4"), forbidden_call("code-4", "5")});
  ASSERT_TRUE(delete_records(broker(), events, 0, 4));
  for (int start = 0; start < 2; ++start) {
    ServiceProcess service(at.member("a"));
    ASSERT_TRUE(service.logged("out of range")) << service.log();
    EXPECT_THAT(service.log(), HasSubstr(events + "/0@2"));
    EXPECT_THAT(service.get("/readyz"), AllOf(HasSubstr("503"), HasSubstr("not read on: " + events + "/0@2")));
    EXPECT_THAT(service.get("/healthz"), HasSubstr("200 OK")) << "a restart would not help";
    const auto shows = [&](const std::string& sample) { return service.get("/metrics").find(sample) != std::string::npos; };
    const std::string behind = "ringfence_lag_records{shard=\"0\"} 1", standing = "ringfence_partitions_standing{input=\"events\"} 1";
    ASSERT_TRUE(findings.until([](const auto& records) { return any_with(records, "feed.gap", "stands still"); })) << service.log();
    EXPECT_TRUE(findings.until([&](const auto&) { return shows(standing); })) << service.get("/metrics");
    EXPECT_TRUE(findings.until([&](const auto&) { return shows(behind); })) << "what the log still holds: " << service.get("/metrics");
    EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  }
  expect_schema(findings.all());
  EXPECT_FALSE(about("code-4")(findings.all())) << "never a silent jump";

  at.reach(broker().address(), "move_on: {" + events + "/0@2: oldest}");
  {
    ServiceProcess service(at.member("a"));
    ASSERT_TRUE(findings.until(about("code-4"))) << service.log();
    EXPECT_FALSE(about("code-3")(findings.all()));
    EXPECT_THAT(service.get("/readyz"), HasSubstr("200 OK"));
    ASSERT_TRUE(findings.until([](const auto& records) {
      return any_with(records, "feed.gap", "the 2 records from 2 on are never judged");
    })) << service.log();
    ASSERT_TRUE(audit.until([](const auto& records) { return any_with(records, "\"kind\":\"moved_on\"", "\"from\":2"); })) << service.log();
    EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  }
  ServiceProcess service(at.member("a"));
  ASSERT_TRUE(service.logged("partition assigned")) << service.log();
  EXPECT_THAT(service.log(), AllOf(HasSubstr("\"from\":5"), Not(HasSubstr("let go on")))) << "once";
}

TEST_F(Services, ATopicThatWasMadeAnewIsNotTakenForTheOneBefore) {
  Installation at(broker(), 1);
  const std::string events = at.topic("events");
  TopicTail findings(broker(), at.topic("findings"));
  const auto config = at.member("a");
  at.feed({forbidden_call("code-1", "1"), forbidden_call("code-1", "2")});
  {
    ServiceProcess service(config);
    ASSERT_TRUE(all_judged(at)) << service.log();
    EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  }
  ASSERT_TRUE(delete_topic(broker(), events));
  // A topic is deleted some time after the broker has said so.
  ASSERT_TRUE(findings.until([&](const auto&) { return make_topic(broker(), plain_topic(events, 1)).has_value(); }));
  const auto feeder = producer();  // one that has seen nothing of the former topic
  for (const char* id : {"3", "4", "5"}) {
    const std::string value = forbidden_call("code-2", id).value;
    ASSERT_TRUE(feeder->publish({.topic = events, .key = "code-2", .value = value, .cause = {}, .partition = Partition{0}}));
  }
  ASSERT_TRUE(feeder->flush(kPatience));
  for (int start = 0; start < 2; ++start) {
    ServiceProcess service(config);
    ASSERT_TRUE(service.logged("out of range")) << "the new topic has grown past the position: " << service.log();
    EXPECT_THAT(service.log(), HasSubstr("made anew"));
    EXPECT_THAT(service.get("/readyz"), HasSubstr("503"));
    ASSERT_TRUE(findings.until([](const auto& records) { return any_with(records, "feed.gap", "made anew"); })) << service.log();
    EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  }
  EXPECT_FALSE(about("code-2")(findings.all()));
}

}  // namespace
}  // namespace ringfence::testing
