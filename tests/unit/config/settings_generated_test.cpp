// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "config/settings.h"
#include "config/settings_table.h"

namespace ringfence {
namespace {

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// Compares a committed file with what the table says; with RINGFENCE_UPDATE_GENERATED=1 in the environment it is written instead.
void expect_committed(const std::string& file, const std::string& generated) {
  const auto path = std::filesystem::path(RINGFENCE_SOURCE_DIR) / file;
  if (std::getenv("RINGFENCE_UPDATE_GENERATED") != nullptr) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << generated;
  }
  EXPECT_EQ(slurp(path), generated) << file
                                    << " is not what the settings table says: run `RINGFENCE_UPDATE_GENERATED=1 " RINGFENCE_BINARY_DIR
                                    << "/tests/test_config` and commit it";
}

TEST(GeneratedSettings, TheDefaultFileIsTheTables) { expect_committed("config/ringfence.yaml", default_settings_yaml()); }
TEST(GeneratedSettings, TheReferenceIsTheTables) { expect_committed("docs/settings.md", settings_reference_markdown()); }
TEST(GeneratedSettings, TheSchemaIsTheTables) { expect_committed("config/settings.schema.json", settings_json_schema()); }

TEST(GeneratedSettings, EveryDefaultIsValidAndTheDefaultFileNamesEverySetting) {
  const auto load = parse_settings(default_settings_yaml(), "ringfence.yaml");
  ASSERT_TRUE(load.settings) << to_string(load.errors.front());
  for (const auto& setting : settings_table()) {
    EXPECT_THAT(default_settings_yaml(), testing::HasSubstr(std::string(setting.key()) + ": " + std::string(setting.fallback)));
  }
  EXPECT_EQ(load.settings->kafka.group, default_settings().kafka.group);
  EXPECT_EQ(load.settings->state.expiry, default_settings().state.expiry);
}

TEST(GeneratedSettings, EverySettingHasOnePathASectionAndAMeaning) {
  std::set<std::string_view> paths;
  for (const auto& setting : settings_table()) {
    EXPECT_TRUE(paths.insert(setting.path).second) << setting.path << " stands twice in the table";
    EXPECT_FALSE(section_doc(setting.section()).empty()) << setting.path;
    EXPECT_TRUE(setting.doc.ends_with('.')) << setting.path;
  }
}

TEST(GeneratedSettings, TheSchemaClosesEverySectionAndKnowsEveryDefault) {
  const auto schema = nlohmann::json::parse(settings_json_schema());
  EXPECT_EQ(schema["additionalProperties"], false);
  for (const auto& setting : settings_table()) {
    const auto& home =
        setting.section().empty() ? schema["properties"] : schema["properties"][std::string(setting.section())]["properties"];
    ASSERT_TRUE(home.contains(std::string(setting.key()))) << setting.path;
    EXPECT_TRUE(home[std::string(setting.key())].contains("default")) << setting.path;
  }
  EXPECT_EQ(schema["properties"]["kafka"]["additionalProperties"], false);
  EXPECT_EQ(schema["properties"]["control"]["properties"]["audience"]["default"], nlohmann::json::array({"ringfence-gates"}));
}

TEST(Quantities, AreWrittenInTheGreatestUnitThatLeavesNoRemainder) {
  EXPECT_EQ(format_bytes(2ULL << 30U), "2GiB");
  EXPECT_EQ(format_bytes(1536), "1536B");
  EXPECT_EQ(format_bytes(0), "0B");
  EXPECT_EQ(format_duration(days(3660)), "3660d");
  EXPECT_EQ(format_duration(milliseconds(1500)), "1500ms");
}

TEST(Quantities, WithoutUnitOrBeyondTheRangeOfTheirTypeAreNothing) {
  for (const auto* text : {"", "5", "GiB", "-1s", "1 s", "1S", "1sec", "0x10s", "9999999999999999d"})
    EXPECT_FALSE(parse_length_of_time(text)) << text;
  for (const auto* text : {"1GB", "1gib", "+1B", "9999999999999GiB"}) EXPECT_FALSE(parse_bytes(text)) << text;
  EXPECT_EQ(parse_length_of_time("1500ms"), milliseconds(1500));
  EXPECT_EQ(parse_bytes("64KiB"), 65536U);
}

}  // namespace
}  // namespace ringfence
