// SPDX-License-Identifier: Apache-2.0
// A drill through a real core and a real gate's table, with every stage that can fail to answer.
#include "engine/app/drill.h"

#include <gmock/gmock.h>

#include <unistd.h>

#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>

#include "connectors/encoders/acknowledgement.h"
#include "engine/app/drill_verdict.h"
#include "engine/event/drill.h"
#include "engine/pipeline/rehearsal.h"
#include "models/channel.h"
#include "tests/unit/gate/control_topic.h"

namespace ringfence {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kAudience;
using testing::pinned;
using testing::QuietGate;
using testing::Speaker;

/// Something that is written and read at once.
class Log final : public ControlFeed {
 public:
  std::expected<ControlLog::Batch, SinkError> read(std::size_t /*max*/, std::chrono::milliseconds /*wait*/) override {
    if (away) return std::unexpected(SinkError{SinkError::Kind::Unavailable, "no broker"});
    ControlLog::Batch out{.entries = {entries.begin() + static_cast<std::ptrdiff_t>(read_), entries.end()}, .caught_up = true};
    read_ = entries.size();
    return out;
  }
  std::vector<ControlEntry> entries;
  bool away = false;

 private:
  std::size_t read_ = 0;
};

/// An installation in one place: what is sent is judged, signed, applied and acknowledged before `send` returns.
class Installed final : public AskFeed {
 public:
  std::expected<void, SinkError> send(std::string_view agent, std::string_view event) override {
    EXPECT_EQ(agent, "urn:ringfence:drill:here");
    if (engine_away) return {};
    const auto judged = core_.feed(event);
    EXPECT_TRUE(judged) << judged.error().detail;
    if (!judged) return {};
    judgements.push_back(*judged);
    const WallTime now{std::chrono::system_clock::now().time_since_epoch() / std::chrono::nanoseconds(1)};
    DrillVerdict verdict{judged->verdict.event_id, judged->verdict.applied, now, std::nullopt};
    if (!judged->containments.empty() && !signer_away) verdict.signed_at = now;
    said_.push_back(encode_drill_verdict(verdict));
    for (const ContainmentRecord& record : judged->containments) publish(record);
    return {};
  }
  std::expected<std::vector<std::string>, SinkError> read(std::chrono::milliseconds /*wait*/) override {
    std::vector<std::string> out(said_.begin(), said_.end());
    said_.clear();
    return out;
  }

  DrillReport drill(std::chrono::milliseconds within = std::chrono::milliseconds(30), std::vector<std::string> gates = {"edge"}) {
    return play_drill("here", {.board = {.trusted = pinned(), .audience = std::string(kAudience), .gates = std::move(gates)},
                               .within = within,
                               .asked = {"edge"},
                               .control = control,
                               .acks = acks,
                               .engine = *this,
                               .ask = [this](const std::string&, const std::string& agent) { return answer(agent); },
                               .stopping = [this] { return stopping; }});
  }

  bool engine_away = false, signer_away = false, stranger_signs = false, control_away = false, gate_away = false, gate_unreachable = false,
       gate_lets_all_pass = false, gate_refuses_all = false, stopping = false;
  Log control, acks;
  std::vector<Judgement> judgements;
  QuietGate gate;

 private:
  void publish(const ContainmentRecord& record) {
    if (signer_away || control_away) return;
    Speaker& speaker = stranger_signs && record.contained ? stranger_ : engine_;
    const ControlEntry entry = speaker.say(record);
    control.entries.push_back(entry);
    if (gate_away) return;
    for (const GateAck& ack : gate.read({entry}).acks) acks.entries.push_back({ack_key("edge", ack.key), encode_ack(ack, "edge")});
  }
  std::expected<int, std::string> answer(const std::string& agent) {
    if (gate_unreachable) return std::unexpected("connect: Connection refused");
    if (gate_lets_all_pass) return 200;
    return gate_refuses_all || !gate.lets_pass(agent) ? 403 : 200;
  }

  Rulebook nobodys_{PersonaSet(), all_channels()};
  Rehearsal core_{nobodys_};
  Speaker engine_{"engine-events-0"}, stranger_{"engine-events-0", '\x66'};
  std::deque<std::string> said_;
};

std::vector<std::string> stages_of(const DrillReport& report) {
  std::vector<std::string> out;
  for (const DrillStage& stage : report.stages) out.emplace_back(name_of(stage.stage));
  return out;
}
std::string failure_of(const DrillReport& report) { return report.failure ? words_of(*report.failure) : "none"; }

TEST(Drill, MeasuresEachStageInOrderAndLeavesNothingBehind) {
  Installed at;
  for (int i = 0; i < 3; ++i) {
    const DrillReport report = at.drill();
    ASSERT_EQ(failure_of(report), "none") << i;
    EXPECT_THAT(stages_of(report), ElementsAre("detection", "signing", "publication", "application", "refusal", "release"));
    EXPECT_TRUE(std::ranges::is_sorted(report.stages, {}, &DrillStage::ns));
    EXPECT_TRUE(at.gate.lets_pass("urn:ringfence:drill:here"));
  }
}

TEST(Drill, NamesTheStageAndTheGateThatDidNotAnswer) {
  const auto failing = [](bool Installed::* what) {
    Installed at;
    at.*what = true;
    return failure_of(at.drill());
  };
  EXPECT_THAT(failing(&Installed::engine_away), HasSubstr("detection did not answer: no verdict"));
  EXPECT_THAT(failing(&Installed::signer_away), HasSubstr("signing did not answer: the engine has a verdict and has signed nothing"));
  EXPECT_THAT(failing(&Installed::stranger_signs), HasSubstr("signing did not answer: what stands on the control log"));
  EXPECT_THAT(failing(&Installed::control_away), HasSubstr("publication did not answer"));
  EXPECT_THAT(failing(&Installed::gate_away), HasSubstr("application at edge did not answer: it has not acknowledged the halt"));
  EXPECT_THAT(failing(&Installed::gate_unreachable), HasSubstr("refusal at edge did not answer: connect: Connection refused"));
  EXPECT_THAT(failing(&Installed::gate_lets_all_pass), HasSubstr("refusal at edge did not answer: it let the halted agent's call through"));
  EXPECT_THAT(failing(&Installed::gate_refuses_all), HasSubstr("preparation at edge did not answer: it refuses the agent before"));
  Installed stopped;
  stopped.engine_away = stopped.stopping = true;
  EXPECT_THAT(failure_of(stopped.drill(std::chrono::hours(1))), HasSubstr("detection did not answer: stopped"));
  Installed away;
  away.control.away = true;
  EXPECT_THAT(failure_of(away.drill()), HasSubstr("preparation did not answer: the control log could not be read to the end: no broker"));
  EXPECT_THAT(failure_of(Installed().drill(std::chrono::milliseconds(30), {"edge", "other"})),
              HasSubstr("application at other did not answer"));
}

TEST(Drill, EndsWhatItBeganWhicheverStageFails) {
  for (bool Installed::* what : {&Installed::gate_lets_all_pass, &Installed::gate_away, &Installed::gate_unreachable}) {
    Installed at;
    at.*what = true;
    ASSERT_TRUE(at.drill().failure);
    EXPECT_FALSE(at.judgements.back().containments.at(0).contained);
  }
}

TEST(Drill, EndsFirstWhatAnEarlierOneThatWasKilledHasLeft) {
  Installed at;
  const std::string halt = R"({"v":1,"kind":"tool_call","id":"cut","time":"2026-11-20T08:00:00Z","tenant":"ringfence-drill",)"
                           R"("agent":{"id":"urn:ringfence:drill:here","trust":"verified"},)"
                           R"("tool":{"server":"ringfence-drill","name":"forbidden"},"outcome":{"status":"ok"}})";
  ASSERT_TRUE(at.send("urn:ringfence:drill:here", halt));
  ASSERT_FALSE(at.gate.lets_pass("urn:ringfence:drill:here"));
  EXPECT_EQ(failure_of(at.drill()), "none");
  EXPECT_TRUE(at.gate.lets_pass("urn:ringfence:drill:here"));
}

TEST(Drill, ContainsItsOwnAgentAlone) {
  Installed at;
  ASSERT_FALSE(at.drill().failure);
  for (const Judgement& judgement : at.judgements) {
    EXPECT_THAT(judgement.links, IsEmpty());
    for (const ContainmentRecord& record : judgement.containments) {
      EXPECT_EQ(record.scope, drill_scope("here"));
      ASSERT_EQ(record.select.size(), 1U);
      EXPECT_EQ(record.select[0].field, "agent.id");
      EXPECT_EQ(record.select[0].equals, "urn:ringfence:drill:here");
    }
  }
}

TEST(Drill, IsToldOnOneLine) {
  DrillReport report{.agent = "urn:ringfence:drill:here",
                     .stages = {{DrillStageId::Detection, {}, 3'456'789}, {DrillStageId::Application, "edge", 9'000'000}},
                     .failure = DrillFailure{DrillStageId::Refusal, "edge", "200\x1b"}};
  EXPECT_EQ(encode_drill(report),
            R"({"agent":"urn:ringfence:drill:here","passed":false,"stages":[{"stage":"detection","ms":3.456},)"
            R"({"stage":"application","gate":"edge","ms":9.0}],"failed":{"stage":"refusal","gate":"edge","why":"200\u001b"}})");
  EXPECT_EQ(words_of(*report.failure), "refusal at edge did not answer: 200\\x1B");
}

TEST(DrillVerdict, IsReadBackAndNothingElseIs) {
  const DrillVerdict verdict{"drill-1", Level::Halt, WallTime{17}, WallTime{19}};
  const auto read = decode_drill_verdict(encode_drill_verdict(verdict));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->event, "drill-1");
  EXPECT_EQ(read->level, Level::Halt);
  EXPECT_EQ(read->decided, WallTime{17});
  EXPECT_EQ(read->signed_at, WallTime{19});
  for (const char* other : {"", "{}", "[]", "eyJhbGciOiJFZERTQSJ9.e30.c2ln", R"({"drill":1,"level":"halt","decided_ns":1})",
                            R"({"drill":"d","level":"none","decided_ns":1})"})
    EXPECT_FALSE(decode_drill_verdict(other)) << other;
}

Settings drilling() {
  Settings settings = default_settings();
  settings.input.kind = SourceKind::Kafka;
  settings.drill.ask = {{"edge", "127.0.0.1:9465/envoy/drill"}};
  return settings;
}

/// The path of each setting that stands in the way, and why.
std::vector<std::string> faults(const std::vector<SettingFault>& found) {
  std::vector<std::string> out;
  for (const auto& [path, why] : found) out.push_back(path + ": " + why);
  return out;
}

TEST(DrillSettings, AreRefusedWhereADrillCouldNotBePlayed) {
  EXPECT_THAT(drill_faults(drilling()), IsEmpty());
  for (const char* where :
       {"", "host", "host:/x", ":9465/x", "host:0/x", "host:99999/x", "host:94x5/x", "host:9465/x y", "host:9465", "https://host/x"}) {
    Settings settings = drilling();
    settings.drill.ask = {{"edge", where}};
    EXPECT_THAT(faults(drill_faults(settings)), ElementsAre(HasSubstr("drill.ask/edge: `drill.ask` of edge is not HOST:PORT/PATH")))
        << where;
  }
  Settings settings = drilling();
  settings.drill.ask.clear();
  EXPECT_THAT(faults(drill_faults(settings)), ElementsAre(HasSubstr("`drill.ask` names no gate")));
  settings = drilling();
  settings.input.kind = SourceKind::File;
  settings.drill.headers = {{"x-agent-id", "{agent}\r\nevil: 1"}};
  settings.drill.ca_file = "/nowhere/ca.pem";
  EXPECT_THAT(faults(drill_faults(settings)), ElementsAre(HasSubstr("over Kafka"), HasSubstr("drill.headers/x-agent-id: "),
                                                          HasSubstr("/nowhere/ca.pem holds no certificates")));
}

TEST(DrillSettings, OfHeadersAreTheirNamesAndValues) {
  for (const char* name : {"", "x y", "x:", "x\n", "x-\xC3\xA9", "(x)"}) {
    Settings settings = drilling();
    settings.drill.headers = {{name, "v"}};
    EXPECT_THAT(faults(drill_form_faults(settings)), ElementsAre(HasSubstr("a header's name is of letters"))) << name;
  }
  Settings settings = drilling();
  settings.drill.headers = {{"x-agent-id", "{agent}"}, {"X_Id.2", "caf\xC3\xA9 \t!"}};
  EXPECT_THAT(drill_form_faults(settings), IsEmpty());
  settings.drill.headers = {{"x", "a\x7F"}};
  EXPECT_THAT(faults(drill_form_faults(settings)),
              ElementsAre(HasSubstr("drill.headers/x: `drill.headers`: x holds a line break or another")));
}

std::string jwks(const SigningKey& key, const std::string& writer) {
  TrustedKeys keys;
  keys.add(key, {writer});
  return keys.jwks();
}

TEST(DrillSettings, OfAServiceNeedItsKeyAsGatesTrustIt) {
  const std::filesystem::path directory = ::testing::TempDir() + "drill-keys-" + std::to_string(::getpid());
  std::filesystem::create_directories(directory);
  Settings settings = drilling();
  settings.control.key_file = directory / "control.key";
  settings.gate.keys_file = directory / "trusted.json";
  EXPECT_THAT(faults(scheduled_drill_faults(settings)), ElementsAre(HasSubstr("control.key_file: ")));
  const SigningKey key = *SigningKey::from_seed(std::string(32, 'k'));
  ASSERT_TRUE(key.save(settings.control.key_file));
  EXPECT_THAT(scheduled_drill_faults(settings), IsEmpty()) << "its own key counts where none are pinned";
  const auto pin = [&](const std::string& text) { std::ofstream(settings.gate.keys_file) << text; };
  pin("{");
  EXPECT_THAT(faults(scheduled_drill_faults(settings)), ElementsAre(HasSubstr("gate.keys_file: ")));
  pin(jwks(key, "operator"));
  EXPECT_THAT(faults(scheduled_drill_faults(settings)), ElementsAre(HasSubstr("does not trust this key as an engine's")));
  pin(jwks(key, "engine-*"));
  EXPECT_THAT(scheduled_drill_faults(settings), IsEmpty());
  std::filesystem::permissions(settings.control.key_file, std::filesystem::perms::others_read, std::filesystem::perm_options::add);
  EXPECT_THAT(faults(scheduled_drill_faults(settings)), ElementsAre(HasSubstr("control.key_file: ")));
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace ringfence
