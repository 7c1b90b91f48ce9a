// SPDX-License-Identifier: Apache-2.0
// `ringfence run` and `ringfence gate` on a real broker: what the gate confirms comes back as evidence.
#include <signal.h>

#include <chrono>
#include <fstream>

#include "engine/event/decode.h"
#include "tests/integration/service_fixture.h"

namespace ringfence::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

EventTime now() {
  return EventTime{std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count()};
}

/// A call by an agent that is halted, which starts now and goes through.
FleetEvent passing_call(const std::string& agent, const std::string& id) {
  json event = json::parse(forbidden_call(agent, id).value);
  event["time"] = format_rfc3339(now());
  event["tool"] = {{"server", "git"}, {"name", "git_log"}};
  return {agent, event.dump()};
}

/// Records of the analytic about the agent.
std::vector<json> told(const std::vector<TopicRecord>& findings, const std::string& analytic, const std::string& agent) {
  std::vector<json> out;
  for (const TopicRecord& record : findings) {
    json finding = json::parse(record.value);
    if (finding.at("finding_info").at("analytic").at("uid") == analytic && finding.at("unmapped").at("ringfence").at("agent") == agent)
      out.push_back(std::move(finding));
  }
  return out;
}
auto has(const std::string& analytic, const std::string& agent, std::size_t count = 1) {
  return [=](const std::vector<TopicRecord>& findings) { return told(findings, analytic, agent).size() >= count; };
}
/// A record says that gates refuse the agent's calls.
bool isolated(const std::vector<TopicRecord>& findings, const std::string& agent) {
  return std::ranges::any_of(findings, [&](const TopicRecord& record) {
    const json finding = json::parse(record.value);
    return record.key == agent && finding.at("disposition_id") == 4 && finding.at("activity_id") == 2;
  });
}
auto is_isolated(const std::string& agent) {
  return [agent](const std::vector<TopicRecord>& findings) { return isolated(findings, agent); };
}

class Enforcements : public Services {
 protected:
  /// An engine that expects the gate `edge`, and no difference of clocks on one machine.
  static std::filesystem::path engine(const Installation& at) {
    return at.member("a", "control: {key_file: " + (at.directory() / "control.key").string() +
                              ", max_halted_share: 1.0, gates: [edge], clock_skew: 0s}\n");
  }
  std::filesystem::path gate(const Installation& at) {
    const auto file = at.directory() / "gate.yaml";
    const Ran keys =
        run_ringfence({"keys", "show", (at.directory() / "control.key").string(), "--writer", "engine-*", "--writer", "operator"});
    std::ofstream(at.directory() / "keys.json") << keys.output;
    std::ofstream(file) << "kafka: {bootstrap: \"" << broker().address() << "\"}\n"
                        << "topics: {control: " << at.topic("control") << ", acks: " << at.topic("acks") << "}\n"
                        << "http: {listen: \"127.0.0.1:0\"}\n"
                        << "gate: {name: edge, listen: \"127.0.0.1:0\", state: " << (at.directory() / "gate").string()
                        << ", keys_file: " << (at.directory() / "keys.json").string()
                        << ", subject: {agent: \"header:x-agent-id\", user: \"header:x-user\"}}\n";
    return file;
  }
  /// All but what gates did not do in time, which is of the wall clock and no part of a replay.
  static std::map<std::string, std::string> judged_in(const std::vector<TopicRecord>& records) {
    std::map<std::string, std::string> findings = findings_in(records);
    std::erase_if(findings, [](const auto& row) {
      return row.second.find("containment.unacked") != std::string::npos || row.second.find("gate.stale") != std::string::npos;
    });
    return findings;
  }
};

TEST_F(Enforcements, TheFindingSaysThatTheGateRefusesAndACallThatWentRoundItIsAViolation) {
  Installation at(broker(), 2);
  TopicTail findings(broker(), at.topic("findings"));
  ServiceProcess service(engine(at)), edge(gate(at), "gate");
  ASSERT_TRUE(edge.logged("gate answers")) << edge.log();
  at.feed({forbidden_call("code-1", "1"), forbidden_call("code-2", "1")});
  ASSERT_TRUE(findings.until(is_isolated("code-1"))) << service.log();
  ASSERT_TRUE(findings.until(is_isolated("code-2"))) << service.log();
  for (const json& finding : told(findings.all(), "scope.never", "code-1")) {
    if (finding.at("activity_id") != 2) continue;
    EXPECT_EQ(finding.at("action_id"), 2);
    EXPECT_EQ(finding.at("unmapped").at("ringfence").at("gates").at(0).at("gate"), "edge");
  }
  at.feed({passing_call("code-1", "2")});
  ASSERT_TRUE(findings.until(has("containment.violated", "code-1"))) << service.log();
  const json violated = told(findings.all(), "containment.violated", "code-1").front();
  EXPECT_EQ(violated.at("severity_id"), 5);
  EXPECT_EQ(violated.at("action_id"), 3) << "it was not denied";
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  expect_schema(findings.all());
  EXPECT_TRUE(told(findings.all(), "containment.violated", "code-2").empty());
  EXPECT_EQ(judged_in(findings.all()), expected_of_log(broker(), at, at.context_log("a")).findings);
}

TEST_F(Enforcements, WhatAGateConfirmsWhileTheEngineIsDeadIsKnownToTheNextOne) {
  Installation at(broker(), 1);
  TopicTail findings(broker(), at.topic("findings")), control(broker(), at.topic("control"));
  {
    ServiceProcess service(engine(at));
    at.feed({forbidden_call("code-1", "1")});
    ASSERT_TRUE(findings.until(has("containment.unacked", "code-1"))) << service.log();
    const json unacked = told(findings.all(), "containment.unacked", "code-1").front();
    EXPECT_THAT(unacked.at("finding_info").at("desc").get<std::string>(), HasSubstr("edge has not answered"));
    EXPECT_EQ(service.end(SIGKILL), -SIGKILL);
  }
  ServiceProcess edge(gate(at), "gate");
  TopicTail acks(broker(), at.topic("acks"));
  ASSERT_TRUE(acks.until([](const auto& records) {
    return std::ranges::any_of(records, [](const TopicRecord& r) { return r.key.starts_with("edge|agent:corp/code-1"); });
  })) << edge.log();
  EXPECT_FALSE(isolated(findings.all(), "code-1"));
  ServiceProcess restarted(engine(at));
  ASSERT_TRUE(findings.until(is_isolated("code-1"))) << restarted.log();
  at.feed({passing_call("code-1", "2")});
  ASSERT_TRUE(findings.until(has("containment.violated", "code-1"))) << restarted.log();
  EXPECT_EQ(restarted.end(SIGTERM), 0) << restarted.log();
  expect_schema(findings.all());
  EXPECT_EQ(judged_in(findings.all()), expected_of_log(broker(), at, at.context_log("a")).findings);
  std::map<std::string, std::string> said;  // by id: what is said again after a crash is the same
  for (const auto& [uid, finding] : judged_in(findings.all())) EXPECT_TRUE(said.emplace(uid, finding).second);
}

/// A call for a user, which starts now and goes through.
FleetEvent call_for(const std::string& user, const std::string& agent, const std::string& id) {
  json event = json::parse(passing_call(agent, id).value);
  event["user"] = {{"id", user}};
  return {agent, event.dump()};
}

TEST_F(Enforcements, AgentsOfAUserWhomAPersonHaltedAreSeenInEveryPartition) {
  Installation at(broker(), 2);
  TopicTail findings(broker(), at.topic("findings"));
  const auto config = at.member("a", "context: {source: topic}\ncontrol: {key_file: " + (at.directory() / "control.key").string() +
                                         ", max_halted_share: 1.0, gates: [edge], clock_skew: 0s}\n");
  const Ran published = run_ringfence({"publish", at.personas().string(), "--config", config.string()});
  ASSERT_EQ(published.exit, 0) << published.output;
  ServiceProcess service(config), edge(gate(at), "gate");
  ASSERT_TRUE(edge.logged("gate answers")) << edge.log();
  ASSERT_TRUE(service.logged("partition assigned", 2)) << service.log();
  const Ran halted = run_ringfence({"halt", "user:corp/u-1", "--reason", "a test", "--by", "ada", "--config", config.string()});
  ASSERT_EQ(halted.exit, 0) << halted.output;
  ASSERT_TRUE(service.logged("containment enforced", 2)) << service.log();
  at.feed({call_for("u-1", "code-1", "1"), call_for("u-1", "code-2", "1"), call_for("u-2", "code-3", "1")});
  ASSERT_TRUE(findings.until(has("containment.violated", "code-1"))) << service.log();
  ASSERT_TRUE(findings.until(has("containment.violated", "code-2"))) << service.log();
  const std::string said = told(findings.all(), "containment.violated", "code-1").front().at("finding_info").at("desc");
  EXPECT_THAT(said, HasSubstr("user:corp/u-1"));
  EXPECT_THAT(said, HasSubstr("edge since"));
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  expect_schema(findings.all());
  EXPECT_TRUE(told(findings.all(), "containment.violated", "code-3").empty());
  EXPECT_EQ(judged_in(findings.all()), expected_of_log(broker(), at, at.context_log("a")).findings);
}

}  // namespace
}  // namespace ringfence::testing
