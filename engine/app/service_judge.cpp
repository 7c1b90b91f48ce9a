// SPDX-License-Identifier: Apache-2.0
// The shard threads' part of the service: judging, changes of rules and facts, checkpoints.
#include <algorithm>

#include "engine/app/service_shard.h"
#include "engine/state/records.h"

namespace ringfence {
namespace {

constexpr Millis kPollWait{100};
constexpr Millis kSettleWithin{2'000};  // far below the time a rebalance waits for a shard
constexpr std::chrono::seconds kSettleAgain{5};
constexpr Millis kSettleStep{2};
constexpr std::chrono::minutes kActiveAgain{1};

}  // namespace

std::vector<Horizon> Service::ShardRun::horizons() const {
  std::vector<Horizon> out;
  for (const auto& [partition, mine] : owned) {
    const Offset acknowledged = outputs->acknowledged(partition);
    const Offset reached = acknowledged == kAllAcknowledged ? mine.applied : std::min(mine.applied, Offset{acknowledged.value - 1});
    out.push_back({partition, reached});
  }
  return out;
}

bool Service::ShardRun::all_acknowledged() const {
  return std::ranges::all_of(owned, [this](const auto& row) { return outputs->acknowledged(row.first) == kAllAcknowledged; });
}

void Service::judge_forever(ShardRun& shard) {
  while (!stop_) {
    if (auto taken = take_changes(shard); !taken) {
      fail(std::move(taken.error()));
      break;
    }
    const auto records = consumer_->poll(shard.index, kPollWait);
    if (!records) {
      if (!records.error().fatal) continue;
      fail(of_kafka(records.error()));
      break;
    }
    if (!records->empty()) {
      if (auto stepped = step(shard, *records); !stepped) {
        // An output that found no room before the stop is no fault: its record is judged again by the next run.
        if (!stop_) fail(std::move(stepped.error()));
        break;
      }
    }
    checkpoint(shard);
  }
  consumer_->leave(shard.index);
}

/// A change of personas or facts is a checkpoint: what was judged before is stored first, so that no restart judges it under the new ones.
/// Where that cannot be done now (a broker or the disk is away) the old ones stay in force and it is tried again.
std::expected<void, RunError> Service::take_changes(ShardRun& shard) {
  const std::uint64_t version = rules_version_.load();
  const bool from_topic = context_ && context_->size() > shard.changes_taken;
  if ((version == shard.rules_version && !from_topic) || Steady::now() < shard.next_change) return {};
  if (!settle(shard)) {
    shard.next_change = Steady::now() + kSettleAgain;
    return {};
  }
  if (version != shard.rules_version) {
    const std::lock_guard lock(mutex_);
    shard.shard.adopt(rules_);
    shard.rules_version = rules_version_.load();
  }
  if (from_topic) take_context(shard);
  // On disk before the first event they govern is judged.
  std::string places;
  for (auto& [partition, owned] : shard.owned) {
    if (const auto kept = put_record(*store_, facts_record(partition), owned.facts.encode()); !kept)
      return std::unexpected(of_store(kept.error()));
    places += (places.empty() ? "" : " ") + std::to_string(partition.value) + ":" + std::to_string(owned.applied.value);
  }
  log_.info("rules and facts in force", {{"shard", shard.index}, {"personas", shard.shard.rules().set().sha256()}, {"after", places}});
  return {};
}

void Service::take_context(ShardRun& shard) {
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
}

/// True where everything the shard has judged is stored: outputs acknowledged, states and low-water marks written.
bool Service::settle(ShardRun& shard) {
  if (shard.owned.empty()) return true;
  const ShardRun* const one = &shard;
  if (!outputs_stored({&one, 1}, kSettleWithin)) {
    log_.warning("a change of rules or facts waits: not every output is acknowledged", {{"shard", shard.index}});
    return false;
  }
  const auto flushed = shard.checkpoint.flush(shard.horizons(), kSettleWithin);
  if (!flushed)
    log_.warning("a change of rules or facts waits: the state is not written",
                 {{"shard", shard.index}, {"error", flushed.error().message}});
  return flushed && *flushed == 0;
}

bool Service::outputs_stored(std::span<const ShardRun* const> shards, Millis within) {
  const auto deadline = Steady::now() + within;
  while (true) {
    bool flushed = true;
    for (Sink* file : files_) flushed = file->flush(seconds(1)).has_value() && flushed;
    const bool polled = control_->poll(wall_now()).has_value();
    if (flushed && polled && std::ranges::all_of(shards, &ShardRun::all_acknowledged)) return true;
    if (Steady::now() >= deadline || (producer_ && producer_->failed())) return false;
    std::this_thread::sleep_for(kSettleStep);
  }
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
    // Before it is published: the blast radius is a share of the active agents.
    if (const Window::Entry& entry = shard.window.entry(result.index); entry.has_agent) shard.active.seen(entry.key, now);
  }
  shard.active_count.store(shard.active.count(), std::memory_order_relaxed);
  for (const Result& result : *results) {
    if (auto done = publish(shard, result, records[result.index]); !done) return done;
    counters.decision.observe(Nanos{steady_now().value - arrived.value});
  }
  for (auto& [partition, owned] : shard.owned) {
    if (owned.facts.note(shard.window, partition, 0)) shard.checkpoint.put_record(facts_record(partition), owned.facts.encode());
  }
  for (const Record& record : records) shard.owned.at(record.position.partition).applied = record.position.offset;
  if (const Record& last = records.back(); last.arrival) {
    const auto& event = shard.window.entry(records.size() - 1).event;
    if (event) counters.feed_delay_ns.set((*last.arrival - event->time).value);
  }
  counters.state_bytes.set(static_cast<std::int64_t>(shard.table.bytes()));
  counters.agents.set(static_cast<std::int64_t>(shard.table.size()));
  return {};
}

std::expected<void, RunError> Service::publish(ShardRun& shard, const Result& result, const Record& record) {
  ringfence::ShardCounters& counters = metrics_->shard(shard.index);
  const auto unreachable = [](const OutputError& error) { return std::unexpected(RunError{ExitCode::Unreachable, error.message}); };
  if (result.refusal) {
    counters.refused_for(result.refusal->reason).add();
    if (const auto done = shard.outputs->refuse(record, *result.refusal); !done) return unreachable(done.error());
  } else {
    counters.events.add();
    if (result.judgement.copy) counters.copies.add();
    counters.verdicts_at(result.judgement.verdict.level).add();
  }
  if (const auto done = shard.outputs->publish(result.judgement); !done) return unreachable(done.error());
  return {};
}

/// With the states, so that the share of halted agents has the same base after a restart: agents behind the low-water mark are in the
/// number, those before it are seen again.
void Service::remember_active(ShardRun& shard, Steady::time_point now) {
  const std::size_t count = active_agents();
  if (count == shard.active_written && now < shard.active_due) return;
  shard.active_written = count;
  shard.active_due = now + kActiveAgain;
  shard.checkpoint.put_record(kActiveRecord, std::to_string(count) + " " + std::to_string(wall_now().value));
}

void Service::checkpoint(ShardRun& shard) {
  const Steady::time_point now = Steady::now();
  if (now >= shard.next_mark) {
    shard.checkpoint.mark();
    shard.next_mark = now + std::chrono::nanoseconds(settings_.state.flush_age.value);
    remember_active(shard, now);
    // Files acknowledge by being synced; a topic acknowledges by itself.
    for (Sink* file : files_) {
      if (!file->flush(seconds(1))) metrics_->process().findings.failed.add();
    }
  }
  shard.checkpoint.step(shard.horizons());
  shard.table.trim();
  for (auto& [partition, owned] : shard.owned) owned.low.store(shard.checkpoint.low(partition).value, std::memory_order_relaxed);
  const bool dirty = shard.table.dirty() > 0;
  metrics_->shard(shard.index)
      .oldest_dirty_ns.set(dirty ? std::chrono::duration_cast<std::chrono::nanoseconds>(shard.next_mark.time_since_epoch()).count() -
                                       settings_.state.flush_age.value
                                 : 0);
}

}  // namespace ringfence
