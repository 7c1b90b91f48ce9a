// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <span>
#include <vector>

#include "connectors/sinks/control_log.h"

namespace ringfence {

/// What the writers of a process have said on the control log, kept where a loss of that log does not reach: so that what stands can be
/// said again, under epochs and generations that gates have not seen. Signed as it was, and checked again when it is read. One thread at a
/// time.
class ControlMemory {
 public:
  virtual ~ControlMemory() = default;
  /// Of every key what was kept last, in the order in which it was said.
  [[nodiscard]] virtual std::vector<ControlEntry> entries() const = 0;
  /// Kept for good when it returns; after an error it is to be given again. An entry without a value lets go of its key.
  [[nodiscard]] virtual std::expected<void, SinkError> keep(std::span<const ControlEntry> entries) = 0;
};

}  // namespace ringfence
