// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/pipeline/window.h"
#include "engine/state/facts.h"

namespace ringfence {

/// The facts of one partition with their places in its input, so that a restart knows those that lie before where it begins to read. Those
/// behind come by again. The newest 4,096 records stand with their places; what older ones have come to, as Facts themselves, which are as
/// bounded.
class FactJournal {
 public:
  /// Notes the facts among the window's records of this partition; `base` as in Origin. True where there was one.
  bool note(const Window& window, Partition partition, std::int64_t base);
  /// Notes a fact that came from elsewhere and takes effect behind `lsn`.
  void add(std::int64_t lsn, std::string record);
  [[nodiscard]] std::string encode() const;
  /// Gives the facts of `bytes` that lie before `low` to all of `shards`, which have none yet, and keeps them; unreadable bytes give none.
  void restore(std::string_view bytes, std::int64_t low, const std::vector<Facts*>& shards);

 private:
  Facts older_;                                             // than the records
  std::deque<std::pair<std::int64_t, std::string>> facts_;  // lsn and record
};

}  // namespace ringfence
