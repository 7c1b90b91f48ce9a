// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/integration/fixture.h"
#include "tests/integration/service_process.h"

namespace ringfence::testing {

/// A test of the service on the broker that this binary shares.
class Services : public BrokerTest {
 protected:
  static constexpr std::int32_t kPartitions = 8;

  /// Waits until every finding and containment that a replay of the fleet gives has come.
  [[nodiscard]] static bool fleet_is_out(const Installation& at, TopicTail& findings, TopicTail& control);
  /// Waits until all that was fed is judged, and stored for good.
  [[nodiscard]] bool all_judged(const Installation& at) const;
  /// Everything that came is what that replay gives.
  static void expect_the_fleet(const Installation& at, TopicTail& findings, TopicTail& control);
};

/// Every record is an OCSF detection finding by its schema.
void expect_schema(const std::vector<TopicRecord>& findings);
/// The heartbeats of every writer say exactly what its records up to there add up to.
void expect_true_heartbeats(const ControlBoard& board);
[[nodiscard]] std::size_t heartbeats_of(const ControlBoard& board, const std::string& writer);
[[nodiscard]] std::size_t containments_read(const ControlBoard& board);

/// The findings without those of the blast radius, which is no part of a replay: after a crash it may count fewer active agents.
[[nodiscard]] std::map<std::string, std::string> judged_in(const std::vector<TopicRecord>& records);
/// Containments where what waits for a person counts as what it will be.
[[nodiscard]] std::set<std::string> wanted(const std::set<std::string>& containments);
/// Settings under which the blast radius, which is no part of a replay, holds nothing back.
[[nodiscard]] std::string unlimited(const Installation& at);
/// A call that no code-maintainer may make: the agent is halted at once.
[[nodiscard]] FleetEvent forbidden_call(const std::string& agent, const std::string& id);
/// Gives the code-maintainer of the installation another version.
void set_version(const Installation& at, const std::string& version);
/// A record about the agent is there.
[[nodiscard]] inline auto about(const std::string& agent) {
  return [agent](const std::vector<TopicRecord>& records) { return std::ranges::count(records, agent, &TopicRecord::key) > 0; };
}

}  // namespace ringfence::testing
