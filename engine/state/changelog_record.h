// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/event/ids.h"
#include "engine/state/store.h"

/// Records of the changelog. Keys are those of the store (keyspace.h): an agent's is what its rows begin with, a low-water mark's and a
/// named record's their row's; a claim's is the partition and `claim`, and where it took the partition over from another owner, who may
/// still write, it stands under that and its generation too: what such an owner writes late lies behind it for ever. Values:
///
///   schema u8 | kind u8 | generation of the owner varint | body
namespace ringfence {

/// An agent's state: all its rows.
struct StateRecord {
  std::int64_t lsn = -1;
  std::vector<StoreWrite> rows;
};
/// A row as the store has it: a low-water mark, a named record of the partition.
struct RowRecord {
  std::string bytes;
};
/// Who owns the partition from here on, and where it began to read: `low` is absent where that was the beginning of the input.
struct ClaimRecord {
  std::string claimant;
  std::optional<Offset> low;
};

struct ChangelogRecord {
  std::uint64_t generation = 0;
  std::variant<StateRecord, RowRecord, ClaimRecord> body;
};

[[nodiscard]] std::string encode_state_record(std::uint64_t generation, std::int64_t lsn, std::string_view agent_prefix,
                                              const std::vector<StoreWrite>& rows);
[[nodiscard]] std::string encode_row_record(std::uint64_t generation, std::string_view bytes);
[[nodiscard]] std::string encode_claim_record(std::uint64_t generation, const ClaimRecord& claim);
/// Nothing where the bytes are no record, or one of a newer schema. Costs no more than a constant times their size.
[[nodiscard]] std::optional<ChangelogRecord> decode_changelog_record(std::string_view key, std::string_view value);

/// Of the newest claim.
[[nodiscard]] std::string claim_key(Partition partition);
/// Of a claim that compaction is to keep where it stands.
[[nodiscard]] std::string takeover_key(Partition partition, std::uint64_t generation);

}  // namespace ringfence
