// SPDX-License-Identifier: Apache-2.0
#include "engine/state/checkpoint.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "engine/state/keyspace.h"

namespace ringfence {
namespace {

/// Nothing waits for the shard while it flushes: batches are large, because the store takes ordered rows the cheaper the more there are.
constexpr std::size_t kStatesPerFlush = 1024;

}  // namespace

Checkpoint::Checkpoint(AgentTable& table, Flusher& flusher, Store& store, CheckpointSettings settings)
    : table_(table), flusher_(flusher), store_(store), settings_(settings) {}

std::expected<std::optional<Offset>, StoreError> Checkpoint::restore(Partition partition, std::chrono::milliseconds at_most) {
  if (!storable(partition)) return std::unexpected(StoreError{StoreError::Kind::Io, "a partition number beyond what the store holds"});
  if (auto drained = flusher_.drain(at_most); !drained) return std::unexpected(std::move(drained.error()));
  return read_low(store_, partition);
}

Checkpoint::Source* Checkpoint::source(Partition partition) {
  const auto found = std::ranges::find(sources_, partition, &Source::partition);
  return found == sources_.end() ? nullptr : &*found;
}

void Checkpoint::assign(Partition partition, Offset low, std::uint8_t lane) {
  leave(partition);
  table_.start_from(partition, read_reached(store_, partition));
  Source& made = sources_.emplace_back();
  made.partition = partition;
  made.lane = lane;
  made.acknowledged = Offset{low.value - 1};
  made.submitted_low = made.written_low = low;
}

void Checkpoint::leave(Partition partition) {
  std::erase_if(sources_, [&](const Source& s) { return s.partition == partition; });
  table_.leave(partition);
}

void Checkpoint::mark() {
  table_.age();
  low_due_ = true;
}

void Checkpoint::Batch::add(AgentTable::Snapshot snapshot) {
  entries.push_back(snapshot.entry);
  bytes += snapshot.bytes;
  std::ranges::move(snapshot.writes, std::back_inserter(writes));
}

void Checkpoint::settle() {
  const std::uint64_t written = flusher_.written();
  table_.settle(written);
  for (Source& s : sources_)
    for (; !s.sent.empty() && s.sent.front().batch <= written; s.sent.pop_front()) s.written_low = s.sent.front().low;
}

/// Moves what the horizon now covers into the batch, in the order it was taken: of two snapshots of one agent the older has the smaller
/// lsn, so it is never written after the newer.
void Checkpoint::release_held(Source& s, Batch& batch) {
  std::deque<AgentTable::Snapshot> still;
  for (auto& snapshot : s.held) {
    if (snapshot.lsn <= s.acknowledged) {
      s.held_bytes -= snapshot.bytes;
      batch.add(std::move(snapshot));
    } else {
      still.push_back(std::move(snapshot));
    }
  }
  s.held = std::move(still);
}

void Checkpoint::take(Source& s, std::uint64_t generations, Batch& batch, std::size_t& quota) {
  const std::size_t held_most = settings_.held_bytes / sources_.size();
  while (quota > 0 && batch.bytes < settings_.bytes_per_step && s.held_bytes <= held_most) {
    auto snapshot = table_.take_oldest(s.partition, generations);
    if (!snapshot) return;
    --quota;
    // Nothing older of the same agent can still be held here: all up to the horizon was released before.
    if (snapshot->lsn <= s.acknowledged) {
      batch.add(std::move(*snapshot));
    } else {
      s.held_bytes += snapshot->bytes;
      s.held.push_back(std::move(*snapshot));
    }
  }
}

/// `whole`: of a partition that has more to take it stays.
Offset Checkpoint::low_of(const Source& s, bool whole) const {
  Offset low{s.acknowledged.value + 1};
  const auto dirty = table_.first_dirty(s.partition);
  if (dirty && whole) return s.submitted_low;
  if (dirty) low = std::min(low, *dirty);
  if (!s.held.empty()) low = std::min(low, s.held.front().first_dirty);
  return std::max(low, s.submitted_low);
}

Checkpoint::Step Checkpoint::run(std::span<const Horizon> horizons, std::uint64_t generations, std::size_t quota) {
  flusher_.poll();
  settle();
  if (!flusher_.has_room()) return {0, true};
  Batch batch;
  for (const Horizon& horizon : horizons) {
    Source* s = source(horizon.partition);
    if (!s || horizon.acknowledged <= s->acknowledged) continue;
    s->acknowledged = horizon.acknowledged;
    if (!s->held.empty()) release_held(*s, batch);
  }
  for (std::size_t i = 0; i < sources_.size() && quota > 0; ++i) take(sources_[(turn_ + i) % sources_.size()], generations, batch, quota);
  ++turn_;
  const Step done{batch.entries.size(), false};
  send(std::move(batch), generations == 0);
  settle();
  return done;
}

void Checkpoint::send(Batch batch, bool whole) {
  // A mark that moved by itself (records without effect) is worth a batch once an interval.
  if (batch.entries.empty() && records_.empty() && !low_due_) return;
  std::vector<std::pair<Source*, Offset>> moved;
  for (Source& s : sources_) {
    const Offset low = low_of(s, whole);
    if (low != s.submitted_low) moved.emplace_back(&s, low);
  }
  if (batch.entries.empty() && records_.empty() && moved.empty()) return;
  for (const auto& [s, low] : moved) batch.writes.push_back(low_write(s->partition, s->lane, low, table_.reached(s->partition, low)));
  std::ranges::move(records_, std::back_inserter(batch.writes));
  records_.clear();
  low_due_ = false;
  const std::uint64_t number = flusher_.offer(std::move(batch.writes));
  for (const std::uint32_t entry : batch.entries) table_.submitted(entry, number);
  for (const auto& [s, low] : moved) {
    s->submitted_low = low;
    s->sent.push_back({number, low});
  }
}

Checkpoint::Step Checkpoint::step(std::span<const Horizon> horizons) { return run(horizons, 1, settings_.states_per_step); }

std::expected<std::size_t, StoreError> Checkpoint::flush(std::span<const Horizon> horizons, std::chrono::milliseconds at_most) {
  const auto until = std::chrono::steady_clock::now() + at_most;
  const auto left = [&] {
    return std::max(std::chrono::milliseconds(0),
                    std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()));
  };
  const auto standing = [&] { return std::pair(table_.dirty(), held()); };
  for (;;) {
    const auto before = standing();
    low_due_ = true;
    const Step done = run(horizons, 0, std::max(settings_.states_per_step, kStatesPerFlush));
    if (done.store_behind) {
      if (auto drained = flusher_.drain(left()); !drained) return std::unexpected(std::move(drained.error()));
    } else if (standing() == before) {
      break;  // what is left waits for acknowledgements
    }
  }
  run(horizons, 1, 0);  // where states had to stay, the mark moves as far as they let it
  if (auto drained = flusher_.drain(left()); !drained) return std::unexpected(std::move(drained.error()));
  settle();
  return table_.dirty() + held();
}

void Checkpoint::put_record(std::string_view name, std::string_view value) { records_.push_back(record_write(name, value)); }

Offset Checkpoint::low(Partition partition) const {
  const auto found = std::ranges::find(sources_, partition, &Source::partition);
  return found == sources_.end() ? Offset{0} : found->written_low;
}

std::size_t Checkpoint::held() const {
  std::size_t sum = 0;
  for (const Source& s : sources_) sum += s.held.size();
  return sum;
}

}  // namespace ringfence
