// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/pipeline/judge.h"
#include "engine/pipeline/link.h"
#include "engine/pipeline/operate.h"
#include "engine/pipeline/rulebook.h"
#include "engine/state/agent_table.h"

namespace ringfence {

/// Judges one link against its subject's state. Evidence adds up there under the tables of the persona whose act it was, by the same
/// theorem as an agent's: every mark of every member is counted, clean ones too, so S is bounded by what the members declared together. A
/// user's and a credential's evidence begins with the second agent: before that it would say what the agent's own says.
///
/// What follows: a root session is contained with its root and every member that has shown itself; a tree that is stopped as a whole, with
/// who works in it and who comes to; content that left for where its labels
/// are forbidden holds the agent that sent it; a user and a credential are findings for people. Nothing where the link was here before or
/// its persona is no longer in force; the judgement has no verdict. Pure; `at` is the link's own place, `topic` its input.
///
/// Labels go from artefact to artefact over who reads them: a read at an artefact that has any, and a write by a reader that has any, lead
/// to a further link (`Judgement::links`), which is judged like any other and leads to none that leads back. A subject that nothing is
/// known of is not made by a read or a write.
[[nodiscard]] std::optional<Judgement> judge_link(const Link& link, AgentState& subject, const Rulebook& rules, Position at,
                                                  std::string_view topic);

/// Adds what a link led to to the judgement of the act it came from: in a file a link is judged at the line that caused it.
void join(Judgement& act, Judgement link);

/// Judges the links of an act, and those they lead to, at the line that caused them. `judge` takes a link and whether a link led to it and
/// gives std::expected<std::optional<Judgement>, E>.
template <class Judge>
auto judge_at_once(Judgement& act, const Judge& judge)
    -> std::expected<void, typename std::invoke_result_t<Judge, const Link&, bool>::error_type> {
  std::vector<Link> further;
  const auto take = [&](const Link& link, bool derived) {
    auto found = judge(link, derived);
    if (!found || !*found) return found;
    further.insert(further.end(), (*found)->links.begin(), (*found)->links.end());
    join(act, std::move(**found));
    return found;
  };
  for (const Link& link : act.links)
    if (auto found = take(link, false); !found) return std::unexpected(std::move(found.error()));
  for (std::size_t i = 0; i < further.size(); ++i) {
    const Link link = std::move(further[i]);  // more may come behind it
    if (auto found = take(link, true); !found) return std::unexpected(std::move(found.error()));
  }
  return {};
}

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
