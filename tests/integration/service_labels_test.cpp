// SPDX-License-Identifier: Apache-2.0
// `ringfence run` on a real broker: labels go from file to file over agents, through links that lead to further links.
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "tests/integration/service_fixture.h"

namespace ringfence::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr auto kFiler =
    "schema: ringfence/persona/v1\nid: filer\nversion: \"1\"\njob: Reads and keeps papers, and mails what a person asks for.\n"
    "owner: {team: desk, contact: desk@corp.example}\nmaturity: senior\nconfidence: reviewed\napplies_to: {agents: [\"filer-*\"]}\n"
    "actions:\n  - {id: personnel, tools: [\"people/get\"], effect: read, returns: [confidential]}\n"
    "  - {id: read, tools: [\"files/read\"], effect: read}\n  - {id: save, tools: [\"files/save\"], effect: write}\n"
    "  - {id: mail, tools: [\"mail/send\"], effect: send}\ndestinations: {external: any, internal: [\"*.corp.example\"]}\n"
    "data: {flows: [{from: confidential, to: external, allow: false}]}\nresponse: {mode: enforce, undeclared: {default: alert}}\n";

class Filers {
 public:
  FleetEvent calls(const std::string& agent, const std::string& tool, const std::string& file, const std::string& host = {}) {
    ++calls_;
    const std::size_t slash = tool.find('/');
    json event = {{"v", 1},
                  {"kind", "tool_call"},
                  {"id", "c" + std::to_string(calls_)},
                  {"time", "2026-11-20T08:00:" + std::to_string(10 + calls_) + "Z"},
                  {"tenant", "corp"},
                  {"agent", {{"id", agent}, {"trust", "verified"}}},
                  {"session", {{"id", "own-" + agent}}},
                  {"tool", {{"server", tool.substr(0, slash)}, {"name", tool.substr(slash + 1)}}},
                  {"outcome", {{"status", "ok"}}}};
    if (!file.empty()) event["resource"] = {{"uri", file}};
    if (!host.empty()) event["destination"] = {{"host", host}};
    return {agent, event.dump()};
  }

 private:
  int calls_ = 0;
};

/// A link of this deed at this subject has come.
auto linked(const std::string& deed, const std::string& subject) {
  return [deed, subject](const std::vector<TopicRecord>& records) {
    return std::ranges::any_of(records, [&](const TopicRecord& record) {
      const json link = json::parse(record.value);
      return link.at("deed") == deed && link.at("subject") == subject;
    });
  };
}

TEST_F(Services, LabelsGoFromFileToFileAndHoldWhoSendsThemOut) {
  Installation at(broker(), 4);
  std::filesystem::remove_all(at.personas());
  std::filesystem::create_directories(at.personas());
  std::ofstream(at.personas() / "filer.yaml") << kFiler;
  Filers filers;
  const std::vector<FleetEvent> events{
      filers.calls("filer-1", "people/get", {}),        filers.calls("filer-1", "files/save", "plan"),
      filers.calls("filer-2", "files/read", "plan"),    filers.calls("filer-2", "files/save", "summary"),
      filers.calls("filer-3", "files/read", "summary"), filers.calls("filer-3", "mail/send", {}, "mail.elsewhere.example")};
  TopicTail findings(broker(), at.topic("findings")), links(broker(), at.topic("links"));
  ServiceProcess service(at.member("a", ""));
  ASSERT_TRUE(service.logged("links assigned", 4)) << service.log();
  at.feed(events, 0, 2);
  ASSERT_TRUE(links.until(linked("store", "plan"))) << service.log();
  at.feed(events, 2, 3);
  ASSERT_TRUE(links.until(linked("store", "filer-2"))) << "who reads has the labels from then on\n" << service.log();
  at.feed(events, 3, 4);
  ASSERT_TRUE(links.until(linked("store", "summary"))) << service.log();
  at.feed(events, 4, 5);
  ASSERT_TRUE(links.until(linked("store", "filer-3"))) << service.log();
  at.feed(events, 5, 6);
  ASSERT_TRUE(findings.until([](const auto& records) { return !records.empty(); })) << service.log();
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  const json finding = json::parse(findings.all().front().value);
  EXPECT_EQ(finding.at("finding_info").at("analytic").at("uid"), "flow.toxic");
  EXPECT_THAT(finding.at("finding_info").at("desc").get<std::string>(),
              HasSubstr("labelled confidential by another agent was read in summary"));
}

}  // namespace
}  // namespace ringfence::testing
