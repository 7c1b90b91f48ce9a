// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "connectors/kafka/client.h"

namespace ringfence {

/// The names of our topics; the defaults are the contract's (docs/contracts/topics.md).
struct TopicNames {
  std::string events = "ringfence.events", findings = "ringfence.findings", control = "ringfence.control",
              control_acks = "ringfence.control.acks", verdicts = "ringfence.verdicts", links = "ringfence.links",
              state = "ringfence.state", context = "ringfence.context", audit = "ringfence.audit", deadletter = "ringfence.deadletter";
};

/// The largest record of the changelog of states, uncompressed.
inline constexpr std::int64_t kStateRecordBytes = std::int64_t{8} << 20U;

/// How a wanted number relates to a found one.
enum class Wanted : std::uint8_t { Exactly, AtLeast };

/// What a topic must be for the engine to be right.
struct TopicSpec {
  struct Number {
    std::int64_t value = 0;
    Wanted wanted = Wanted::AtLeast;
  };
  std::string name;
  Number partitions;
  std::string cleanup_policy;                // "delete" or "compact"
  std::map<std::string, Number> numbers;     // numeric topic settings
  std::map<std::string, std::string> texts;  // textual ones, exact, beside cleanup.policy
  std::string as_wide_as = {};               // a topic whose partitions, where it is there, are the number that counts
};

/// What the operator decides about all topics together.
struct TopicPlan {
  TopicNames names;
  std::int32_t event_partitions = 64;
  std::int32_t replication = 3;
  std::int64_t events_retention_ms = 7LL * 24 * 3600 * 1000;
  /// How long the SIEM may be away without losing a finding.
  std::int64_t findings_retention_ms = 7LL * 24 * 3600 * 1000;
};

/// Every topic of the contract with its policy.
[[nodiscard]] std::vector<TopicSpec> specs_of(const TopicPlan& plan);

/// One way in which the cluster is not as wanted; a missing topic has `property` "topic".
struct TopicDifference {
  std::string topic, property, wanted, found;
  bool operator==(const TopicDifference&) const = default;
};

/// Compares the cluster with the specs. Partitions, replication and policies; changes nothing.
[[nodiscard]] std::expected<std::vector<TopicDifference>, KafkaError> check_topics(const KafkaSettings& kafka,
                                                                                   const std::vector<TopicSpec>& specs,
                                                                                   std::int32_t replication,
                                                                                   std::chrono::milliseconds within);

/// Makes the topics that are missing and gives their names; one that exists is never altered. After an error some may have been made: run
/// it again.
[[nodiscard]] std::expected<std::vector<std::string>, KafkaError> create_topics(const KafkaSettings& kafka,
                                                                                const std::vector<TopicSpec>& specs,
                                                                                std::int32_t replication, std::chrono::milliseconds within);

/// Principals of the components, as the cluster names them.
struct TopicPrincipals {
  std::string engine = "User:ringfence-engine", gate = "User:ringfence-gate", feeder = "User:ringfence-feeder",
              reader = "User:ringfence-siem", operators = "User:ringfence-operator";
};

/// One `kafka-acls.sh` line for each right each component needs, and no more; a line beginning with `#` names the component.
[[nodiscard]] std::vector<std::string> acl_lines(const TopicNames& names, const TopicPrincipals& principals, const std::string& group);

}  // namespace ringfence
