// SPDX-License-Identifier: Apache-2.0
// Operators' commands: each takes effect behind one offset of each partition, which is on disk before anything is changed by it, and what
// it changed is stored together with the word that it was obeyed.
#include <algorithm>
#include <string>
#include <utility>

#include "engine/app/service_shard.h"
#include "engine/state/keyspace.h"
#include "engine/state/records.h"

namespace ringfence {
namespace {

constexpr int kStoreAttempts = 5;
/// Every command takes effect in every partition; who serves this one puts on record that it was taken.
constexpr Partition kFirst{0};
constexpr std::size_t kUnsaidMost = 10'000;
/// Name of the offset of the context topic below which what was passed over is on record.
constexpr std::string_view kPassedOverRecord = "audit_passed_over";
constexpr std::chrono::seconds kOrdersAgain{5};

}  // namespace

std::string commands_record(Partition partition) { return partition_record("commands", partition); }

std::expected<void, std::string> Service::orders_missed(Lane& lane, Partition partition, std::size_t changes_taken) {
  if (!context_) return {};
  const auto kept = get_record(*store_, commands_record(partition));
  if (!kept) return std::unexpected(kept.error().message);
  const std::int64_t next = *kept ? std::strtoll((*kept)->c_str(), nullptr, 10) : 0;
  const auto changes = context_->since(0);
  for (std::size_t i = 0; i < std::min(changes.size(), changes_taken); ++i)
    if (std::holds_alternative<OperatorCommand>(changes[i].what) && changes[i].offset.value >= next)
      lane.owned.at(partition).orders.push_back({.change = changes[i], .at_once = false});
  return {};
}

std::size_t Service::orders_ready(Lane& lane, Partition partition, std::span<const PartitionLag> lags) const {
  Lane::Owned& owned = lane.owned.at(partition);
  const auto lag = std::ranges::find(lags, partition_in_topic(partition), &PartitionLag::partition);
  if (lag != lags.end() && !owned.end) owned.end = lag->end;
  const auto ready = [&](const Lane::Order& order) {
    if (order.at_once) return true;
    if (const auto placed = positions_->place_of(partition, record_of(order.change.what))) return owned.applied >= *placed;
    return owned.end && (owned.applied.value + 1 >= owned.end->value || lag->next >= *owned.end);
  };
  return static_cast<std::size_t>(std::ranges::find_if_not(owned.orders, ready) - owned.orders.begin());
}

std::expected<void, RunError> Service::obey_orders(Lane& lane, const Consumer& consumer, const Obey& obey) {
  const auto waits = [](const auto& row) { return !row.second.orders.empty(); };
  if (std::ranges::none_of(lane.owned, waits) || Steady::now() < lane.next_orders) return {};
  const std::vector<PartitionLag> lags = consumer.lag();
  for (const auto& [partition, owned] : lane.owned) {
    const std::size_t count = orders_ready(lane, partition, lags);
    if (count == 0) continue;
    lane.next_orders = Steady::now() + kOrdersAgain;
    if (!settle(lane)) return {};
    std::vector<ContextPositions::Line> lines;
    for (const Lane::Order& order : std::span(owned.orders).first(count)) {
      const std::string_view record = record_of(order.change.what);
      if (order.at_once || !positions_->place_of(partition, record)) lines.push_back({partition, owned.applied, record});
    }
    if (const auto written = positions_->write(lines); !written) {
      log_.warning("an operator's command waits: the context log is not written", {{"error", written.error().message}});
      return {};
    }
    log_.info("operators' commands take effect", {{"partition", partition.value}, {"commands", count}, {"after", owned.applied.value}});
    if (auto obeyed = obey_orders(lane, partition, count, obey); !obeyed) return obeyed;
    lane.next_orders = {};
  }
  return {};
}

/// Where what commands say and change cannot be stored in time the process ends, and the next start obeys them at the same place.
std::expected<void, RunError> Service::obey_orders(Lane& lane, Partition partition, std::size_t count, const Obey& obey) {
  Lane::Owned& owned = lane.owned.at(partition);
  std::int64_t next = 0;
  for (const Lane::Order& order : std::span(owned.orders).first(count)) {
    const auto& command = std::get<OperatorCommand>(order.change.what);
    next = std::max(next, order.change.offset.value + 1);
    if (partition == kFirst) {
      const AuditEntry taken = audit_of_taken({command.command, command.jti, command.kid}, {partition, owned.applied}, wall_now());
      if (const auto said = lane.outputs->record(taken, {partition, owned.applied}); !said)
        return std::unexpected(RunError{ExitCode::Unreachable, said.error().message});
    }
    const auto done = obey(command, {partition, owned.applied});
    if (!done) return std::unexpected(of_store(done.error()));
    for (const Operated& one : *done)
      if (auto carried = carry_out(lane, command, one, {partition, owned.applied}); !carried) return carried;
  }
  owned.orders.erase(owned.orders.begin(), owned.orders.begin() + static_cast<std::ptrdiff_t>(count));
  lane.checkpoint.put_record(commands_record(partition), std::to_string(next));
  for (int attempt = 0; attempt < kStoreAttempts; ++attempt)
    if (settle(lane)) return {};
  return std::unexpected(RunError{ExitCode::Unreachable, "an operator's command was not stored in time"});
}

std::expected<std::vector<Operated>, StoreError> Service::obey(ShardRun& shard, const OperatorCommand& order, Position after) {
  auto done = shard.shard.operate(order.command, order.scope, after, {.topic = settings_.topics.events});
  if (!done) return std::unexpected(std::move(done.error()));
  std::vector<Operated> answers;
  keep_foreign(shard, after.partition);
  if (*done && (*done)->judgement) shard.view.see(*(*done)->judgement);
  // What is in no agent's state was taken in every partition: who serves the first says so, and whoever has more to say of it.
  if (is_wide(order.scope) && after.partition != kFirst && !(*done && (*done)->judgement)) return std::vector<Operated>();
  if (*done && (*done)->answer != CommandAnswer::UnknownAgent)
    answers.push_back(std::move(**done));
  else if (*done && after.partition == kFirst)
    log_.info("the first partition does not know what a command names: it is another partition's, or nobody's",
              {{"scope", order.command.scope}});
  return answers;
}

std::expected<void, RunError> Service::carry_out(Lane& lane, const OperatorCommand& order, const Operated& done, Position at) {
  log_command(log_, order, done.answer);
  const AuditEntry entry =
      audit_of_answer({order.command, order.jti, order.kid}, done.answer == CommandAnswer::Done, words_of(done.answer), at, wall_now());
  if (const auto said = lane.outputs->record(entry, at); !said)
    return std::unexpected(RunError{ExitCode::Unreachable, said.error().message});
  if (!done.judgement) return {};
  if (const auto told = lane.outputs->publish(*done.judgement); !told)
    return std::unexpected(RunError{ExitCode::Unreachable, told.error().message});
  return {};
}

void Service::passed_over(const OperatorCommand* order, Offset at, std::string_view why) {
  std::uint64_t more = 0;
  {
    const std::lock_guard lock(unsaid_mutex_);
    const auto kept = get_record(*store_, kPassedOverRecord);
    if (kept && *kept && at.value < std::strtoll((*kept)->c_str(), nullptr, 10)) return;
    const auto admitted = passed_over_bound_.admit(Steady::now());
    if (!admitted) return;
    more = *admitted;
  }
  if (order == nullptr) return put_on_record(audit_of_passed_over(nullptr, at, why, more, wall_now()), at);
  const CommandOnRecord command{order->command, order->jti, order->kid};
  put_on_record(audit_of_passed_over(&command, at, why, more, wall_now()), at);
}

void Service::put_on_record(AuditEntry entry, std::optional<Offset> passed) {
  const std::lock_guard lock(unsaid_mutex_);
  if (unsaid_.size() >= kUnsaidMost) {
    log_.error("audit trail", {{"error", "too much waits to be put on record"}});
    return;
  }
  unsaid_.push_back({std::move(entry), passed});
}

void Service::tell_record() {
  const std::lock_guard lock(unsaid_mutex_);
  while (!unsaid_.empty() && audit_->say(unsaid_.front().entry, {kNoInput, Offset{0}})) {
    if (const auto& passed = unsaid_.front().passed)
      if (const auto put = put_record(*store_, kPassedOverRecord, std::to_string(passed->value + 1)); !put)
        log_.warning("what was passed over is on record once more after a restart", {{"error", put.error().message}});
    unsaid_.pop_front();
  }
}

}  // namespace ringfence
