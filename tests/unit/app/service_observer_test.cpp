// SPDX-License-Identifier: Apache-2.0
#include "engine/app/service_observer.h"

#include <gmock/gmock.h>

#include <set>

namespace ringfence {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A fleet of agents on one server, each act at the next offset of partition 3.
class Fleet {
 public:
  explicit Fleet(ServiceObserver& observer) : observer_(observer) {}

  void all(int agents, Outcome outcome) {
    for (int i = 0; i < agents; ++i) act("agent-" + std::to_string(i), outcome);
  }
  std::vector<std::string> said;
  Offset last;

 private:
  void act(const std::string& agent, Outcome outcome) {
    Event event;
    event.kind = EventKind::ToolCall;
    event.phase = Phase::Complete;
    event.tenant = "corp";
    event.time = EventTime{seconds(1'760'000'000 + last.value).value};
    event.agent.id = agent;
    event.tool.server = "git";
    event.outcome.status = outcome;
    last = Offset{last.value + 1};
    const auto seen = observer_.see(event, {Partition{3}, last}, [&](const std::string& fact) {
      said.push_back(fact);
      return std::expected<void, OutputError>{};
    });
    EXPECT_TRUE(seen);
  }
  ServiceObserver& observer_;
};

TEST(ServiceObserver, IsKeptOnlyOnceWhatItSaidCanNoLongerBeLost) {
  bool stored = false;
  std::vector<Position> asked;
  ServiceObserver observer([&](Position cause) {
    asked.push_back(cause);
    return stored;
  });
  Fleet fleet(observer);
  fleet.all(6, Outcome::Ok);
  EXPECT_EQ(observer.to_keep(), std::nullopt) << "it said nothing";
  fleet.all(6, Outcome::Error);
  EXPECT_THAT(fleet.said, ElementsAre(HasSubstr("outage_start")));
  EXPECT_EQ(observer.to_keep(), std::nullopt);
  stored = true;
  const auto kept = observer.to_keep();
  ASSERT_TRUE(kept);
  EXPECT_EQ(asked.back().partition, Partition{3});
  EXPECT_EQ(observer.to_keep(), std::nullopt) << "once";
  EXPECT_TRUE(observer.to_keep(true)) << "at the end whatever it said";

  // A restart knows that it is out: it is not said again, and its end is.
  ServiceObserver next([](Position) { return true; });
  next.restore(*kept);
  Fleet later(next);
  later.last = fleet.last;
  later.all(6, Outcome::Error);
  EXPECT_TRUE(later.said.empty());
  later.all(6, Outcome::Ok);
  EXPECT_THAT(later.said, ElementsAre(HasSubstr("outage_end")));
}

TEST(ServiceObserver, GivesOnTheErrorOfWhoeverShouldHandTheFactOn) {
  ServiceObserver observer([](Position) { return true; });
  Event event;
  event.kind = EventKind::ToolCall;
  event.phase = Phase::Complete;
  event.tool.server = "git";
  std::expected<void, OutputError> seen;
  std::set<std::string> agents;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 6 && seen; ++i) {
      const std::string& agent = *agents.insert("agent-" + std::to_string(i)).first;
      event.agent.id = agent;
      event.outcome.status = round == 0 ? Outcome::Ok : Outcome::Denied;
      seen = observer.see(event, {}, [](const std::string&) { return std::unexpected(OutputError{false, "the broker is gone"}); });
    }
  }
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().message, "the broker is gone");
}

}  // namespace
}  // namespace ringfence
