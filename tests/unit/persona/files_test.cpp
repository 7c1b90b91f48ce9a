// SPDX-License-Identifier: Apache-2.0
// What of a folder is read, and what is refused.
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/unit/persona/persona_fixture.h"

namespace ringfence::testing_persona {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

/// A folder of its own, gone afterwards.
class Folder : public ::testing::Test {
 protected:
  Folder() {
    std::string name = (fs::temp_directory_path() / "ringfence-personas-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
    dir_ = root_ / "set";
    fs::create_directories(dir_);
  }
  ~Folder() override { fs::remove_all(root_); }
  void write(const fs::path& below, const std::string& text) {
    fs::create_directories((root_ / below).parent_path());
    std::ofstream(root_ / below) << text;
  }
  fs::path root_, dir_;
};

TEST_F(Folder, PersonasAreFoundAnywhereBelowButForListsEntitlementsAndTests) {
  write("set/a.yaml", persona_text("", "a"));
  write("set/team/b.yml",
        persona_text("destinations: {accounts: {list: ok}}\ntests: [{name: t, events: tests/x.ndjson, expect: {findings: []}}]\n", "b"));
  write("set/team/tests/x.ndjson", "{}\n");
  write("set/team/tests/not-a-persona.yaml", "x: y\n");
  write("set/lists/ok.txt", "ONE\n");
  write("set/lists/notes.yaml", "x: y\n");
  write("set/entitlements/users.yaml", "users: {u: {tools: [a]}}\n");
  write("set/.hidden/c.yaml", "x: y\n");
  write("set/.d.yaml", "x: y\n");
  write("set/README.md", "hello\n");
  const PersonaLoad load = load_personas(dir_);
  ASSERT_TRUE(load.set.has_value()) << ::testing::PrintToString(messages(load));
  EXPECT_EQ(load.set->personas().size(), 2U);
  EXPECT_EQ(load.set->personas()[1].tests[0].events, "{}\n");
  EXPECT_EQ(load.set->personas()[1].file, "team/b.yml");
  EXPECT_NE(load.set->entitlement("u"), nullptr);
}

TEST_F(Folder, ALinkThatLeavesTheFolderIsAnErrorEachTime) {
  write("outside/secret.yaml", persona_text("", "secret"));
  write("outside/l.txt", "X\n");
  write("outside/e.ndjson", "{}\n");
  write("set/a.yaml", persona_text("tests: [{name: t, events: e.ndjson, expect: {findings: []}}]\n"));
  fs::create_symlink(root_ / "outside/secret.yaml", dir_ / "b.yaml");
  fs::create_symlink("../outside", dir_ / "more");
  fs::create_directories(dir_ / "lists");
  fs::create_symlink("../../outside/l.txt", dir_ / "lists/l.txt");
  fs::create_symlink("../outside/e.ndjson", dir_ / "e.ndjson");
  fs::create_symlink("nowhere.yaml", dir_ / "gone.yaml");
  const PersonaLoad load = load_personas(dir_);
  EXPECT_FALSE(load.set.has_value());
  const auto told = [&](const char* file) { return (dir_ / file).string() + ": a link that leaves the folder"; };
  for (const char* file : {"b.yaml", "more", "lists/l.txt", "e.ndjson"}) EXPECT_THAT(messages(load), ::testing::Contains(told(file)));
  EXPECT_THAT(messages(load), ::testing::Contains(AllOf(StartsWith((dir_ / "gone.yaml").string()), HasSubstr("cannot be read"))));
}

TEST_F(Folder, ALinkWithinTheFolderIsFollowedOnceEvenInACircle) {
  write("set/.data/a.yaml", persona_text("", "a"));
  fs::create_symlink(".data/a.yaml", dir_ / "a.yaml");
  fs::create_symlink(".", dir_ / "again");
  const PersonaLoad load = load_personas(dir_);
  ASSERT_TRUE(load.set.has_value()) << ::testing::PrintToString(messages(load));
  EXPECT_EQ(load.set->personas().size(), 1U);
}

TEST_F(Folder, WhatIsNoRegularFileIsRefusedWithoutWaiting) {
  write("set/a.yaml", persona_text());
  ASSERT_EQ(::mkfifo((dir_ / "pipe.yaml").c_str(), 0600), 0);
  fs::create_directories(dir_ / "folder.yaml");
  EXPECT_THAT(messages(load_personas(dir_)), ElementsAre((dir_ / "pipe.yaml").string() + ": is not a regular file"));
}

TEST_F(Folder, WhatIsLeftOutIsNotRead) {
  write("set/a.yaml", persona_text());
  write("set/etc/gate.yaml", "gate: {}\n");
  EXPECT_FALSE(load_personas(dir_).set.has_value());
  EXPECT_TRUE(load_personas(dir_, std::nullopt, {"etc/gate.yaml"}).set.has_value());
}

TEST_F(Folder, ATestOfAFileWithoutEventsTestsNothing) {
  write("set/a.yaml", persona_text("tests: [{name: t, events: none.ndjson, expect: {findings: []}}]\n"));
  for (const char* nothing : {"", "\n\r\n \n"}) {
    write("set/none.ndjson", nothing);
    EXPECT_THAT(messages(load_personas(dir_)), ElementsAre(HasSubstr("a.yaml:7:27: tests.events: 'none.ndjson' holds no event")));
  }
}

TEST_F(Folder, AFileNobodyMayReadIsNotToldAsAMissingPersona) {
  fs::create_directories(dir_);
  ASSERT_EQ(::mkfifo((dir_ / "pipe.yaml").c_str(), 0600), 0);
  const PersonaLoad load = load_personas(dir_);
  EXPECT_THAT(messages(load), ElementsAre((dir_ / "pipe.yaml").string() + ": is not a regular file"));
  EXPECT_TRUE(load.unread);
}

TEST_F(Folder, AFileNobodyMayReadSpoilsTheSet) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
  write("set/a.yaml", persona_text());
  write("set/b.yaml", persona_text("", "b"));
  fs::permissions(dir_ / "b.yaml", fs::perms::none);
  const PersonaLoad load = load_personas(dir_);
  EXPECT_FALSE(load.set.has_value());
  EXPECT_THAT(messages(load), ElementsAre(HasSubstr("b.yaml: cannot be read")));
}

TEST_F(Folder, OneFileLoadsWithTheListsBesideIt) {
  write("set/a.yaml", persona_text("destinations: {accounts: {list: ok}}\n"));
  write("set/broken.yaml", "x: y\n");
  write("set/lists/ok.txt", "ONE\n");
  EXPECT_TRUE(load_personas(dir_ / "a.yaml").set.has_value());
  EXPECT_FALSE(load_personas(dir_).set.has_value());
}

TEST_F(Folder, AMissingFolderAnEmptyOneAndAMissingListAreErrors) {
  EXPECT_THAT(messages(load_personas(root_ / "none")), ElementsAre(HasSubstr("cannot be read")));
  EXPECT_TRUE(load_personas(root_ / "none").unread);
  EXPECT_FALSE(load_personas(dir_).unread);
  EXPECT_THAT(messages(load_personas(dir_)), ElementsAre(dir_.string() + ": no persona file"));
  write("set/a.yaml", persona_text("destinations: {accounts: {list: suppliers}}\n"));
  EXPECT_THAT(messages(load_personas(dir_)), ElementsAre(HasSubstr("a.yaml:7:33: unknown list 'suppliers'")));
  write("lists/supplier.txt", "ONE\n");
  EXPECT_THAT(messages(load_personas(dir_, root_ / "lists")), ElementsAre(HasSubstr("did you mean 'supplier'?")));
  EXPECT_THAT(messages(load_personas(dir_, root_ / "no-lists")),
              ::testing::Contains(HasSubstr((root_ / "no-lists").string() + ": cannot be read")));
}

TEST_F(Folder, AnArchiveIsNoFileOfTestEvents) {
  for (const char* name : {"day.ndjson.gz", "day.ndjson.zst"}) {
    write(std::string("set/") + name, "\x1F\x8B\xFF");
    write("set/a.yaml", persona_text(std::string("tests: [{name: a day, events: ") + name + ", expect: {level: observe}}]\n"));
    EXPECT_THAT(messages(load_personas(dir_)), ElementsAre(HasSubstr(std::string("a.yaml:7:31: tests.events: '") + name +
                                                                     "' is compressed; name a file of plain NDJSON")));
  }
}

TEST_F(Folder, ListsAreOneValueALineWithCommentsAndBounds) {
  write("set/a.yaml", persona_text("destinations: {accounts: {list: ok}}\n"));
  write("set/lists/ok.txt", "# heading\n\n  ONE \r\nTWO # no comment\n");
  write("set/lists/idle.txt", "X\n");
  PersonaLoad load = load_personas(dir_);
  ASSERT_TRUE(load.set.has_value());
  EXPECT_THAT(load.set->personas()[0].destinations.accounts->values, ::testing::UnorderedElementsAre("ONE", "TWO # no comment"));
  EXPECT_THAT(messages(load, Diagnostic::Kind::Warning),
              ElementsAre(HasSubstr("no actions"), HasSubstr("idle.txt: warning: no persona uses this list"),
                          HasSubstr("ok.txt:4:1: warning: ' #'")));
  write("set/lists/ok.txt", "\xFF\n");
  EXPECT_THAT(messages(load_personas(dir_)), ElementsAre(HasSubstr("ok.txt: not valid UTF-8")));
  write("set/lists/ok.txt", std::string((16U << 20U) + 1, 'x'));
  EXPECT_THAT(messages(load_personas(dir_)), ElementsAre(HasSubstr("larger than 16 MiB")));
}

TEST(Schema, KnowsEveryKeyOfAFullPersonaAndRefusesOthers) {
  const auto schema = nlohmann::json::parse(persona_json_schema());
  EXPECT_EQ(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
  EXPECT_EQ(schema["additionalProperties"], false);
  EXPECT_THAT(schema["required"].get<std::vector<std::string>>(), ElementsAre("schema", "id", "version", "job", "owner"));
  EXPECT_EQ(schema["properties"]["barriers"]["properties"]["denials"]["description"], "share of calls that may be denied (default: 0.10)");
  EXPECT_EQ(schema["properties"]["actions"]["items"]["properties"]["effect"]["enum"].size(), kEffects);
  EXPECT_EQ(schema["properties"]["data"]["properties"]["per_call"]["properties"]["bytes"]["properties"].size(), 4U);
  EXPECT_EQ(schema["properties"]["data"]["properties"]["per_day"]["properties"]["bytes"]["properties"].size(), 3U);
}

TEST(DataPersonas, OfTheAgentTracesLoad) {
  const fs::path personas = kSource.parent_path() / "shared/data/agent_traces/personas";
  if (!fs::exists(personas)) GTEST_SKIP() << "no agent traces beside this clone";
  const PersonaLoad load = load_personas(personas);
  ASSERT_TRUE(load.set.has_value()) << ::testing::PrintToString(messages(load));
  EXPECT_EQ(load.set->personas().size(), 3U);
}

TEST(ShippedPersonas, LoadWithoutErrorOrDoubtAndEachHasAnIncidentAndItsTwin) {
  const PersonaLoad load = load_personas(kSource / "config/personas");
  ASSERT_TRUE(load.set.has_value()) << ::testing::PrintToString(messages(load));
  EXPECT_THAT(messages(load, Diagnostic::Kind::Warning), IsEmpty());
  EXPECT_GE(load.set->personas().size(), 4U);
  for (const Persona& p : load.set->personas()) {
    EXPECT_GE(p.tests.size(), 3U) << p.id;
    EXPECT_TRUE(std::ranges::any_of(p.tests, [](const PersonaTest& t) { return t.level && *t.level >= Level::Hold; })) << p.id;
    EXPECT_TRUE(std::ranges::any_of(p.tests, [](const PersonaTest& t) { return t.findings && t.findings->empty(); })) << p.id;
  }
}

TEST(ShippedPersonas, EveryEventOfTheirTestsIsAValidRecordOfAnAgentOfTheJob) {
  const PersonaLoad load = load_personas(kSource / "config/personas");
  ASSERT_TRUE(load.set.has_value());
  EventDecoder decoder;
  for (const Persona& p : load.set->personas()) {
    for (const PersonaTest& test : p.tests) {
      std::istringstream lines(test.events);
      std::size_t acts = 0;
      for (std::string line; std::getline(lines, line);) {
        EventArena arena;
        const auto event = decoder.decode(line, std::nullopt, arena);
        ASSERT_TRUE(event.has_value()) << test.name << ": " << event.error().detail;
        EXPECT_EQ(event->unknown_fields, 0U) << line;
        const Persona* matched = load.set->match(*event);
        ASSERT_NE(matched, nullptr) << line;
        EXPECT_EQ(matched->id, p.id);
        if (event->kind != EventKind::ToolCall) continue;
        ++acts;
        EXPECT_TRUE(match_action(p, *event).action.has_value()) << "incidents too use declared tools: " << line;
      }
      EXPECT_GT(acts, 0U) << test.name;
    }
  }
}

}  // namespace
}  // namespace ringfence::testing_persona
