// SPDX-License-Identifier: Apache-2.0
// Every analytic under every maturity, effect and mode: the level is the one docs/contracts/persona.md gives it.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "engine/event/governed.h"
#include "engine/persona/load.h"
#include "engine/verdict/analytics.h"
#include "engine/verdict/policy.h"

namespace ringfence {
namespace {

using Row = std::map<std::string, Level>;  // by effect; "default" for those not named

/// persona.md, "Defaults by maturity for `response.undeclared`".
const std::map<std::string, Row> kUndeclared{
    {"intern", {{"default", Level::Halt}}},
    {"junior", {{"read", Level::Alert}, {"default", Level::Halt}}},
    {"senior", {{"read", Level::Alert}, {"write", Level::Alert}, {"default", Level::Hold}}},
    {"principal", {{"default", Level::Alert}}},
};
/// persona.md, `response.undeclared`: what it governs.
const std::set<std::string> kGoverned{"scope.undeclared", "scope.argument", "scope.destination", "scope.task",
                                      "scope.delegation", "scope.approval", "workflow.order"};

const std::map<std::string, Mode> kModes{{"observe", Mode::Observe}, {"alert", Mode::Alert}, {"enforce", Mode::Enforce}};

Persona persona(const std::string& maturity, const std::string& mode, const std::string& more = "") {
  FileTree tree;
  tree.files["p.yaml"] =
      "schema: ringfence/persona/v1\nid: p\nversion: \"1\"\njob: Works.\nowner: {team: t, contact: c}\nmaturity: " + maturity +
      "\napplies_to: {agents: [\"p-*\"]}\nactions:\n  - {id: a, tools: [\"x/a\"], effect: read}\nresponse: {mode: " + mode + more + "}\n";
  const PersonaLoad load = load_personas(tree);
  if (!load.set) throw std::runtime_error(to_string(load.diagnostics.front()));
  return load.set->personas().front();
}

Level expected(const std::string& uid, const std::string& maturity, std::optional<Effect> effect) {
  if (uid == "scope.never") return Level::Halt;
  if (uid == "limit.hard") return Level::Hold;
  if (!kGoverned.contains(uid)) return Level::Alert;
  const Row& row = kUndeclared.at(maturity);
  const auto own = effect ? row.find(std::string(name_of(*effect))) : row.end();
  return own == row.end() ? row.at("default") : own->second;
}

std::vector<std::optional<Effect>> effects() {
  std::vector<std::optional<Effect>> all{std::nullopt};
  for (std::size_t i = 0; i < kEffects; ++i) all.emplace_back(static_cast<Effect>(i));
  return all;
}

/// Not policy's to give: `flow.toxic` goes by the order's kind (tests/unit/models/flow_rules_test.cpp), a broken containment always halts.
const std::set<Analytic> kFixed{Analytic::FlowToxic, Analytic::ContainmentViolated};

TEST(Levels, DocumentedAreThoseThatPolicyGivesByDefault) {
  for (const AnalyticInfo& info : all_analytics()) {
    if (info.kind != AnalyticKind::Rule || kFixed.contains(info.analytic)) continue;
    const auto level = [&](const std::string& maturity, std::optional<Effect> effect) {
      return level_of({.analytic = info.analytic, .what = "", .level = std::nullopt}, persona(maturity, "enforce"), effect);
    };
    EXPECT_EQ(name_of(info.usual_level), name_of(level("junior", std::nullopt))) << uid_of(info.analytic);
    std::set<Level> all;
    for (const auto& [maturity, row] : kUndeclared)
      for (const auto& effect : effects()) all.insert(level(maturity, effect));
    EXPECT_EQ(info.other_levels.empty(), all.size() == 1)
        << uid_of(info.analytic) << ": other levels are given and not told, or told and not given";
  }
}

TEST(Levels, OfEveryAnalyticMaturityEffectAndModeAreTheContracts) {
  for (const auto& [maturity, row] : kUndeclared) {
    for (const auto& [word, mode] : kModes) {
      const Persona declared = persona(maturity, word);
      for (std::size_t i = 0; i < kAnalytics; ++i) {
        const auto analytic = static_cast<Analytic>(i);
        for (const auto& effect : effects()) {
          const Level level = level_of({.analytic = analytic, .what = "", .level = std::nullopt}, declared, effect);
          ASSERT_EQ(level, expected(std::string(uid_of(analytic)), maturity, effect)) << uid_of(analytic) << " " << maturity;
          const Level applied = applied_level(level, declared.response.mode);
          ASSERT_EQ(applied, mode == Mode::Enforce ? level : mode == Mode::Alert ? std::min(level, Level::Alert) : Level::Observe);
        }
      }
    }
  }
}

/// What is not about a job is told at its own level, whatever a persona says; lint warns of it (tests/unit/persona/strictness_test.cpp).
TEST(Levels, ResponseAnalyticsOverridesAnyDefaultOfWhatIsAboutAJob) {
  for (std::size_t i = 0; i < kAnalytics; ++i) {
    const auto analytic = static_cast<Analytic>(i);
    if (!takes_level(analytic)) continue;
    if (analytic == Analytic::DriftRole) continue;  // never exceeds alert, lint says so
    for (const char* word : {"observe", "alert", "throttle", "hold", "halt", "revoke"}) {
      const Persona declared = persona("junior", "enforce", ", analytics: {" + std::string(uid_of(analytic)) + ": " + word + "}");
      for (const std::optional<Level> own : {std::optional<Level>(), std::optional(Level::Hold)})
        ASSERT_EQ(name_of(level_of({.analytic = analytic, .what = "", .level = own}, declared, Effect::Write)), word) << uid_of(analytic);
    }
  }
}

}  // namespace
}  // namespace ringfence
