// SPDX-License-Identifier: Apache-2.0
#include "engine/state/changelog_restore.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <unordered_map>
#include <utility>

#include "engine/state/agent_codec.h"
#include "engine/state/codec.h"
#include "engine/state/keyspace.h"
#include "engine/state/records.h"

namespace ringfence {
namespace {

constexpr std::size_t kBatchBytes = std::size_t{4} << 20U;

StoreError unreadable(Partition partition, Offset offset) {
  return {StoreError::Kind::Corrupt, "the changelog of partition " + std::to_string(partition.value) + " has a record at offset " +
                                         std::to_string(offset.value) + " that cannot be read"};
}

/// Not a record of the partition in the log: it says what this store knows of it.
std::string ownership_record(Partition partition) { return "changelog-" + std::to_string(partition.value); }

/// Likewise: agents that it has forgotten and the log has not, their keys behind each other.
std::string forgotten_record(Partition partition) { return "changelog-forgotten-" + std::to_string(partition.value); }

/// Whether a key of the log speaks of this partition: a topic may hold several.
bool concerns(std::string_view key, Partition partition) {
  if (key.size() < 2) return false;
  if (const auto named = partition_of_record(key)) return *named == partition;
  return partition_of(key) == partition;
}

/// Writes what the log holds of one partition, record by record.
class Restoring {
 public:
  Restoring(Store& store, Partition partition) : store_(store), partition_(partition) {}

  std::expected<void, StoreError> take(const ChangelogTopic::Row& row) {
    if (!row.value) return forget(row.key);
    const auto record = decode_changelog_record(row.key, *row.value);
    if (!record) return std::unexpected(unreadable(partition_, row.offset));
    const bool late = record->generation < generation_;
    generation_ = std::max(generation_, record->generation);  // nobody writes under one that has not been claimed
    if (const auto* claim = std::get_if<ClaimRecord>(&record->body)) {
      if (late) return {};
      // Until the owner says more, this is how far the log had come: less than a mark before it where a late state was found.
      if (claim->low) low_ = low_ && low_->low <= *claim->low ? *low_ : LowMark{*claim->low, std::nullopt};
      return {};
    }
    if (const auto* state = std::get_if<StateRecord>(&record->body)) return take(row.key, *state, late);
    if (late) return {};
    const auto& bytes = std::get<RowRecord>(record->body).bytes;
    if (row.key.starts_with(low_prefix(partition_))) {
      const auto mark = low_mark_of(row.key, bytes);
      if (!mark) return std::unexpected(unreadable(partition_, row.offset));
      low_ = mark;
      return {};
    }
    return put({StoreWrite::Kind::Put, std::string(row.key), bytes});
  }

  std::expected<void, StoreError> finish() {
    if (low_) {
      // A state that a former owner wrote late may have taken the place of a newer one: what has happened since is judged again.
      for (const auto& [agent, at] : agents_)
        if (at.late) low_->low = std::min(low_->low, Offset{at.lsn + 1});
      batch_.push_back(low_write(partition_, 0, low_->low, low_->reached));
    }
    if (auto written = write(); !written) return written;
    return store_.sync();
  }

  /// In order of keys.
  [[nodiscard]] std::vector<AgentKey> late() const {
    std::vector<AgentKey> agents;
    for (const auto& [prefix, at] : agents_)
      if (const auto core = agent_part_of(prefix + static_cast<char>(PartId::Kind::Core)); at.late && core) agents.push_back(core->agent);
    std::ranges::sort(agents);
    return agents;
  }

 private:
  struct At {
    std::int64_t lsn = -1;
    bool late = false;
  };

  std::expected<void, StoreError> take(std::string_view key, const StateRecord& state, bool late) {
    const auto found = agents_.find(std::string(key));
    if (found != agents_.end()) {
      if (state.lsn < found->second.lsn) return {};
      if (auto gone = drop(key); !gone) return gone;
    }
    agents_.insert_or_assign(std::string(key), At{state.lsn, late});
    for (const StoreWrite& row : state.rows)
      if (auto done = put(row); !done) return done;
    return {};
  }

  std::expected<void, StoreError> forget(std::string_view key) {
    agents_.erase(std::string(key));
    return drop(key);
  }

  std::expected<void, StoreError> drop(std::string_view prefix) {
    if (auto written = write(); !written) return written;
    return store_.drop(prefix);
  }

  std::expected<void, StoreError> put(StoreWrite row) {
    bytes_ += row.key.size() + row.value.size();
    batch_.push_back(std::move(row));
    return bytes_ < kBatchBytes ? std::expected<void, StoreError>{} : write();
  }

  std::expected<void, StoreError> write() {
    bytes_ = 0;
    return store_.write(std::exchange(batch_, {}));
  }

  Store& store_;
  const Partition partition_;
  std::uint64_t generation_ = 0;
  std::optional<LowMark> low_;
  std::unordered_map<std::string, At> agents_;
  std::vector<StoreWrite> batch_;
  std::size_t bytes_ = 0;
};

}  // namespace

std::expected<std::optional<Ownership>, StoreError> read_ownership(Store& store, Partition partition) {
  const auto kept = get_record(store, ownership_record(partition));
  if (!kept) return std::unexpected(kept.error());
  if (!*kept) return std::optional<Ownership>{};
  Reader in(**kept);
  Ownership known{.generation = in.varint(), .next = Offset{in.svarint()}, .claimant = std::string(in.text()), .low = {}};
  if (in.u8() != 0) known.low = Offset{in.svarint()};
  if (!in.ok() || !in.at_end()) return std::optional<Ownership>{};
  return known;
}

std::expected<void, StoreError> write_ownership(Store& store, Partition partition, const Ownership& ownership) {
  Writer out;
  out.varint(ownership.generation);
  out.svarint(ownership.next.value);
  out.text(ownership.claimant);
  out.u8(ownership.low ? 1 : 0);
  if (ownership.low) out.svarint(ownership.low->value);
  return put_record(store, ownership_record(partition), out.bytes());
}

std::expected<bool, StoreError> note_forgotten(Store& store, Partition partition, const AgentKey& agent) {
  const auto owned = read_ownership(store, partition);
  if (!owned) return std::unexpected(owned.error());
  if (!*owned) return false;
  auto agents = forgotten_agents(store, partition);
  if (!agents) return std::unexpected(std::move(agents.error()));
  agents->push_back(agent);
  Writer out;
  for (const AgentKey& each : *agents) {
    out.u64(each.hash.high);
    out.u64(each.hash.low);
  }
  if (auto put = put_record(store, forgotten_record(partition), out.bytes()); !put) return std::unexpected(std::move(put.error()));
  return true;
}

std::expected<std::vector<AgentKey>, StoreError> forgotten_agents(Store& store, Partition partition) {
  const auto kept = get_record(store, forgotten_record(partition));
  if (!kept) return std::unexpected(kept.error());
  std::vector<AgentKey> agents;
  Reader in(*kept ? std::string_view(**kept) : std::string_view());
  while (in.ok() && !in.at_end()) {
    AgentKey agent;
    agent.hash.high = in.u64();
    agent.hash.low = in.u64();
    if (in.ok()) agents.push_back(agent);
  }
  return agents;
}

std::expected<void, StoreError> clear_forgotten(Store& store, Partition partition) {
  return store.write({{StoreWrite::Kind::Delete, record_key(forgotten_record(partition)), {}}});
}

std::expected<Survey, StoreError> survey_changelog(ChangelogTopic& topic, Partition partition, const std::optional<Ownership>& known,
                                                   std::chrono::milliseconds within, const std::stop_token& stop) {
  Survey survey{.generation = known ? known->generation : 0, .next = {}, .moved_on = false, .log_low = {}};
  bool ours = false;
  std::optional<Offset> low;
  const auto look = [&](const ChangelogTopic::Row& row) -> std::expected<void, StoreError> {
    if (!row.value || !concerns(row.key, partition)) return {};
    const bool is_claim = row.key == claim_key(partition);
    const bool is_low = row.key.starts_with(low_prefix(partition));
    if (!is_claim && !is_low) return {};
    const auto record = decode_changelog_record(row.key, *row.value);
    if (!record) return std::unexpected(unreadable(partition, row.offset));
    if (const auto* claim = std::get_if<ClaimRecord>(&record->body)) {
      survey.generation = std::max(survey.generation, record->generation);
      ours = known && record->generation == known->generation && claim->claimant == known->claimant;
    } else if (const auto* bytes = std::get_if<RowRecord>(&record->body); known && record->generation == known->generation) {
      if (const auto mark = low_mark_of(row.key, bytes->bytes)) low = mark->low;
    }
    return {};
  };
  auto next = topic.read(partition, known ? known->next : Offset{0}, within, stop, look);
  if (!next) return std::unexpected(std::move(next.error()));
  survey.next = *next;
  survey.moved_on = survey.generation > (known ? known->generation : 0);
  // Where the claim of before is gone the log was made anew: nothing of ours is in it.
  if (known && ours) survey.log_low = low ? low : known->low;
  return survey;
}

std::expected<Restored, StoreError> restore_from_changelog(Store& store, ChangelogTopic& topic, Partition partition,
                                                           std::chrono::milliseconds within, const std::stop_token& stop) {
  const StoreWrite unowned{StoreWrite::Kind::Delete, record_key(ownership_record(partition)), {}};
  if (auto written = store.write({unowned}); !written) return std::unexpected(std::move(written.error()));
  if (auto cleared = clear_forgotten(store, partition); !cleared) return std::unexpected(std::move(cleared.error()));
  if (auto dropped = store.drop(partition_prefix(partition)); !dropped) return std::unexpected(std::move(dropped.error()));
  Restoring restoring(store, partition);
  auto next = topic.read(partition, Offset{0}, within, stop, [&](const ChangelogTopic::Row& row) -> std::expected<void, StoreError> {
    return concerns(row.key, partition) ? restoring.take(row) : std::expected<void, StoreError>{};
  });
  if (!next) return std::unexpected(std::move(next.error()));
  if (auto finished = restoring.finish(); !finished) return std::unexpected(std::move(finished.error()));
  return Restored{*next, restoring.late()};
}

std::expected<PartitionRows, StoreError> partition_rows(Store& store, Partition partition) {
  PartitionRows rows;
  const std::string low = low_key(partition, 0);
  auto found = store.get(low);
  if (!found) return std::unexpected(std::move(found.error()));
  if (*found) rows.low = StoreWrite{StoreWrite::Kind::Put, low, std::move(**found)};
  auto scanned = store.scan(record_key(""), [&](std::string_view key, std::string_view value) {
    if (partition_of_record(key) == partition) rows.records.push_back({StoreWrite::Kind::Put, std::string(key), std::string(value)});
    return true;
  });
  if (!scanned) return std::unexpected(std::move(scanned.error()));
  return rows;
}

}  // namespace ringfence
