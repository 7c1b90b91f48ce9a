// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <expected>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "config/settings.h"
#include "connectors/kafka/consumer.h"
#include "connectors/kafka/control_log.h"
#include "connectors/kafka/producer.h"
#include "connectors/sinks/control_writers.h"
#include "engine/app/active_agents.h"
#include "engine/app/context_feed.h"
#include "engine/app/context_positions.h"
#include "engine/app/enforcement_feed.h"
#include "engine/app/exit_code.h"
#include "engine/app/feed_gaps.h"
#include "engine/app/file_run.h"
#include "engine/app/input_log.h"
#include "engine/app/output_progress.h"
#include "engine/app/passed_over_bound.h"
#include "engine/app/service_answers.h"
#include "engine/app/service_changelog.h"
#include "engine/app/service_drills.h"
#include "engine/app/service_http.h"
#include "engine/app/service_log.h"
#include "engine/app/service_metrics.h"
#include "engine/app/service_observer.h"
#include "engine/app/service_outputs.h"
#include "engine/pipeline/rulebook.h"
#include "engine/pipeline/shard.h"
#include "engine/state/checkpoint.h"

namespace ringfence {

/// `ringfence run` over Kafka: a member of the consumer group with its shards, the store behind them, control writers and producers. This
/// file and its sources (service_open: opening, service_judge: shard threads, service_subjects: the links' consumer and its thread,
/// service_changes: changes of rules and facts, service_enforcement: what gates have confirmed, service_feed: where partitions go on and
/// stand still, service: the rest) are the wiring; what the parts promise stands in their own headers.
///
/// Threads: one serves the consumer, one polls the control writers, one per shard judges, one serves the links' consumer and one judges
/// links, the flusher writes, one answers HTTP.
class Service final : private PartitionOwner {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<Service>, RunError> open(const Settings& settings, RuleSet rules,
                                                                              const ServiceLog& log);
  ~Service() override;

  /// Serves until `stop`; then lets the shards finish, flushes everything and leaves. A fatal fault ends it with an error after the same.
  [[nodiscard]] std::expected<void, RunError> run();
  /// Thread-safe.
  void stop();
  /// Every shard judges by these once what it has judged before is stored. Thread-safe.
  void adopt(RuleSet rules);
  /// A set had errors and the old one stays: counted. Thread-safe.
  void refused_reload();

 private:
  struct Lane;
  struct ShardRun;
  struct SubjectsRun;
  Service(const Settings& settings, const ServiceLog& log);

  // PartitionOwner
  std::expected<std::optional<Offset>, std::string> assigned(Partition partition) override;
  void revoked(std::span<const Partition> partitions, bool lost) override;
  std::optional<Offset> low(Partition partition) override;
  std::optional<std::string> distrusts(Partition partition) override;
  void alarm(const ConsumerAlarm& alarm) override;

  [[nodiscard]] std::expected<void, RunError> open_store();
  [[nodiscard]] std::expected<void, RunError> open_control();
  [[nodiscard]] std::expected<void, RunError> open_enforcement();
  [[nodiscard]] std::expected<void, RunError> open_outputs();
  [[nodiscard]] std::expected<void, RunError> open_audit();
  [[nodiscard]] std::expected<void, RunError> open_answers();
  [[nodiscard]] std::expected<void, RunError> open_context();
  [[nodiscard]] std::expected<void, RunError> open_links();
  [[nodiscard]] std::expected<void, RunError> open_observer();
  [[nodiscard]] std::expected<void, RunError> open_consumer();
  [[nodiscard]] std::expected<void, RunError> open_http();
  [[nodiscard]] std::expected<void, RunError> open_drills();
  [[nodiscard]] KafkaLog client_log() const;
  [[nodiscard]] std::unique_ptr<ServiceOutputs> outputs_of_thread();

  // shard threads
  void judge_forever(ShardRun& shard);
  [[nodiscard]] std::expected<void, RunError> step(ShardRun& shard, std::span<const Record> records);
  [[nodiscard]] std::expected<void, RunError> publish(ShardRun& shard, const Result& result, const Record& record);
  /// Sends what is due of the lane's states to the store; true where an interval has ended.
  bool checkpoint(Lane& lane);
  void remember_active(ShardRun& shard, std::chrono::steady_clock::time_point now);
  /// Agents with an event in the last hour, those before a restart among them. Thread-safe.
  [[nodiscard]] std::size_t active_agents() const;
  [[nodiscard]] std::expected<void, RunError> take_changes(ShardRun& shard);
  /// What is to take effect next, oldest first.
  [[nodiscard]] std::vector<ContextChange> changes_due(const ShardRun& shard);
  [[nodiscard]] std::expected<void, RunError> take(ShardRun& shard, const ContextChange& change);
  [[nodiscard]] std::expected<void, RunError> take_one(ShardRun& shard, Partition partition, const ContextChange& change);
  [[nodiscard]] std::expected<void, RunError> store_words(ShardRun& shard, std::span<const ContextChange> changes);
  /// Operators' commands (service_orders.cpp). What a lane's own states make of one, behind this place:
  using Obey = std::function<std::expected<std::vector<Operated>, StoreError>(const OperatorCommand&, Position after)>;
  /// Obeys what waits in the lane's partitions and has reached its place.
  [[nodiscard]] std::expected<void, RunError> obey_orders(Lane& lane, const Consumer& consumer, const Obey& obey);
  [[nodiscard]] std::expected<void, RunError> obey_orders(Lane& lane, Partition partition, std::size_t count, const Obey& obey);
  [[nodiscard]] std::size_t orders_ready(Lane& lane, Partition partition, std::span<const PartitionLag> lags) const;
  /// Commands that came while another member owned the partition, or none did.
  [[nodiscard]] std::expected<void, std::string> orders_missed(Lane& lane, Partition partition, std::size_t changes_taken);
  /// Says what came of a command and publishes what leaves because of it.
  [[nodiscard]] std::expected<void, RunError> carry_out(Lane& lane, const OperatorCommand& order, const Operated& done, Position at);
  /// Puts on record that a persona set took effect behind these places of a shard.
  [[nodiscard]] std::expected<void, RunError> record_personas(ShardRun& shard, const std::string& places, Position cause);
  [[nodiscard]] std::expected<std::vector<Operated>, StoreError> obey(ShardRun& shard, const OperatorCommand& order, Position after);
  /// Says it as soon as the trail takes it; for what no judgement leads to. `passed`: the record of the context topic that it is about.
  /// Thread-safe.
  void put_on_record(AuditEntry entry, std::optional<Offset> passed = {});
  /// Says what waits for that.
  void tell_record();
  /// A record in a command's place that counts as none; once, and of many at most a few a minute.
  void passed_over(const OperatorCommand* order, Offset at, std::string_view why);
  void forget_observed(ShardRun& shard, std::span<const ContextChange> taken);
  void take_fact(ShardRun& shard, Partition partition, const std::string& fact);
  /// What gates have confirmed of containments that the states of the shard know and had not heard of.
  [[nodiscard]] std::expected<std::vector<ContextChange>, RunError> confirmations_due(ShardRun& shard);
  /// The same for a partition that has come.
  [[nodiscard]] std::expected<std::vector<ContextChange>, RunError> confirmations_of(ShardRun& shard, Partition partition);
  [[nodiscard]] std::expected<void, RunError> take_word(ShardRun& shard, Partition partition, const GatesWord& word);
  /// The words of these entries that concern the partition.
  [[nodiscard]] std::vector<ContextChange> words_for(Partition partition, const std::vector<EnforcementFeed::Entry>& entries) const;
  /// What stands over agents of the partition goes to the store ahead of the states, where it has changed.
  void keep_foreign(ShardRun& shard, Partition partition);
  /// Of gates that do not confirm, drills that fail and partitions that stand still, from outside the core.
  [[nodiscard]] std::vector<FindingRecord> alarms();
  /// Thread-safe, once it is open.
  [[nodiscard]] std::string live_view() const;
  /// Writes to the context log what of these is to take effect behind each of the shard's partitions.
  [[nodiscard]] bool write_positions(const ShardRun& shard, std::span<const ContextChange> changes);
  /// A partition that has come: what is in force in its shard and was not yet in force there takes effect behind its low-water mark.
  [[nodiscard]] std::expected<void, std::string> catch_up(ShardRun& shard, Partition partition);
  [[nodiscard]] std::expected<void, StoreError> keep_in_force(const ShardRun& shard, const std::vector<Partition>& partitions);
  [[nodiscard]] bool settle(Lane& lane);
  /// What the observer makes of an act that was judged; what it says becomes a fact.
  [[nodiscard]] std::expected<void, RunError> observe(ShardRun& shard, const Event& event, Position position);

  /// A partition that has come: where it goes on.
  [[nodiscard]] std::expected<std::optional<Offset>, std::string> take_on(Lane& lane, Partition partition);
  /// Where a partition with this low-water mark goes on: there, unless a person has let it go on elsewhere. Distrusted where its log is
  /// not the one that was read, or has been cut.
  [[nodiscard]] std::expected<Offset, std::string> go_on(Lane& lane, Partition partition, Offset low);
  [[nodiscard]] std::expected<Offset, std::string> move_on(Partition partition, const FeedPlace& place, const LogLook& look,
                                                           const std::string& to);
  void tell_alarm(const std::string& topic, const ConsumerAlarm& alarm);
  /// A partition that leaves, after `store_all`; gives its low-water mark.
  Offset let_go(Lane& lane, Partition partition);
  /// Outputs acknowledged and states written, or a line in the log; where the store fails while the service ends, that is its fault.
  void store_all(std::span<Lane* const> lanes);
  /// True once every output of the partitions of these lanes is stored for good; false where that took longer than `within`. Looks again
  /// whenever an acknowledgement comes in and after each round of the control thread.
  [[nodiscard]] bool outputs_stored(std::span<Lane* const> lanes, std::chrono::milliseconds within);
  [[nodiscard]] std::expected<void, RunError> serve_once();
  void show_lag();
  /// Faults of the store since the last call, and its recovery; serving thread.
  void tell_store();
  /// By the thread whose table it is.
  void tell_dropped(std::int64_t dropped, Gauge& told);
  void serve_control(const std::stop_token& stop);
  void reclaim(std::map<Partition, std::chrono::steady_clock::time_point>& fenced);
  void fail(RunError error);
  bool wait_a_little(std::chrono::milliseconds time);
  [[nodiscard]] ShardRun& shard_of(Partition partition);
  void close();

  const Settings& settings_;
  const ServiceLog& log_;
  std::size_t shards_count_ = 1;
  // What threads look at outlives them: those below are destroyed first, in reverse order.
  std::stop_source stop_;
  std::atomic<std::size_t> partitions_{0};  // owned
  /// Active agents before the start, counted for an hour from when that was written.
  ActiveBefore active_before_;
  std::set<Partition> caught_up_;  // in the context log since the start; serving thread
  std::mutex mutex_;
  std::condition_variable stopped_;
  std::optional<RunError> fault_;
  RuleSet rules_;
  std::atomic<std::uint64_t> rules_version_{0};

  std::unique_ptr<ServiceMetrics> metrics_;
  FeedGaps gaps_;
  std::uint64_t store_faults_ = 0;  // told; serving thread
  bool store_failing_ = false;      // likewise
  std::unique_ptr<InputLog> events_log_, links_log_;
  std::unique_ptr<KafkaChangelog> states_topic_;  // null: states stay on this host
  std::unique_ptr<Store> store_;
  Changelog* changelog_ = nullptr;  // the store, where there is the topic
  std::unique_ptr<Flusher> flusher_;
  OutputProgress progress_;  // outlives the producers that tell it
  std::unique_ptr<ControlLog> control_log_;
  std::unique_ptr<ControlWriters> control_;
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<Sink> findings_, dead_letters_, links_;
  std::unique_ptr<Sink> audit_sink_;
  std::unique_ptr<AuditTrail> audit_;
  std::mutex unsaid_mutex_;  // guards the next three
  struct Unsaid {
    AuditEntry entry;
    std::optional<Offset> passed;
  };
  std::deque<Unsaid> unsaid_;
  PassedOverBound passed_over_bound_;
  std::unique_ptr<Sink> facts_;  // the context topic, where facts come from there
  std::vector<Sink*> files_;     // those of them that are files
  std::unique_ptr<ServiceAnswers> answers_;
  std::unique_ptr<ServiceObserver> observer_;
  std::vector<std::unique_ptr<ShardRun>> shards_;
  std::unique_ptr<SubjectsRun> subjects_;
  std::unique_ptr<Consumer> consumer_;
  std::unique_ptr<ServiceHttp> http_;
  std::unique_ptr<ContextFeed> context_;  // null: personas come from files
  std::unique_ptr<EnforcementFeed> enforcement_;
  std::unique_ptr<ContextPositions> positions_;
  std::unique_ptr<ServiceDrills> drills_;  // null: nobody wants them
};

}  // namespace ringfence
