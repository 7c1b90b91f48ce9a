// SPDX-License-Identifier: Apache-2.0
// Recorded tool calls of real agents through `ringfence run` on a real broker: everything it says of them is what a replay says.
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "tests/integration/service_fixture.h"
#include "tests/integration/states.h"

namespace ringfence::testing {
namespace {

namespace fs = std::filesystem;

fs::path traces() {
  const char* given = std::getenv("RINGFENCE_TRACES");
  return given != nullptr ? fs::path(given) : fs::path(RINGFENCE_SOURCE_DIR).parent_path() / "shared/data/agent_traces";
}

/// Events by level, of the metrics page; levels without one are left out.
std::map<std::string, std::size_t> verdicts_in(const std::string& page) {
  constexpr std::string_view kName = "ringfence_verdicts_total{";
  constexpr std::string_view kLevel = "level=\"";
  std::map<std::string, std::size_t> out;
  std::istringstream in(page);
  for (std::string line; std::getline(in, line);) {
    const auto level = line.find(kLevel);
    if (!line.starts_with(kName) || level == std::string::npos) continue;
    const auto from = level + kLevel.size();
    const auto count = static_cast<std::size_t>(std::stod(line.substr(line.rfind(' ') + 1)));
    if (count > 0) out[line.substr(from, line.find('"', from) - from)] += count;
  }
  return out;
}

TEST_F(Services, RecordedAgentsAreJudgedAsInAReplay) {
  if (!fs::is_directory(traces())) GTEST_SKIP() << "no recorded traces at " << traces();
  Installation at(broker(), kPartitions);
  const std::vector<fs::path> files{traces() / "bank_chat.events.ndjson.gz", traces() / "retail.events.ndjson.gz"};
  const Expected expected = expected_of(traces() / "personas", files);
  std::size_t judged = 0;
  for (const auto& [level, count] : expected.verdicts) judged += count;
  ASSERT_GT(judged, 0U);
  ASSERT_FALSE(expected.states.empty());

  fs::remove_all(at.personas());
  fs::copy(traces() / "personas", at.personas());
  // Blast radius does not apply in a replay.
  const auto config = at.member(
      "a", "control: {key_file: " + (at.directory() / "control.key").string() + ", max_halts_per_minute: 100000, max_halted_share: 1.0}\n");
  TopicTail findings(broker(), at.topic("findings")), control(broker(), at.topic("control"));
  ServiceProcess service(config);
  ASSERT_TRUE(service.logged("partition assigned", kPartitions)) << service.log();
  for (const fs::path& file : files) at.feed(recorded(file));

  // Every event has its verdict, and each level as many as in the replay.
  std::map<std::string, std::size_t> verdicts;
  const auto all_judged = [&] {
    verdicts = verdicts_in(service.get("/metrics"));
    std::size_t sum = 0;
    for (const auto& [level, count] : verdicts) sum += count;
    return sum >= judged;
  };
  for (const auto deadline = std::chrono::steady_clock::now() + kPatience; !all_judged() && std::chrono::steady_clock::now() < deadline;) {
    // Reading what comes paces the looks at the page.
    (void)findings.all();
  }
  EXPECT_EQ(verdicts, expected.verdicts);
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  EXPECT_EQ(findings_in(findings.all()), expected.findings);
  EXPECT_EQ(states_in(at.state("a"), Place::Masked), expected.states);
  const ControlBoard board = read_board(at, control.all());
  EXPECT_EQ(containments_in(board.messages), expected.containments);
  EXPECT_EQ(board.refused, 0U) << board.refusal;
  // What came of it, to be read beside the replay's.
  std::printf("%zu events judged, %zu findings, %zu containments\n", judged, expected.findings.size(), expected.containments.size());
}

}  // namespace
}  // namespace ringfence::testing
