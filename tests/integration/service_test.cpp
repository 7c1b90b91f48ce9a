// SPDX-License-Identifier: Apache-2.0
// `ringfence run` as a process on a real broker: what goes in comes out once, whatever happens in between.
#include <signal.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "connectors/sinks/control_writer.h"
#include "tests/integration/fixture.h"
#include "tests/integration/service_process.h"

namespace ringfence::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int32_t kPartitions = 8;

class Services : public BrokerTest {
 protected:
  /// Waits until every finding and containment that a replay of the fleet gives has come.
  [[nodiscard]] static bool fleet_is_out(Installation& at, TopicTail& findings, TopicTail& control) {
    const Expected& expected = expected_of_fleet();
    return findings.until([&](const auto& records) { return findings_in(records).size() >= expected.findings.size(); }) &&
           control.until([&](const auto& records) {
             return containments_in(read_board(at, records).messages).size() >= expected.containments.size();
           });
  }
  static void expect_the_fleet(Installation& at, TopicTail& findings, TopicTail& control) {
    const Expected& expected = expected_of_fleet();
    EXPECT_EQ(findings_in(findings.all()), expected.findings);
    const ControlBoard board = read_board(at, control.all());
    EXPECT_EQ(containments_in(board.messages), expected.containments);
    EXPECT_EQ(board.refused, 0U) << board.refusal;
  }
};

void expect_schema(const std::vector<TopicRecord>& findings) {
  const json document = json::parse(std::ifstream(std::string(RINGFENCE_SOURCE_DIR) + "/config/ocsf_detection_finding_1.8.0.schema.json"));
  valijson::Schema schema;
  valijson::SchemaParser().populateSchema(valijson::adapters::NlohmannJsonAdapter(document), schema);
  for (const TopicRecord& record : findings) {
    const json finding = json::parse(record.value);
    valijson::Validator validator;
    EXPECT_TRUE(validator.validate(schema, valijson::adapters::NlohmannJsonAdapter(finding), nullptr)) << record.value;
  }
}

/// The heartbeats of every writer say exactly what its records up to there add up to.
void expect_true_heartbeats(const ControlBoard& board) {
  std::map<std::string, std::map<std::string, LiveRecord>> live;
  std::size_t beats = 0;
  for (std::size_t i = 0; i < board.messages.size(); ++i) {
    if (const auto* said = std::get_if<SignedContainment>(&board.messages[i].body))
      live[said->writer][board.keys[i]] = {said->record.epoch, said->record.contained, said->record.level};
    if (const auto* beat = std::get_if<Heartbeat>(&board.messages[i].body)) {
      ++beats;
      EXPECT_EQ(beat->count, live[beat->writer].size());
      EXPECT_EQ(beat->state_hash, control_state_hash(live[beat->writer])) << beat->writer;
    }
  }
  EXPECT_GT(beats, 0U);
}

std::size_t heartbeats_of(const ControlBoard& board, const std::string& writer) {
  return static_cast<std::size_t>(std::ranges::count_if(board.messages, [&](const ControlMessage& message) {
    const auto* beat = std::get_if<Heartbeat>(&message.body);
    return beat != nullptr && beat->writer == writer;
  }));
}

std::size_t containments_read(const ControlBoard& board) {
  return static_cast<std::size_t>(
      std::ranges::count_if(board.messages, [](const ControlMessage& m) { return std::holds_alternative<SignedContainment>(m.body); }));
}

/// What `state show` says of every agent of the fleet.
std::map<std::string, std::string> states_of(const Installation& at, const std::string& member) {
  std::map<std::string, std::string> out;
  for (const FleetEvent& event : fleet()) {
    if (event.agent.empty() || out.contains(event.agent)) continue;
    const Ran shown = run_ringfence(
        {"state", "show", event.agent, "--tenant", "corp", "--json", "--state", (at.directory() / ("state-" + member)).string()});
    EXPECT_EQ(shown.exit, 0) << shown.output;
    out[event.agent] = shown.output;
  }
  return out;
}

/// A call that no code-maintainer may make: the agent is halted at once.
FleetEvent forbidden_call(const std::string& agent, const std::string& id) {
  const json event = {{"v", 1},
                      {"kind", "tool_call"},
                      {"id", id},
                      {"time", "2026-11-20T12:00:00Z"},
                      {"tenant", "corp"},
                      {"agent", {{"id", agent}, {"trust", "verified"}}},
                      {"session", {{"id", "s"}}},
                      {"tool", {{"server", "git"}, {"name", "force_push"}}},
                      {"outcome", {{"status", "ok"}}}};
  return {agent, event.dump()};
}

/// Persona references of all findings about an agent.
std::set<std::string> personas_of(const std::vector<TopicRecord>& findings, const std::string& agent) {
  std::set<std::string> out;
  for (const TopicRecord& record : findings)
    if (record.key == agent) out.insert(json::parse(record.value).at("unmapped").at("ringfence").value("persona", ""));
  return out;
}
auto about(const std::string& agent) {
  return [agent](const std::vector<TopicRecord>& records) { return std::ranges::count(records, agent, &TopicRecord::key) > 0; };
}

/// Gives the code-maintainer of the installation another version.
void set_version(const Installation& at, const std::string& version) {
  const auto file = at.personas() / "code-maintainer.yaml";
  std::string text;
  {
    std::ifstream in(file);
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  const auto from = text.find("version: \"") + 10;
  text.replace(from, text.find('"', from) - from, version);
  std::ofstream(file) << text;
}

TEST_F(Services, FindingsAndSignedHaltsOfAFleetEqualThoseOfAReplay) {
  Installation at(broker(), kPartitions);
  TopicTail findings(broker(), at.topic("findings")), control(broker(), at.topic("control"));
  at.feed(fleet());
  {
    ServiceProcess service(at.member("a"));
    ASSERT_TRUE(fleet_is_out(at, findings, control)) << service.log();
    EXPECT_THAT(service.get("/healthz"), HasSubstr("200 OK"));
    EXPECT_THAT(service.get("/readyz"), HasSubstr("200 OK"));
    EXPECT_THAT(service.get("/metrics"), AllOf(HasSubstr("200 OK"), HasSubstr("ringfence_")));
    ASSERT_TRUE(control.until([&](const auto& records) { return heartbeats_of(read_board(at, records), at.writer(kPartitions - 1)) >= 3; }))
        << service.log();
    EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  }
  expect_the_fleet(at, findings, control);
  expect_schema(findings.all());
  expect_true_heartbeats(read_board(at, control.all()));
  const std::size_t said = findings.all().size();
  EXPECT_EQ(said, expected_of_fleet().findings.size()) << "each once";
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
  ASSERT_TRUE(fleet_is_out(at, findings, control)) << last.log();
  EXPECT_EQ(last.end(SIGTERM), 0) << last.log();
  expect_the_fleet(at, findings, control);
  expect_true_heartbeats(read_board(at, control.all()));

  TopicTail measure(broker(), undisturbed.topic("findings")), measure_control(broker(), undisturbed.topic("control"));
  ASSERT_TRUE(fleet_is_out(undisturbed, measure, measure_control)) << reference.log();
  EXPECT_EQ(reference.end(SIGTERM), 0) << reference.log();
  EXPECT_EQ(states_of(at, "a"), states_of(undisturbed, "a"));
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

TEST_F(Services, ABrokerThatGoesAwayUnderWayCostsNothing) {
  Installation at(broker(), kPartitions);
  TopicTail findings(broker(), at.topic("findings")), control(broker(), at.topic("control"));
  const std::size_t half = fleet().size() / 2;
  ServiceProcess service(at.member("a"));
  ASSERT_TRUE(service.logged("partition assigned", kPartitions)) << service.log();
  at.feed(fleet(), 0, half);
  broker().stop();
  ASSERT_TRUE(service.logged("kafka client")) << "an operator hears of it: " << service.log();
  ASSERT_TRUE(broker().start());
  at.feed(fleet(), half, fleet().size());
  ASSERT_TRUE(fleet_is_out(at, findings, control)) << service.log();
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  expect_the_fleet(at, findings, control);
  expect_true_heartbeats(read_board(at, control.all()));
}

TEST_F(Services, RefusedRecordsGoToTheDeadLetterWithPositionStageAndReason) {
  Installation at(broker(), kPartitions);
  TopicTail letters(broker(), at.topic("deadletter")), findings(broker(), at.topic("findings"));
  at.put(at.topic("events"), 3, "k", "{not json");
  at.put(at.topic("events"), 3, "k", std::string(900'000, '\xff'));
  at.put(at.topic("events"), 3, "k", std::string(900'000, '\x01'));
  at.feed(story("code-guessed-commits"));
  ServiceProcess service(at.member("a"));
  ASSERT_TRUE(letters.until([](const auto& records) { return records.size() >= 3; })) << service.log();
  ASSERT_TRUE(findings.until([](const auto& records) { return records.size() >= 3; })) << "the run goes on: " << service.log();
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  ASSERT_EQ(letters.all().size(), 3U);
  const json letter = json::parse(letters.all().front().value);
  EXPECT_EQ(letters.all().front().key, at.topic("events") + "/3/0");
  EXPECT_EQ(letter.at("partition"), 3) << letter;
  EXPECT_EQ(letter.at("offset"), 0);
  EXPECT_FALSE(letter.at("stage").get<std::string>().empty());
  EXPECT_FALSE(letter.at("reason").get<std::string>().empty());
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

TEST_F(Services, AHaltBeyondTheBlastRadiusIsAPendingHoldAndAFinding) {
  Installation at(broker(), 1);
  TopicTail findings(broker(), at.topic("findings")), control(broker(), at.topic("control"));
  const auto config = at.member(
      "a", "control: {key_file: " + (at.directory() / "control.key").string() + ", max_halts_per_minute: 1, max_halted_share: 1.0}\n");
  ServiceProcess service(config);
  at.feed({forbidden_call("code-1", "1"), forbidden_call("code-2", "2")});
  const auto held = [](const std::vector<TopicRecord>& records) {
    return std::ranges::any_of(
        records, [](const TopicRecord& r) { return r.key == "code-2" && r.value.find("containment.blast_radius") != std::string::npos; });
  };
  ASSERT_TRUE(findings.until(held)) << service.log();
  expect_schema(findings.all());
  ASSERT_TRUE(control.until([&](const auto& records) { return containments_in(read_board(at, records).messages).size() >= 2; }))
      << service.log();
  const Ran status = run_ringfence({"status", "--config", config.string(), "--json"});
  ASSERT_EQ(status.exit, 0) << status.output;
  const json rows = json::parse(status.output);
  ASSERT_EQ(rows.size(), 2U) << rows;
  EXPECT_EQ(rows[0].at("level"), "halt");
  EXPECT_EQ(rows[1].at("level"), "hold");
  EXPECT_EQ(rows[1].at("pending"), true);
}

TEST(FileServices, AHaltBeyondTheBlastRadiusIsAFindingInTheFileToo) {
  std::string pattern = (std::filesystem::temp_directory_path() / "ringfence-files-XXXXXX").string();
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  const std::filesystem::path at(pattern);
  std::ofstream(at / "events.ndjson") << forbidden_call("code-1", "1").value << "\n" << forbidden_call("code-2", "2").value << "\n";
  std::ofstream(at / "run.yaml") << "input: {kind: file, files: [" << (at / "events.ndjson").string()
                                 << "]}\npersonas: {directory: " << RINGFENCE_SOURCE_DIR
                                 << "/config/personas}\nstate: {directory: " << (at / "state").string()
                                 << "}\noutputs: {findings: \"file:" << (at / "findings").string()
                                 << "\", control: \"file:" << (at / "control").string()
                                 << "\", dead_letter: \"file:" << (at / "letters").string()
                                 << "\"}\ncontrol: {key_file: " << (at / "key").string()
                                 << ", max_halts_per_minute: 1}\nhttp: {listen: \"127.0.0.1:0\"}\n";
  const Ran ran = run_ringfence({"run", "--config", (at / "run.yaml").string()});
  EXPECT_EQ(ran.exit, 0) << ran.output;
  std::ifstream in(at / "findings");
  const std::string findings{std::istreambuf_iterator<char>(in), {}};
  EXPECT_THAT(findings, HasSubstr("containment.blast_radius"));
  EXPECT_EQ(findings_in(findings).size(), 3U) << findings;
  std::filesystem::remove_all(at);
}

TEST_F(Services, AFencedWriterWhosePartitionIsStillOursSpeaksAgain) {
  Installation at(broker(), 1);
  TopicTail control(broker(), at.topic("control"));
  ServiceProcess service(at.member("a"));
  const std::string writer = at.writer(0);
  ASSERT_TRUE(control.until([&](const auto& records) { return heartbeats_of(read_board(at, records), writer) >= 1; })) << service.log();
  const auto key = SigningKey::load(at.directory() / "control.key");
  ASSERT_TRUE(key);
  const Issuer issuer{.iss = "urn:ringfence:engine", .aud = {"ringfence-gates"}, .writer = writer, .generation = 2};
  at.put(at.topic("control"), 0, claim_key(writer), sign_jws(*key, encode_claim({writer, "someone else", 2, 1}, issuer)));
  ASSERT_TRUE(service.logged("claims again")) << service.log();
  const auto speaks_again = [&](const auto& records) {
    return std::ranges::any_of(read_board(at, records).messages, [](const ControlMessage& message) {
      const auto* beat = std::get_if<Heartbeat>(&message.body);
      return beat != nullptr && beat->generation == 3;
    });
  };
  EXPECT_TRUE(control.until(speaks_again)) << service.log();
}

TEST_F(Services, AMissingTopicAndASilentBrokerEndTheStartWithThree) {
  Installation at(broker(), 1);
  for (const std::string name : {"events", "findings", "control", "deadletter"}) {
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
                        << "}\nstate: {directory: " << (at.directory() / "state-silent").string()
                        << "}\ncontrol: {key_file: " << (at.directory() / "control.key").string() << "}\n";
  const auto began = std::chrono::steady_clock::now();
  const Ran ran = run_ringfence({"run", "--config", config.string()});
  EXPECT_EQ(ran.exit, 3) << ran.output;
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(30));
}

TEST_F(Services, TopicsAreMadeAndThenAsWanted) {
  const auto config = std::filesystem::temp_directory_path() / (unique_name("ringfence-topics") + ".yaml");
  std::ofstream(config) << "kafka: {bootstrap: \"" << broker().address() << "\"}\n";
  const std::vector<std::string> size = {"--config", config.string(), "--partitions", "4", "--replication", "1"};
  const auto topics = [&](const std::string& what) {
    std::vector<std::string> arguments{"topics", what};
    arguments.insert(arguments.end(), size.begin(), size.end());
    return run_ringfence(arguments);
  };
  const Ran before = topics("check");
  EXPECT_THAT(before.output, HasSubstr("ringfence.control: topic is"));
  const Ran made = topics("create");
  EXPECT_EQ(made.exit, 0) << made.output;
  EXPECT_THAT(made.output, HasSubstr("made ringfence.events"));
  EXPECT_THAT(topics("create").output, HasSubstr("nothing to make"));
  EXPECT_THAT(topics("check").output, HasSubstr("all topics are as wanted"));
  std::filesystem::remove(config);
}

}  // namespace
}  // namespace ringfence::testing
