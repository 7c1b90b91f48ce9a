// SPDX-License-Identifier: Apache-2.0
#include "engine/app/context_positions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/persona/persona_fixture.h"

namespace ringfence {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class ContextLogs : public testing::Test {
 protected:
  ContextLogs() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ringfence-context-XXXXXX").string();
    if (::mkdtemp(pattern.data()) != nullptr) directory_ = pattern;
  }
  ~ContextLogs() override { std::filesystem::remove_all(directory_); }

  static std::string outage(const std::string& server) {
    return R"({"v":1,"kind":"context_change","id":"o","time":"2026-11-20T08:00:00Z","change":"outage_start","scope":"server:)" + server +
           "\"}";
  }
  [[nodiscard]] std::filesystem::path file() const { return directory_ / "context.ndjson"; }
  [[nodiscard]] auto read() const { return load_context_log(file().string(), {}); }
  void append(const std::string& text) const { std::ofstream(file(), std::ios::app) << text; }

  std::filesystem::path directory_;
};

TEST_F(ContextLogs, AreReadInOrderOfPartitionAndPlace) {
  const std::string set = encode_persona_set({{"clerk.yaml", testing_persona::persona_text()}});
  const std::string git = outage("git"), erp = outage("erp");
  {
    const auto log = ContextPositions::open(file());
    ASSERT_TRUE(log) << log.error().message;
    EXPECT_TRUE((*log)->began_empty());
    const std::vector<ContextPositions::Line> first{{Partition{1}, Offset{-1}, set}, {Partition{0}, Offset{-1}, set}};
    const std::vector<ContextPositions::Line> second{{Partition{1}, Offset{7}, git}, {Partition{1}, Offset{7}, erp}};
    ASSERT_TRUE((*log)->write(first));
    ASSERT_TRUE((*log)->write(second));
  }
  const auto changes = read();
  ASSERT_TRUE(changes) << changes.error();
  ASSERT_THAT(*changes, SizeIs(4));
  EXPECT_EQ((*changes)[0].partition, Partition{0});
  EXPECT_TRUE(std::holds_alternative<RuleSet>((*changes)[1].what));
  EXPECT_EQ((*changes)[1].after, Offset{-1});
  EXPECT_EQ(record_of((*changes)[2].what), git);
  EXPECT_EQ(record_of((*changes)[3].what), erp);
  EXPECT_EQ((*changes)[3].after, Offset{7});
}

TEST_F(ContextLogs, LoseATornLastLineAtTheNextStartAndAreHeldByOneProcess) {
  const std::string git = outage("git");
  const std::vector<ContextPositions::Line> lines{{Partition{0}, Offset{3}, git}};
  {
    const auto log = ContextPositions::open(file());
    ASSERT_TRUE(log);
    ASSERT_TRUE((*log)->write(lines));
    const auto other = ContextPositions::open(file());
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().kind, SinkError::Kind::InUse);
  }
  append(R"({"partition":0,"aft)");
  EXPECT_FALSE(read()) << "half a line is no line";
  {
    const auto log = ContextPositions::open(file());
    ASSERT_TRUE(log) << log.error().message;
    EXPECT_FALSE((*log)->began_empty());
    ASSERT_TRUE((*log)->write(lines));
  }
  ASSERT_TRUE(read());
  EXPECT_THAT(*read(), SizeIs(2));
}

TEST_F(ContextLogs, ThatHoldAnythingElseAreRefusedWithTheLine) {
  for (const std::string line :
       {R"({"partition":0,"after":1})", R"({"partition":-1,"after":1,"record":"{}"})", R"({"partition":"0","after":1,"record":"{}"})",
        R"({"partition":0,"after":1,"record":"{\"v\":1,\"kind\":\"persona_set\"}"})",
        R"({"partition":0,"after":1,"record":"{\"v\":1,\"kind\":\"tool_call\"}"})", R"([])", R"(not json)"}) {
    std::filesystem::remove(file());
    append("\n" + line + "\n");
    const auto changes = read();
    ASSERT_FALSE(changes) << line;
    EXPECT_THAT(changes.error(), HasSubstr("context.ndjson:2: ")) << line;
  }
}

TEST_F(ContextLogs, HoldWhatAnOperatorCommanded) {
  const Command release{"release", "agent:corp/clerk-1", "a mistyped id", "ada", "grace", "SOC-7"};
  const auto key = SigningKey::generate();
  ASSERT_TRUE(key);
  const Issuer issuer{.iss = "https://ringfence.example/", .aud = {"gates"}, .writer = "operator"};
  const std::string jws = sign_jws(*key, encode_command(release, issuer, WallTime{1'795'170'002'000'000'000}));
  TrustedKeys people, engines;
  people.add(*key, {"operator"});
  engines.add(*key, {"engine-*"});

  const ContextRead taken = read_signed_command(jws, people, "gates");
  ASSERT_TRUE(taken.content) << taken.errors.front();
  const std::vector<ContextPositions::Line> lines{{Partition{0}, Offset{3}, record_of(*taken.content)}};
  ASSERT_TRUE(ContextPositions::open(file()).value()->write(lines));
  const auto changes = read();
  ASSERT_TRUE(changes) << changes.error();
  ASSERT_THAT(*changes, SizeIs(1));
  const auto* command = std::get_if<OperatorCommand>(&changes->front().what);
  ASSERT_NE(command, nullptr);
  EXPECT_EQ(command->command, release);
  EXPECT_EQ(command->scope.id, "clerk-1");

  EXPECT_FALSE(read_signed_command(jws, engines, "gates").content) << "an engine's key commands nothing";
  EXPECT_FALSE(read_signed_command(jws, people, "others").content) << "meant for somebody else";
  EXPECT_FALSE(read_signed_command(jws, {}, "gates").content) << "a key nobody trusts";
  EXPECT_FALSE(read_signed_command(jws.substr(0, jws.size() - 4) + "AAAA", people, "gates").content);
  Command mute = release;
  mute.reason = "";
  const std::string unexplained = sign_jws(*key, encode_command(mute, issuer, WallTime{1}));
  EXPECT_FALSE(read_signed_command(unexplained, people, "gates").content) << "without a reason";
}

TEST_F(ContextLogs, HoldWhatGatesHaveConfirmed) {
  const Enforcement said{.scope = "agent:corp/clerk-1",
                         .level = Level::Halt,
                         .effective_at = EventTime{1'795'170'000'123'000'000},
                         .gates = {{"edge", EventTime{1'795'170'000'131'000'000}}, {"nginx \"eu\"", EventTime{1'795'170'000'140'000'000}}},
                         .skew = seconds(2)};
  const auto word = gates_word(said);
  ASSERT_TRUE(word);
  const std::vector<ContextPositions::Line> lines{{Partition{0}, Offset{3}, word->record}};
  ASSERT_TRUE(ContextPositions::open(file()).value()->write(lines));
  const auto changes = read();
  ASSERT_TRUE(changes) << changes.error();
  const auto* back = std::get_if<GatesWord>(&changes->front().what);
  ASSERT_NE(back, nullptr);
  EXPECT_EQ(back->what, said);
  EXPECT_EQ(back->scope.id, "clerk-1");

  Enforcement credential = said;
  credential.scope = "borrowed:corp/clerk-1/stolen-1";
  ASSERT_TRUE(gates_word(credential)) << "it lies in the state of the agent whose name was borrowed";
  EXPECT_EQ(std::get<GatesWord>(read_context_record(gates_word(credential)->record, {}).content.value()).what, credential);

  Enforcement wide = said;
  wide.scope = "user:corp/ada";
  EXPECT_FALSE(gates_word(wide)) << "no agent's state answers for it";
  wide.writer = "operator";
  wide.finding_uid = "op-1";
  Enforcement lifted = wide;
  lifted.level = Level::Observe;
  lifted.gates.clear();
  for (const Enforcement& theirs : {wide, lifted}) {
    const auto read_back = read_context_record(gates_word(theirs).value().record, {});
    ASSERT_TRUE(read_back.content);
    EXPECT_EQ(std::get<GatesWord>(*read_back.content).what, theirs) << "another writer's, of any scope";
  }
  for (const std::string from : {R"("level":"halt")", R"("skew_ms":2000)", R"("effective_at":1795170000123)", R"("gate":"edge")"}) {
    std::string broken = word->record;
    broken.replace(broken.find(from), from.size(), R"("x":1)");
    EXPECT_FALSE(read_context_record(broken, {}).content) << from;
  }
}

}  // namespace
}  // namespace ringfence
