// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <limits>
#include <string>
#include <string_view>

#include "engine/event/ids.h"

namespace ringfence {

/// Why an output did not take a record. Nothing is lost by an error: the sink keeps what it had accepted and tries again on the next flush.
/// `message` names the file or topic and the cause, never the record.
struct SinkError {
  enum class Kind : std::uint8_t {
    NoSpace,      // the disk or the quota is full: wait and flush again
    Io,           // any other fault of the medium: stop
    Unavailable,  // the other side is away or the deadline passed: flush again
    Refused,      // this record cannot be written here, now or later
    InUse,        // another process holds the output
  } kind{};
  std::string message;
};

/// Position that no record reaches: everything sent so far is acknowledged.
inline constexpr Offset kAllAcknowledged{std::numeric_limits<std::int64_t>::max()};

/// The partition of an output that no record of an input caused: it holds nobody's horizon back.
inline constexpr Partition kNoInput{-1};

/// Takes finished records out of the process and says what has arrived. One thread at a time unless an implementation says otherwise.
///
/// The state that implies an output is written only after that output is acknowledged (docs/design/streaming.md §2), so the pipeline asks
/// `acknowledged` before it moves its low-water mark. Outputs of one input partition must be published in order of their cause.
class Sink {
 public:
  virtual ~Sink() = default;
  /// Hands over one record; returns before it is durable. `record` is one line without a line feed; `key` is the topic's key, ignored by
  /// files; `cause` is the input record that made it.
  [[nodiscard]] virtual std::expected<void, SinkError> publish(std::string_view record, std::string_view key, Position cause) = 0;
  /// Highest offset such that every output caused by an earlier record of this partition is durable; `kAllAcknowledged` where none is
  /// under way. Cheap.
  [[nodiscard]] virtual Offset acknowledged(Partition partition) const = 0;
  /// Makes everything published so far durable, waiting at most `within`; `Unavailable` where that was too short.
  [[nodiscard]] virtual std::expected<void, SinkError> flush(Nanos within) = 0;
};

/// A sink whose output can be taken back to an earlier length, so that a run that was cut and continued leaves the same bytes.
class ResumableSink : public Sink {
 public:
  /// Shows readers what was published so far, which a kill of the process leaves behind. Not acknowledged: it is not on disk for certain.
  virtual void hand_over() = 0;
  /// Length in bytes of what is durable: store it with the checkpoint that follows a flush.
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  /// Tells the file behind it from one that took its name later; 0 where there is none, or that cannot be known. Store it with `size`.
  [[nodiscard]] virtual std::uint64_t identity() const = 0;
  /// Cuts the output to `size` bytes before anything is published. Refused where the output is shorter than that: part of it is lost.
  /// An output that cannot be cut (a pipe, a terminal) is left as it is; its reader drops repeated ids.
  [[nodiscard]] virtual std::expected<void, SinkError> resume(std::uint64_t size) = 0;
};

}  // namespace ringfence
