// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/sinks/sink.h"

namespace ringfence {

/// One record of the control topic. An empty value is a tombstone, which never means release.
struct ControlEntry {
  std::string key, value;
  bool operator==(const ControlEntry&) const = default;
};

/// The totally ordered, compacted log that every control writer appends to and reads back (docs/contracts/control.md): one topic partition
/// or one file. One thread at a time.
class ControlLog {
 public:
  virtual ~ControlLog() = default;
  /// Sends a record without waiting for the disk or a broker's answer, visible to readers as soon as the medium allows. Returns its ticket:
  /// 1, 2, 3 … in order of sending. After an error the record is not sent. An empty value lets compaction take what stands under the key.
  [[nodiscard]] virtual std::expected<std::uint64_t, SinkError> append(std::string_view key, std::string_view value) = 0;
  /// The greatest ticket such that its record and all before it are stored for good (`acks=all`; fsync). 0 before the first.
  [[nodiscard]] virtual std::expected<std::uint64_t, SinkError> acknowledged() = 0;

  struct Batch {
    std::vector<ControlEntry> entries;  // in the log's order, own and others'
    bool caught_up = false;             // nothing was stored beyond these when this was read
    bool anew = false;                  // the log was lost or replaced since the last read: these are the first of what it is now
  };
  /// The next records in order from the beginning of the log, at most `max` of them. Waits only where the log was opened so.
  [[nodiscard]] virtual std::expected<Batch, SinkError> read(std::size_t max) = 0;
};

}  // namespace ringfence
