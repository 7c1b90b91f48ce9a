// SPDX-License-Identifier: Apache-2.0
// `ringfence run` on a real broker obeys operators: their commands on the context topic, the effect behind a recorded offset of every
// partition, the release by the engine's own writer.
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <optional>
#include <set>
#include <vector>

#include "connectors/encoders/control_order.h"
#include "tests/integration/service_fixture.h"

namespace ringfence::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

const std::string kTenant = "corp";

std::string agent_scope(const std::string& agent) { return scope_key("agent", kTenant, agent); }

/// An installation whose persona set is on the context topic, and the people who command it.
class Desk {
 public:
  Desk(const Broker& broker, std::int32_t partitions)
      : at(broker, partitions), findings(broker, at.topic("findings")), control(broker, at.topic("control")) {}

  [[nodiscard]] std::filesystem::path open(const std::string& more = {}) {
    config_ = at.member("a", "context: {source: topic}\n" + (more.empty() ? unlimited(at) : more));
    const Ran published = run_ringfence({"publish", at.personas().string(), "--config", config_.string()});
    EXPECT_EQ(published.exit, 0) << published.output;
    return config_;
  }
  [[nodiscard]] Ran give(const std::string& word, const std::string& scope, const std::string& by,
                         std::vector<std::string> more = {}) const {
    std::vector<std::string> words{word, scope, "--reason", "looked at by the desk", "--by", by, "--config", config_.string()};
    words.insert(words.end(), more.begin(), more.end());
    return run_ringfence(words);
  }
  /// The last that the engines' writers have said of the scope, once it is of this state and epoch at least.
  [[nodiscard]] bool said(const std::string& scope, bool contained, std::uint64_t epoch) {
    return control.until([&](const auto& records) {
      last_.reset();
      for (ControlMessage& message : read_board(at, records).messages) {
        auto* word = std::get_if<SignedContainment>(&message.body);
        if (word != nullptr && word->record.scope == scope) last_ = std::move(*word);
      }
      return last_ && last_->record.contained == contained && last_->record.epoch >= epoch;
    });
  }
  [[nodiscard]] const ContainmentRecord& last() const { return last_->record; }
  [[nodiscard]] std::set<std::string> containments() { return containments_in(read_board(at, control.all()).messages); }
  /// What a replay with the context log says is what has come, each record under one id.
  void expect_replay(const Broker& broker) {
    const Expected expected = expected_of_log(broker, at, at.context_log("a"));
    EXPECT_EQ(judged_in(findings.all()), expected.findings);
    EXPECT_EQ(wanted(containments()), expected.containments);
    std::map<std::string, std::string> jtis;
    for (const ControlMessage& message : read_board(at, control.all()).messages) {
      const auto* word = std::get_if<SignedContainment>(&message.body);
      if (word == nullptr) continue;
      const auto [known, fresh] = jtis.try_emplace(word->record.scope + " " + std::to_string(word->record.epoch), message.jti);
      EXPECT_EQ(known->second, message.jti) << known->first;
    }
  }

  Installation at;
  TopicTail findings, control;

 private:
  std::filesystem::path config_;
  std::optional<SignedContainment> last_;
};

TEST_F(Services, AnOperatorsReleaseFreesWhatTheEngineHaltedAndFreshEvidenceHaltsItAgain) {
  Desk desk(broker(), 2);
  ServiceProcess service(desk.open());
  ASSERT_TRUE(service.logged("partition assigned", 2)) << service.log();
  desk.at.feed({forbidden_call("code-11", "1"), forbidden_call("code-12", "1")});
  ASSERT_TRUE(desk.said(agent_scope("code-11"), true, 1)) << service.log();
  ASSERT_TRUE(desk.said(agent_scope("code-12"), true, 1)) << service.log();

  const Ran given = desk.give("release", agent_scope("code-11"), "ada", {"--approver", "grace"});
  ASSERT_EQ(given.exit, 0) << given.output;
  EXPECT_THAT(given.output, HasSubstr("put on the context topic; done: its evidence starts at zero"));
  ASSERT_TRUE(desk.said(agent_scope("code-11"), false, 2)) << service.log();
  const Ran again = desk.give("release", agent_scope("code-11"), "ada", {"--approver", "grace"});
  EXPECT_EQ(again.exit, 2) << again.output;
  EXPECT_THAT(again.output, HasSubstr("nothing changes"));
  const Ran mistyped = desk.give("release", agent_scope("cod-12"), "ada");
  EXPECT_EQ(mistyped.exit, 0) << mistyped.output;
  EXPECT_THAT(mistyped.output,
              HasSubstr("no engine has put on record yet what came of it; the control log knows of nothing that is contained"));
  EXPECT_EQ(desk.last().approver, "grace");
  EXPECT_EQ(desk.last().reason, "looked at by the desk");
  desk.at.feed({forbidden_call("code-11", "2")});
  ASSERT_TRUE(desk.said(agent_scope("code-11"), true, 3)) << service.log();
  ASSERT_TRUE(desk.said(agent_scope("code-12"), true, 1)) << "a sibling is untouched";
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  std::size_t closed = 0;
  for (const TopicRecord& record : desk.findings.all()) closed += json::parse(record.value).at("activity_id") == 3 ? 1U : 0U;
  EXPECT_GE(closed, 1U);
  expect_schema(desk.findings.all());
  desk.expect_replay(broker());
}

TEST_F(Services, KilledBetweenACommandAndItsEffectItObeysOnceAndLosesNothing) {
  Desk desk(broker(), 2);
  const auto config = desk.open();
  {
    ServiceProcess service(config);
    ASSERT_TRUE(service.logged("partition assigned", 2)) << service.log();
    for (const char* agent : {"code-21", "code-22", "code-23"}) {
      desk.at.feed({forbidden_call(agent, "1")});
      ASSERT_TRUE(desk.said(agent_scope(agent), true, 1)) << service.log();
    }
    service.end(SIGKILL);
  }
  // Given while nobody serves.
  ASSERT_EQ(desk.give("release", agent_scope("code-21"), "ada").exit, 0);
  {
    ServiceProcess service(config);
    ASSERT_TRUE(desk.said(agent_scope("code-21"), false, 2)) << service.log();
    // Killed as soon as it speaks of the command.
    [[maybe_unused]] const auto given = std::async(std::launch::async, [&] { return desk.give("release", agent_scope("code-22"), "ada"); });
    ASSERT_TRUE(service.logged("\"scope\":\"" + agent_scope("code-22"))) << service.log();
    service.end(SIGKILL);
  }
  {
    ServiceProcess service(config);
    ASSERT_TRUE(desk.said(agent_scope("code-22"), false, 2)) << service.log();
    [[maybe_unused]] const auto given = std::async(std::launch::async, [&] { return desk.give("release", agent_scope("code-23"), "ada"); });
    // Killed as soon as the release is out, before it has to be stored.
    ASSERT_TRUE(desk.said(agent_scope("code-23"), false, 2)) << service.log();
    service.end(SIGKILL);
  }
  ServiceProcess service(config);
  ASSERT_TRUE(service.logged("partition assigned", 2)) << service.log();
  for (const char* agent : {"code-21", "code-22", "code-23"}) {
    desk.at.feed({forbidden_call(agent, "2")});
    ASSERT_TRUE(desk.said(agent_scope(agent), true, 3)) << service.log();
    EXPECT_EQ(desk.last().epoch, 3U) << "released once";
  }
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  desk.expect_replay(broker());
}

TEST_F(Services, ACommandPutThereAgainChangesNothingNeitherAtOnceNorAfterARestart) {
  Desk desk(broker(), 1);
  const auto config = desk.open();
  TopicTail context(broker(), desk.at.topic("context"));
  {
    ServiceProcess service(config);
    ASSERT_TRUE(service.logged("partition assigned")) << service.log();
    desk.at.feed({forbidden_call("code-31", "1")});
    ASSERT_TRUE(desk.said(agent_scope("code-31"), true, 1)) << service.log();
    ASSERT_EQ(desk.give("release", agent_scope("code-31"), "ada").exit, 0);
    ASSERT_TRUE(desk.said(agent_scope("code-31"), false, 2)) << service.log();
    desk.at.feed({forbidden_call("code-31", "2")});
    ASSERT_TRUE(desk.said(agent_scope("code-31"), true, 3)) << service.log();
    const TopicRecord recorded = context.all().back();
    ASSERT_THAT(recorded.key, HasSubstr("command/"));
    desk.at.put(desk.at.topic("context"), 0, "command/of-my-own", recorded.value);
    desk.at.put(desk.at.topic("context"), 0, recorded.key, recorded.value);
    desk.at.put(desk.at.topic("context"), 0, "command/cut", recorded.value.substr(0, recorded.value.size() / 2));
    ASSERT_TRUE(service.logged("the same signed record was there before", 2)) << service.log();
    ASSERT_TRUE(service.logged("context record passed over")) << service.log();
    service.end(SIGKILL);
  }
  ServiceProcess service(config);
  ASSERT_TRUE(service.logged("partition assigned")) << service.log();
  desk.at.feed({forbidden_call("code-32", "1")});
  ASSERT_TRUE(desk.said(agent_scope("code-32"), true, 1)) << service.log();
  ASSERT_TRUE(desk.said(agent_scope("code-31"), true, 3)) << service.log();
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  desk.expect_replay(broker());
}

TEST_F(Services, AHaltBeyondTheBlastRadiusWaitsAsAHoldUntilAPersonApproves) {
  Desk desk(broker(), 1);
  ServiceProcess service(desk.open("control: {key_file: " + (desk.at.directory() / "control.key").string() + "}\n"));
  ASSERT_TRUE(service.logged("partition assigned")) << service.log();
  std::vector<std::string> waiting;
  for (int i = 0; i < 4; ++i) {
    const std::string agent = "code-4" + std::to_string(i);
    desk.at.feed({forbidden_call(agent, "1")});
    ASSERT_TRUE(desk.said(agent_scope(agent), true, 1)) << service.log();
    if (desk.last().pending_approval) waiting.push_back(agent);
  }
  ASSERT_EQ(waiting.size(), 1U) << "three may be halted whatever their share";
  EXPECT_EQ(desk.last().level, Level::Hold);
  ASSERT_EQ(desk.give("approve", agent_scope(waiting[0]), "grace").exit, 0);
  ASSERT_TRUE(desk.said(agent_scope(waiting[0]), true, 2)) << service.log();
  EXPECT_EQ(desk.last().level, Level::Halt);
  EXPECT_FALSE(desk.last().pending_approval);
  EXPECT_EQ(desk.last().approver, "grace");
  ASSERT_EQ(desk.give("release", agent_scope(waiting[0]), "ada").exit, 0);
  ASSERT_TRUE(desk.said(agent_scope(waiting[0]), false, 3)) << service.log();
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  desk.expect_replay(broker());
}

TEST_F(Services, PurgeForgetsAnAgentThroughTheRunningServiceOnceItIsReleased) {
  Desk desk(broker(), 1);
  const auto config = desk.open();
  ServiceProcess service(config);
  ASSERT_TRUE(service.logged("partition assigned")) << service.log();
  desk.at.feed({forbidden_call("code-51", "1")});
  ASSERT_TRUE(desk.said(agent_scope("code-51"), true, 1)) << service.log();
  const auto purge = [&] {
    return run_ringfence({"state", "purge", agent_scope("code-51"), "--config", config.string(), "--by", "ada", "--reason", "asked for"});
  };
  const Ran refused = purge();
  EXPECT_EQ(refused.exit, 2) << refused.output;
  EXPECT_THAT(refused.output, HasSubstr("contained: release it first"));
  ASSERT_EQ(desk.give("release", agent_scope("code-51"), "ada").exit, 0);
  ASSERT_TRUE(desk.said(agent_scope("code-51"), false, 2)) << service.log();
  ASSERT_EQ(purge().exit, 0);
  ASSERT_TRUE(service.logged("\"effective\":true", 2)) << service.log();
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  EXPECT_THAT(run_ringfence({"state", "show", "code-51", "--tenant", kTenant, "--state", desk.at.state("a").string()}).output,
              HasSubstr("sessions               0"));
  desk.expect_replay(broker());
}

TEST_F(Services, OfManyPeopleWhoHaltAtOnceEveryOneIsHeardByGates) {
  Desk desk(broker(), 1);
  (void)desk.open();
  std::vector<std::future<Ran>> crowd;
  const auto agent = [](int i) { return agent_scope("crowd-" + std::to_string(i)); };
  for (int i = 0; i < 8; ++i) crowd.push_back(std::async(std::launch::async, [&, i] { return desk.give("halt", agent(i), "ada"); }));
  for (auto& one : crowd) {
    const Ran given = one.get();
    EXPECT_EQ(given.exit, 0) << given.output;
  }
  TrustedKeys trusted;
  trusted.add(*SigningKey::load(desk.at.directory() / "control.key"), {"operator"});
  const auto held = [&](const std::vector<TopicRecord>& records) {
    ControlOrder gate;
    std::set<std::string> scopes;
    for (const TopicRecord& record : records) {
      const auto message = verify_control(record.key, record.value, trusted, "ringfence-gates");
      const auto* said = message ? std::get_if<SignedContainment>(&message->body) : nullptr;
      if (message && gate.admit(record.key, *message) && said != nullptr) scopes.insert(said->record.scope);
    }
    return scopes.size();
  };
  EXPECT_TRUE(desk.control.until([&](const auto& records) { return held(records) == 8; })) << "of 8: " << held(desk.control.all());
}

/// A call below the chief, whom nobody has seen.
FleetEvent below_chief(const std::string& agent, const std::string& id) {
  json event = json::parse(forbidden_call(agent, id).value);
  event["tool"] = {{"server", "git"}, {"name", "git_log"}};
  event["delegation"] = {{"root", "chief"}, {"parent", "chief"}};
  return {agent, event.dump()};
}

TEST_F(Services, WhoWorksInATreeThatAPersonHaltedIsStoppedByNameAndFreedWithItAlsoAfterAKill) {
  Desk desk(broker(), 2);
  const auto config = desk.open();
  const std::string tree = scope_key("subtree", kTenant, "chief");
  {
    ServiceProcess service(config);
    ASSERT_TRUE(service.logged("partition assigned", 2)) << service.log();
    ASSERT_EQ(desk.give("halt", tree, "ada").exit, 0);
    for (const char* partition : {"0", "1"})
      ASSERT_TRUE(service.logged("\"partition\":" + std::string(partition) + ",\"commands\":")) << service.log();
    desk.at.feed({below_chief("code-61", "1"), below_chief("code-62", "1"), forbidden_call("code-63", "1")});
    for (const char* agent : {"code-61", "code-62"}) {
      ASSERT_TRUE(desk.said(agent_scope(agent), true, 1)) << service.log();
      EXPECT_EQ(desk.last().finding_uid, halted_by("ada"));
      EXPECT_EQ(desk.last().approver, "ada");
    }
    ASSERT_TRUE(desk.said(agent_scope("code-63"), true, 1)) << service.log();
    EXPECT_NE(desk.last().finding_uid, halted_by("ada")) << "halted for what it did itself";
    service.end(SIGKILL);
  }
  ServiceProcess service(config);
  ASSERT_TRUE(service.logged("partition assigned", 2)) << service.log();
  desk.at.feed({below_chief("code-64", "1")});
  ASSERT_TRUE(desk.said(agent_scope("code-64"), true, 1)) << "who appears later";
  ASSERT_EQ(desk.give("release", tree, "grace", {"--approver", "edsger"}).exit, 0);
  for (const char* agent : {"code-61", "code-62", "code-64"}) ASSERT_TRUE(desk.said(agent_scope(agent), false, 2)) << service.log();
  ASSERT_TRUE(desk.said(agent_scope("code-63"), true, 1)) << "it stays";
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
  const Expected expected = expected_of_log(broker(), desk.at, desk.at.context_log("a"));
  std::set<std::string> said = desk.containments();
  std::erase_if(said, [&](const std::string& one) { return one.starts_with(tree); });  // the person's own
  EXPECT_EQ(wanted(said), expected.containments);
  EXPECT_EQ(judged_in(desk.findings.all()), expected.findings);
}

}  // namespace
}  // namespace ringfence::testing
