// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/pipeline/evaluability.h"
#include "engine/pipeline/judge.h"
#include "engine/pipeline/operate.h"
#include "engine/pipeline/rulebook.h"
#include "engine/pipeline/window.h"
#include "engine/state/agent_table.h"
#include "engine/state/facts.h"
#include "engine/state/look_ahead.h"
#include "engine/verdict/enforcement.h"
#include "engine/verdict/foreign_containments.h"
#include "engine/verdict/tree_members.h"

namespace ringfence {

/// What came of one record: a judgement, or why it was refused (then perhaps with the finding that says so).
struct Result {
  std::size_t index = 0;  // in the window
  std::optional<Refusal> refusal;
  Judgement judgement;
};

/// Which agents of an input are this shard's: those whose key is `index` modulo `count`. A Kafka partition belongs to one shard whole.
struct Share {
  std::size_t index = 0, count = 1;
};

/// How a shard judges: what is the same for every record of a run.
struct ShardSettings {
  bool assume_gate = false;
  Share share;
  /// Each input is what a partition was: a command behind a record of it reaches the agents that were last seen in it, and no others.
  bool inputs_apart = false;
};

/// The input a window came from.
struct Origin {
  std::string_view topic;  // name of the topic or file, for findings
  std::int64_t base = 0;   // added to a record's offset to give its lsn: the records of one file follow those of the last; 0 for Kafka
};

/// Counts since the start, read at scrape time; plain numbers of one thread.
struct ShardTally {
  std::uint64_t events = 0, copies = 0, facts = 0, refused = 0, findings = 0, containments = 0, skipped = 0, stopped = 0;
  std::array<std::uint64_t, kLevels> verdicts{};
};

/// Judges the records of its agents, in the order that each agent's have, against the states in its table. One thread; no lock is taken and
/// nothing is written here.
class Shard {
 public:
  Shard(AgentTable& table, std::shared_ptr<const Rulebook> rules, ShardSettings settings)
      : table_(table), ahead_(table), rules_(std::move(rules)), settings_(settings) {}

  /// Judges the entries of a decoded window that belong to this shard; results come in the window's order. An error means that the store is
  /// broken: the shard must stop, and what it had not judged will be read again from the low-water mark. The results are the shard's, and
  /// good until it judges again.
  [[nodiscard]] std::expected<std::span<Result>, StoreError> judge(const Window& window, const Origin& origin);

  /// Applies a checked command of an operator behind record `after` of the partition, to the state of the agent its scope names, to what
  /// stands over the partition's agents, and to those that work in a tree of that scope. Nothing where all that is another shard's,
  /// or states have later records in them, and so the command too.
  [[nodiscard]] std::expected<std::optional<Operated>, StoreError> operate(const Command& command, const ScopeParts& scope, Position after,
                                                                           const Origin& origin);

  /// What an enforcement is to the state of the agent its scope names; Unasked where that is not this shard's or not known. One of another
  /// writer is for what stands over the partition's agents, in every shard.
  [[nodiscard]] std::expected<EnforcementIs, StoreError> look_at(const Enforcement& enforcement, const ScopeParts& scope,
                                                                 Partition partition);
  /// Takes it behind record `after` of the partition; nothing where it is no news there.
  [[nodiscard]] std::expected<std::optional<Judgement>, StoreError> enforce(const Enforcement& enforcement, const ScopeParts& scope,
                                                                            Position after, const Origin& origin);

  /// The next record is judged by this set; evidence stays.
  void adopt(std::shared_ptr<const Rulebook> rules) { rules_ = std::move(rules); }
  [[nodiscard]] const Rulebook& rules() const { return *rules_; }

  /// A partition has left: its facts go with it, and what stands over its agents.
  void forget(Partition partition) {
    facts_.erase(partition);
    foreign_.erase(partition);
    trees_.erase(partition);
  }
  /// What other writers have put over agents of a partition, to be kept with its checkpoint: ahead of the states, where a judgement has
  /// changed it.
  [[nodiscard]] ForeignContainments& foreign(Partition partition) { return foreign_[partition]; }

  /// Who of a partition's agents works below whom, to be kept in the same way.
  [[nodiscard]] TreeMembers& trees(Partition partition) { return trees_[partition]; }
  void restore_trees(Partition partition, std::string_view bytes) {
    trees_[partition].restore(bytes, [this](const AgentKey& member) { return mine(member); });
  }

  /// Facts of a partition, to be kept with its checkpoint.
  [[nodiscard]] Facts& facts(Partition partition) { return facts_[partition]; }
  [[nodiscard]] const ShardTally& counters() const { return counters_; }
  /// Any thread may read it while this shard lives.
  [[nodiscard]] const Evaluability& evaluability() const { return *evaluability_; }

 private:
  /// An event that its agent's state knows of and that is not judged yet.
  struct Booked {
    const Event* event = nullptr;
    AgentState* agent = nullptr;
    Position position;
    std::int64_t lsn = -1;
    Admission admission;
    Judgement* out = nullptr;
  };
  /// So many events of different agents are judged side by side: half a window of a file, as many as are fetched towards the cache at once
  /// (LookAhead). Other numbers were not measured.
  static constexpr std::size_t kTogether = 32;

  // Each adds at most one result.
  [[nodiscard]] std::expected<void, StoreError> judge_one(const Record& record, const Window::Entry& entry, const Origin& origin);
  [[nodiscard]] std::expected<void, StoreError> book(const Record& record, const Event& event, const AgentKey& key, const Origin& origin);
  [[nodiscard]] bool is_booked(Partition partition, const AgentKey& key) const;
  /// Judges what is booked: before anything else happens to one of these agents, and before what agents share changes.
  void judge_together(const Origin& origin);
  void apply_fact(const Event& fact, Partition partition, const Origin& origin);
  /// The next of the window, as new.
  Result& next_result();
  [[nodiscard]] std::expected<void, StoreError> book_refusal(const Record& record, const Refusal& refusal, const AgentKey& key,
                                                             const Origin& origin);
  [[nodiscard]] std::expected<std::optional<Operated>, StoreError> operate_named(const Command& command, const ScopeParts& scope,
                                                                                 Position after, const Origin& origin);
  /// What a command on a tree comes to in those who work in it: a release frees whom it had stopped, a halt stops whom it knows.
  [[nodiscard]] std::expected<std::optional<Operated>, StoreError> free_members(const Command& command, Position after,
                                                                                const Origin& origin);
  [[nodiscard]] std::expected<std::optional<Operated>, StoreError> stop_members(const Command& command, const ScopeParts& scope,
                                                                                Position after, const Origin& origin);
  [[nodiscard]] std::expected<std::optional<Judgement>, StoreError> take_foreign(const Enforcement& word, Position after,
                                                                                 const Origin& origin);
  /// The state of an agent of this input; null where there is none, or it has records behind `after` in it.
  [[nodiscard]] std::expected<AgentState*, StoreError> open_known(const AgentKey& key, Position after, const Origin& origin);
  void count_outputs(const Operated& done);
  [[nodiscard]] bool mine(const AgentKey& key) const { return key.hash.low % settings_.share.count == settings_.share.index; }
  [[nodiscard]] bool wants_state(const Window::Entry& entry) const { return entry.has_agent && mine(entry.key); }
  void count(const Judgement& judgement);

  AgentTable& table_;
  LookAhead ahead_;
  std::shared_ptr<const Rulebook> rules_;
  ShardSettings settings_;
  std::map<Partition, Facts> facts_;
  std::map<Partition, ForeignContainments> foreign_;
  std::map<Partition, TreeMembers> trees_;
  ShardTally counters_;
  std::unique_ptr<Evaluability> evaluability_ = std::make_unique<Evaluability>();
  std::vector<Result> results_;  // of the window under way, and behind them what earlier ones needed
  std::size_t made_ = 0;         // of the window under way
  std::vector<Booked> booked_;   // of the window under way; different agents
  JudgeBatch batch_;
};

}  // namespace ringfence
