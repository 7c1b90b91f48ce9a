// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <vector>

#include "connectors/kafka/consumer.h"
#include "engine/app/service_shard.h"
#include "engine/pipeline/subjects.h"

namespace ringfence {

/// The links' side of the service: a member of the group `<group>-links` on the links topic, with one thread that judges every link of its
/// partitions against the subjects' states, in the same store as the agents'. Low-water marks, dead letters, control writers and rebalances
/// are as for events.
///
/// A link is judged by the very persona its act was judged by, so it does not matter when a change of personas comes by here: the last
/// `kSets` sets are kept, across restarts. A link whose persona none of them has changes nothing and is counted; where sets come from the
/// context topic this process may be behind the one that sent it, so an unknown persona is waited for once.
struct Service::SubjectsRun final : Lane, private PartitionOwner {
  static constexpr std::size_t kSets = 8;

  [[nodiscard]] static std::expected<std::unique_ptr<SubjectsRun>, RunError> open(Service& service);
  ~SubjectsRun() override { close(); }

  void start();
  /// Both threads end; the service has stopped.
  void join();
  /// Gives the partitions back, which flushes them; idempotent.
  void close();

 private:
  struct Known {
    RuleSet set;
    std::vector<std::uint64_t> personas;  // hashes of their sha256, as links name them; sorted
  };
  explicit SubjectsRun(Service& owner);

  // PartitionOwner; partitions as the topic numbers them
  std::expected<std::optional<Offset>, std::string> assigned(Partition partition) override;
  void revoked(std::span<const Partition> partitions, bool lost) override;
  std::optional<Offset> low(Partition partition) override { return Lane::low(links_partition(partition)); }
  std::optional<std::string> distrusts(Partition partition) override;
  void alarm(const ConsumerAlarm& alarm) override;

  [[nodiscard]] std::expected<void, RunError> restore_sets();
  void serve_forever();
  void judge_forever();
  [[nodiscard]] std::expected<void, RunError> step(std::span<const Record> records);
  [[nodiscard]] std::expected<void, RunError> judge(const Link& link, Position at);
  [[nodiscard]] std::expected<void, RunError> refuse(Record record, std::string detail);
  void take_sets();
  [[nodiscard]] std::expected<std::vector<Operated>, StoreError> obey(const OperatorCommand& order, Position after);
  void keep_stopping();
  void adopt(RuleSet set);
  [[nodiscard]] const Rulebook* find_rules(std::uint64_t persona) const;
  [[nodiscard]] const Rulebook* rules_of(std::uint64_t persona);

  Service& service;
  Subjects subjects;
  std::deque<Known> known;  // newest first
  std::uint64_t rules_version = 0;
  std::size_t changes_taken = 0;
  std::vector<ContextChange> due;    // commands that have come and are not obeyed yet
  std::set<std::uint64_t> given_up;  // personas that did not come
  std::unique_ptr<Consumer> consumer;
  std::jthread serving;
};

}  // namespace ringfence
