// SPDX-License-Identifier: Apache-2.0
// `ringfence drill` on a real broker, with a real engine and a real gate.
#include <signal.h>

#include <fstream>

#include "engine/event/drill.h"
#include "tests/integration/certificates.h"
#include "tests/integration/process.h"
#include "tests/integration/service_fixture.h"

namespace ringfence::testing {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

/// What the log says of the port after this message.
std::string port_of(const ServiceProcess& process, const std::string& message, const std::string& name) {
  const std::string log = process.log(), field = "\"" + name + "\":";
  const auto at = log.find(field, log.find(message)) + field.size();
  return log.substr(at, log.find_first_not_of("0123456789", at) - at);
}

std::vector<std::string> stages_of(const json& report) {
  std::vector<std::string> out;
  for (const json& stage : report.at("stages")) out.push_back(stage.at("stage"));
  return out;
}

bool is_marked(const json& finding) { return finding.at("unmapped").at("ringfence").value("drill", false); }

std::vector<json> of_tenant(const std::vector<TopicRecord>& findings, const std::string& tenant) {
  std::vector<json> out;
  for (const TopicRecord& record : findings) {
    json finding = json::parse(record.value);
    if (finding.at("metadata").at("tenant_uid") == tenant) out.push_back(std::move(finding));
  }
  return out;
}

/// Findings that are no part of a replay: of gates that did not confirm in time.
std::map<std::string, std::string> judged(const std::vector<TopicRecord>& records) {
  std::map<std::string, std::string> findings = findings_in(records);
  std::erase_if(findings, [](const auto& row) { return row.second.find("containment.unacked") != std::string::npos; });
  return findings;
}

class Drills : public Services {
 protected:
  void SetUp() override {
    Services::SetUp();
    at = std::make_unique<Installation>(broker(), 2);
    const Ran keys = run_ringfence({"keys", "show", (at->directory() / "control.key").string()});
    std::ofstream(at->directory() / "keys.json") << keys.output;
  }
  /// Settings of the engine and of the drill: one halt a minute without a person, and a gate that is asked at this port.
  [[nodiscard]] std::filesystem::path engine(const std::string& gate_port, const std::string& drill = "within: 60s") const {
    return at->member("a", "control: {key_file: " + (at->directory() / "control.key").string() +
                               ", max_halts_per_minute: 1, max_halted_share: 1.0, gates: [edge], clock_skew: 0s}\n" +
                               "drill: {ask: {edge: \"127.0.0.1:" + gate_port + "/envoy/drill\"}, " + drill + "}\n");
  }
  [[nodiscard]] std::filesystem::path gate(const std::string& more = {}) const {
    const auto file = at->directory() / "gate.yaml";
    std::ofstream(file) << "kafka: {bootstrap: \"" << broker().address() << "\"}\n"
                        << "topics: {control: " << at->topic("control") << ", acks: " << at->topic("acks") << "}\n"
                        << "http: {listen: \"127.0.0.1:0\"}\n"
                        << "gate: {name: edge, listen: \"127.0.0.1:0\", state: " << (at->directory() / "gate").string()
                        << ", keys_file: " << (at->directory() / "keys.json").string() << ", subject: {agent: \"header:x-agent-id\"}"
                        << more << "}\n";
    return file;
  }
  static Ran drill(const std::filesystem::path& config, const std::string& name = "by-hand") {
    return run_ringfence({"drill", "--config", config.string(), "--json", "--name", name});
  }
  std::unique_ptr<Installation> at;
};

TEST_F(Drills, SayHowLongEachStageTookAndAreNoIncidents) {
  ServiceProcess edge(gate(), "gate");
  ASSERT_TRUE(edge.logged("gate answers")) << edge.log();
  const auto config = engine(port_of(edge, "gate answers", "port"));
  TopicTail findings(broker(), at->topic("findings"));
  ServiceProcess service(config);
  ASSERT_TRUE(service.logged("partition assigned", 2)) << service.log();
  for (const std::string name : {"first", "second", "first"}) {
    const Ran ran = drill(config, name);
    ASSERT_EQ(ran.exit, 0) << ran.output << service.log() << edge.log();
    EXPECT_THAT(stages_of(json::parse(ran.output)),
                ElementsAre("detection", "signing", "publication", "application", "refusal", "release"));
  }
  EXPECT_THAT(service.get("/metrics"), HasSubstr("ringfence_verdicts_total{shard=\"0\",level=\"halt\"} 0\n"));
  EXPECT_THAT(service.get("/metrics"), HasSubstr("ringfence_verdicts_total{shard=\"1\",level=\"halt\"} 0\n"));

  // The one halt of the minute that needs no person is still there for who is no drill.
  at->feed({forbidden_call("code-1", "1")});
  ASSERT_TRUE(findings.until(about("code-1"))) << service.log();
  ASSERT_TRUE(service.logged("containment enforced")) << service.log();
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  const auto drills = of_tenant(findings.all(), std::string(kDrillTenant));
  EXPECT_GE(drills.size(), 6U);
  for (const json& finding : drills) {
    EXPECT_TRUE(is_marked(finding));
    EXPECT_EQ(finding.at("is_alert"), false);
    EXPECT_EQ(finding.at("severity_id"), 1);
  }
  for (const TopicRecord& record : findings.all()) {
    EXPECT_THAT(record.value, Not(HasSubstr("containment.blast_radius")));
    EXPECT_EQ(is_marked(json::parse(record.value)), record.key != "code-1");
  }
  expect_schema(findings.all());
  EXPECT_EQ(judged(findings.all()), expected_of_log(broker(), *at, at->context_log("a")).findings) << "a replay knows drills too";
}

TEST_F(Drills, AskAGateOverTlsAndTakeNoOtherForIt) {
  ASSERT_TRUE(make_certificate(at->directory(), "authority"));
  ASSERT_TRUE(make_certificate(at->directory(), "stranger"));
  ASSERT_TRUE(make_certificate(at->directory(), "gate", {.issuer = "authority", .names = "IP:127.0.0.1"}));
  const std::string path = at->directory().string();
  ServiceProcess edge(gate(", tls_certificate: " + path + "/gate.pem, tls_key: " + path + "/gate.key"), "gate");
  ASSERT_TRUE(edge.logged("gate answers")) << edge.log();
  const std::string port = port_of(edge, "gate answers", "port");
  const auto settings = [&](const std::string& where, const std::string& authority) {
    return at->member("a", "control: {key_file: " + path +
                               "/control.key, max_halts_per_minute: 1, max_halted_share: 1.0, gates: [edge]}\n" + "drill: {ask: {edge: \"" +
                               where + ":" + port + "/envoy/drill\"}, ca_file: " + path + "/" + authority + ".pem, within: 30s}\n");
  };
  const auto config = settings("https://127.0.0.1", "authority");
  ServiceProcess service(config);
  ASSERT_TRUE(service.logged("partition assigned", 2)) << service.log();
  const Ran passed = drill(config);
  EXPECT_EQ(passed.exit, 0) << passed.output << service.log() << edge.log();
  EXPECT_THAT(drill(settings("https://127.0.0.1", "stranger"), "stranger").output, HasSubstr("the certificate is not taken"));
  EXPECT_THAT(drill(settings("https://localhost", "authority"), "other-host").output,
              HasSubstr("the certificate is not taken: hostname mismatch"));
  EXPECT_THAT(drill(settings("127.0.0.1", "authority"), "in-the-clear").output, HasSubstr("at edge did not answer: no HTTP reply"));
}

TEST_F(Drills, NameTheStageThatDidNotAnswer) {
  const auto config = engine("1", "within: 3s");
  const Ran without_engine = drill(config);
  EXPECT_EQ(without_engine.exit, 3);
  EXPECT_THAT(without_engine.output, HasSubstr("drill: detection did not answer: no verdict on the forbidden call"));

  ServiceProcess service(config);
  ASSERT_TRUE(service.logged("partition assigned", 2)) << service.log();
  const Ran without_gate = drill(config, "no-gate");
  EXPECT_EQ(without_gate.exit, 3);
  EXPECT_THAT(without_gate.output, HasSubstr("drill: application at edge did not answer: it has not acknowledged the halt"));
  {
    ServiceProcess edge(gate(), "gate");
    ASSERT_TRUE(edge.logged("gate answers")) << edge.log();
    const Ran unasked = drill(config, "not-asked");  // nobody listens at port 1
    EXPECT_EQ(unasked.exit, 3);
    EXPECT_THAT(unasked.output, HasSubstr("drill: refusal at edge did not answer: connect"));
  }
  EXPECT_EQ(drill(at->member("b")).exit, 2) << "no gate is named";
  EXPECT_EQ(drill(config, "Not a name").exit, 2);
}

TEST_F(Drills, TheServicePlaysThemByItselfAlsoAfterItWasKilledInTheMiddle) {
  ServiceProcess edge(gate(), "gate");
  ASSERT_TRUE(edge.logged("gate answers")) << edge.log();
  const auto config = engine(port_of(edge, "gate answers", "port"), "within: 30s, every: 1s");
  TopicTail control(broker(), at->topic("control"));
  const auto spoken = [](std::size_t times) {
    return [times](const std::vector<TopicRecord>& records) {
      return std::ranges::count_if(records, [](const TopicRecord& r) { return r.key.find("drill%3Ascheduled") != std::string::npos; }) >=
             static_cast<std::ptrdiff_t>(times);
    };
  };
  {
    ServiceProcess service(config);
    ASSERT_TRUE(control.until(spoken(1))) << service.log();
    EXPECT_EQ(service.end(SIGKILL), -SIGKILL);
  }
  ServiceProcess service(config);
  ASSERT_TRUE(service.logged("drill passed", 2)) << service.log();
  EXPECT_THAT(service.log(), Not(HasSubstr("drill failed"))) << service.log();
  EXPECT_THAT(service.get("/metrics"), HasSubstr("ringfence_drills_total{result=\"failed\"} 0\n"));
  EXPECT_THAT(service.get("/metrics"), HasSubstr("ringfence_drill_stage_seconds{stage=\"refusal\"}"));
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
}

TEST_F(Drills, OfTheServiceThatFailAreAFindingThatNoDrillMarkHides) {
  TopicTail findings(broker(), at->topic("findings"));
  ServiceProcess service(engine("1", "within: 2s, every: 1s"));
  const auto failed = [](const TopicRecord& record) {
    return record.value.find("A drill: application at edge did not answer") != std::string::npos;
  };
  ASSERT_TRUE(findings.until([&](const auto& records) { return std::ranges::any_of(records, failed); })) << service.log();
  const json finding = json::parse(std::ranges::find_if(findings.all(), failed)->value);
  EXPECT_FALSE(is_marked(finding));
  EXPECT_EQ(finding.at("is_alert"), true);
  EXPECT_EQ(finding.at("finding_info").at("analytic").at("uid"), "containment.unacked");
  EXPECT_TRUE(service.logged("drill failed"));
  EXPECT_THAT(service.get("/metrics"), Not(HasSubstr("ringfence_drills_total{result=\"failed\"} 0\n")));
  expect_schema(findings.all());
}

}  // namespace
}  // namespace ringfence::testing
