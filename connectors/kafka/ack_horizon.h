// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "connectors/sinks/sink.h"
#include "engine/event/ids.h"

namespace ringfence {

/// Which outputs are under way, and up to which input offset every output has been acknowledged. Acknowledgements come in any order.
/// Not thread-safe. Cost: logarithmic in the different causes under way.
class AckHorizon {
 public:
  using Ticket = std::uint64_t;

  /// An output is on its way; without a cause (a heartbeat) it holds no horizon back.
  [[nodiscard]] Ticket begin(std::optional<Position> cause);
  /// It is stored for good.
  void acknowledged(Ticket ticket);

  /// The least offset of this partition whose output is still under way; `kAllAcknowledged` where there is none. Every output of an earlier
  /// record is stored.
  [[nodiscard]] Offset first_open(Partition partition) const;
  [[nodiscard]] std::size_t open() const { return open_; }

 private:
  std::map<Partition, std::map<Offset, std::uint32_t>> causes_;
  std::vector<std::optional<Position>> tickets_;
  std::vector<Ticket> free_;
  std::size_t open_ = 0;
};

}  // namespace ringfence
