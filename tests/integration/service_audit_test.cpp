// SPDX-License-Identifier: Apache-2.0
// The audit trail on a real broker: one chain over kills, everything once, and whole without a server.
#include <signal.h>

#include <fstream>
#include <map>

#include "tests/integration/service_fixture.h"

namespace ringfence::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

std::string scope_of(const std::string& agent) { return scope_key("agent", "corp", agent); }

json own(const TopicRecord& record) { return json::parse(record.value).at("unmapped").at("ringfence"); }

/// How often each thing is on record: its kind, and of containments and commands the scope.
std::map<std::string, std::size_t> told(const std::vector<TopicRecord>& records) {
  std::map<std::string, std::size_t> out;
  for (const TopicRecord& record : records) {
    const json one = own(record);
    ++out[one.at("kind").get<std::string>() + (one.contains("scope") ? " " + one.at("scope").get<std::string>() : "")];
  }
  return out;
}

TEST_F(Services, WhatWasDoneIsOnRecordOnceAlsoWhereTheEngineIsKilled) {
  Installation at(broker(), 1);
  TopicTail audit(broker(), at.topic("audit")), control(broker(), at.topic("control"));
  const std::filesystem::path config = at.member("a", "context: {source: topic}\n" + unlimited(at));
  ASSERT_EQ(run_ringfence({"publish", at.personas().string(), "--config", config.string()}).exit, 0);
  const auto on_record = [&](const std::string& thing) {
    return audit.until([&](const auto& records) { return told(records).contains(thing); });
  };
  const auto under = [&](const std::string& scope) {
    return control.until([&](const auto& records) {
      return std::ranges::any_of(records, [&](const TopicRecord& record) { return record.key == scope + "#" + at.writer(0); });
    });
  };
  const auto give = [&](const std::string& word, const std::string& agent) {
    return run_ringfence({word, scope_of(agent), "--reason", "looked at", "--by", "ada", "--config", config.string()});
  };
  {
    // Killed when a halt is on the control topic, on record or not.
    ServiceProcess service(config);
    ASSERT_TRUE(service.logged("partition assigned")) << service.log();
    at.feed({forbidden_call("code-61", "1")});
    ASSERT_TRUE(under(scope_of("code-61"))) << service.log();
    service.end(SIGKILL);
  }
  {
    // Killed when a command has taken effect, on record or not.
    ServiceProcess service(config);
    ASSERT_TRUE(on_record("contained " + scope_of("code-61"))) << service.log();
    ASSERT_EQ(give("release", "code-61").exit, 0);
    ASSERT_TRUE(service.logged("operator's command")) << service.log();
    service.end(SIGKILL);
  }
  at.put(at.topic("context"), 0, "command/forged", "nothing that anybody signed");
  {
    ServiceProcess service(config);
    ASSERT_TRUE(on_record("released " + scope_of("code-61"))) << service.log();
    at.feed({forbidden_call("code-62", "1")});
    ASSERT_TRUE(on_record("contained " + scope_of("code-62"))) << service.log();
    ASSERT_EQ(give("halt", "of-nobody").exit, 0);
    ASSERT_TRUE(on_record("command_taken " + scope_of("of-nobody"))) << "no state answers it";
    ASSERT_TRUE(on_record("command_passed_over")) << service.log();
    EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  }
  const std::map<std::string, std::size_t> things = told(audit.all());
  for (const std::string& thing :
       {"contained " + scope_of("code-61"), "contained " + scope_of("code-62"), "released " + scope_of("code-61"),
        "command_taken " + scope_of("code-61"), "command " + scope_of("code-61"), "command_taken " + scope_of("of-nobody"),
        std::string("command_passed_over"), std::string("ended")})
    EXPECT_EQ(things.contains(thing) ? things.at(thing) : 0U, 1U) << thing;
  EXPECT_EQ(things.at("started"), 3U);
  EXPECT_TRUE(things.contains("personas"));
  for (const TopicRecord& record : audit.all())
    if (own(record).at("kind") == "command_taken") {
      EXPECT_EQ(own(record).at("kid"), SigningKey::load(at.directory() / "control.key")->kid());
    }

  const std::string keys = (at.directory() / "trusted.json").string(), file = (at.directory() / "audit.ndjson").string();
  std::ofstream(keys) << run_ringfence({"keys", "show", (at.directory() / "control.key").string()}).output;
  const std::string exported = run_ringfence({"audit", "export", "--config", config.string()}).output;
  const auto verified = [&](const std::string& lines) {
    std::ofstream(file, std::ios::trunc) << lines;
    return run_ringfence({"audit", "verify", file, "--trusted", keys});
  };
  const Ran whole = verified(exported);
  EXPECT_EQ(whole.exit, 0) << whole.output;
  EXPECT_THAT(whole.output, HasSubstr(" 1 chains: whole"));
  EXPECT_EQ(verified(exported.substr(exported.find('\n') + 1)).exit, 1) << "its beginning is missing";
}

TEST_F(Services, AChangeOfPersonasAnAgentForgottenOfflineAndACommandPassedOverAreOnRecordOnce) {
  Installation at(broker(), 1);
  TopicTail audit(broker(), at.topic("audit"));
  const std::filesystem::path config = at.member("a", unlimited(at));
  const auto count = [&](const std::string& kind) {
    return std::ranges::count_if(audit.all(), [&](const TopicRecord& record) { return own(record).at("kind") == kind; });
  };
  const auto on_record = [&](const std::string& kind, std::ptrdiff_t times = 1) {
    return audit.until([&](const auto& records) {
      return std::ranges::count_if(records, [&](const TopicRecord& record) { return own(record).at("kind") == kind; }) >= times;
    });
  };
  std::string before;
  {
    ServiceProcess service(config);
    ASSERT_TRUE(on_record("personas")) << service.log();
    json quiet = json::parse(forbidden_call("code-71", "1").value);
    quiet["tool"]["name"] = "get_commit";
    at.feed({{"code-71", quiet.dump()}});
    ASSERT_TRUE(all_judged(at)) << service.log();
    for (const TopicRecord& record : audit.all())
      if (own(record).at("kind") == "personas") before = json::parse(record.value).at("entity").at("uid");
    set_version(at, "2.1.0");
    service.signal(SIGHUP);
    ASSERT_TRUE(on_record("personas", 2)) << service.log();
    EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  }
  const json changed = json::parse(audit.all().at(audit.all().size() - 2).value);
  EXPECT_NE(changed.at("entity").at("uid"), before);
  EXPECT_EQ(changed.at("unmapped").at("ringfence").at("after"), "0:0") << "behind the one record there was";

  const Ran purged = run_ringfence({"state", "purge", scope_of("code-71"), "--state", at.state("a").string()});
  ASSERT_EQ(purged.exit, 0) << purged.output;
  ASSERT_EQ(run_ringfence({"publish", at.personas().string(), "--config", at.member("a", "context: {source: topic}\n").string()}).exit, 0);
  const std::filesystem::path commanded = at.member("a", "context: {source: topic}\n" + unlimited(at));
  ASSERT_EQ(run_ringfence({"halt", scope_of("of-nobody"), "--reason", "looked at", "--by", "ada", "--config", commanded.string()}).exit, 0);
  TopicTail context(broker(), at.topic("context"));
  std::string given;
  ASSERT_TRUE(context.until([&](const auto& records) {
    for (const TopicRecord& record : records)
      if (record.key.starts_with("command/")) given = record.value;
    return !given.empty();
  }));
  at.put(at.topic("context"), 0, "command/again", given);
  for (int start = 0; start < 2; ++start) {
    ServiceProcess service(commanded);
    ASSERT_TRUE(on_record("purged_offline")) << service.log();
    ASSERT_TRUE(on_record("command_passed_over")) << service.log();
    ASSERT_TRUE(on_record("command_taken")) << service.log();
    ASSERT_TRUE(service.logged("partition assigned")) << service.log();
    EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  }
  EXPECT_EQ(count("purged_offline"), 1);
  EXPECT_EQ(count("command_passed_over"), 1);
  EXPECT_EQ(count("command_taken"), 1);
  for (const TopicRecord& record : audit.all()) {
    if (own(record).at("kind") == "purged_offline") {
      EXPECT_EQ(own(record).at("scope"), scope_of("code-71"));
    }
    if (own(record).at("kind") == "command_passed_over") {
      EXPECT_EQ(own(record).at("by"), "ada") << "it is signed by somebody who may command";
      EXPECT_THAT(json::parse(record.value).at("status_detail"), HasSubstr("was there before"));
    }
  }
  const std::string keys = (at.directory() / "trusted.json").string(), file = (at.directory() / "audit.ndjson").string();
  std::ofstream(keys) << run_ringfence({"keys", "show", (at.directory() / "control.key").string()}).output;
  std::ofstream(file) << run_ringfence({"audit", "export", "--config", config.string()}).output;
  EXPECT_THAT(run_ringfence({"audit", "verify", file, "--trusted", keys}).output, HasSubstr(" 1 chains: whole"));
}

}  // namespace
}  // namespace ringfence::testing
