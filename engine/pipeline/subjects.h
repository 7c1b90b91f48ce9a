// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/pipeline/judge_link.h"
#include "engine/pipeline/operate.h"
#include "engine/pipeline/rulebook.h"
#include "engine/state/agent_table.h"

namespace ringfence {

/// The subjects behind a table of their own, and which of them have stopped somebody: a command names an agent, not the subject that
/// stopped it. One thread.
class Subjects {
 public:
  explicit Subjects(AgentTable& table) : table_(table) {}

  /// Applies a checked command to every subject of the partition that it reaches, in order of their keys; `at` is the link behind which it
  /// takes effect, `base` the first of this input (Origin::base). Empty where it reaches none.
  [[nodiscard]] std::expected<std::vector<Operated>, StoreError> operate(const Command& command, const ScopeParts& scope,
                                                                         const Rulebook& rules, Position at, std::string_view topic,
                                                                         std::int64_t base = 0);

  /// Which subjects of the partition have stopped somebody, to be kept with their states: a key too many is harmless, one too few is not,
  /// so the bytes go to the store ahead of the states they speak of. Nothing where it is as it was when last asked.
  [[nodiscard]] std::optional<std::string> stopping_changed(Partition partition);
  void restore_stopping(Partition partition, std::string_view bytes);
  /// A partition has left.
  void forget(Partition partition) { stopping_.erase(partition); }

  /// Judges a link read at `at` (kLinksPartition or above; lsn there as offset). `derived`: another link of the same place led to it, so
  /// that its subject may have been here at that place before.
  [[nodiscard]] std::expected<std::optional<Judgement>, StoreError> judge(const Link& link, const Rulebook& rules, Position at,
                                                                          std::string_view topic, bool derived = false) {
    return judge(link, subject_key(link), rules, at, topic, derived);
  }
  /// The same where the subject's key is at hand.
  [[nodiscard]] std::expected<std::optional<Judgement>, StoreError> judge(const Link& link, const AgentKey& key, const Rulebook& rules,
                                                                          Position at, std::string_view topic, bool derived = false);

 private:
  /// The state of a subject that has been here; null where there is none, or it takes no command behind `at`.
  [[nodiscard]] std::expected<AgentState*, StoreError> open_known(const AgentKey& key, Position at, std::int64_t base);

  struct Stopping {
    std::set<AgentKey> subjects;
    bool changed = false;
  };
  AgentTable& table_;
  std::map<Partition, Stopping> stopping_;
};

/// Name of what `stopping_changed` gives in the store.
[[nodiscard]] std::string stopping_record(Partition partition);

}  // namespace ringfence
