// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/event/ids.h"
#include "engine/state/changelog.h"
#include "engine/state/store.h"

/// Reading a changelog back: who owned a partition last, and its states.
namespace ringfence {

/// What a store knows of its last ownership of a partition.
struct Ownership {
  std::uint64_t generation = 0;
  Offset next;                // of the log: it has been read up to here
  std::string claimant;       // under which it was claimed
  std::optional<Offset> low;  // of the input, when it was claimed: all before it was in the log then
};
[[nodiscard]] std::expected<std::optional<Ownership>, StoreError> read_ownership(Store& store, Partition partition);
/// On disk when it returns.
[[nodiscard]] std::expected<void, StoreError> write_ownership(Store& store, Partition partition, const Ownership& ownership);

/// Notes that an agent is forgotten in a store that no process holds, for the log to hear of it with the next start here. False, and
/// nothing noted, where the store has never owned the partition: no log has its agents. On disk when it returns.
[[nodiscard]] std::expected<bool, StoreError> note_forgotten(Store& store, Partition partition, const AgentKey& agent);
[[nodiscard]] std::expected<std::vector<AgentKey>, StoreError> forgotten_agents(Store& store, Partition partition);
/// Once the log has heard of them.
[[nodiscard]] std::expected<void, StoreError> clear_forgotten(Store& store, Partition partition);

struct Survey {
  std::uint64_t generation = 0;   // the highest claimed, ever; 0: none
  Offset next;                    // of the log
  bool moved_on = false;          // the log has what the store has not: another owned the partition
  std::optional<Offset> log_low;  // of the input: all before it is in the log, where the store stands
};
/// Reads what has been claimed since the store last owned the partition.
[[nodiscard]] std::expected<Survey, StoreError> survey_changelog(ChangelogTopic& topic, Partition partition,
                                                                 const std::optional<Ownership>& known, std::chrono::milliseconds within,
                                                                 const std::stop_token& stop);

struct Restored {
  Offset next;                 // of the log, behind what was read
  std::vector<AgentKey> late;  // their states a former owner wrote late: to be said again, or they are late for who comes next too
};
/// Replaces a partition's rows and records in the store by the log's, forgotten agents too. Cut short, it has to be called again: the store
/// then knows of no ownership.
[[nodiscard]] std::expected<Restored, StoreError> restore_from_changelog(Store& store, ChangelogTopic& topic, Partition partition,
                                                                         std::chrono::milliseconds within, const std::stop_token& stop);

/// A partition's low-water mark and named records as the store has them.
struct PartitionRows {
  std::optional<StoreWrite> low;
  std::vector<StoreWrite> records;
};
[[nodiscard]] std::expected<PartitionRows, StoreError> partition_rows(Store& store, Partition partition);

}  // namespace ringfence
