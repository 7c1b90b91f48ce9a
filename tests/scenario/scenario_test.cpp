// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "engine/persona/load.h"
#include "engine/pipeline/rehearsal.h"
#include "tests/scenario/scenario.h"

namespace ringfence::scenario {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> scenario_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(RINGFENCE_SOURCE_DIR "/tests/scenario")) {
    if (entry.path().extension() == ".scenario") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

/// Rulebooks by persona directory: the same few are used by many scenarios.
const Rulebook& rules_in(const fs::path& directory) {
  static std::map<std::string, Rulebook> known;
  const auto found = known.find(directory.string());
  if (found != known.end()) return found->second;
  PersonaLoad load = load_personas(fs::path(RINGFENCE_SOURCE_DIR) / directory);
  for (const Diagnostic& d : load.diagnostics) {
    if (d.kind == Diagnostic::Kind::Error) ADD_FAILURE() << to_string(d);
  }
  if (!load.set) throw std::runtime_error("personas of the scenario do not load");
  return known.emplace(std::piecewise_construct, std::forward_as_tuple(directory.string()),
                       std::forward_as_tuple(std::move(*load.set), all_channels())).first->second;
}

Trace rehearse(const Scenario& scenario) {
  Rehearsal rehearsal(rules_in(scenario.personas));
  Trace trace;
  for (const std::string& event : scenario.events) {
    const auto judgement = rehearsal.feed(event);
    if (!judgement) {
      trace.verdicts.push_back({.id = "", .level = "observe", .refused = std::string(name_of(judgement.error().reason))});
      continue;
    }
    trace.verdicts.push_back({.id = judgement->verdict.event_id, .level = std::string(name_of(judgement->verdict.level)), .refused = "", .score = judgement->verdict.score});
    for (const FindingRecord& finding : judgement->findings) {
      if (finding.activity == FindingRecord::Activity::Create) trace.findings.emplace_back(uid_of(finding.analytic));
    }
  }
  return trace;
}

class Scenarios : public testing::TestWithParam<fs::path> {};

TEST_P(Scenarios, HoldsAsTold) {
  const auto scenario = load(GetParam());
  ASSERT_TRUE(scenario) << scenario.error();
  ASSERT_FALSE(scenario->expectations.empty()) << "a scenario that expects nothing cannot fail";
  for (const std::string& fault : unmet(*scenario, rehearse(*scenario))) ADD_FAILURE() << GetParam().string() << ":" << fault;
}

INSTANTIATE_TEST_SUITE_P(All, Scenarios, testing::ValuesIn(scenario_files()),
                         [](const testing::TestParamInfo<fs::path>& file) { return file.param.stem().string(); });

}  // namespace
}  // namespace ringfence::scenario
