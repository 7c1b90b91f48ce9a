// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/ids.h"
#include "engine/state/store.h"

/// What stands in the store beside the agents: its schema, low-water marks, and small records by name (facts, context positions, epochs).
namespace ringfence {

/// Checks that this build can read the store, and signs an empty one with our schema. Version where a newer release wrote it. Call it
/// first.
[[nodiscard]] std::expected<void, StoreError> prepare_store(Store& store);

/// The named record, or nothing. Corrupt where its checksum is wrong.
[[nodiscard]] std::expected<std::optional<std::string>, StoreError> get_record(Store& store, std::string_view name);
/// Writes a named record and syncs it to disk before it returns; for what must be known before anything builds on it (a claimed generation,
/// the offset a context change takes effect at). What has to change together with `low` goes through Checkpoint::put_record.
[[nodiscard]] std::expected<void, StoreError> put_record(Store& store, std::string_view name, std::string_view value);
/// A named record as one change of a batch.
[[nodiscard]] StoreWrite record_write(std::string_view name, std::string_view value);

/// Where to go on reading: the least low-water mark over the partition's lanes; nothing if nothing was ever written for it.
[[nodiscard]] std::expected<std::optional<Offset>, StoreError> read_low(Store& store, Partition partition);
/// A lane's low-water mark and how far event time had come below it (reached_time.h); the latter is absent in stores of older releases.
struct LowMark {
  Offset low;
  std::optional<EventTime> reached;
};
/// What a row of `low_key` says; nothing where it is damaged.
[[nodiscard]] std::optional<LowMark> low_mark_of(std::string_view key, std::string_view bytes);
/// The least time that the partition's lanes had reached; nothing where one of them does not say, or a mark cannot be read.
[[nodiscard]] std::optional<EventTime> read_reached(Store& store, Partition partition);
/// Makes the lanes of a partition exactly 0 to `lanes - 1`, all at `low`, and syncs. A partition usually has one lane; one whose agents are
/// spread over several shards (a file read by three) has one a shard, and each shard's Checkpoint moves its own. To be called before the
/// first record where there is more than one lane, or was in the run before. What event time they had reached is forgotten.
[[nodiscard]] std::expected<void, StoreError> begin_lanes(Store& store, Partition partition, Offset low, unsigned lanes);
/// The same as changes of a batch.
[[nodiscard]] std::vector<StoreWrite> lane_writes(Partition partition, Offset low, unsigned lanes);
/// A lane's low-water mark as one change of a batch.
[[nodiscard]] StoreWrite low_write(Partition partition, std::uint8_t lane, Offset low, std::optional<EventTime> reached = std::nullopt);

inline constexpr unsigned kLanesMax = 256;

}  // namespace ringfence
