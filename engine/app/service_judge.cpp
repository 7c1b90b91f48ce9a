// SPDX-License-Identifier: Apache-2.0
// The shard threads' part of the service: judging and checkpoints.
#include <algorithm>

#include "engine/app/service_shard.h"
#include "engine/event/drill.h"
#include "engine/state/records.h"

namespace ringfence {
namespace {

constexpr Millis kPollWait{100};
/// Facts of the own observer that wait to take effect, as many as are in force at most.
constexpr std::size_t kObservedMost = 4096;

}  // namespace

std::vector<Horizon> Service::Lane::horizons() const {
  std::vector<Horizon> out;
  for (const auto& [partition, mine] : owned) {
    const Offset acknowledged = outputs->acknowledged(partition);
    const Offset reached = acknowledged == kAllAcknowledged ? mine.applied : std::min(mine.applied, Offset{acknowledged.value - 1});
    out.push_back({partition, reached});
  }
  return out;
}

bool Service::Lane::all_acknowledged() const {
  return std::ranges::all_of(owned, [this](const auto& row) { return outputs->acknowledged(row.first) == kAllAcknowledged; });
}

void Service::Lane::applied(std::span<const Record> records) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    const Position at = records[i].position;
    Owned& mine = owned.at(at.partition);
    mine.applied = at.offset;
    if (i + 1 == records.size() || records[i + 1].position.partition != at.partition) mine.newest = mark_of(records[i]);
  }
}

void Service::Lane::note_logs() {
  for (auto& [partition, mine] : owned) {
    if (!mine.newest || mine.newest->offset == mine.noted) continue;
    mine.noted = mine.newest->offset;
    checkpoint.put_record(log_record(partition), encode_mark(*mine.newest));
  }
}

void Service::judge_forever(ShardRun& shard) {
  while (!stop_.stop_requested()) {
    auto taken = take_changes(shard);
    if (taken) taken = obey_orders(shard, *consumer_, [&](const OperatorCommand& order, Position at) { return obey(shard, order, at); });
    if (!taken) {
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
      // A release that was heard of while records were waited for: calls that it lets pass again are no violations.
      if (enforcement_->lifted() != shard.lifted_read) {
        if (auto lifted = take_changes(shard); !lifted) {
          fail(std::move(lifted.error()));
          break;
        }
      }
      if (auto stepped = step(shard, *records); !stepped) {
        fail(std::move(stepped.error()));
        break;
      }
    }
    if (checkpoint(shard)) {
      remember_active(shard, Steady::now());
      if (const auto known = observer_->to_keep()) shard.checkpoint.put_record(kObserverRecord, *known);
    }
  }
  consumer_->leave(shard.index);
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
    const Window::Entry& entry = shard.window.entry(result.index);
    if (entry.has_agent && !(entry.event && is_drill(entry.event->tenant))) shard.active.seen(entry.key, now);
  }
  shard.active_count.store(shard.active.count(), std::memory_order_relaxed);
  for (const Result& result : *results) {
    const auto& event = shard.window.entry(result.index).event;
    const bool drill = event && is_drill(event->tenant);
    const WallTime decided = drill ? wall_now() : WallTime{};
    if (auto done = publish(shard, result, records[result.index]); !done) return done;
    if (drill) {
      answers_->tell_drill(records[result.index], *event, result, decided, shard.outputs->handed_over());
    } else if (event) {
      answers_->answer(records[result.index], *event, result);
      if (auto seen = observe(shard, *event, records[result.index].position); !seen) return seen;
    }
    counters.decision.observe(Nanos{steady_now().value - arrived.value});
  }
  for (auto& [partition, owned] : shard.owned) {
    if (owned.facts.note(shard.window, partition, 0)) shard.checkpoint.put_record(facts_record(partition), owned.facts.encode());
    keep_foreign(shard, partition);
  }
  shard.applied(records);
  if (const Record& last = records.back(); last.arrival) {
    const auto& event = shard.window.entry(records.size() - 1).event;
    if (event) counters.feed_delay_ns.set((*last.arrival - event->time).value);
  }
  counters.state_bytes.set(static_cast<std::int64_t>(shard.table.bytes()));
  counters.agents.set(static_cast<std::int64_t>(shard.table.size()));
  tell_dropped(static_cast<std::int64_t>(shard.table.counters().memories_dropped), counters.memories_dropped);
  return {};
}

void Service::tell_dropped(std::int64_t dropped, Gauge& told) {
  if (dropped > told.value())
    log_.warning("parts of stored states could not be read: what they held of their agents is lost", {{"parts", dropped - told.value()}});
  told.set(dropped);
}

std::expected<void, RunError> Service::publish(ShardRun& shard, const Result& result, const Record& record) {
  ringfence::ShardCounters& counters = metrics_->shard(shard.index);
  const auto unreachable = [](const OutputError& error) { return std::unexpected(RunError{ExitCode::Unreachable, error.message}); };
  if (result.refusal) {
    counters.refused_for(result.refusal->reason).add();
    if (const auto done = shard.outputs->refuse(record, *result.refusal); !done) return unreachable(done.error());
  } else if (!is_drill(result.judgement.verdict.tenant)) {
    counters.events.add();
    if (result.judgement.copy) counters.copies.add();
    counters.verdicts_at(result.judgement.verdict.level).add();
  }
  shard.contained = shard.contained || !result.judgement.containments.empty();
  shard.view.see(result.judgement);
  if (const auto done = shard.outputs->publish(result.judgement); !done) return unreachable(done.error());
  return {};
}

std::expected<void, RunError> Service::observe(ShardRun& shard, const Event& event, Position position) {
  const auto say = [&](const std::string& fact) -> std::expected<void, OutputError> {
    log_.warning("the fleet observer found a change", {{"fact", fact}});
    if (facts_) return shard.outputs->announce(fact, "server:" + std::string(*event.tool.server), position);
    // Without the topic it takes effect in this process alone, at places of the context log like any other.
    metrics_->process().observer_facts.acknowledged.add();
    const std::lock_guard lock(mutex_);
    for (const auto& each : shards_) {
      if (each->observed.size() >= kObservedMost) continue;
      each->observed.push_back(fact);
      each->observed_count = each->observed.size();
    }
    return {};
  };
  const auto seen = observer_->see(event, position, say);
  if (!seen) return std::unexpected(RunError{ExitCode::Unreachable, seen.error().message});
  return {};
}

/// With the states, so that the share of halted agents has the same base after a restart: agents behind the low-water mark are in the
/// number, those before it are seen again.
void Service::remember_active(ShardRun& shard, Steady::time_point now) {
  if (const auto due = shard.active_note.due(active_agents(), now, wall_now())) shard.checkpoint.put_record(kActiveRecord, *due);
}

bool Service::checkpoint(Lane& lane) {
  const Steady::time_point now = Steady::now();
  const bool ends = now >= lane.next_mark;
  if (ends) {
    lane.note_logs();
    lane.checkpoint.mark();
    lane.next_mark = now + std::chrono::nanoseconds(settings_.state.flush_age.value);
    // Files acknowledge by being synced; a topic acknowledges by itself.
    for (Sink* file : files_) {
      if (!file->flush(seconds(1))) metrics_->process().findings.failed.add();
    }
  }
  lane.checkpoint.step(lane.horizons());
  lane.table.trim();
  for (auto& [partition, owned] : lane.owned) owned.low.store(lane.checkpoint.low(partition).value, std::memory_order_relaxed);
  const auto due = std::chrono::duration_cast<std::chrono::nanoseconds>(lane.next_mark.time_since_epoch()).count();
  const std::int64_t dirty = lane.table.dirty() > 0 ? due - settings_.state.flush_age.value : 0, queued = flusher_->waiting_since_ns();
  lane.oldest_dirty_ns->set(dirty == 0 || queued == 0 ? std::max(dirty, queued) : std::min(dirty, queued));
  return ends;
}

}  // namespace ringfence
