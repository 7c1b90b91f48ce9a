// SPDX-License-Identifier: Apache-2.0
#include "engine/app/service.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "connectors/encoders/keys.h"
#include "connectors/sinks/file_control_log.h"
#include "connectors/sinks/file_sink.h"
#include "engine/app/active_agents.h"
#include "engine/app/kafka_settings.h"
#include "engine/pipeline/fact_journal.h"
#include "engine/state/records.h"

namespace ringfence {
namespace {

using Steady = std::chrono::steady_clock;
using Millis = std::chrono::milliseconds;

constexpr Millis kServeWait{100};
constexpr Millis kControlBeat{100};  // heartbeats are due each second; claims and repairs should not wait for one
constexpr Millis kShutdownFlush{20'000};
constexpr Millis kFindingsLinger{5};
constexpr Millis kWarmWithin{10'000};

Nanos steady_now() { return Nanos{std::chrono::duration_cast<std::chrono::nanoseconds>(Steady::now().time_since_epoch()).count()}; }
WallTime wall_now() { return WallTime{std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count()}; }

RunError of_kafka(const KafkaError& error) {
  return {error.code == KafkaError::Code::Config ? ExitCode::Unusable : ExitCode::Unreachable, "kafka: " + error.message};
}
RunError of_store(const StoreError& error) {
  const bool unusable = error.kind == StoreError::Kind::Locked || error.kind == StoreError::Kind::Version || error.kind == StoreError::Kind::Corrupt;
  return {unusable ? ExitCode::Unusable : ExitCode::Unreachable, "state: " + error.message};
}
RunError of_sink(const SinkError& error) { return {error.kind == SinkError::Kind::InUse ? ExitCode::Unusable : ExitCode::Unreachable, error.message}; }

std::string host_name() {
  std::string name(256, '\0');
  if (gethostname(name.data(), name.size() - 1) != 0) return "ringfence";
  name.resize(name.find('\0'));
  return name;
}

std::string facts_record(Partition partition) { return "facts/" + std::to_string(partition.value); }

}  // namespace

/// One shard: its thread, its agents, and how far each of its partitions has come.
struct Service::ShardRun {
  ShardRun(std::size_t number, Store& store, Flusher& flusher, const Settings& settings, std::size_t shards, std::shared_ptr<const Rulebook> rules)
      : index(number),
        table(store, channel_memories(), {.budget_bytes = settings.state.memory_limit / shards, .expiry = settings.state.expiry}),
        checkpoint(table, flusher, store),
        shard(table, std::move(rules), {}) {}

  struct Owned {
    Offset applied;
    std::atomic<std::int64_t> low{0};
    FactJournal facts;
  };

  std::size_t index;
  AgentTable table;
  Checkpoint checkpoint;
  Shard shard;
  EventDecoder decoder;
  Window window;
  std::unique_ptr<ServiceOutputs> outputs;
  std::map<Partition, Owned> owned;  // changed only while the shard is parked
  ActiveAgents active;
  std::atomic<std::size_t> active_count{0};
  std::uint64_t rules_version = 0;
  std::size_t changes_taken = 0;
  Steady::time_point next_mark;
  std::jthread thread;
};

std::expected<std::unique_ptr<Service>, RunError> Service::open(const Settings& settings, std::shared_ptr<const Rulebook> rules, const ServiceLog& log) {
  std::unique_ptr<Service> service(new Service(settings, log));
  service->rules_ = std::move(rules);
  const auto processors = std::max(1U, std::thread::hardware_concurrency());
  service->shards_count_ = settings.state.shards > 0 ? static_cast<std::size_t>(settings.state.shards) : processors;
  service->metrics_ = std::make_unique<ServiceMetrics>(service->shards_count_);
  for (const auto opening : {&Service::open_store, &Service::open_control, &Service::open_outputs, &Service::open_consumer}) {
    if (auto opened = (service.get()->*opening)(); !opened) return std::unexpected(std::move(opened.error()));
  }
  return service;
}

Service::Service(const Settings& settings, const ServiceLog& log) : settings_(settings), log_(log) {}
Service::~Service() { close(); }

std::expected<void, RunError> Service::open_store() {
  auto store = rocksdb_store(settings_.state.directory.string());
  if (!store) return std::unexpected(of_store(store.error()));
  store_ = std::move(*store);
  if (const auto ready = prepare_store(*store_); !ready) return std::unexpected(of_store(ready.error()));
  flusher_ = std::make_unique<Flusher>(*store_, FlusherSettings{});
  return {};
}

std::expected<void, RunError> Service::open_control() {
  auto key = SigningKey::load(settings_.control.key_file);
  if (!key && key.error().kind == KeyError::Kind::NotFound && !settings_.outputs.control.topic) {
    // Without Kafka there is no one to have been given the key beforehand: the first start makes it.
    key = SigningKey::generate();
    if (key) {
      if (const auto saved = key->save(settings_.control.key_file); !saved) return std::unexpected(RunError{ExitCode::Unusable, saved.error().message});
    }
  }
  if (!key) return std::unexpected(RunError{ExitCode::Unusable, key.error().message});
  if (settings_.outputs.control.topic) {
    auto opened = KafkaControlLog::open(kafka_of(settings_), settings_.topics.control);
    if (!opened) return std::unexpected(of_kafka(opened.error()));
    control_log_ = std::move(*opened);
  } else {
    auto opened = FileControlLog::open(settings_.outputs.control.file.string());
    if (!opened) return std::unexpected(of_sink(opened.error()));
    control_log_ = std::move(*opened);
  }
  TrustedKeys trusted;
  trusted.add(*key, {"engine-*"});
  const std::string claimant = host_name() + "-" + std::to_string(getpid()) + "-" + std::to_string(wall_now().value);
  ControlWriters::Settings control{.iss = settings_.control.issuer,
                                   .aud = settings_.control.audience,
                                   .topic = settings_.topics.events,
                                   .claimant = claimant,
                                   .limits = {.max_halts_per_minute = static_cast<std::uint32_t>(settings_.control.max_halts_per_minute),
                                              .max_halted_share = settings_.control.max_halted_share}};
  control_ = std::make_unique<ControlWriters>(std::move(control), std::move(*key), std::move(trusted), *control_log_);
  return {};
}

std::expected<void, RunError> Service::open_outputs() {
  const auto open_one = [&](const OutputTarget& target, const std::string& topic) -> std::expected<std::unique_ptr<Sink>, RunError> {
    if (!target.topic) {
      auto file = FileSink::open(target.file.string(), 0);
      if (!file) return std::unexpected(of_sink(file.error()));
      auto shared = std::make_unique<SharedSink>(std::move(*file));
      files_.push_back(shared.get());
      return shared;
    }
    if (!producer_) {
      auto producer = Producer::open({.kafka = kafka_of(settings_), .linger = kFindingsLinger});
      if (!producer) return std::unexpected(of_kafka(producer.error()));
      producer_ = std::move(*producer);
    }
    if (const auto warm = producer_->warm(topic, kWarmWithin); !warm) return std::unexpected(of_kafka(warm.error()));
    return std::make_unique<TopicSink>(*producer_, topic);
  };
  auto findings = open_one(settings_.outputs.findings, settings_.topics.findings);
  if (!findings) return std::unexpected(std::move(findings.error()));
  findings_ = std::move(*findings);
  auto letters = open_one(settings_.outputs.dead_letter, settings_.topics.dead_letter);
  if (!letters) return std::unexpected(std::move(letters.error()));
  dead_letters_ = std::move(*letters);
  return {};
}

std::expected<void, RunError> Service::open_consumer() {
  if (settings_.context.source == ContextSource::Topic) {
    auto context = ContextFeed::open(settings_, log_);
    if (!context) return std::unexpected(RunError{ExitCode::Unreachable, context.error()});
    context_ = std::move(*context);
  }
  for (std::size_t i = 0; i < shards_count_; ++i) {
    shards_.push_back(std::make_unique<ShardRun>(i, *store_, *flusher_, settings_, shards_count_, rules_));
    ServiceOutputs::Parts parts{.findings = *findings_,
                                .dead_letters = *dead_letters_,
                                .control = *control_,
                                .counters = metrics_->process(),
                                .topic = settings_.topics.events,
                                .now = wall_now,
                                .active_agents = [this] {
                                  std::size_t sum = 0;
                                  for (const auto& shard : shards_) sum += shard->active_count.load(std::memory_order_relaxed);
                                  return sum;
                                },
                                .give_time = [this](Millis time) { return wait_a_little(time); }};
    shards_.back()->outputs = std::make_unique<ServiceOutputs>(std::move(parts));
  }
  const std::string instance = settings_.kafka.instance_id.empty() ? host_name() : settings_.kafka.instance_id;
  auto consumer = Consumer::open({.kafka = kafka_of(settings_),
                                  .topic = settings_.topics.events,
                                  .group = settings_.kafka.group,
                                  .instance = instance,
                                  .shards = shards_count_},
                                 *this);
  if (!consumer) return std::unexpected(of_kafka(consumer.error()));
  consumer_ = std::move(*consumer);
  auto http = ServiceHttp::start(settings_.http.listen,
                                 {.metrics = [this] { return metrics_->exposition(steady_now()); },
                                  .healthz = [this] { return Health{!flusher_->health().fault, flusher_->health().fault ? "the state store fails" : "ok"}; },
                                  .readyz = [this] { return Health{ready_.load(), ready_ ? "ok" : "no partition is assigned yet"}; }});
  if (!http) return std::unexpected(RunError{ExitCode::Unusable, http.error()});
  http_ = std::move(*http);
  return {};
}

std::expected<void, RunError> Service::run() {
  std::jthread control([this](const std::stop_token& stop) { serve_control(stop); });
  for (const auto& shard : shards_) shard->thread = std::jthread([this, &shard] { judge_forever(*shard); });
  log_.info("serving", {{"topic", settings_.topics.events}, {"group", settings_.kafka.group}, {"shards", shards_count_}, {"http_port", http_->port()}});
  while (!stop_) {
    const auto served = consumer_->serve(kServeWait);
    if (!served) {
      if (served.error().fatal) fail(of_kafka(served.error()));
      if (!served.error().fatal) log_.warning("consumer", {{"error", served.error().message}});
    }
    for (const PartitionLag& lag : consumer_->lag()) {
      if (lag.end) metrics_->shard(static_cast<std::size_t>(lag.partition.value) % shards_count_).lag_records.set(lag.end->value - lag.next.value);
    }
    if (producer_) {
      if (const auto failed = producer_->failed()) fail(of_kafka(*failed));
    }
  }
  ready_ = false;
  for (const auto& shard : shards_) shard->thread.join();
  close();
  control.request_stop();
  control.join();
  log_.info("stopped", {});
  const std::lock_guard lock(mutex_);
  if (fault_) return std::unexpected(*fault_);
  return {};
}

/// Gives the partitions back, which flushes them; idempotent.
void Service::close() {
  if (!consumer_) return;
  for (std::size_t i = 0; i < shards_.size(); ++i) consumer_->leave(i);
  consumer_->close();
  consumer_.reset();
  if (producer_) {
    if (const auto flushed = producer_->flush(kShutdownFlush); !flushed) log_.warning("not everything was acknowledged", {{"error", flushed.error().message}});
  }
}

void Service::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_all();
}

void Service::fail(RunError error) {
  {
    const std::lock_guard lock(mutex_);
    if (!fault_) fault_ = std::move(error);
  }
  stop();
}

bool Service::wait_a_little(Millis time) {
  std::unique_lock lock(mutex_);
  return !stopped_.wait_for(lock, time, [this] { return stop_.load(); });
}

void Service::adopt(std::shared_ptr<const Rulebook> rules) {
  const std::lock_guard lock(mutex_);
  rules_ = std::move(rules);
  ++rules_version_;
}

Service::ShardRun& Service::shard_of(Partition partition) { return *shards_[static_cast<std::size_t>(partition.value) % shards_count_]; }

std::expected<std::optional<Offset>, std::string> Service::assigned(Partition partition) {
  ShardRun& shard = shard_of(partition);
  const auto low = shard.checkpoint.restore(partition, kShutdownFlush);
  if (!low) return std::unexpected(low.error().message);
  ShardRun::Owned& owned = shard.owned[partition];
  const Offset from = low->value_or(Offset{0});
  owned.applied = Offset{from.value - 1};
  owned.low = from.value;
  shard.checkpoint.assign(partition, from);
  const auto facts = get_record(*store_, facts_record(partition));
  if (!facts) return std::unexpected(facts.error().message);
  if (*facts) owned.facts.restore(**facts, from.value, {&shard.shard.facts(partition)});
  if (context_) {
    // Facts that came while another member owned the partition.
    EventArena arena;
    const auto changes = context_->since(0);
    for (std::size_t i = 0; i < std::min(changes.size(), shard.changes_taken); ++i) {
      const auto* fact = std::get_if<std::string>(&changes[i].what);
      const auto event = fact == nullptr ? std::unexpected(Refusal{}) : shard.decoder.decode(*fact, std::nullopt, arena);
      if (event) shard.shard.facts(partition).apply(*event);
    }
  }
  control_->own(partition);
  ready_ = true;
  log_.info("partition assigned", {{"partition", partition.value}, {"from", from.value}});
  return *low;
}

void Service::revoked(std::span<const Partition> partitions, bool lost) {
  if (!lost && producer_) {
    if (const auto flushed = producer_->flush(kShutdownFlush); !flushed) log_.warning("findings not acknowledged in time", {{"error", flushed.error().message}});
  }
  if (!lost) {
    for (const auto sink : {findings_.get(), dead_letters_.get()}) {
      if (const auto flushed = sink->flush(seconds(20)); !flushed) log_.warning("output not flushed", {{"error", flushed.error().message}});
    }
    for (const auto& shard : shards_) {
      const auto flushed = shard->checkpoint.flush(horizons(*shard), kShutdownFlush);
      if (!flushed) log_.error("state not flushed", {{"error", flushed.error().message}});
    }
  }
  for (const Partition partition : partitions) {
    ShardRun& shard = shard_of(partition);
    shard.checkpoint.leave(partition);
    shard.owned.erase(partition);
    shard.shard.forget(partition);
    control_->disown(partition);
    log_.info("partition left", {{"partition", partition.value}, {"lost", lost}});
  }
}

std::optional<Offset> Service::low(Partition partition) {
  const ShardRun& shard = shard_of(partition);
  const auto found = shard.owned.find(partition);
  if (found == shard.owned.end()) return std::nullopt;
  return Offset{found->second.low.load(std::memory_order_relaxed)};
}

void Service::alarm(const ConsumerAlarm& alarm) {
  log_.error("feed", {{"kind", static_cast<int>(alarm.kind)}, {"partition", alarm.partition.value_or(Partition{-1}).value},
                      {"expected", alarm.expected.value}, {"found", alarm.found.value}, {"message", alarm.message}});
}

void Service::judge_forever(ShardRun& shard) {
  while (!stop_) {
    if (auto taken = take_changes(shard); !taken) {
      fail(std::move(taken.error()));
      break;
    }
    const auto records = consumer_->poll(shard.index, kServeWait);
    if (!records) {
      if (!records.error().fatal) continue;
      fail(of_kafka(records.error()));
      break;
    }
    if (!records->empty()) {
      if (auto stepped = step(shard, *records); !stepped) {
        fail(std::move(stepped.error()));
        break;
      }
    }
    checkpoint(shard);
  }
  consumer_->leave(shard.index);
}

/// A change of personas or facts is a checkpoint: what was judged before is stored first, so that no restart judges it under the new ones.
std::expected<void, RunError> Service::take_changes(ShardRun& shard) {
  const std::uint64_t version = rules_version_.load();
  const bool from_topic = context_ && context_->size() > shard.changes_taken;
  if (version == shard.rules_version && !from_topic) return {};
  if (auto settled = settle(shard); !settled) return settled;
  if (version != shard.rules_version) {
    const std::lock_guard lock(mutex_);
    shard.shard.adopt(rules_);
    shard.rules_version = version;
  }
  if (!from_topic) return {};
  EventArena arena;
  for (const ContextChange& change : context_->since(shard.changes_taken)) {
    ++shard.changes_taken;
    if (const auto* rules = std::get_if<std::shared_ptr<const Rulebook>>(&change.what)) {
      shard.shard.adopt(*rules);
      continue;
    }
    const std::string& fact = std::get<std::string>(change.what);
    const auto event = shard.decoder.decode(fact, std::nullopt, arena);
    if (!event) continue;
    for (auto& [partition, owned] : shard.owned) {
      shard.shard.facts(partition).apply(*event);
      owned.facts.add(owned.applied.value, fact);
    }
  }
  // On disk before the first event they govern is judged.
  for (auto& [partition, owned] : shard.owned) {
    if (const auto kept = put_record(*store_, facts_record(partition), owned.facts.encode()); !kept) return std::unexpected(of_store(kept.error()));
  }
  return {};
}

std::expected<void, RunError> Service::settle(ShardRun& shard) {
  if (producer_) {
    if (const auto flushed = producer_->flush(kShutdownFlush); !flushed) return std::unexpected(of_kafka(flushed.error()));
  }
  for (Sink* file : files_) {
    if (const auto flushed = file->flush(seconds(20)); !flushed) return std::unexpected(of_sink(flushed.error()));
  }
  const auto flushed = shard.checkpoint.flush(horizons(shard), kShutdownFlush);
  if (!flushed) return std::unexpected(of_store(flushed.error()));
  return {};
}

std::expected<void, RunError> Service::step(ShardRun& shard, std::span<const Record> records) {
  const Nanos arrived = steady_now();
  ringfence::ShardCounters& counters = metrics_->shard(shard.index);
  shard.window.begin(records);
  shard.window.decode(shard.decoder, 0, records.size());
  const auto results = shard.shard.judge(shard.window, {.topic = settings_.topics.events});
  if (!results) return std::unexpected(of_store(results.error()));
  const Steady::time_point now = Steady::now();
  for (const Result& result : *results) {
    const Record& record = records[result.index];
    if (result.refusal) {
      counters.refused_for(result.refusal->reason).add();
      if (const auto done = shard.outputs->refuse(record, *result.refusal); !done) return std::unexpected(RunError{ExitCode::Unreachable, done.error().message});
    }
    if (const auto done = shard.outputs->publish(result.judgement); !done) return std::unexpected(RunError{ExitCode::Unreachable, done.error().message});
    counters.events.add();
    if (result.judgement.copy) counters.copies.add();
    counters.verdicts_at(result.judgement.verdict.level).add();
    counters.decision.observe(Nanos{steady_now().value - arrived.value});
    if (const Window::Entry& entry = shard.window.entry(result.index); entry.has_agent) shard.active.seen(entry.key, now);
  }
  for (auto& [partition, owned] : shard.owned) {
    if (owned.facts.note(shard.window, partition, 0)) shard.checkpoint.put_record(facts_record(partition), owned.facts.encode());
  }
  for (const Record& record : records) shard.owned.at(record.position.partition).applied = record.position.offset;
  if (const Record& last = records.back(); last.arrival) {
    const auto& event = shard.window.entry(records.size() - 1).event;
    if (event) counters.feed_delay_ns.set((*last.arrival - event->time).value);
  }
  shard.active_count.store(shard.active.count(), std::memory_order_relaxed);
  counters.state_bytes.set(static_cast<std::int64_t>(shard.table.bytes()));
  counters.agents.set(static_cast<std::int64_t>(shard.table.size()));
  return {};
}

std::vector<Horizon> Service::horizons(const ShardRun& shard) const {
  std::vector<Horizon> out;
  for (const auto& [partition, owned] : shard.owned) {
    const Offset acknowledged = shard.outputs->acknowledged(partition);
    const Offset reached = acknowledged == kAllAcknowledged ? owned.applied : std::min(owned.applied, Offset{acknowledged.value - 1});
    out.push_back({partition, reached});
  }
  return out;
}

void Service::checkpoint(ShardRun& shard) {
  const Steady::time_point now = Steady::now();
  if (now >= shard.next_mark) {
    shard.checkpoint.mark();
    shard.next_mark = now + std::chrono::nanoseconds(settings_.state.flush_age.value);
    // Files acknowledge by being synced; a topic acknowledges by itself.
    for (Sink* file : files_) {
      if (!file->flush(seconds(1))) metrics_->process().findings.failed.add();
    }
  }
  shard.checkpoint.step(horizons(shard));
  shard.table.trim();
  for (auto& [partition, owned] : shard.owned) owned.low.store(shard.checkpoint.low(partition).value, std::memory_order_relaxed);
  const bool dirty = shard.table.dirty() > 0;
  metrics_->shard(shard.index).oldest_dirty_ns.set(dirty ? std::chrono::duration_cast<std::chrono::nanoseconds>(shard.next_mark.time_since_epoch()).count() - settings_.state.flush_age.value : 0);
}

void Service::serve_control(const std::stop_token& stop) {
  bool well = true;
  std::mutex beat_mutex;
  std::condition_variable_any beat;
  while (!stop.stop_requested()) {
    const auto polled = control_->poll(wall_now());
    if (!polled && well) log_.warning("control log", {{"error", polled.error().message}});
    well = polled.has_value();
    std::unique_lock lock(beat_mutex);
    beat.wait_for(lock, stop, kControlBeat, [] { return false; });
  }
}

}  // namespace ringfence
