// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/app/commands.h"
#include "engine/event/escape.h"
#include "engine/persona/load.h"
#include "engine/pipeline/rehearsal.h"

namespace ringfence {
namespace {

/// What a persona's test saw.
struct Seen {
  std::set<std::string> findings;
  Level level = Level::Observe;
  double max_score = 0;
  std::vector<std::string> refused;  // line and reason
};

Seen rehearse(const PersonaTest& test, const Rulebook& rules) {
  Rehearsal rehearsal(rules);
  Seen seen;
  std::string_view rest = test.events;
  for (int line = 1; !rest.empty(); ++line) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view record = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (record.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const auto judgement = rehearsal.feed(record);
    if (!judgement) {
      seen.refused.push_back("line " + std::to_string(line) + ": " + std::string(name_of(judgement.error().reason)) + ": " +
                             printable(judgement.error().detail));
      continue;
    }
    seen.level = std::max(seen.level, judgement->verdict.level);
    seen.max_score = std::max(seen.max_score, judgement->verdict.score);
    for (const FindingRecord& finding : judgement->findings) seen.findings.emplace(uid_of(finding.analytic));
  }
  return seen;
}

std::string joined(const std::set<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out.empty() ? "none" : out;
}

/// Expected and seen, a pair of lines each where they differ.
std::vector<std::string> differences(const PersonaTest& test, const Seen& seen) {
  std::vector<std::string> out;
  for (const std::string& refusal : seen.refused) out.push_back("  ! event refused, " + refusal);
  if (test.findings) {
    const std::set<std::string> expected(test.findings->begin(), test.findings->end());
    if (expected != seen.findings) {
      out.push_back("  - findings: " + joined(expected));
      out.push_back("  + findings: " + joined(seen.findings));
    }
  }
  if (test.level && *test.level != seen.level) {
    out.push_back("  - level: " + std::string(name_of(*test.level)));
    out.push_back("  + level: " + std::string(name_of(seen.level)));
  }
  if (test.max_score && seen.max_score > *test.max_score) {
    char line[96];
    std::snprintf(line, sizeof line, "  - score: at most %.3g", *test.max_score);
    out.emplace_back(line);
    std::snprintf(line, sizeof line, "  + score: %.3g", seen.max_score);
    out.emplace_back(line);
  }
  return out;
}

ExitCode run_tests(const std::string& path, const std::string& lists) {
  PersonaLoad load = load_personas(path, lists.empty() ? std::nullopt : std::optional<std::filesystem::path>(lists));
  for (const Diagnostic& d : load.diagnostics) {
    if (d.kind == Diagnostic::Kind::Error) std::fprintf(stderr, "%s\n", to_string(d).c_str());
  }
  if (!load.set) return ExitCode::Unusable;
  const Rulebook rules(std::move(*load.set), all_channels());
  ExitCode exit = ExitCode::Done;
  std::size_t passed = 0, failed = 0;
  for (const Persona& persona : rules.set().personas()) {
    for (const PersonaTest& test : persona.tests) {
      const auto diff = differences(test, rehearse(test, rules));
      std::printf("%s %s: %s\n", diff.empty() ? "pass" : "FAIL", persona.id.c_str(), printable(test.name).c_str());
      for (const std::string& line : diff) std::printf("%s\n", line.c_str());
      if (!diff.empty()) exit = ExitCode::AnsweredNo;
      ++(diff.empty() ? passed : failed);
    }
  }
  std::printf("%zu passed, %zu failed\n", passed, failed);
  return exit;
}

}  // namespace

void add_test(CLI::App& app, Subcommand& action) {
  auto paths = std::make_shared<std::vector<std::string>>();
  CLI::App* command = app.add_subcommand("test", "Runs the tests that personas carry; a line a test, a diff where one fails");
  auto lists = std::make_shared<std::string>();
  command->add_option("PATH", *paths, "Persona directories or files")->required();
  command->add_option("--lists", *lists, "Directory of lists (default: lists below PATH)")->type_name("DIR");
  command->footer("Exit codes: 0 all passed; 1 a test failed; 2 personas do not load.");
  command->callback([paths, lists, &action] {
    action = [paths, lists] {
      ExitCode worst = ExitCode::Done;
      for (const std::string& path : *paths) worst = std::max(worst, run_tests(path, *lists));
      return worst;
    };
  });
}

}  // namespace ringfence
