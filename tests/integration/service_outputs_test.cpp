// SPDX-License-Identifier: Apache-2.0
// `ringfence run` on a real broker: dead letters, the blast radius, and the topics it all needs.
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "tests/integration/service_fixture.h"

namespace ringfence::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

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
