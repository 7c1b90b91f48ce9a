// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/service_fixture.h"

#include <fstream>
#include <map>

#include "connectors/sinks/control_writer.h"
#include "tests/schema/json_schema.h"

namespace ringfence::testing {

using nlohmann::json;

namespace {

/// Without what adds up over the agents of one user: that depends on the order in which links of several partitions come, which is an input
/// of its own (equality is promised for the same links).
std::map<std::string, std::string> of_agents(std::map<std::string, std::string> findings) {
  std::erase_if(findings, [](const auto& row) {
    const json ours = json::parse(row.second).at("unmapped").at("ringfence");
    return ours.contains("scope") && ours.at("scope") == "user";
  });
  return findings;
}

}  // namespace

bool Services::fleet_is_out(const Installation& at, TopicTail& findings, TopicTail& control) {
  const Expected& expected = expected_of_fleet();
  const std::size_t own = of_agents(expected.findings).size();
  return findings.until([&](const auto& records) { return of_agents(findings_in(records)).size() >= own; }) &&
         control.until(
             [&](const auto& records) { return containments_in(read_board(at, records).messages).size() >= expected.containments.size(); });
}

bool Services::all_judged(const Installation& at) const {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (std::int32_t partition = 0; partition < at.partitions(); ++partition) {
    while (committed(broker(), at.group(), at.topic("events"), partition).value_or(Offset{0}) < at.fed(partition))
      if (std::chrono::steady_clock::now() > deadline) return false;
  }
  return true;
}

void Services::expect_the_fleet(const Installation& at, TopicTail& findings, TopicTail& control) {
  const Expected& expected = expected_of_fleet();
  EXPECT_EQ(of_agents(findings_in(findings.all())), of_agents(expected.findings));
  std::map<std::string, std::string> said;  // by id: what is said again after a crash is the same
  for (const TopicRecord& record : findings.all()) {
    const auto [first, fresh] = said.try_emplace(json::parse(record.value).at("metadata").at("uid"), record.value);
    EXPECT_EQ(first->second, record.value);
  }
  const ControlBoard board = read_board(at, control.all());
  EXPECT_EQ(containments_in(board.messages), expected.containments);
  EXPECT_EQ(board.refused, 0U) << board.refusal;
}

void expect_schema(const std::vector<TopicRecord>& findings) {
  for (const TopicRecord& record : findings) EXPECT_EQ(finding_schema().faults(json::parse(record.value)), "") << record.value;
}

void expect_true_heartbeats(const ControlBoard& board) {
  std::map<std::string, std::map<std::string, LiveRecord>> live;
  std::map<std::string, std::uint64_t> generations;  // claimed
  std::size_t beats = 0;
  for (std::size_t i = 0; i < board.messages.size(); ++i) {
    if (const auto* claim = std::get_if<Claim>(&board.messages[i].body)) {
      std::uint64_t& newest = generations[claim->writer];
      newest = std::max(newest, claim->generation);
    }
    const auto* said = std::get_if<SignedContainment>(&board.messages[i].body);
    // What a killed owner had sent, heartbeats too, may reach the log behind its successor's claim: every gate passes it over.
    if (said != nullptr && said->generation >= generations[said->writer])
      live[said->writer][board.keys[i]] = {said->record.epoch, said->record.contained, said->record.level};
    const auto* beat = std::get_if<Heartbeat>(&board.messages[i].body);
    if (beat == nullptr || beat->generation < generations[beat->writer]) continue;
    ++beats;
    const ControlDigest told{beat->count, beat->state_hash};
    EXPECT_TRUE(told == digest_of(live[beat->writer])) << beat->writer << " of generation " << beat->generation << ": " << beat->count;
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

std::map<std::string, std::string> judged_in(const std::vector<TopicRecord>& records) {
  std::map<std::string, std::string> findings = findings_in(records);
  std::erase_if(findings, [](const auto& row) { return row.second.find("containment.blast_radius") != std::string::npos; });
  return findings;
}

std::set<std::string> wanted(const std::set<std::string>& containments) {
  std::set<std::string> out;
  for (std::string one : containments) {
    if (const auto at = one.find(" hold "); at != std::string::npos) one.replace(at, 6, " halt ");
    out.insert(std::move(one));
  }
  return out;
}

std::string unlimited(const Installation& at) {
  return "control: {key_file: " + (at.directory() / "control.key").string() + ", max_halts_per_minute: 100000, max_halted_share: 1.0}\n";
}

}  // namespace ringfence::testing
