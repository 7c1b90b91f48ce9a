// SPDX-License-Identifier: Apache-2.0
#include "engine/state/changelog.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "engine/state/agent_codec.h"
#include "engine/state/changelog_restore.h"
#include "engine/state/keyspace.h"
#include "engine/state/records.h"

namespace ringfence {
namespace {

/// Low-water marks under way at once, of one partition; beyond it the newest takes the place of the one before.
constexpr std::size_t kDueMost = 1024;

using Clock = std::chrono::steady_clock;

std::chrono::milliseconds until(Clock::time_point deadline) {
  return std::max(std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()), std::chrono::milliseconds{0});
}

}  // namespace

Changelog::Changelog(std::unique_ptr<Store> local, ChangelogTopic& topic, std::string claimant)
    : local_(std::move(local)), topic_(topic), claimant_(std::move(claimant)) {}

std::expected<Changelog::Arrival, StoreError> Changelog::take_on(Partition partition, std::chrono::milliseconds within,
                                                                 const std::stop_token& stop) {
  leave(partition);
  const auto deadline = Clock::now() + within;
  auto known = read_ownership(*local_, partition);
  if (!known) return std::unexpected(std::move(known.error()));
  auto survey = survey_changelog(topic_, partition, *known, until(deadline), stop);
  if (!survey) return std::unexpected(std::move(survey.error()));
  std::vector<AgentKey> late;
  if (survey->moved_on) {
    auto restored = restore_from_changelog(*local_, topic_, partition, until(deadline), stop);
    if (!restored) return std::unexpected(std::move(restored.error()));
    survey->next = restored->next;
    late = std::move(restored->late);
  }
  const auto low = read_low(*local_, partition);
  if (!low) return std::unexpected(low.error());

  // How far the log has come, which may be less than the store: what is missing there is sent below, or after a crash in between by the
  // next start, and another owner must read from here until then.
  const std::optional<Offset> logged = survey->moved_on ? *low : survey->log_low;
  // Claimed in the log before the store knows of it: a crash in between claims once more.
  Owned owned{.generation = survey->generation + 1,
              .sequence = 0,
              .touched = {late.begin(), late.end()},
              .records = {},
              .low = {},
              .due = {},
              .passed_over = {}};
  const std::string claim = encode_claim_record(owned.generation, {claimant_, logged});
  if (survey->moved_on || !survey->log_low) {
    const std::string key = takeover_key(partition, owned.generation);
    if (auto sent = topic_.publish(partition, key, claim, owned.sequence++); !sent) return std::unexpected(sent.error());
  }
  if (auto sent = topic_.publish(partition, claim_key(partition), claim, owned.sequence++); !sent) return std::unexpected(sent.error());
  if (!survey->moved_on) {
    // What was stored here and had not reached the log before a crash; after a clean end there is none. That the mark here is the log's
    // proves nothing: a state held back for its outputs is stored later, without moving it.
    auto agents = agents_from(partition, survey->log_low.value_or(Offset{0}));
    if (!agents) return std::unexpected(std::move(agents.error()));
    owned.touched.insert(agents->begin(), agents->end());
    auto rows = partition_rows(*local_, partition);
    if (!rows) return std::unexpected(std::move(rows.error()));
    owned.low = std::move(rows->low);
    for (StoreWrite& row : rows->records) owned.records.insert_or_assign(std::move(row.key), std::move(row.value));
    if (auto told = tell_forgotten(partition, owned); !told) return std::unexpected(std::move(told.error()));
  }
  if (auto flushed = topic_.flush(until(deadline), stop); !flushed) return std::unexpected(std::move(flushed.error()));
  if (auto put = write_ownership(*local_, partition, {owned.generation, survey->next, claimant_, logged}); !put)
    return std::unexpected(std::move(put.error()));
  if (auto cleared = clear_forgotten(*local_, partition); !cleared) return std::unexpected(std::move(cleared.error()));
  {
    const std::scoped_lock lock(mutex_);
    owned_.insert_or_assign(partition, std::move(owned));
    send_all();
  }
  return survey->moved_on ? Arrival::Restored : Arrival::Local;
}

/// What was forgotten here while no process ran is deleted there, unless it has come back.
std::expected<void, StoreError> Changelog::tell_forgotten(Partition partition, Owned& owned) {
  auto agents = forgotten_agents(*local_, partition);
  if (!agents) return std::unexpected(std::move(agents.error()));
  for (const AgentKey& agent : *agents) {
    const std::string prefix = agent_prefix(partition, agent);
    bool back = false;
    const auto look = [&](std::string_view, std::string_view) {
      back = true;
      return false;
    };
    if (auto scanned = local_->scan(prefix, look); !scanned) return scanned;
    if (back) continue;
    if (auto sent = topic_.publish(partition, prefix, std::nullopt, owned.sequence++); !sent) return sent;
  }
  return {};
}

std::expected<std::vector<AgentKey>, StoreError> Changelog::agents_from(Partition partition, Offset low) {
  std::vector<AgentKey> agents;
  auto scanned = local_->scan(partition_prefix(partition), [&](std::string_view key, std::string_view value) {
    const auto part = agent_part_of(key);
    if (part && part->part.kind == PartId::Kind::Core && lsn_of(part->agent, value).value_or(low.value) >= low.value)
      agents.push_back(part->agent);
    return true;
  });
  if (!scanned) return std::unexpected(std::move(scanned.error()));
  return agents;
}

void Changelog::leave(Partition partition) {
  const std::scoped_lock lock(mutex_);
  owned_.erase(partition);
}

std::size_t Changelog::unpublished() const {
  const std::scoped_lock lock(mutex_);
  std::size_t sum = 0;
  for (const auto& [partition, owned] : owned_) sum += owned.touched.size();
  return sum;
}

std::size_t Changelog::passed_over() const {
  const std::scoped_lock lock(mutex_);
  std::size_t sum = 0;
  for (const auto& [partition, owned] : owned_) sum += owned.passed_over.size();
  return sum;
}

std::expected<void, StoreError> Changelog::write(const std::vector<StoreWrite>& batch) {
  if (auto written = local_->write(batch); !written) return written;
  const std::scoped_lock lock(mutex_);
  for (const StoreWrite& write : batch) note(write);
  send_all();
  return {};
}

std::expected<void, StoreError> Changelog::sync() {
  {
    const std::scoped_lock lock(mutex_);
    send_all();
  }
  return local_->sync();
}

std::expected<void, StoreError> Changelog::settle(std::chrono::milliseconds within) {
  const auto deadline = Clock::now() + within;
  while (true) {
    bool done = true;
    {
      const std::scoped_lock lock(mutex_);
      send_all();
      for (const auto& [partition, owned] : owned_) done = done && owned.touched.empty() && owned.records.empty() && owned.due.empty();
    }
    if (auto flushed = topic_.flush(until(deadline), {}); !flushed) return flushed;
    if (done) return {};
    if (Clock::now() >= deadline)
      return std::unexpected(StoreError{StoreError::Kind::Io, "the changelog of states did not take everything in time"});
  }
}

void Changelog::note(const StoreWrite& write) {
  if (write.key.size() < 2) return;
  const auto part = agent_part_of(write.key);
  const auto record_of = part ? std::nullopt : partition_of_record(write.key);
  const auto found = owned_.find(record_of ? *record_of : partition_of(write.key));
  if (found == owned_.end()) return;
  Owned& owned = found->second;
  if (part)
    owned.touched.insert(part->agent);
  else if (write.kind == StoreWrite::Kind::Put && record_of)
    owned.records.insert_or_assign(write.key, write.value);
  else if (write.kind == StoreWrite::Kind::Put && write.key.starts_with(low_prefix(found->first)))
    owned.low = write;
}

void Changelog::send_all() {
  for (auto& [partition, owned] : owned_)
    if (send(partition, owned)) send_lows(partition, owned);
}

/// True once nothing waits but low-water marks.
bool Changelog::send(Partition partition, Owned& owned) {
  while (!owned.records.empty()) {
    const auto first = owned.records.begin();
    if (!say(partition, owned, first->first, encode_row_record(owned.generation, first->second))) return false;
    owned.records.erase(first);
  }
  while (!owned.touched.empty()) {
    const AgentKey agent = *owned.touched.begin();
    const std::string prefix = agent_prefix(partition, agent);
    std::vector<StoreWrite> rows;
    std::int64_t lsn = -1;
    const auto scanned = local_->scan(prefix, [&](std::string_view key, std::string_view value) {
      const auto part = agent_part_of(key);
      if (part && part->part.kind == PartId::Kind::Core) lsn = lsn_of(agent, value).value_or(-1);
      rows.push_back({StoreWrite::Kind::Put, std::string(key), std::string(value)});
      return true;
    });
    if (!scanned) return false;
    const bool sent = rows.empty() ? say(partition, owned, prefix, std::nullopt)
                                   : say(partition, owned, prefix, encode_state_record(owned.generation, lsn, prefix, rows));
    if (!sent) return false;
    owned.touched.erase(owned.touched.begin());
  }
  if (owned.low && owned.passed_over.empty()) {
    if (owned.due.size() >= kDueMost) owned.due.pop_back();
    owned.due.push_back({std::move(*owned.low), owned.sequence});
    owned.low.reset();
  }
  return true;
}

/// The newest mark whose states are all acknowledged.
void Changelog::send_lows(Partition partition, Owned& owned) {
  const std::int64_t acknowledged = topic_.acknowledged(partition);
  std::size_t ripe = 0;
  while (ripe < owned.due.size() && owned.due[ripe].behind <= acknowledged) ++ripe;
  if (ripe == 0) return;
  const StoreWrite& row = owned.due[ripe - 1].row;
  if (publish(partition, owned, row.key, encode_row_record(owned.generation, row.value)) != Handed::Over) return;
  owned.due.erase(owned.due.begin(), owned.due.begin() + static_cast<std::ptrdiff_t>(ripe));
}

Changelog::Handed Changelog::publish(Partition partition, Owned& owned, std::string_view key, std::optional<std::string_view> value) {
  if (const auto sent = topic_.publish(partition, key, value, owned.sequence); !sent)
    return sent.error().kind == StoreError::Kind::NoSpace ? Handed::NoRoom : Handed::Refused;
  ++owned.sequence;
  return Handed::Over;
}

/// False where there is no room. What is refused for another reason, as too large, is left out, and no mark goes beyond it until a later
/// form of it is taken.
bool Changelog::say(Partition partition, Owned& owned, const std::string& key, std::optional<std::string_view> value) {
  const Handed handed = publish(partition, owned, key, value);
  if (handed == Handed::Refused) owned.passed_over.insert(key);
  if (handed == Handed::Over) owned.passed_over.erase(key);
  return handed != Handed::NoRoom;
}

}  // namespace ringfence
