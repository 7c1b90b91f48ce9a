// SPDX-License-Identifier: Apache-2.0
// `ringfence run` on a real broker: persona sets and facts that change under way.
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "tests/integration/service_fixture.h"

namespace ringfence::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Persona references of all findings about an agent.
std::set<std::string> personas_of(const std::vector<TopicRecord>& findings, const std::string& agent) {
  std::set<std::string> out;
  for (const TopicRecord& record : findings)
    if (record.key == agent) out.insert(json::parse(record.value).at("unmapped").at("ringfence").value("persona", ""));
  return out;
}
TEST_F(Services, HangUpTakesAGoodSetAndRefusesABadOne) {
  Installation at(broker(), 1);
  TopicTail findings(broker(), at.topic("findings"));
  ServiceProcess service(at.member("a"));
  at.feed({forbidden_call("code-before", "1")});
  ASSERT_TRUE(findings.until(about("code-before"))) << service.log();
  set_version(at, "2.1.0");
  service.signal(SIGHUP);
  ASSERT_TRUE(service.logged("rules and facts in force", 2)) << service.log();
  at.feed({forbidden_call("code-after", "2")});
  ASSERT_TRUE(findings.until(about("code-after"))) << service.log();
  set_version(at, "2.2.0");
  std::ofstream(at.personas() / "broken.yaml") << "schema: ringfence/persona/v1\nid: [";
  service.signal(SIGHUP);
  ASSERT_TRUE(service.logged("the old one stays in force")) << service.log();
  at.feed({forbidden_call("code-still", "3")});
  ASSERT_TRUE(findings.until(about("code-still"))) << service.log();
  EXPECT_THAT(service.get("/metrics"), AllOf(HasSubstr("ringfence_reloads_total")));
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  EXPECT_THAT(personas_of(findings.all(), "code-before"), ElementsAre("code-maintainer@2.0.0"));
  EXPECT_THAT(personas_of(findings.all(), "code-after"), ElementsAre("code-maintainer@2.1.0"));
  EXPECT_THAT(personas_of(findings.all(), "code-still"), ElementsAre("code-maintainer@2.1.0"));
  std::filesystem::remove(at.personas() / "broken.yaml");
  EXPECT_EQ(judged_in(findings.all()), expected_of_log(broker(), at, at.context_log("a")).findings);
}

TEST_F(Services, APublishedSetAndAFactTakeEffect) {
  Installation at(broker(), 1);
  TopicTail findings(broker(), at.topic("findings"));
  const auto config = at.member("a", "context: {source: topic}\n");
  const auto publish = [&] { return run_ringfence({"publish", at.personas().string(), "--config", config.string()}); };
  const Ran empty = run_ringfence({"run", "--config", config.string()});
  EXPECT_EQ(empty.exit, 3) << empty.output;
  EXPECT_THAT(empty.output, HasSubstr("ringfence publish"));
  ASSERT_EQ(publish().exit, 0);

  ServiceProcess service(config);
  at.feed(story("code-guessed-commits"));
  ASSERT_TRUE(findings.until([](const auto& records) { return records.size() >= 3; })) << service.log();
  const std::size_t without_fact = findings.all().size();
  at.put(
      at.topic("context"), 0, "server:git",
      R"({"v":1,"kind":"context_change","id":"outage","time":"2026-11-20T08:00:00Z","tenant":"corp","change":"outage_start","scope":"server:git"})");
  set_version(at, "2.1.0");
  ASSERT_TRUE(service.logged("rules and facts in force", 2)) << service.log();
  ASSERT_EQ(publish().exit, 0);
  ASSERT_TRUE(service.logged("rules and facts in force", 4)) << service.log();
  service.signal(SIGHUP);  // which is for files alone
  ASSERT_TRUE(service.logged("nothing to read again")) << service.log();

  // The same guesses while the server is known to be out say nothing; what is forbidden still is, by the new set.
  std::vector<FleetEvent> again = story("code-guessed-commits");
  for (FleetEvent& event : again) {
    event.value.replace(event.value.find("code-4"), 6, "code-8");
    event.agent = "code-8";
  }
  at.feed(again);
  at.feed({forbidden_call("code-9", "1")});
  ASSERT_TRUE(findings.until(about("code-9"))) << service.log();
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  EXPECT_THAT(personas_of(findings.all(), "code-8"), ElementsAre());
  EXPECT_THAT(personas_of(findings.all(), "code-9"), ElementsAre("code-maintainer@2.1.0"));
  EXPECT_EQ(findings.all().size(), without_fact + 1);

  // A restart knows both without being told again.
  ServiceProcess restarted(config);
  at.feed({forbidden_call("code-10", "1")});
  ASSERT_TRUE(findings.until(about("code-10"))) << restarted.log();
  EXPECT_THAT(personas_of(findings.all(), "code-10"), ElementsAre("code-maintainer@2.1.0"));
}

TEST_F(Services, ItsContextLogMakesAReplayEqualToTheRun) {
  Installation at(broker(), 2);
  TopicTail findings(broker(), at.topic("findings"));
  const auto config = at.member("a", "context: {source: topic}\n");
  const auto publish = [&](const std::string& version) {
    set_version(at, version);
    return run_ringfence({"publish", at.personas().string(), "--config", config.string()}).exit;
  };
  const auto forbidden_after = [&](const std::string& one, const std::string& other) {
    at.feed({forbidden_call(one, "1"), forbidden_call(other, "1")});
    return findings.until(about(one)) && findings.until(about(other));
  };
  ASSERT_EQ(publish("2.0.1"), 0);
  {
    ServiceProcess service(config);
    ASSERT_TRUE(service.logged("partition assigned", 2)) << service.log();
    at.feed(story("code-guessed-commits"));
    ASSERT_TRUE(forbidden_after("code-11", "code-12")) << service.log();
    ASSERT_EQ(publish("2.1.0"), 0);
    ASSERT_TRUE(service.logged("rules and facts in force", 2)) << service.log();
    ASSERT_TRUE(forbidden_after("code-13", "code-14")) << service.log();
    at.put(
        at.topic("context"), 0, "server:git",
        R"({"v":1,"kind":"context_change","id":"outage","time":"2026-11-20T08:00:00Z","tenant":"corp","change":"outage_start","scope":"server:git"})");
    ASSERT_TRUE(service.logged("rules and facts in force", 4)) << service.log();
    std::vector<FleetEvent> again = story("code-guessed-commits");
    for (FleetEvent& event : again) {
      event.value.replace(event.value.find("code-4"), 6, "code-8");
      event.agent = "code-8";
    }
    at.feed(again);
    ASSERT_TRUE(forbidden_after("code-15", "code-16")) << service.log();
    service.end(SIGKILL);
  }
  ServiceProcess restarted(config);
  // Beyond what the killed one had judged, on either partition.
  ASSERT_TRUE(forbidden_after("code-19", "code-20")) << restarted.log();
  ASSERT_EQ(publish("2.2.0"), 0);
  ASSERT_TRUE(restarted.logged("rules and facts in force", 2)) << restarted.log();
  ASSERT_TRUE(forbidden_after("code-17", "code-18")) << restarted.log();
  EXPECT_EQ(restarted.end(SIGTERM), 0) << restarted.log();

  EXPECT_THAT(personas_of(findings.all(), "code-11"), ElementsAre("code-maintainer@2.0.1"));
  EXPECT_THAT(personas_of(findings.all(), "code-13"), ElementsAre("code-maintainer@2.1.0"));
  EXPECT_THAT(personas_of(findings.all(), "code-17"), ElementsAre("code-maintainer@2.2.0"));
  EXPECT_THAT(personas_of(findings.all(), "code-8"), ElementsAre()) << "explained by the outage";
  EXPECT_EQ(judged_in(findings.all()), expected_of_log(broker(), at, at.context_log("a")).findings);
  EXPECT_NE(judged_in(findings.all()), expected_of_log(broker(), at, {}).findings) << "the log is what makes them equal";
}

}  // namespace
}  // namespace ringfence::testing
