// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/event/ids.h"
#include "engine/state/agent_codec.h"

/// Keys of the store, all in one ordered space so that a batch can hold any of them:
///
///   partition (2) | agent hash (16) | 0                  core; of a small agent all of it
///   partition (2) | agent hash (16) | 1 | key (8)        session
///   partition (2) | agent hash (16) | 2 | number (8)     acts
///   partition (2) | "low" | lane (1)                     low-water mark
///   0xFFFF | "meta/" | name                              named records
///
/// Numbers are big-endian: key order is number order. A low's key is shorter than any agent's, so the two never meet.
namespace ringfence {

/// Partitions a store can hold: 0 to kPartitionMax; 0xFFFF holds the named records.
inline constexpr std::int32_t kPartitionMax = 0xFFFE;
[[nodiscard]] constexpr bool storable(Partition partition) { return partition.value >= 0 && partition.value <= kPartitionMax; }

[[nodiscard]] std::string partition_prefix(Partition partition);
/// Of a key of at least 2 bytes.
[[nodiscard]] Partition partition_of(std::string_view key);
[[nodiscard]] std::string agent_prefix(Partition partition, const AgentKey& key);
[[nodiscard]] std::string part_key(Partition partition, const AgentKey& key, PartId part);
[[nodiscard]] std::string low_prefix(Partition partition);
[[nodiscard]] std::string low_key(Partition partition, std::uint8_t lane);
[[nodiscard]] std::string record_key(std::string_view name);
/// Name of a record that belongs to one partition and goes with it to another owner: `name/partition`.
[[nodiscard]] std::string partition_record(std::string_view name, Partition partition);
/// The partition whose record a key names; nothing for any other key.
[[nodiscard]] std::optional<Partition> partition_of_record(std::string_view key);

/// The agent and part a key names; nothing for any other key.
struct AgentPart {
  AgentKey agent;
  PartId part;
};
[[nodiscard]] std::optional<AgentPart> agent_part_of(std::string_view key);

}  // namespace ringfence
