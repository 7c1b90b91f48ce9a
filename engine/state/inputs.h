// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <vector>

#include "engine/event/ids.h"
#include "engine/state/store.h"

/// Files as inputs. Each has an identity (a hash of its name and first bytes) and gets an ordinal when it is first read; its records are
/// numbered on in one offset space, so that "at or below the state's lsn" means "already read" over all files:
///
///   lsn = ordinal << 40 | record number
namespace ringfence {

inline constexpr unsigned kRecordBits = 40;
inline constexpr std::int64_t kRecordMax = (std::int64_t{1} << kRecordBits) - 1;
inline constexpr std::int64_t kOrdinalMax = (std::int64_t{1} << (63U - kRecordBits)) - 1;
/// Inputs the store remembers beside those of the present run; the longest ago goes first and would count as new.
inline constexpr std::size_t kInputsRemembered = 4096;

/// A record of a file: which input, and its number in it from 0.
struct InputPosition {
  std::int64_t ordinal = 0;
  std::int64_t record = 0;
  auto operator<=>(const InputPosition&) const = default;
};
/// Nothing where a number is beyond its bits.
[[nodiscard]] std::optional<Offset> to_offset(InputPosition position);
[[nodiscard]] InputPosition to_input_position(Offset offset);

/// How one of the files of a run is to be read.
struct InputStart {
  std::int64_t ordinal = 0;
  std::int64_t first_record = 0;  // records before it are in the store
  bool done = false;              // not to be read: the run being continued had passed it, or it stands in the list before
  /// The file was left before its end and another was read since: what was applied then from `first_record` on can be told only by the acts
  /// an agent remembers. Worth a warning.
  bool overlaps = false;
};

struct InputPlan {
  std::vector<InputStart> inputs;  // one for each identity, in order; read them in this order
  Offset low;                      // hand to Checkpoint::assign
};

/// Decides where a run over these files begins, and records it: a new file gets the next ordinal; the same list again goes on where it was
/// stopped or killed; a file read to its end and grown since is read on from there, under a new ordinal, wherever it stands in the list:
/// where the same list was cut, by the run after the one that goes on. Also sets the lanes of `partition` (records.h). Called once, before
/// the first record of the run, with nothing else writing.
[[nodiscard]] std::expected<InputPlan, StoreError> begin_inputs(Store& store, Partition partition, std::span<const Hash128> identities,
                                                                unsigned lanes);
/// Notes that the file was read to its end, after `records` records in all. To be called there, before the next file is begun.
[[nodiscard]] std::expected<void, StoreError> end_input(Store& store, std::int64_t ordinal, std::int64_t records);

}  // namespace ringfence
