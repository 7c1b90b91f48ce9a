// SPDX-License-Identifier: Apache-2.0
// The service, the gate and the commands on a real broker that wants TLS, and a user's password or a client's certificate.
#include <signal.h>

#include <fstream>
#include <memory>

#include "tests/integration/certificates.h"
#include "tests/integration/service_fixture.h"

namespace ringfence::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// What the log says of the port after this message.
std::string port_of(const ServiceProcess& process, const std::string& message) {
  const std::string log = process.log(), field = "\"port\":";
  const auto at = log.find(field, log.find(message)) + field.size();
  return log.substr(at, log.find_first_not_of("0123456789", at) - at);
}

/// The command lines of all processes of this machine.
std::string command_lines() {
  std::string all;
  for (const auto& process : std::filesystem::directory_iterator("/proc")) {
    std::ifstream in(process.path() / "cmdline", std::ios::binary);
    all.append(std::istreambuf_iterator<char>(in), {});
  }
  return all;
}

class OverTls : public Services {
 protected:
  void SetUp() override {
    Services::SetUp();
    at = std::make_unique<Installation>(broker(), 2);
    write("password", broker().password() + "\n");
    ASSERT_TRUE(make_certificate(at->directory(), "stranger"));
    const Ran keys =
        run_ringfence({"keys", "show", (at->directory() / "control.key").string(), "--writer", "engine-*", "--writer", "operator"});
    write("keys.json", keys.output);
    reach_with_password();
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(at->directory() / name) << text;
    std::filesystem::permissions(at->directory() / name, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  /// A file of the broker's directory or the installation's.
  [[nodiscard]] std::string authority() const { return (broker().directory() / "authority.pem").string(); }
  [[nodiscard]] std::string own(const std::string& name) const { return (at->directory() / name).string(); }

  /// `kafka.client` of a user with a password.
  [[nodiscard]] static std::string user(const std::string& ca, const std::string& mechanism = "PLAIN") {
    return "security.protocol: SASL_SSL, sasl.mechanism: " + mechanism + ", sasl.username: " + Broker::user() + ", ssl.ca.location: " + ca;
  }
  void reach(const std::string& address, const std::string& client, const std::string& password_file = {}) const {
    at->reach(address,
              "client: {" + client + "}" + (password_file.empty() ? "" : ", client_secret_files: {sasl.password: " + password_file + "}"));
  }
  void reach_with_password() const { reach(broker().password_address(), user(authority()), own("password")); }
  /// Settings of an engine, of the gate `edge` and of whoever gives commands.
  [[nodiscard]] std::filesystem::path settings(const std::string& name, const std::string& gate_port = "1") const {
    return at->member(
        name,
        "context: {source: topic}\ncontrol: {key_file: " + own("control.key") +
            ", max_halted_share: 1.0, gates: [edge], clock_skew: 0s}\ngate: {name: edge, listen: \"127.0.0.1:0\", state: " + own("gate") +
            ", keys_file: " + own("keys.json") +
            ", subject: {agent: \"header:x-agent-id\"}}\ndrill: {ask: {edge: \"127.0.0.1:" + gate_port + "/envoy/drill\"}, within: 20s}\n");
  }
  std::unique_ptr<Installation> at;
};

TEST_F(OverTls, EventsFindingsAndHaltsGoWithAUsersPasswordThatIsNowhereToBeSeen) {
  std::string said;  // by every command
  const auto run = [&](std::vector<std::string> command, const std::filesystem::path& config) {
    command.insert(command.end(), {"--config", config.string()});
    const Ran ran = run_ringfence(command);
    EXPECT_EQ(ran.exit, 0) << command.front() << ": " << ran.output;
    said += ran.output;
    return ran.output;
  };
  TopicTail findings(broker(), at->topic("findings")), control(broker(), at->topic("control"));
  ServiceProcess edge(settings("edge"), "gate");
  ASSERT_TRUE(edge.logged("gate answers")) << edge.log();
  const auto config = settings("a", port_of(edge, "gate answers"));
  run({"publish", at->personas().string()}, config);
  ServiceProcess service(config);
  ASSERT_TRUE(service.logged("partition assigned", 2)) << service.log();

  at->feed({forbidden_call("code-1", "1")});
  ASSERT_TRUE(findings.until(about("code-1"))) << service.log();
  ASSERT_TRUE(service.logged("containment enforced")) << "the gate has followed and answered: " << service.log() << edge.log();
  run({"halt", "agent:corp/code-2", "--reason", "r", "--by", "me"}, config);
  ASSERT_TRUE(service.logged("containment enforced", 2)) << service.log() << edge.log();
  EXPECT_THAT(run({"status"}, config), AllOf(HasSubstr("agent:corp/code-1"), HasSubstr("agent:corp/code-2"), HasSubstr("edge since")));
  run({"drill", "--name", "over-tls"}, config);
  run({"deadletter", "show"}, config);
  EXPECT_THAT(run({"topics", "check", "--partitions", "2", "--replication", "1"}, config), HasSubstr("kafka-acls"));
  EXPECT_THAT(edge.get("/readyz"), HasSubstr("200 OK"));
  EXPECT_THAT(service.get("/readyz"), HasSubstr("200 OK"));
  EXPECT_GE(containments_read(read_board(*at, control.all())), 1U) << "signed by the engine";

  const std::string& password = broker().password();
  EXPECT_THAT(command_lines(), AllOf(HasSubstr(config.string()), Not(HasSubstr(password))));
  said += service.get("/metrics") + edge.get("/metrics") + service.get("/top");
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  EXPECT_EQ(edge.end(SIGTERM), 0) << edge.log();
  said += service.log() + edge.log();
  TopicTail audit(broker(), at->topic("audit"));
  for (TopicTail* tail : {&findings, &control, &audit})
    for (const TopicRecord& record : tail->all()) said += record.key + record.value;
  EXPECT_THAT(said, Not(HasSubstr(password)));
}

TEST_F(OverTls, WhoIsRefusedHearsWhyAndEndsWithThree) {
  write("wrong", "quite-another-one\n");
  struct Case {
    std::string name, address, client, password_file, why;
  };
  const std::string port = broker().password_address().substr(broker().password_address().find(':'));
  const std::string with_certificate = "security.protocol: SSL, ssl.ca.location: " + authority();
  const std::vector<Case> cases = {
      {"wrong-password", broker().password_address(), user(authority()), own("wrong"), "Invalid username or password"},
      // Of librdkafka before 2.6.1, as Debian 12 has it (docs/kafka.md); a later one logs in.
      {"scram", broker().password_address(), user(authority(), "SCRAM-SHA-512"), own("password"), "cannot log in by SCRAM to Kafka 4.0"},
      {"unknown-authority", broker().password_address(), user(own("stranger.pem")), own("password"),
       "the certificate of " + broker().password_address() + " is not taken: unable to get local issuer certificate"},
      {"other-host", "localhost" + port, user(authority()) + ", broker.address.family: v4", own("password"),
       "the certificate of localhost" + port + " is not taken: hostname mismatch"},
      {"in-the-clear", broker().password_address(), "", "", "incorrect security.protocol configuration (connecting to a SSL listener?)"},
      {"tls-to-the-port-without", broker().address(), user(authority()), own("password"), "SSL handshake failed"},
      // The broker's alert may be lost when it closes the connection, so the last attempt need not show it.
      {"no-certificate", broker().certificate_address(), with_certificate, "", broker().certificate_address()},
      {"certificate-of-a-stranger", broker().certificate_address(),
       with_certificate + ", ssl.certificate.location: " + own("stranger.pem") + ", ssl.key.location: " + own("stranger.key"), "",
       broker().certificate_address()},
  };
  // Side by side: those whose cause may pass wait for ten seconds.
  std::vector<std::unique_ptr<ServiceProcess>> services;
  for (const Case& one : cases) {
    reach(one.address, one.client, one.password_file);
    services.push_back(std::make_unique<ServiceProcess>(settings(one.name)));
  }
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"topics", "check"},
                                             {"status"},
                                             {"publish", at->personas().string()},
                                             {"halt", "agent:corp/a", "--reason", "r", "--by", "me"},
                                             {"deadletter", "show"}}) {
    std::vector<std::string> whole = command;
    whole.insert(whole.end(), {"--config", own("wrong-password.yaml")});
    const Ran ran = run_ringfence(whole);
    EXPECT_EQ(ran.exit, 3) << command.front() << ": " << ran.output;
    EXPECT_THAT(ran.output, AllOf(HasSubstr("Invalid username or password"), Not(HasSubstr("quite-another-one")))) << command.front();
  }
  for (std::size_t i = 0; i < cases.size(); ++i) {
    ASSERT_TRUE(services[i]->logged("\"message\":\"ended\"")) << cases[i].name << ": " << services[i]->log();
    EXPECT_EQ(services[i]->wait(), 3) << cases[i].name << ": " << services[i]->log();
    const std::string log = services[i]->log();
    EXPECT_THAT(log.substr(std::min(log.size(), log.find("\"message\":\"ended\""))), HasSubstr(cases[i].why))
        << cases[i].name << ": " << log;
    EXPECT_THAT(log, AllOf(Not(HasSubstr(broker().password())), Not(HasSubstr("quite-another-one")))) << cases[i].name;
    if (cases[i].address == broker().certificate_address()) {
      EXPECT_THAT(log, HasSubstr("SSL alert number")) << cases[i].name;
    }
  }
}

TEST_F(OverTls, AClientsCertificateStandsInForAPassword) {
  reach(broker().certificate_address(), "security.protocol: SSL, ssl.ca.location: " + authority() +
                                            ", ssl.certificate.location: " + (broker().directory() / "client.pem").string() +
                                            ", ssl.key.location: " + (broker().directory() / "client.key").string());
  const auto config = settings("a");
  const Ran published = run_ringfence({"publish", at->personas().string(), "--config", config.string()});
  EXPECT_EQ(published.exit, 0) << published.output;
  TopicTail context(broker(), at->topic("context"));
  EXPECT_EQ(context.all().size(), 1U);
  const Ran status = run_ringfence({"status", "--config", config.string()});
  EXPECT_EQ(status.exit, 0) << status.output;
  EXPECT_THAT(status.output, HasSubstr("0 containments"));
}

TEST_F(OverTls, AGateThatIsRefusedSaysWhyAndIsNotReadyUntilItIsTaken) {
  write("wrong", "quite-another-one\n");
  reach(broker().password_address(), user(authority()), own("wrong"));
  {
    ServiceProcess edge(settings("edge"), "gate");
    ASSERT_TRUE(edge.logged("the control log is away: asking the cluster for topic " + at->topic("control"))) << edge.log();
    EXPECT_THAT(edge.get("/readyz"),
                AllOf(HasSubstr("503"), HasSubstr("the control log is away"), HasSubstr("Invalid username or password")));
    EXPECT_EQ(edge.end(SIGTERM), 0) << edge.log();
    EXPECT_THAT(edge.log(), Not(HasSubstr("quite-another-one")));
  }
  reach(broker().password_address(), user(authority()), own("nowhere"));
  for (const std::string command : {"gate", "run", "status"}) {
    const Ran ran = run_ringfence({command, "--config", settings("edge").string()});
    EXPECT_EQ(ran.exit, 2) << command;
    EXPECT_THAT(ran.output, HasSubstr("sasl.password_file: cannot read " + own("nowhere"))) << command;
  }
}

}  // namespace
}  // namespace ringfence::testing
