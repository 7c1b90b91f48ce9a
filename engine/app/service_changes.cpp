// SPDX-License-Identifier: Apache-2.0
// Changes of rules and facts: each takes effect behind one offset of each partition, which is on disk before the first event it governs is
// judged (docs/design/streaming.md §2, rule 6).
#include <algorithm>
#include <iterator>
#include <ranges>
#include <sstream>

#include "engine/app/service_shard.h"
#include "engine/event/sha256.h"
#include "engine/state/keyspace.h"
#include "engine/state/records.h"

namespace ringfence {
namespace {

constexpr Millis kSettleWithin{2'000};  // far below the time a rebalance waits for a shard
constexpr std::chrono::seconds kSettleAgain{5};
constexpr int kStoreAttempts = 5;
/// Of a change that comes from files or from the own observer: no offset of the context topic.
constexpr Offset kFromFiles{-1};

struct InForce {
  std::int64_t next = 0;
  std::string set;
};

InForce decode_in_force(const std::string& text) {
  InForce in_force;
  std::istringstream in(text);
  if (!(in >> in_force.next)) return {};
  in >> in_force.set;
  return in_force;
}

}  // namespace

std::string facts_record(Partition partition) { return partition_record("facts", partition); }
std::string in_force_record(Partition partition) { return partition_record("in_force", partition); }

std::vector<ContextChange> Service::changes_due(const ShardRun& shard) {
  std::vector<ContextChange> due;
  if (rules_version_.load() != shard.rules_version) {
    const std::lock_guard lock(mutex_);
    due.push_back({kFromFiles, rules_});
  }
  if (shard.observed_count.load() > 0) {
    const std::lock_guard lock(mutex_);
    for (const std::string& fact : shard.observed) due.push_back({kFromFiles, fact});
  }
  if (!context_ || context_->size() == shard.changes_taken) return due;
  for (ContextChange& change : context_->since(shard.changes_taken)) due.push_back(std::move(change));
  return due;
}

/// A change of personas or facts is a checkpoint: what was judged before is stored first, so that no restart judges it under the new ones.
/// Where that cannot be done now (a broker or the disk is away) the old ones stay in force and it is tried again.
std::expected<void, RunError> Service::take_changes(ShardRun& shard) {
  const std::uint64_t version = rules_version_.load();
  const bool any =
      version != shard.rules_version || shard.observed_count.load() > 0 || (context_ && context_->size() > shard.changes_taken);
  if (Steady::now() < shard.next_change) return {};
  auto words = confirmations_due(shard);
  if (!words) return std::unexpected(std::move(words.error()));
  if (!any && words->empty()) return {};
  shard.next_change = Steady::now() + kSettleAgain;
  if (!settle(shard)) return {};
  std::vector<ContextChange> due = changes_due(shard);
  std::ranges::move(*words, std::back_inserter(due));
  if (!write_positions(shard, due)) return {};
  for (const ContextChange& change : due)
    if (auto taken = take(shard, change); !taken) return taken;
  forget_observed(shard, due);
  if (auto stored = store_words(shard, due); !stored) return stored;
  shard.rules_version = version;
  shard.next_change = {};
  // What gates said is with the states: neither set nor facts are others for it.
  if (std::ranges::all_of(due, [](const ContextChange& change) { return std::holds_alternative<GatesWord>(change.what); })) return {};
  const auto keys = std::views::keys(shard.owned);
  if (const auto kept = keep_in_force(shard, {keys.begin(), keys.end()}); !kept) return std::unexpected(of_store(kept.error()));
  std::string places;
  for (const auto& [partition, owned] : shard.owned)
    places += (places.empty() ? "" : " ") + std::to_string(partition.value) + ":" + std::to_string(owned.applied.value);
  const auto is_set = [](const ContextChange& change) { return std::holds_alternative<RuleSet>(change.what); };
  if (!shard.owned.empty() && std::ranges::any_of(due, is_set)) {
    const auto& [partition, first] = *shard.owned.begin();
    if (auto said = record_personas(shard, places, {partition, first.applied}); !said) return said;
  }
  log_.info("rules and facts in force", {{"shard", shard.index}, {"personas", shard.shard.rules().set().sha256()}, {"after", places}});
  return {};
}

std::expected<void, RunError> Service::record_personas(ShardRun& shard, const std::string& places, Position cause) {
  const PersonaSet& set = shard.in_force.rules->set();
  const auto said = shard.outputs->record(audit_of_personas(set.sha256(), set.personas().size(), places, wall_now()), cause);
  if (!said) return std::unexpected(RunError{ExitCode::Unreachable, said.error().message});
  return {};
}

bool Service::write_positions(const ShardRun& shard, std::span<const ContextChange> changes) {
  std::vector<ContextPositions::Line> lines;
  for (const ContextChange& change : changes)
    for (const auto& [partition, owned] : shard.owned)
      if (!std::holds_alternative<OperatorCommand>(change.what) && (!change.only || *change.only == partition))
        lines.push_back({partition, owned.applied, record_of(change.what)});
  const auto written = positions_->write(lines);
  if (!written)
    log_.warning("a change of rules or facts waits: the context log is not written",
                 {{"shard", shard.index}, {"error", written.error().message}});
  return written.has_value();
}

std::expected<void, RunError> Service::take(ShardRun& shard, const ContextChange& change) {
  if (change.offset != kFromFiles) {
    ++shard.changes_taken;
    shard.context_next = std::max(shard.context_next, change.offset.value + 1);
  }
  if (const auto* set = std::get_if<RuleSet>(&change.what)) {
    shard.in_force = *set;
    shard.shard.adopt(set->rules);
    return {};
  }
  for (auto& [partition, owned] : shard.owned) {
    if (change.only && *change.only != partition) continue;
    if (std::holds_alternative<OperatorCommand>(change.what))
      owned.orders.push_back({change});
    else if (auto taken = take_one(shard, partition, change); !taken)
      return taken;
  }
  return {};
}

std::expected<void, RunError> Service::take_one(ShardRun& shard, Partition partition, const ContextChange& change) {
  if (const auto* word = std::get_if<GatesWord>(&change.what)) return take_word(shard, partition, *word);
  take_fact(shard, partition, std::get<std::string>(change.what));
  return {};
}

/// What the gates' word changed and said is stored before it counts as taken, so that a restart neither forgets nor repeats it. Where that
/// cannot be done the process ends, and the next start takes it at the same place.
std::expected<void, RunError> Service::store_words(ShardRun& shard, std::span<const ContextChange> changes) {
  if (std::ranges::none_of(changes, [](const ContextChange& c) { return std::holds_alternative<GatesWord>(c.what); })) return {};
  for (int attempt = 0; attempt < kStoreAttempts; ++attempt)
    if (settle(shard)) return {};
  return std::unexpected(RunError{ExitCode::Unreachable, "what the gates' word led to was not stored in time"});
}

/// Facts of the own observer that have taken effect; others may have come meanwhile.
void Service::forget_observed(ShardRun& shard, std::span<const ContextChange> taken) {
  const auto own = [](const ContextChange& change) {
    return change.offset == kFromFiles && std::holds_alternative<std::string>(change.what);
  };
  const auto count = std::ranges::count_if(taken, own);
  if (count == 0) return;
  const std::lock_guard lock(mutex_);
  shard.observed.erase(shard.observed.begin(), shard.observed.begin() + count);
  shard.observed_count = shard.observed.size();
}

void Service::take_fact(ShardRun& shard, Partition partition, const std::string& fact) {
  EventArena arena;
  const auto event = shard.decoder.decode(fact, std::nullopt, arena);
  if (!event) return;
  ShardRun::Owned& owned = shard.owned.at(partition);
  shard.shard.facts(partition).apply(*event);
  owned.facts.add(owned.applied.value, fact);
}

/// On disk when it returns, of all or of none.
std::expected<void, StoreError> Service::keep_in_force(const ShardRun& shard, const std::vector<Partition>& partitions) {
  const std::string in_force = std::to_string(shard.context_next) + " " + sha256_hex(*shard.in_force.record);
  std::vector<StoreWrite> writes;
  for (const Partition partition : partitions) {
    writes.push_back(record_write(facts_record(partition), shard.owned.at(partition).facts.encode()));
    writes.push_back(record_write(in_force_record(partition), in_force));
  }
  if (const auto written = store_->write(writes); !written) return written;
  return store_->sync();
}

std::expected<void, std::string> Service::catch_up(ShardRun& shard, Partition partition) {
  const auto kept = get_record(*store_, in_force_record(partition));
  if (!kept) return std::unexpected(kept.error().message);
  const InForce before = decode_in_force(kept->value_or(""));
  // Where somebody took the log away, what it says of a partition begins anew with the set.
  const bool said = caught_up_.contains(partition) || !positions_->began_empty();
  std::vector<ContextChange> due;
  if (!said || sha256_hex(*shard.in_force.record) != before.set) due.push_back({kFromFiles, shard.in_force});
  if (context_) {
    // Facts that came while another member owned the partition, or none did.
    const auto changes = context_->since(0);
    for (std::size_t i = 0; i < std::min(changes.size(), shard.changes_taken); ++i)
      if (std::holds_alternative<std::string>(changes[i].what) && changes[i].offset.value >= before.next) due.push_back(changes[i]);
  }
  auto words = confirmations_of(shard, partition);
  if (!words) return std::unexpected(std::move(words.error().message));
  std::ranges::move(*words, std::back_inserter(due));
  if (!due.empty()) {
    std::vector<ContextPositions::Line> lines;
    for (const ContextChange& change : due) lines.push_back({partition, shard.owned.at(partition).applied, record_of(change.what)});
    if (const auto written = positions_->write(lines); !written) return std::unexpected(written.error().message);
    const Position at{partition, shard.owned.at(partition).applied};
    for (const ContextChange& change : due) {
      if (std::holds_alternative<RuleSet>(change.what)) {
        const std::string place = std::to_string(partition.value) + ":" + std::to_string(at.offset.value);
        if (const auto recorded = record_personas(shard, place, at); !recorded) return std::unexpected(recorded.error().message);
        continue;
      }
      if (const auto taken = take_one(shard, partition, change); !taken) return std::unexpected(taken.error().message);
    }
    if (const auto stored = store_words(shard, due); !stored) return std::unexpected(stored.error().message);
    if (const auto put = keep_in_force(shard, {partition}); !put) return std::unexpected(put.error().message);
  }
  caught_up_.insert(partition);
  return orders_missed(shard, partition, shard.changes_taken);
}

/// True where everything the lane has judged is stored: outputs acknowledged, states and low-water marks written.
bool Service::settle(Lane& lane) {
  if (lane.owned.empty()) return true;
  Lane* const one = &lane;
  if (!outputs_stored({&one, 1}, kSettleWithin)) {
    log_.warning("a change of rules or facts waits: not every output is acknowledged", {{"partition", lane.owned.begin()->first.value}});
    return false;
  }
  const auto flushed = lane.checkpoint.flush(lane.horizons(), kSettleWithin);
  if (!flushed)
    log_.warning("a change of rules or facts waits: the state is not written",
                 {{"partition", lane.owned.begin()->first.value}, {"error", flushed.error().message}});
  return flushed && *flushed == 0;
}

bool Service::outputs_stored(std::span<Lane* const> lanes, Millis within) {
  const auto deadline = Steady::now() + within;
  while (true) {
    const std::uint64_t turn = progress_.turn();
    bool flushed = true;
    for (Sink* file : files_) flushed = file->flush(seconds(1)).has_value() && flushed;
    const bool polled = control_->poll(wall_now()).has_value();
    if (flushed && polled && std::ranges::all_of(lanes, &Lane::all_acknowledged)) return true;
    if (producer_ && producer_->failed()) return false;
    if (!progress_.wait(turn, deadline)) return false;
  }
}

}  // namespace ringfence
