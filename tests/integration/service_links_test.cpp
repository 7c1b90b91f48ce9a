// SPDX-License-Identifier: Apache-2.0
// `ringfence run` on a real broker: what several agents do together is judged over ringfence.links, and the fleet observer.
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "tests/integration/service_fixture.h"

namespace ringfence::testing {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr auto kClerk =
    "schema: ringfence/persona/v1\nid: clerk\nversion: \"1\"\njob: Reads what it is asked for and writes reports.\n"
    "owner: {team: desk, contact: desk@corp.example}\nconfidence: reviewed\napplies_to: {agents: [\"clerk-*\"]}\n"
    "actions:\n  - {id: read, tools: [\"files/read\"], effect: read, arguments: {ref: {identifier: true}}}\n"
    "destinations: {external: any}\nresponse: {mode: enforce}\n";

/// Findings but those of the blast radius: it is no part of a replay, and counts the root, which never acted itself, among the halted.
std::map<std::string, std::string> own(std::map<std::string, std::string> findings) {
  std::erase_if(findings, [](const auto& row) { return row.second.find("containment.blast_radius") != std::string::npos; });
  return findings;
}

/// The installation's only persona is the clerk.
void only_clerks(const Installation& at) {
  std::filesystem::remove_all(at.personas());
  std::filesystem::create_directories(at.personas());
  std::ofstream(at.personas() / "clerk.yaml") << kClerk;
}

/// Calls of clerks, a second apart.
class Clerks {
 public:
  FleetEvent reads(const std::string& agent, const std::string& outcome, const std::string& ref, const std::string& root_session = {}) {
    ++calls_;
    const std::string minute = std::to_string(10 + calls_ / 50), second = std::to_string(10 + calls_ % 50);
    json event = {{"v", 1},
                  {"kind", "tool_call"},
                  {"id", "c" + std::to_string(calls_)},
                  {"time", "2026-11-20T08:" + minute + ":" + second + "Z"},
                  {"tenant", "corp"},
                  {"agent", {{"id", agent}, {"trust", "verified"}}},
                  {"session", {{"id", "own-" + agent}}},
                  {"tool", {{"server", "files"}, {"name", "read"}}},
                  {"outcome", {{"status", outcome}}}};
    if (!ref.empty()) event["args"] = {{"ref", ref}};
    if (!root_session.empty()) event["delegation"] = {{"root", "chief"}, {"parent", "chief"}, {"session", root_session}};
    return {agent, event.dump()};
  }

 private:
  int calls_ = 0;
};

/// A commit's id, or one an insertion away from it.
std::string near_miss(int n) {
  std::string id = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b";
  if (n > 0) id.insert(static_cast<std::size_t>(n), 1, id[static_cast<std::size_t>(n)] == '7' ? '3' : '7');
  return id;
}

constexpr int kSubAgents = 10;

/// Ten sub-agents of one root session, each of which is refused two near-misses: none is worth an alert alone.
std::vector<FleetEvent> spread_probing() {
  Clerks clerks;
  std::vector<FleetEvent> events;
  for (int agent = 0; agent < kSubAgents; ++agent)
    for (int attempt = 0; attempt < 2; ++attempt)
      events.push_back(clerks.reads("clerk-" + std::to_string(agent), "denied", near_miss(2 * agent + attempt), "root-run"));
  return events;
}

/// Acts whose links have come, however often.
std::size_t linked_acts(const std::vector<TopicRecord>& links) {
  std::set<std::string> acts;
  for (const TopicRecord& record : links) acts.insert(json::parse(record.value).at("event"));
  return acts.size();
}

/// Feeds the events one by one, so that their links come in this order whatever partition they come from.
[[nodiscard]] bool feed_in_order(Installation& at, const std::vector<FleetEvent>& events, std::size_t from, std::size_t to,
                                 TopicTail& links) {
  for (std::size_t i = from; i < to; ++i) {
    at.feed(events, i, i + 1);
    if (!links.until([&](const auto& records) { return linked_acts(records) > i; })) return false;
  }
  return true;
}

Expected replay_of(const Installation& at, const std::vector<FleetEvent>& events) {
  const auto file = at.directory() / "all.ndjson";
  {
    std::ofstream out(file);
    for (const FleetEvent& event : events) out << event.value << "\n";
  }
  return expected_of(at.personas(), {file});
}

[[nodiscard]] bool all_out(const Installation& at, const Expected& expected, TopicTail& findings, TopicTail& control) {
  return findings.until([&](const auto& records) { return findings_in(records).size() >= expected.findings.size(); }) &&
         control.until(
             [&](const auto& records) { return containments_in(read_board(at, records).messages).size() >= expected.containments.size(); });
}

TEST_F(Services, ProbingSpreadOverTenSubAgentsStopsTheirRootSession) {
  Installation at(broker(), kPartitions);
  only_clerks(at);
  const std::vector<FleetEvent> events = spread_probing();
  const Expected expected = replay_of(at, events);
  ASSERT_THAT(expected.containments, Contains(StartsWith("subtree:corp/chief ")));
  TopicTail findings(broker(), at.topic("findings")), control(broker(), at.topic("control")), links(broker(), at.topic("links"));
  TopicTail letters(broker(), at.topic("deadletter"));
  ServiceProcess service(at.member("a", unlimited(at)));
  ASSERT_TRUE(service.logged("links assigned", kPartitions)) << service.log();
  ASSERT_TRUE(feed_in_order(at, events, 0, events.size(), links)) << service.log();
  ASSERT_TRUE(all_out(at, expected, findings, control)) << service.log();

  for (std::int32_t partition = 0; partition < kPartitions; ++partition)
    at.put(at.topic("links"), partition, "user corp/u-7", R"({"v":2})");
  ASSERT_TRUE(letters.until([](const auto& records) { return records.size() >= kPartitions; })) << service.log();
  const std::string page = service.get("/metrics");
  const std::string told = std::to_string(events.size() + kSubAgents) + "\n";  // each act its root session, each agent its tree
  EXPECT_THAT(page, HasSubstr("ringfence_links_total{result=\"judged\"} " + told));
  EXPECT_THAT(page, HasSubstr("ringfence_outputs_total{output=\"links\"} " + told));
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();

  EXPECT_EQ(own(findings_in(findings.all())), expected.findings);
  const ControlBoard board = read_board(at, control.all());
  EXPECT_EQ(wanted(containments_in(board.messages)), expected.containments);
  EXPECT_EQ(board.refused, 0U) << board.refusal;
  expect_schema(findings.all());
  expect_true_heartbeats(board);
  std::set<std::int32_t> sources;
  for (const TopicRecord& record : links.all())
    if (json::parse(record.value).contains("partition")) sources.insert(json::parse(record.value).at("partition").get<std::int32_t>());
  EXPECT_EQ(sources.size(), static_cast<std::size_t>(kPartitions)) << "the agents were in different partitions";
  for (const TopicRecord& record : findings.all()) {
    const json position = json::parse(record.value).at("unmapped").at("ringfence").at("position");
    EXPECT_LT(position.at("partition").get<int>(), kPartitions) << position;
  }
  std::set<int> refused;
  for (const TopicRecord& record : letters.all()) {
    const json letter = json::parse(record.value);
    EXPECT_EQ(letter.at("topic"), at.topic("links"));
    EXPECT_EQ(letter.at("stage"), "link");
    refused.insert(letter.at("partition").get<int>());
  }
  EXPECT_EQ(refused.size(), static_cast<std::size_t>(kPartitions));
}

TEST_F(Services, KilledWhileLinksAreUnderWayItLosesAndDoublesNothing) {
  Installation at(broker(), kPartitions);
  only_clerks(at);
  const std::vector<FleetEvent> events = spread_probing();
  const Expected expected = replay_of(at, events);
  TopicTail findings(broker(), at.topic("findings")), control(broker(), at.topic("control")), links(broker(), at.topic("links"));
  const std::size_t part = events.size() / 4;
  for (std::size_t round = 0; round < 4; ++round) {
    ServiceProcess service(at.member("a", unlimited(at)));
    ASSERT_TRUE(feed_in_order(at, events, round * part, (round + 1) * part, links)) << service.log();
    EXPECT_EQ(service.end(SIGKILL), -SIGKILL);
  }
  ServiceProcess last(at.member("a", unlimited(at)));
  ASSERT_TRUE(all_out(at, expected, findings, control)) << last.log();
  EXPECT_EQ(last.end(SIGTERM), 0) << last.log();
  EXPECT_EQ(own(findings_in(findings.all())), expected.findings);
  std::map<std::string, std::string> said;  // by id: what is said again is the same
  for (const TopicRecord& record : findings.all()) {
    const auto [first, fresh] = said.try_emplace(json::parse(record.value).at("metadata").at("uid"), record.value);
    EXPECT_EQ(first->second, record.value);
  }
  const ControlBoard board = read_board(at, control.all());
  EXPECT_EQ(wanted(containments_in(board.messages)), expected.containments);
  expect_true_heartbeats(board);
}

/// The last state of each scope that the engines' writers have said.
std::map<std::string, bool> contained_in(const Installation& at, const std::vector<TopicRecord>& control) {
  std::map<std::string, bool> contained;
  for (const ControlMessage& message : read_board(at, control).messages)
    if (const auto* word = std::get_if<SignedContainment>(&message.body)) contained[word->record.scope] = word->record.contained;
  return contained;
}

TEST_F(Services, AReleaseFreesARootSessionWithItsMembersAlsoWhereItWasKilledInBetween) {
  Installation at(broker(), 1);
  only_clerks(at);
  const auto config = at.member("a", "context: {source: topic}\n" + unlimited(at));
  ASSERT_EQ(run_ringfence({"publish", at.personas().string(), "--config", config.string()}).exit, 0);
  const std::vector<FleetEvent> events = spread_probing();
  const Expected stopped = replay_of(at, events);
  TopicTail findings(broker(), at.topic("findings")), control(broker(), at.topic("control")), links(broker(), at.topic("links"));
  {
    ServiceProcess service(config);
    ASSERT_TRUE(feed_in_order(at, events, 0, events.size(), links)) << service.log();
    ASSERT_TRUE(all_out(at, stopped, findings, control)) << service.log();
    service.end(SIGKILL);
  }
  const Ran given = run_ringfence({"release", "subtree:corp/chief", "--reason", "a test of the desk", "--by", "ada", "--approver", "grace",
                                   "--config", config.string()});
  ASSERT_EQ(given.exit, 0) << given.output;
  ServiceProcess service(config);
  const auto freed = [&](const auto& records) {
    const auto contained = contained_in(at, records);
    return contained.size() > 2 && std::ranges::none_of(contained, [](const auto& row) { return row.second; });
  };
  ASSERT_TRUE(control.until(freed)) << service.log();
  // The partition of the events has its place in the context log, too: a replay knows no other.
  ASSERT_TRUE(service.logged("operators' commands take effect", 2)) << service.log();
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  const Expected expected = expected_of_log(broker(), at, at.context_log("a"));
  EXPECT_EQ(wanted(containments_in(read_board(at, control.all()).messages)), expected.containments);
  EXPECT_EQ(own(findings_in(findings.all())), expected.findings);
}

TEST_F(Services, AHaltedTreeStopsAtOnceWhoIsKnownToWorkInItOverEveryPartitionAndAReleaseAfterAKillFreesThem) {
  Installation at(broker(), kPartitions);
  only_clerks(at);
  const auto config = at.member("a", "context: {source: topic}\n" + unlimited(at));
  ASSERT_EQ(run_ringfence({"publish", at.personas().string(), "--config", config.string()}).exit, 0);
  Clerks clerks;
  std::vector<FleetEvent> events;
  for (int agent = 0; agent < kSubAgents; ++agent) events.push_back(clerks.reads("clerk-" + std::to_string(agent), "ok", {}, "root-run"));
  events.push_back(clerks.reads("clerk-77", "ok", {}));
  TopicTail control(broker(), at.topic("control")), links(broker(), at.topic("links")), letters(broker(), at.topic("deadletter"));
  const auto give = [&](const std::string& word, const std::string& by) {
    return run_ringfence({word, "subtree:corp/chief", "--reason", "a test of the desk", "--by", by, "--approver", "grace", "--config",
                          config.string()})
        .exit;
  };
  const auto all_members = [&](bool contained) {
    return [&at, contained](const auto& records) {
      const auto seen = contained_in(at, records);
      const auto it_is = [&](int agent) {
        const auto row = seen.find("agent:corp/clerk-" + std::to_string(agent));
        return row != seen.end() && row->second == contained;
      };
      return std::ranges::all_of(std::views::iota(0, kSubAgents), it_is);
    };
  };
  {
    ServiceProcess service(config);
    ASSERT_TRUE(service.logged("links assigned", kPartitions)) << service.log();
    at.feed(events);
    const auto told = [](const auto& records) { return records.size() >= 2 * kSubAgents; };
    ASSERT_TRUE(links.until(told)) << "each its root session and its tree: " << service.log();
    for (std::int32_t partition = 0; partition < kPartitions; ++partition)
      at.put(at.topic("links"), partition, "tree corp/chief", R"({"v":2})");
    ASSERT_TRUE(letters.until([](const auto& records) { return records.size() >= kPartitions; })) << "all before them is judged";
    ASSERT_EQ(give("halt", "ada"), 0);
    ASSERT_TRUE(control.until(all_members(true))) << service.log();
    service.end(SIGKILL);
  }
  EXPECT_FALSE(contained_in(at, control.all()).contains("agent:corp/clerk-77")) << "it works for nobody";
  ServiceProcess service(config);
  ASSERT_TRUE(service.logged("links assigned", kPartitions)) << service.log();
  ASSERT_EQ(give("release", "edsger"), 0);
  ASSERT_TRUE(control.until(all_members(false))) << service.log();
  ASSERT_TRUE(service.logged("operators' commands take effect", 2 * std::size_t{kPartitions})) << service.log();
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  const Expected expected = expected_of_log(broker(), at, at.context_log("a"));
  EXPECT_EQ(wanted(containments_in(read_board(at, control.all()).messages)), expected.containments);
}

/// Six clerks are served and then all fail on the same server; another one guesses there while it is out.
void outage_is_found(Installation& at, const std::filesystem::path& config, const Broker& broker) {
  TopicTail findings(broker, at.topic("findings"));
  ServiceProcess service(config);
  ASSERT_TRUE(service.logged("partition assigned", static_cast<std::size_t>(at.partitions()))) << service.log();
  Clerks clerks;
  std::vector<FleetEvent> events;
  for (const char* outcome : {"ok", "error"})
    for (int agent = 0; agent < 6; ++agent) events.push_back(clerks.reads("clerk-" + std::to_string(agent), outcome, {}));
  at.feed(events);
  ASSERT_TRUE(service.logged("rules and facts in force", 2)) << service.log();  // each shard once
  EXPECT_THAT(service.get("/metrics"), HasSubstr("ringfence_observer_facts_total 1\n"));

  events.clear();
  for (int i = 0; i < 8; ++i) events.push_back(clerks.reads("clerk-9", "error", near_miss(i)));
  json forbidden = json::parse(clerks.reads("clerk-9", "ok", {}).value);
  forbidden["tool"] = {{"server", "mail"}, {"name", "post"}, {"effect", "delete"}};
  events.push_back({"clerk-9", forbidden.dump()});
  at.feed(events);
  ASSERT_TRUE(findings.until(about("clerk-9"))) << service.log();
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  for (const auto& [uid, finding] : findings_in(findings.all())) EXPECT_THAT(finding, Not(HasSubstr("\"uid\":\"barrier.")));
  EXPECT_EQ(findings_in(findings.all()), expected_of_log(broker, at, at.context_log("a")).findings);
}

TEST_F(Services, AnOutageNobodyAnnouncedTakesEffectFromTheContextTopic) {
  Installation at(broker(), 2);
  only_clerks(at);
  const auto config = at.member("a", "context: {source: topic}\n" + unlimited(at));
  const Ran published = run_ringfence({"publish", at.personas().string(), "--config", config.string()});
  ASSERT_EQ(published.exit, 0) << published.output;
  outage_is_found(at, config, broker());
  TopicTail context(broker(), at.topic("context"));
  EXPECT_THAT(context.all().back().value, HasSubstr(R"("change":"outage_start","scope":"server:files")"));
  EXPECT_EQ(context.all().back().key, "server:files");
}

TEST_F(Services, AnOutageNobodyAnnouncedTakesEffectWithoutAContextTopicToo) {
  Installation at(broker(), 2);
  only_clerks(at);
  outage_is_found(at, at.member("a", unlimited(at)), broker());
}

}  // namespace
}  // namespace ringfence::testing
