// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/pipeline/window.h"
#include "engine/state/facts.h"

namespace ringfence {

/// The facts of one partition with their places in its input, so that a restart knows those that lie before where it begins to read. Those
/// behind come by again. Bounded to the newest 4,096, as Facts itself.
class FactJournal {
 public:
  /// Notes the facts among the window's records of this partition; `base` as in Origin. True where there was one.
  bool note(const Window& window, Partition partition, std::int64_t base);
  /// Notes a fact that came from elsewhere and takes effect behind `lsn`.
  void add(std::int64_t lsn, std::string record);
  [[nodiscard]] std::string encode() const;
  /// Applies the facts of `bytes` that lie before `low` to all of `shards` and keeps them; unreadable bytes apply nothing.
  void restore(std::string_view bytes, std::int64_t low, const std::vector<Facts*>& shards);

 private:
  std::vector<std::pair<std::int64_t, std::string>> facts_;  // lsn and record
};

}  // namespace ringfence
