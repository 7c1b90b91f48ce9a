// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/rulebook.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "tests/unit/pipeline/watch.h"

namespace ringfence::testing {
namespace {

/// A clerk that may be asked by `from`, and that may ask `to`.
std::string job(const std::string& id, const std::string& more) { return clerk("mode: enforce", id + "-*", id) + more + "\n"; }
std::string delegate(const std::string& barriers) {
  return job("delegate", "barriers: {" + barriers + "}\ndelegation: {from: [\"**\"], max_depth: 2}");
}
std::string parent(const std::string& id, const std::string& barriers) {
  return job(id, "barriers: {" + barriers + "}\ndelegation: {to: [\"delegate-*\"], max_depth: 2}");
}

struct Pair {
  explicit Pair(const std::string& child, const std::string& asking) : rules(rulebook({child, asking})) {}
  Rulebook rules;
  [[nodiscard]] const Persona* named(const std::string& id) const {
    for (const Persona& persona : rules.set().personas())
      if (persona.id == id) return &persona;
    return nullptr;
  }
  [[nodiscard]] std::size_t index(const std::string& id) const {
    return static_cast<std::size_t>(named(id) - rules.set().personas().data());
  }
  [[nodiscard]] Rulebook::Basis basis() const { return under({"desk"}); }
  [[nodiscard]] Rulebook::Basis under(const std::vector<std::string>& above) const {
    std::vector<const Persona*> parents;
    for (const std::string& id : above) parents.push_back(named(id));
    return rules.basis(index("delegate"), parents);
  }
  [[nodiscard]] const Tables& own() const { return rules.tables(index("delegate")); }
};

constexpr RowId kRefusedAnew{ChannelId::Barrier, 0, 2};

TEST(Rulebook, DelegateIsHeldToTheNarrowerOfTwoShares) {
  const Pair pair(delegate("denials: 0.20"), parent("desk", "denials: 0.05"));
  EXPECT_LT(pair.basis().tables->cap(Null::Alert, kRefusedAnew), pair.own().cap(Null::Alert, kRefusedAnew));
  EXPECT_DOUBLE_EQ(pair.basis().tables->cap(Null::Alert, kRefusedAnew),
                   rulebook({delegate("denials: 0.05")}).tables(0).cap(Null::Alert, kRefusedAnew));
  EXPECT_EQ(&pair.rules.tables_named(pair.index("delegate"), pair.basis().name), pair.basis().tables);
  EXPECT_EQ(pair.rules.persona_named(pair.basis().name), pair.index("delegate"));
}

TEST(Rulebook, ParentNeverWidensItsDelegate) {
  const Pair pair(delegate("denials: 0.05"), parent("desk", "denials: 0.20"));
  EXPECT_EQ(pair.basis().tables, &pair.own());
}

TEST(Rulebook, WhoDelegatesNothingNarrowsNobody) {
  const Pair pair(delegate("denials: 0.20"), job("desk", "barriers: {denials: 0.05}"));
  EXPECT_EQ(pair.basis().tables, &pair.own());
  EXPECT_EQ(pair.under({}).tables, &pair.own());
}

/// A delegate of the desk, which itself works for the office.
TEST(Rulebook, ChainNarrowsWithEveryJobOnIt) {
  const auto between = [](const std::string& id, const std::string& denials) {
    return job(id, "barriers: {denials: " + denials + "}\ndelegation: {to: [\"**\"], from: [\"**\"], max_depth: 2}");
  };
  const Rulebook rules = rulebook({delegate("denials: 0.20"), between("desk", "0.10"), between("office", "0.05")});
  const auto named = [&](const std::string& id) { return &*std::ranges::find(rules.set().personas(), id, &Persona::id); };
  const auto index = static_cast<std::size_t>(named("delegate") - rules.set().personas().data());
  const auto denials = [&](const std::vector<const Persona*>& above) { return rules.basis(index, above).job->barriers.denials; };
  EXPECT_DOUBLE_EQ(denials({named("desk")}), .10);
  EXPECT_DOUBLE_EQ(denials({named("desk"), named("office")}), .05);
  EXPECT_EQ(rules.basis(index, std::vector{named("desk"), named("office")}).tables,
            rules.basis(index, std::vector{named("office"), named("desk")}).tables);
}

TEST(Rulebook, TablesOfDelegatesAreBounded) {
  std::vector<std::string> jobs{delegate("denials: 0.90")};
  for (int i = 10; i < 60; ++i) jobs.push_back(parent("desk" + std::to_string(i), "denials: 0." + std::to_string(i)));
  const Rulebook rules = rulebook(jobs);
  std::set<const Tables*> seen;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    for (std::size_t j = 0; j < jobs.size(); ++j) {
      const Persona* const above = &rules.persona(j);
      seen.insert(rules.basis(i, {&above, 1}).tables);
    }
  }
  EXPECT_EQ(seen.size(), jobs.size() + Rulebook::kNarrowed);
}

TEST(Rulebook, AdoptedJobsAreTwiceAsWideAndNeverHold) {
  const Rulebook rules = rulebook({clerk("mode: enforce")});
  ASSERT_NE(rules.adopted(), nullptr);
  const Rulebook& adopted = *rules.adopted();
  EXPECT_EQ(adopted.adopted(), nullptr);
  EXPECT_NEAR(adopted.tables(0).cap(Null::Alert, kRefusedAnew), 2 * rules.tables(0).cap(Null::Alert, kRefusedAnew), 1e-9);
  EXPECT_EQ(adopted.persona(0).response.mode, Mode::Alert);
  EXPECT_EQ(adopted.persona(0).sha256, rules.persona(0).sha256);
  EXPECT_NE(adopted.basis(0, {}).name, rules.basis(0, {}).name);
}

}  // namespace
}  // namespace ringfence::testing
