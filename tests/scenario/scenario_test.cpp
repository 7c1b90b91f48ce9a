// SPDX-License-Identifier: Apache-2.0
// Every scenario is told straight, and then in all the ways that must make no difference.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "engine/persona/load.h"
#include "engine/pipeline/rehearsal.h"
#include "models/scope_job.h"
#include "tests/scenario/scenario.h"

namespace ringfence::scenario {
namespace {

namespace fs = std::filesystem;

/// A scenario this long is restarted at seeded moments, a shorter one before every record.
constexpr std::size_t kLong = 400;

std::vector<fs::path> scenario_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(RINGFENCE_SOURCE_DIR "/tests/scenario")) {
    if (entry.path().extension() == ".scenario") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

/// Rulebooks by persona directory: the same few are used by many scenarios.
std::shared_ptr<const Rulebook> rules_in(const fs::path& directory) {
  static std::map<std::string, std::shared_ptr<const Rulebook>> known;
  auto& rules = known[directory.string()];
  if (rules) return rules;
  PersonaLoad load = load_personas(fs::path(RINGFENCE_SOURCE_DIR) / directory);
  for (const Diagnostic& d : load.diagnostics) {
    if (d.kind == Diagnostic::Kind::Error) ADD_FAILURE() << to_string(d);
  }
  if (!load.set) throw std::runtime_error("personas of the scenario do not load");
  return rules = std::make_shared<const Rulebook>(std::move(*load.set), all_channels());
}

/// A record with what the order of records depends on.
struct Told {
  std::string record;
  std::string agent;  // tenant/id; empty for a fact and for what shows none
  EventTime time;
  bool fact = false, refused = false;
  std::set<std::string> family;  // the agent with all it ever works below: who is stopped with a tree depends on what came before
};

std::vector<Told> told(const std::vector<std::string>& records) {
  EventDecoder decoder;
  std::vector<Told> out;
  std::map<std::string, std::set<std::string>> families;
  for (const std::string& record : records) {
    EventArena arena;
    const auto event = decoder.decode(record, std::nullopt, arena);
    Told one{.record = record, .agent = {}, .time = {}};
    one.refused = !event;
    one.fact = event && event->kind == EventKind::ContextChange;
    if (event && !one.fact) {
      const std::string tenant = std::string(event->tenant) + "/";
      one.agent = tenant + std::string(event->agent.id);
      auto& family = families[one.agent];
      family.insert(one.agent);
      for (const std::string_view above : scope::ancestors_of(*event)) family.insert(tenant + std::string(above));
    }
    if (event) one.time = event->time;
    out.push_back(std::move(one));
  }
  for (Told& one : out) one.family = families[one.agent];
  return out;
}

std::vector<std::string> records_of(const std::vector<Told>& events) {
  std::vector<std::string> out;
  for (const Told& event : events) out.push_back(event.record);
  return out;
}

/// What each agent saw come of its own records, in its order; copies and facts say nothing.
std::map<std::string, std::vector<std::string>> by_agent(const std::vector<Outcome>& outcomes) {
  std::map<std::string, std::vector<std::string>> out;
  for (const Outcome& o : outcomes) {
    if (!o.copy && !o.fact) out[o.agent].push_back(o.lines);
  }
  return out;
}

/// The same story told by other agents: every id gets a tail that the persona's glob admits, if it has one.
std::string renamed(const Told& event) {
  std::string record = event.record;
  const std::string id = event.agent.substr(event.agent.find('/') + 1);
  const std::string name = "\"id\":\"" + id + "\"";
  for (std::size_t at = record.find(name); at != std::string::npos; at = record.find(name, at + name.size() + 5)) {
    record.replace(at, name.size(), "\"id\":\"" + id + "-twin\"");
  }
  // In another tenant: what agents of one user, one root session or one artefact do together adds up, and is meant to.
  const std::string tenant = "\"tenant\":\"";
  const std::size_t named = record.find(tenant);
  if (named != std::string::npos) return record.insert(named + tenant.size(), "twins-of-");
  return record.insert(1, tenant + "twins\",");
}

/// The story with the twins' telling of it mixed in, each agent's order kept; facts stay where they are among the first agents' records.
std::vector<Told> among_others(const std::vector<Told>& events, std::mt19937_64& random) {
  std::vector<Told> out;
  std::size_t twin = 0;
  const auto twins_turn = [&] {
    while (twin < events.size() && (events[twin].fact || events[twin].refused || events[twin].agent.empty())) ++twin;
    if (twin == events.size()) return;
    Told other = events[twin++];
    other.record = renamed(other);
    other.agent = "twins:" + other.agent;
    out.push_back(std::move(other));
  };
  for (const Told& event : events) {
    for (std::size_t n = random() % 3; n > 0; --n) twins_turn();
    out.push_back(event);
  }
  while (twin < events.size()) twins_turn();
  return out;
}

bool related(const Told& a, const Told& b) {
  return std::ranges::any_of(a.family, [&](const std::string& id) { return b.family.contains(id); });
}

/// Neighbours of different agents change places; never past a fact, never within one agent or one tree.
void reorder(std::vector<Told>& events, std::mt19937_64& random) {
  constexpr int kRounds = 8;
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t i = 1; i < events.size(); ++i) {
      Told& a = events[i - 1];
      Told& b = events[i];
      const bool tied = a.fact || b.fact || a.refused || b.refused || a.agent == b.agent || related(a, b);
      if (!tied && random() % 2 == 0) std::swap(a, b);
    }
  }
}

/// Copies of seeded events, told again up to three records later: well within the time a known act is remembered.
std::vector<Told> with_copies(const std::vector<Told>& events, std::mt19937_64& random) {
  std::vector<Told> out;
  std::vector<std::pair<std::size_t, Told>> due;
  bool any = false;
  for (std::size_t i = 0; i < events.size(); ++i) {
    out.push_back(events[i]);
    const bool known_act = !events[i].fact && !events[i].refused;
    if (known_act && !any) due.emplace_back(i, events[i]);
    if (known_act && any && random() % 3 == 0) due.emplace_back(i + random() % 4, events[i]);
    any = any || known_act;
    for (const auto& [when, copy] : due) {
      if (when == i && events[i].time - copy.time < hours(20)) out.push_back(copy);
    }
    std::erase_if(due, [&](const auto& entry) { return entry.first <= i; });
  }
  return out;
}

class Scenarios : public testing::TestWithParam<fs::path> {
 protected:
  void SetUp() override {
    auto loaded = load(GetParam());
    ASSERT_TRUE(loaded) << loaded.error();
    scenario_ = std::move(*loaded);
    ASSERT_FALSE(scenario_.expectations.empty()) << "a scenario that expects nothing cannot fail";
    rules_ = rules_in(scenario_.personas);
  }

  /// As the scenario tells it, restarts included.
  std::vector<Outcome> straight() {
    const auto& restarts = scenario_.restarts;
    return run(rules_, scenario_.events,
               {.restart_before = [&](std::size_t i) { return std::ranges::find(restarts, i) != restarts.end(); }, .positions_move = true});
  }

  /// Every agent of `expected` saw the same in `seen`; agents beyond those may be there.
  static void expect_same(const std::vector<Outcome>& seen, const std::vector<Outcome>& expected) {
    const auto after = by_agent(seen);
    for (const auto& [agent, lines] : by_agent(expected)) {
      const auto found = after.find(agent);
      ASSERT_NE(found, after.end()) << agent;
      ASSERT_EQ(found->second.size(), lines.size()) << agent;
      for (std::size_t i = 0; i < lines.size(); ++i) ASSERT_EQ(found->second[i], lines[i]) << agent << ", its record " << i + 1;
    }
  }

  Scenario scenario_;
  std::shared_ptr<const Rulebook> rules_;
  std::mt19937_64 random_{4711};
};

TEST_P(Scenarios, HoldsAsTold) {
  const Unmet missed = unmet(scenario_, straight());
  for (const std::string& fault : missed.expectations) ADD_FAILURE() << GetParam().string() << ":" << fault;
  for (const std::string& aim : missed.aims) std::printf("aim missed: %s:%s\n", GetParam().filename().c_str(), aim.c_str());
}

TEST_P(Scenarios, IsTheSameWhenTheProcessIsStartedAgainBetweenAnyTwoRecords) {
  const bool everywhere = scenario_.events.size() <= kLong;
  expect_same(run(rules_, scenario_.events,
                  {.restart_before = [&](std::size_t) { return everywhere || random_() % 50 == 0; }, .positions_move = true}),
              straight());
}

TEST_P(Scenarios, IsTheSameOverThreeShards) {
  expect_same(run(rules_, scenario_.events,
                  {.shards = 3, .restart_before = [&](std::size_t) { return random_() % 100 == 0; }, .positions_move = true}),
              straight());
}

TEST_P(Scenarios, IsNotMovedByCopies) {
  const auto undisturbed = straight();
  auto events = told(scenario_.events);
  for (std::size_t i = 0; i < events.size(); ++i) events[i].refused = !undisturbed[i].refused.empty();
  const auto records = with_copies(events, random_);
  const auto seen = run(rules_, records_of(records), {.positions_move = true});
  expect_same(seen, undisturbed);
  const auto copies = [](const std::vector<Outcome>& outcomes) { return std::ranges::count_if(outcomes, &Outcome::copy); };
  EXPECT_GT(records.size(), scenario_.events.size());
  EXPECT_GT(copies(seen), copies(undisturbed));
}

TEST_P(Scenarios, IsTheSameAmongOtherAgentsInAnyOrderOfTheirs) {
  auto records = among_others(told(scenario_.events), random_);
  const auto mixed = run(rules_, records_of(records), {.positions_move = true});
  expect_same(mixed, straight());
  reorder(records, random_);
  expect_same(run(rules_, records_of(records), {.positions_move = true}), mixed);
}

TEST_P(Scenarios, IsRehearsedAsItIsServed) {
  const auto served = straight();
  Rehearsal rehearsal(*rules_);
  for (std::size_t i = 0; i < served.size(); ++i) {
    if (const auto command = command_in(scenario_.events[i])) {
      EXPECT_EQ(words_of(rehearsal.operate(*command).answer), served[i].answer) << "record " << i + 1;
      continue;
    }
    if (const auto enforcement = confirmed_in(scenario_.events[i])) {
      std::vector<std::string> raised;
      for (const FindingRecord& finding : rehearsal.enforce(*enforcement))
        if (finding.activity == FindingRecord::Activity::Create) raised.emplace_back(uid_of(finding.analytic));
      EXPECT_EQ(raised, served[i].raised) << "record " << i + 1;
      continue;
    }
    const auto judgement = rehearsal.feed(scenario_.events[i]);
    ASSERT_EQ(judgement.has_value(), served[i].refused.empty()) << "record " << i + 1;
    if (!judgement || served[i].fact) continue;
    EXPECT_EQ(judgement->verdict.level, served[i].level) << "record " << i + 1;
    EXPECT_EQ(judgement->verdict.score, served[i].score) << "record " << i + 1;
    EXPECT_EQ(judgement->copy, served[i].copy) << "record " << i + 1;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Scenarios, testing::ValuesIn(scenario_files()),
                         [](const testing::TestParamInfo<fs::path>& file) { return file.param.stem().string(); });

}  // namespace
}  // namespace ringfence::scenario
