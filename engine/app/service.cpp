// SPDX-License-Identifier: Apache-2.0
// Serving: the thread that keeps the membership, the control thread, the end.
#include "engine/app/service.h"

#include <algorithm>
#include <array>
#include <deque>
#include <iterator>

#include "connectors/encoders/ocsf.h"
#include "engine/app/kafka_settings.h"
#include "engine/app/service_subjects.h"
#include "engine/state/records.h"

namespace ringfence {
namespace {

constexpr Millis kServeWait{100};
constexpr Millis kControlBeat{100};  // heartbeats are due each second; claims and repairs should not wait for one
/// Above the session time: a member that lost a partition knows by then, so who still owns one may speak again.
constexpr std::chrono::seconds kFencedFor{8};
/// A control log that refuses everything for so long needs a new process.
constexpr std::chrono::seconds kControlFaultFor{30};

}  // namespace

Nanos steady_now() { return Nanos{std::chrono::duration_cast<std::chrono::nanoseconds>(Steady::now().time_since_epoch()).count()}; }
RunError of_kafka(const KafkaError& error) { return {exit_of(error), "kafka: " + error.message}; }
RunError of_store(const StoreError& error) {
  const bool away = error.kind == StoreError::Kind::NoSpace || error.kind == StoreError::Kind::Io;
  return {away ? ExitCode::Unreachable : ExitCode::Unusable, "state: " + error.message};
}
RunError of_sink(const SinkError& error) {
  return {error.kind == SinkError::Kind::InUse ? ExitCode::Unusable : ExitCode::Unreachable, error.message};
}

Service::Service(const Settings& settings, const ServiceLog& log) : settings_(settings), log_(log) {}
Service::~Service() { close(); }

std::expected<void, RunError> Service::run() {
  const auto& rules = shards_.front()->in_force.rules;
  if (const auto said = audit_->start(rules ? rules->set().sha256() : "", wall_now()); !said)
    log_.warning("audit trail", {{"error", said.error().message}});
  std::jthread control([this](const std::stop_token& stop) { serve_control(stop); });
  for (const auto& shard : shards_) shard->thread = std::jthread([this, &shard] { judge_forever(*shard); });
  subjects_->start();
  log_.info(
      "serving",
      {{"topic", settings_.topics.events}, {"group", settings_.kafka.group}, {"shards", shards_count_}, {"http_port", http_->port()}});
  while (!stop_.stop_requested()) {
    if (auto served = serve_once(); !served) fail(std::move(served.error()));
  }
  if (drills_) drills_->stop();
  for (const auto& shard : shards_) shard->thread.join();
  subjects_->join();
  close();
  control.request_stop();
  control.join();
  log_.info("stopped");
  const std::lock_guard lock(mutex_);
  if (fault_) return std::unexpected(*fault_);
  return {};
}

std::expected<void, RunError> Service::serve_once() {
  if (const auto served = consumer_->serve(kServeWait); !served) {
    if (served.error().fatal) return std::unexpected(of_kafka(served.error()));
    log_.warning("consumer", {{"error", served.error().message}});
  }
  show_lag();
  tell_store();
  if (!producer_) return {};
  if (const auto failed = producer_->failed()) return std::unexpected(of_kafka(*failed));
  if (const auto failed = states_topic_ ? states_topic_->failed() : std::nullopt) return std::unexpected(of_kafka(*failed));
  return {};
}

void Service::show_lag() {
  std::vector<std::int64_t> behind(shards_count_, 0);
  for (const PartitionLag& lag : consumer_->lag()) behind[static_cast<std::size_t>(lag.partition.value) % shards_count_] += lag.behind();
  for (std::size_t i = 0; i < shards_count_; ++i) metrics_->shard(i).lag_records.set(behind[i]);
  metrics_->process().standing_events.set(static_cast<std::int64_t>(gaps_.standing(settings_.topics.events)));
  metrics_->process().standing_links.set(static_cast<std::int64_t>(gaps_.standing(settings_.topics.links)));
  if (changelog_ == nullptr) return;
  metrics_->process().changelog_waiting.set(static_cast<std::int64_t>(changelog_->unpublished()));
  const auto passed_over = static_cast<std::int64_t>(changelog_->passed_over());
  if (passed_over > metrics_->process().changelog_passed_over.value())
    log_.warning("the topic of states does not take every state, as one too large: who takes over reads the events from before it",
                 {{"states", passed_over}});
  metrics_->process().changelog_passed_over.set(passed_over);
}

void Service::tell_store() {
  const Flusher::Health health = flusher_->health();
  metrics_->process().store_faults.add(health.failed_tries - store_faults_);
  store_faults_ = health.failed_tries;
  if (health.fault)
    log_.error("the state store fails: states stay in memory, the low-water marks where they are",
               {{"error", health.fault->message}, {"waiting_bytes", health.queued_bytes}});
  else if (store_failing_)
    log_.info("the state store is written again");
  store_failing_ = health.fault.has_value();
}

/// Gives the partitions back, which flushes them; idempotent.
void Service::close() {
  if (subjects_) subjects_->close();
  if (!consumer_) return;
  for (std::size_t i = 0; i < shards_.size(); ++i) consumer_->leave(i);
  consumer_->close();
  consumer_.reset();
  tell_record();
  if (audit_) audit_->end(wall_now());
  if (const auto known = observer_ ? observer_->to_keep(true) : std::nullopt) {
    if (const auto kept = put_record(*store_, kObserverRecord, *known); !kept) log_.warning("the observer's knowledge is not kept");
  }
}

void Service::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_.request_stop();
  }
  stopped_.notify_all();
}

void Service::fail(RunError error) {
  {
    const std::lock_guard lock(mutex_);
    // What fails because the service is about to stop is no fault: what it left undone is done by the next run.
    if (!stop_.stop_requested())
      fault_ = std::move(error);
    else
      log_.warning("while stopping", {{"error", error.message}});
  }
  stop();
}

std::size_t Service::active_agents() const {
  std::size_t sum = 0;
  for (const auto& shard : shards_) sum += shard->active_count.load(std::memory_order_relaxed);
  return active_before_.with(sum, wall_now());
}

bool Service::wait_a_little(Millis time) {
  std::unique_lock lock(mutex_);
  return !stopped_.wait_for(lock, time, [this] { return stop_.stop_requested(); });
}

void Service::adopt(RuleSet rules) {
  const std::lock_guard lock(mutex_);
  rules_ = std::move(rules);
  ++rules_version_;
  metrics_->process().reloads.add();
}

void Service::refused_reload() { metrics_->process().reloads_refused.add(); }

Service::ShardRun& Service::shard_of(Partition partition) { return *shards_[static_cast<std::size_t>(partition.value) % shards_count_]; }

std::expected<std::optional<Offset>, std::string> Service::assigned(Partition partition) {
  ShardRun& shard = shard_of(partition);
  const auto low = take_on(shard, partition);
  if (!low) return std::unexpected(low.error());
  const Offset from = low->value_or(Offset{0});
  ShardRun::Owned& owned = shard.owned.at(partition);
  const auto facts = get_record(*store_, facts_record(partition));
  if (!facts) return std::unexpected(facts.error().message);
  if (*facts) owned.facts.restore(**facts, from.value, {&shard.shard.facts(partition)});
  const auto foreign = get_record(*store_, foreign_record(partition));
  if (!foreign) return std::unexpected(foreign.error().message);
  if (*foreign) shard.shard.foreign(partition).restore(**foreign);
  const auto trees = get_record(*store_, trees_record(partition));
  if (!trees) return std::unexpected(trees.error().message);
  if (*trees) shard.shard.restore_trees(partition, **trees);
  control_->own(partition);  // a command that came meanwhile may release what it published
  if (auto caught_up = catch_up(shard, partition); !caught_up) return std::unexpected(std::move(caught_up.error()));
  ++partitions_;
  log_.info("partition assigned", {{"partition", partition.value}, {"from", from.value}});
  return *low;
}

std::expected<std::optional<Offset>, std::string> Service::take_on(Lane& lane, Partition partition) {
  if (changelog_ != nullptr) {
    // What is on its way to the store comes first.
    if (auto drained = flusher_->drain(kDrainWithin); !drained) return std::unexpected(std::move(drained.error().message));
    const auto arrival = changelog_->take_on(partition, kChangelogWithin, stop_.get_token());
    if (!arrival) return std::unexpected(arrival.error().message);
    if (*arrival == Changelog::Arrival::Restored) log_.info("states taken from the changelog", {{"partition", partition.value}});
  }
  const auto low = lane.checkpoint.restore(partition, kDrainWithin);
  if (!low) return std::unexpected(low.error().message);
  std::optional<Offset> start = *low;
  if (start) {
    const auto goes_on = go_on(lane, partition, *start);
    if (!goes_on) return std::unexpected(goes_on.error());
    start = *goes_on;
  }
  Lane::Owned& owned = lane.owned[partition];
  const Offset from = start.value_or(Offset{0});
  owned.applied = Offset{from.value - 1};
  owned.low = from.value;
  lane.left_at.erase(partition);
  lane.checkpoint.assign(partition, from);
  return start;
}

Offset Service::let_go(Lane& lane, Partition partition) {
  const Offset low = lane.checkpoint.low(partition);
  lane.left_at[partition] = low;
  lane.checkpoint.leave(partition);
  if (changelog_ != nullptr) changelog_->leave(partition);
  lane.owned.erase(partition);
  lane.distrusted.erase(partition);
  gaps_.left(lane.log->topic(), partition_in_topic(partition));
  control_->disown(partition);
  return low;
}

void Service::store_all(std::span<Lane* const> lanes) {
  if (!outputs_stored(lanes, kDrainWithin)) log_.warning("not every output is acknowledged: what caused them will be judged again");
  for (Lane* lane : lanes) {
    lane->note_logs();
    const auto flushed = lane->checkpoint.flush(lane->horizons(), kDrainWithin);
    if (flushed) continue;
    log_.error("state not flushed", {{"error", flushed.error().message}});
    const std::lock_guard lock(mutex_);
    if (stop_.stop_requested() && !fault_) fault_ = of_store(flushed.error());
  }
  if (changelog_ == nullptr) return;
  if (const auto settled = changelog_->settle(kDrainWithin); !settled)
    log_.warning("the changelog has not every state: who takes over judges some records again", {{"error", settled.error().message}});
}

void Service::revoked(std::span<const Partition> partitions, bool lost) {
  if (!lost) {
    std::vector<Lane*> all;
    for (const auto& shard : shards_) all.push_back(shard.get());
    store_all(all);
  }
  for (const Partition partition : partitions) {
    ShardRun& shard = shard_of(partition);
    const Offset low = let_go(shard, partition);
    shard.shard.forget(partition);
    --partitions_;
    log_.info("partition left", {{"partition", partition.value}, {"at", low.value}, {"lost", lost}});
  }
}

std::optional<Offset> Service::low(Partition partition) { return shard_of(partition).low(partition); }

std::optional<Offset> Service::Lane::low(Partition partition) const {
  const auto found = owned.find(partition);
  if (found != owned.end()) return Offset{found->second.low.load(std::memory_order_relaxed)};
  const auto left = left_at.find(partition);
  return left == left_at.end() ? std::nullopt : std::optional(left->second);
}

void Service::serve_control(const std::stop_token& stop) {
  std::mutex beat_mutex;
  std::condition_variable_any beat;
  std::map<Partition, Steady::time_point> fenced;
  std::optional<Steady::time_point> refusing;  // since when
  std::deque<FindingRecord> held;
  while (!stop.stop_requested()) {
    const auto polled = control_->poll(wall_now());
    if (!polled && !refusing) log_.warning("control log", {{"error", polled.error().message}});
    if (polled) refusing.reset();
    if (!polled && !refusing) refusing = Steady::now();
    const bool hopeless = !polled && polled.error().kind != SinkError::Kind::Unavailable && polled.error().kind != SinkError::Kind::NoSpace;
    if (hopeless && Steady::now() - *refusing > kControlFaultFor) fail(of_sink(polled.error()));
    reclaim(fenced);
    // Of records that had waited for the writer's claim; a shard sends the others itself.
    for (HeldBack& one : held_back(*control_, settings_.topics.events, settings_.topics.links, wall_now())) {
      put_on_record(std::move(one.audit));
      held.push_back(std::move(one.finding));
    }
    tell_record();
    std::ranges::move(alarms(), std::back_inserter(held));
    while (!held.empty() && findings_->publish(encode_finding(held.front()), held.front().agent_id, held.front().position))
      held.pop_front();
    progress_.tell();
    log_.tell_repeats();
    std::unique_lock lock(beat_mutex);
    beat.wait_for(lock, stop, kControlBeat, [] { return false; });
  }
}

/// A writer that is fenced while its partition is still ours takes the next generation: nobody else may speak for the partition.
void Service::reclaim(std::map<Partition, Steady::time_point>& fenced) {
  const std::vector<Partition> now = control_->fenced();
  std::erase_if(fenced, [&](const auto& row) { return std::ranges::find(now, row.first) == now.end(); });
  for (const Partition partition : now) {
    const auto [since, fresh] = fenced.try_emplace(partition, Steady::now());
    if (fresh) log_.warning("control writer fenced by another claim", {{"partition", partition.value}});
    if (Steady::now() - since->second < kFencedFor) continue;
    log_.warning("control writer claims again: its partition is still ours", {{"partition", partition.value}});
    control_->claim_again(partition);
    fenced.erase(since);
  }
}

}  // namespace ringfence
