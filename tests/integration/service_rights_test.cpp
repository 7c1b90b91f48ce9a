// SPDX-License-Identifier: Apache-2.0
// The rights that `topics check` prints are those that each component needs.
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "connectors/kafka/topics.h"
#include "tests/integration/service_fixture.h"

namespace ringfence::testing {
namespace {

using ::testing::HasSubstr;

TEST_F(Services, WithTheRightsThatAreToldAndNoOthersEveryComponentWorks) {
  Installation at(broker(), 1);
  const auto own = [&](const std::string& name) { return (at.directory() / name).string(); };
  std::ofstream(own("password")) << broker().password();
  std::filesystem::permissions(own("password"), std::filesystem::perms::owner_read);
  std::ofstream(own("keys.json"))
      << run_ringfence({"keys", "show", own("control.key"), "--writer", "engine-*", "--writer", "operator"}).output;
  const std::string settings =
      "context: {source: topic}\ncontrol: {key_file: " + own("control.key") +
      ", max_halted_share: 1.0, gates: [edge]}\ngate: {name: edge, listen: \"127.0.0.1:0\", state: " + own("gate") +
      ", keys_file: " + own("keys.json") + ", subject: {agent: \"header:x-agent-id\"}}\n";
  std::istringstream told(run_ringfence({"topics", "check", "--config", at.member("told", settings).string()}).output);
  std::vector<std::string> lines;
  for (std::string line; std::getline(told, line);) lines.push_back(line);
  const auto as = [&](const std::string& principal) {
    const auto granted = grant(broker(), lines, "User:" + principal);
    EXPECT_TRUE(granted) << granted.error();
  };
  at.reach(broker().password_address(), "client: {security.protocol: SASL_SSL, sasl.mechanism: PLAIN, sasl.username: " +
                                            Broker::stranger() + ", ssl.ca.location: " + (broker().directory() / "authority.pem").string() +
                                            "}, client_secret_files: {sasl.password: " + own("password") + "}");
  const auto config = at.member("a", settings);
  const auto succeeds = [&](std::vector<std::string> command) {
    command.insert(command.end(), {"--config", config.string()});
    const Ran ran = run_ringfence(command);
    EXPECT_EQ(ran.exit, 0) << command.front() << ": " << ran.output;
  };

  as("ringfence-operator");
  succeeds({"publish", at.personas().string()});
  as("ringfence-engine");
  TopicTail findings(broker(), at.topic("findings"));
  for (const std::string id : {"1", "2"}) {  // the second start reads back what the first has left
    ServiceProcess service(config);
    ASSERT_TRUE(service.logged("partition assigned")) << service.log();
    at.feed({forbidden_call("code-" + id, id)});
    ASSERT_TRUE(findings.until(about("code-" + id))) << service.log();
    EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  }
  as("ringfence-operator");
  succeeds({"halt", "agent:corp/code-3", "--reason", "r", "--by", "me"});
  succeeds({"status"});
  succeeds({"deadletter", "show"});
  succeeds({"audit", "export"});
  as("ringfence-gate");
  ServiceProcess edge(config, "gate");
  ASSERT_TRUE(edge.logged("gate answers")) << edge.log();
  TopicTail acks(broker(), at.topic("acks"));
  ASSERT_TRUE(acks.until([](const auto& records) { return !records.empty(); })) << edge.log();
  EXPECT_EQ(edge.end(SIGTERM), 0) << edge.log();
}

}  // namespace
}  // namespace ringfence::testing
