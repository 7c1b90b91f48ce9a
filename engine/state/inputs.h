// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/event/ids.h"
#include "engine/state/store.h"

/// Files as inputs. Each gets an ordinal when it is first read; its records are numbered on in one offset space, so that "at or below the
/// state's lsn" means "already read" over all files:
///
///   lsn = ordinal << 40 | record number
///
/// A file is known again by what was read of it: it begins with the same bytes, and is the same file where it lies or has the same name.
/// Where nothing had been read there is nothing to know it by, and nothing to go on behind.
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

/// What a file that is read on must begin with: so many bytes of this digest. Over no bytes it proves nothing.
struct InputProof {
  std::uint64_t bytes = 0;
  Hash128 digest;
};

/// A file of a run, as it is when the run begins.
struct InputFile {
  std::string name;  // without its directory
  Hash128 file;      // which file it is where it lies; zero: it can be read only once, and is a new input each time
  std::uint64_t size = 0;
  /// Digest of its first bytes, which it has; not called where `file` is zero. An error ends the planning, with nothing written.
  std::function<std::expected<Hash128, StoreError>(std::uint64_t bytes)> beginning;
};

/// How one of the files of a run is to be read, and what there is to tell about it.
enum class InputReading : std::uint8_t {
  On,  // from its first record, or behind those that are in the store
  /// The same, but it was left before its end and another was read since: what was applied then from `first_record` on can be told only by
  /// the acts an agent remembers. Worth a warning.
  Overlapping,
  NamedAgain,  // not here: it stands in the list once more, and is read there
  Passed,      // not: the run being continued had read it to its end
  Waiting,     // not: the run being continued had passed it; what more there is of it waits for the next one
};
struct InputStart {
  std::int64_t ordinal = 0;
  std::int64_t first_record = 0;  // records before it are in the store
  InputReading reading = InputReading::On;
  InputProof proof;  // of what stands before `first_record`
  [[nodiscard]] bool done() const { return reading >= InputReading::NamedAgain; }
};

struct InputPlan {
  std::vector<InputStart> inputs;  // one for each file, in order; read them in this order
  Offset low;                      // hand to Checkpoint::assign
  InputPosition reached{-1, 0};    // some states may hold records up to here; never less is to be given to `reached_write`
};

/// Decides where a run over these files begins, and records it: a new file gets the next ordinal; the same list again goes on where it was
/// stopped or killed; a file that grew since it was read to its end is read on from there, under a new ordinal, wherever it stands in the
/// list: where the same list was killed while states were written, by the run after the one that goes on. Also sets the lanes of
/// `partition` (records.h). Called once, before the first record of the run, with nothing else writing.
[[nodiscard]] std::expected<InputPlan, StoreError> begin_inputs(Store& store, Partition partition, std::span<const InputFile> files,
                                                                unsigned lanes);
/// What must be in the store before any state that holds records up to `next`, the first that none holds, and with it the proof of what
/// was read of that file by then.
[[nodiscard]] StoreWrite reached_write(InputPosition next, const InputProof& proof);
/// Notes that the file was read to its end, after `end.record` records in all and at this size. To be called there, once all of its states
/// are in the store, before the next file is begun.
[[nodiscard]] std::expected<void, StoreError> end_input(Store& store, Partition partition, InputPosition end, const InputProof& proof,
                                                        std::uint64_t size);

}  // namespace ringfence
