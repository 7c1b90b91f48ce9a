// SPDX-License-Identifier: Apache-2.0
// The engine writes the finding of docs/contracts/examples/finding.json, from the conduct it tells of.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "connectors/encoders/ocsf.h"
#include "engine/event/decode.h"
#include "engine/persona/load.h"
#include "engine/pipeline/rehearsal.h"

namespace ringfence {
namespace {

using nlohmann::json;

constexpr std::string_view kRefused = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b";

json call(int number, const std::string& session, const std::string& ref, EventTime time, bool denied) {
  json event = json::parse(R"({"v":1,"kind":"tool_call","tenant":"corp","user":{"id":"u-9"},"tool":{"server":"git","name":"get_commit"},
    "agent":{"id":"spiffe://corp.example/agent/code-maintainer","trust":"verified"},"resource":{"type":"commit"}})");
  event["id"] = "call-" + std::to_string(number);
  event["time"] = format_rfc3339(time);
  event["session"]["id"] = session;
  event["args"]["ref"] = ref;
  event["resource"]["uri"] = "repos/billing-core/commits/" + ref;
  event["outcome"] = denied ? json{{"status", "denied"}, {"code", "403"}} : json{{"status", "ok"}, {"code", "200"}};
  return event;
}

json listing(int number, const std::string& session, EventTime time) {
  json event = call(number, session, "x", time, false);
  event["tool"]["name"] = "list_commits";
  event["args"] = json::object();
  event["resource"] = {{"uri", "repos/billing-core/commits"}};
  event["result"] = "latest " + std::string(kRefused);
  return event;
}

/// 200 clean calls, 20 of them in the session, then one refusal, four near-misses, one guess and a near-miss.
std::vector<json> conduct() {
  std::vector<json> events;
  EventTime time = *parse_rfc3339("2026-11-20T00:00:00Z");
  const auto next = [&] { return time = time + seconds(30); };
  for (int i = 840; i < 1040; ++i) events.push_back(listing(i, i < 1020 ? "run-11" : "run-12", next()));
  const std::string id(kRefused);
  const std::string inserted = id.substr(0, 5) + "7" + id.substr(5);
  const std::vector<std::string> guesses{
      id, id.substr(0, 39), inserted, id.substr(1), id + "0", "4c1d00aa55de90b3c1d8e6f7a2b4c5d6e7f81234", id + "9"};
  for (std::size_t i = 0; i < guesses.size(); ++i) events.push_back(call(1040 + static_cast<int>(i), "run-12", guesses[i], next(), true));
  return events;
}

std::vector<FindingRecord> findings_of_conduct() {
  PersonaLoad load =
      load_personas(RINGFENCE_SOURCE_DIR "/docs/contracts/examples/personas", RINGFENCE_SOURCE_DIR "/docs/contracts/examples/lists");
  if (!load.set) throw std::runtime_error("example personas do not load");
  const Rulebook rules(std::move(*load.set), all_channels());
  Rehearsal rehearsal(rules, "ringfence.events");
  std::vector<FindingRecord> findings;
  const std::vector<json> events = conduct();
  std::int64_t offset = 99131870 - static_cast<std::int64_t>(events.size()) + 1;
  for (const json& event : events) {
    const auto judgement = rehearsal.feed(event.dump(), {Partition{3}, Offset{offset++}});
    if (!judgement) throw std::runtime_error("refused: " + judgement.error().detail);
    for (const FindingRecord& finding : judgement->findings) findings.push_back(finding);
  }
  return findings;
}

/// Times, versions and hashes aside, as the contract says.
void mask(json& finding) {
  for (const char* time : {"time", "start_time", "end_time"}) finding.erase(time);
  for (const char* key : {"created_time", "first_seen_time", "last_seen_time", "uid"}) finding["finding_info"].erase(key);
  finding["metadata"].erase("uid");
  finding["metadata"]["product"].erase("version");
  finding["unmapped"]["ringfence"].erase("persona_sha256");
  finding["unmapped"]["ringfence"].erase("engine_version");
}

TEST(ExampleFinding, IsAlertAtTheFourthAttemptThrottleAtTheFifthAndHaltAtTheSeventh) {
  const auto findings = findings_of_conduct();
  ASSERT_EQ(findings.size(), 3U);
  EXPECT_EQ(findings[0].event_id, "call-1043");
  EXPECT_EQ(findings[0].level, Level::Alert);
  EXPECT_EQ(findings[1].event_id, "call-1044");
  EXPECT_EQ(findings[1].level, Level::Throttle);
  EXPECT_EQ(findings[2].event_id, "call-1046");
  EXPECT_EQ(findings[2].level, Level::Halt);
}

TEST(ExampleFinding, IsWrittenByTheEngineToTheLetter) {
  const auto findings = findings_of_conduct();
  ASSERT_FALSE(findings.empty());
  json written = json::parse(encode_finding(findings.back()));
  std::ifstream file(RINGFENCE_SOURCE_DIR "/docs/contracts/examples/finding.json");
  json expected = json::parse(file);
  EXPECT_EQ(written["metadata"]["uid"].get<std::string>(), written["finding_info"]["uid"].get<std::string>() + "-3");
  mask(written);
  mask(expected);
  EXPECT_EQ(json::diff(expected, written), json::array()) << json::diff(expected, written).dump(1);
}

}  // namespace
}  // namespace ringfence
