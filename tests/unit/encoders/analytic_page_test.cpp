// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/analytic_page.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "models/threats.h"

namespace ringfence {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path kRoot = RINGFENCE_SOURCE_DIR;

std::string slurp(const fs::path& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

/// "barrier.route_around" -> "BarrierRouteAround", as the enumeration has it.
std::string enumerator_of(std::string_view uid) {
  std::string out;
  bool upper = true;
  for (const char c : uid) {
    if (c == '.' || c == '_') {
      upper = true;
      continue;
    }
    out += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return out;
}

bool names(const std::string& text, const std::string& word) {
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
    if (at + word.size() == text.size() || std::isalnum(static_cast<unsigned char>(text[at + word.size()])) == 0) return true;
  return false;
}

/// "Blind to: …" of a header's comment up to the next of its headings or its end, as one line.
std::string said_after(const std::string& header, const std::string& heading) {
  const std::size_t at = header.find(heading);
  if (at == std::string::npos) return {};
  std::istringstream lines(header.substr(at + heading.size()));
  std::string out, line;
  while (std::getline(lines, line)) {
    const std::size_t comment = line.find("///");
    if (!out.empty() && comment != 0) break;
    const std::string text = comment == 0 ? line.substr(3) : line;
    if (text.find_first_not_of(" -") == std::string::npos || text.starts_with(" - ")) break;
    out += text;
  }
  for (const char* next : {" Source:", " Blind to:", " Cost:"}) out = out.substr(0, out.find(next));
  out.erase(0, out.find_first_not_of(' '));
  if (!out.empty() && out.find('/') >= out.find(' ')) out[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(out[0])));
  return out;
}

/// What decides levels of breaches and what lists ids judge nothing themselves.
bool judges(const fs::path& file) {
  static const std::set<std::string> kLists{"policy.cpp", "analytics.cpp", "blind_spots.cpp"};
  return file.extension() == ".cpp" && !kLists.contains(file.filename().string());
}

std::map<std::string, std::string> judging_sources() {
  std::map<std::string, std::string> out;
  for (const char* folder : {"models", "engine/verdict", "engine/pipeline", "engine/app", "connectors/gate", "connectors/sinks"})
    if (fs::is_directory(kRoot / folder))
      for (const auto& entry : fs::directory_iterator(kRoot / folder))
        if (judges(entry.path())) out[std::string(folder) + "/" + entry.path().filename().string()] = slurp(entry.path());
  return out;
}

/// "models/barrier_memory.cpp" -> "models/barrier": a channel is a family of files.
std::string family_of_files(const std::string& file) {
  const std::size_t name = file.find_last_of('/') + 1;
  return file.substr(0, std::min(file.find('_', name), file.find('.', name)));
}

/// What the header of a family that declares its channel says after a heading.
std::string of_channel(const std::string& family, const std::string& heading) {
  for (const auto& entry : fs::directory_iterator(kRoot / "models")) {
    const std::string path = "models/" + entry.path().filename().string();
    if (entry.path().extension() != ".h" || family_of_files(path) != family) continue;
    const std::string text = slurp(entry.path());
    if (text.find("const Channel& ") != std::string::npos) return said_after(text, heading);
  }
  return {};
}

AnalyticSources sources_of(const AnalyticInfo& info, const std::map<std::string, std::string>& sources) {
  AnalyticSources out;
  std::vector<std::string> words{"Analytic::" + enumerator_of(uid_of(info.analytic))};
  for (const ThreatInfo& threat : kThreats) {
    if (threat.analytic != info.analytic) continue;
    out.threats.push_back({threat.id, threat.family, threat.prior, threat.dangerous});
    const std::string text = slurp(kRoot / "models/threats.h");
    const std::size_t row = text.find("\"" + std::string(threat.id) + "\"");
    const std::size_t name = text.rfind("Threat::", row);
    words.push_back(text.substr(name, text.find(',', name) - name));
  }
  std::set<std::string> files, families;
  for (const auto& [file, text] : sources) {
    if (std::ranges::none_of(words, [&](const std::string& word) { return names(text, word); })) continue;
    if (file.starts_with("models/")) families.insert(family_of_files(file));
    files.insert(file.starts_with("models/") ? family_of_files(file) + "*" : file);
  }
  out.files.assign(files.begin(), files.end());
  for (const std::string& family : families) {
    if (const std::string blind = of_channel(family, "Blind to:"); !blind.empty()) out.blind_to.push_back(blind);
    if (const std::string source = of_channel(family, "Source:"); !source.empty()) out.lineage.push_back(source);
  }
  return out;
}

/// Compares a committed file with what is generated; with RINGFENCE_UPDATE_GENERATED=1 in the environment it is written instead.
void expect_committed(const std::string& file, const std::string& generated) {
  const fs::path path = kRoot / file;
  if (std::getenv("RINGFENCE_UPDATE_GENERATED") != nullptr) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << generated;
  }
  EXPECT_EQ(slurp(path), generated) << file << " is not what the sources say: run `RINGFENCE_UPDATE_GENERATED=1 " RINGFENCE_BINARY_DIR
                                    << "/tests/test_encoders` and commit it";
}

TEST(AnalyticPages, AreWhatTheSourcesSay) {
  const auto sources = judging_sources();
  std::vector<std::string> unjudged;
  std::set<std::string> pages{"README.md"};
  for (const AnalyticInfo& info : all_analytics()) {
    const AnalyticSources of = sources_of(info, sources);
    const std::string uid(uid_of(info.analytic));
    if (of.files.empty()) unjudged.push_back(uid);
    pages.insert(uid + ".md");
    expect_committed("docs/analytics/" + uid + ".md", analytic_page(info, of));
  }
  expect_committed("docs/analytics/README.md", analytic_index(all_analytics(), unjudged));
  for (const auto& entry : fs::directory_iterator(kRoot / "docs/analytics"))
    EXPECT_TRUE(pages.contains(entry.path().filename().string())) << entry.path() << " is a page of no analytic";
}

TEST(AnalyticPages, FindWhatJudges) {
  const AnalyticSources guessing = sources_of(info_of(Analytic::BarrierGuessing), judging_sources());
  EXPECT_THAT(guessing.files, testing::Contains("models/barrier*"));
  ASSERT_FALSE(guessing.blind_to.empty());
  EXPECT_THAT(guessing.blind_to.front(), HasSubstr("a first guess that is right"));
  EXPECT_THAT(guessing.blind_to.front(), testing::Not(HasSubstr("Source")));
  ASSERT_FALSE(guessing.lineage.empty());
  EXPECT_THAT(guessing.lineage.front(), HasSubstr("Jung"));
  EXPECT_THAT(sources_of(info_of(Analytic::ScopeNever), judging_sources()).files, testing::Contains("models/scope*"));
}

TEST(AnalyticPages, HoldWhatAFindingOfThemSays) {
  const AnalyticInfo& info = info_of(Analytic::BarrierGuessing);
  const std::string page = analytic_page(info, {.threats = {{"guess", "barrier", .1, true}}, .files = {"models/barrier*"}});
  for (const std::string_view text : {info.name, info.title, info.meaning, info.false_positives, info.check})
    EXPECT_THAT(page, HasSubstr(std::string(text)));
  EXPECT_THAT(page, HasSubstr("| evidence | threat `guess` of family barrier, weight 0.1 |"));
  EXPECT_THAT(page, HasSubstr("ATT&CK v18.1: TA0006 Credential Access, T1110 Brute Force"));
  EXPECT_THAT(analytic_page(info, {}), HasSubstr("nothing in this release"));
}

}  // namespace
}  // namespace ringfence
