// SPDX-License-Identifier: Apache-2.0
#include "engine/state/agent_table.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "engine/event/far_times.h"
#include "engine/state/keyspace.h"
#include "engine/state/reclaim.h"

namespace ringfence {
namespace {

constexpr std::uint32_t kSlabEntries = 256;
constexpr std::size_t kLookedAtPerTrim = 1024;
constexpr std::size_t kSlotsLeast = 64;
constexpr std::size_t kCacheLine = 64;

StoreError store_error(const CodecError& error) {
  const auto kind = error.kind == CodecError::Kind::Version ? StoreError::Kind::Version : StoreError::Kind::Corrupt;
  return {kind, "stored state of an agent: " + error.message};
}

}  // namespace

struct alignas(kCacheLine) AgentTable::Entry : AgentState {
  WrittenParts written;
  std::uint64_t batch = 0;  // the last batch that carries it to the store
  std::size_t counted = 0;  // its share of `bytes_`
  std::uint32_t index = 0;
  std::uint32_t unsubmitted = 0;  // snapshots taken and not yet on their way
  std::uint16_t partition = 0;
  bool live = false, dirty = false, referenced = false;
};

struct AgentTable::Slot {
  std::uint64_t tag = 0;  // the low half of the agent's hash, and the home position
  std::uint32_t entry = 0;
  std::uint16_t partition = 0;
  std::uint16_t used = 0;
};

AgentTable::AgentTable(Store& store, const MemoryFactory& memories, TableSettings settings)
    : store_(store), memories_(memories), settings_(settings) {
  static_assert(sizeof(Slot) == 16);
  slots_.resize(std::bit_ceil(std::max(kSlotsLeast, settings.expected_agents * 2)));
}

AgentTable::~AgentTable() = default;

AgentTable::Entry& AgentTable::entry(std::uint32_t index) const { return slabs_[index / kSlabEntries][index % kSlabEntries]; }

AgentTable::Entry* AgentTable::look_up(Partition partition, const AgentKey& key) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = key.hash.low & mask; slots_[at].used != 0; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.tag != key.hash.low || slot.partition != partition.value) continue;
    Entry& found = entry(slot.entry);
    if (found.key == key) return &found;
  }
  return nullptr;
}

std::expected<AgentState*, StoreError> AgentTable::open(Position at, const AgentKey& key, std::string_view tenant, std::string_view id,
                                                        EventTime time) {
  Entry* found = look_up(at.partition, key);
  if (found) {
    ++counters_.hits;
  } else {
    if (!storable(at.partition)) return std::unexpected(StoreError{StoreError::Kind::Io, "a partition number beyond what the store holds"});
    auto loaded = load(at.partition, key);
    if (!loaded) return std::unexpected(std::move(loaded.error()));
    if (!*loaded) {
      ++counters_.created;
      AgentState& fresh = loaded->emplace().state;
      fresh.key = key;
      fresh.tenant = tenant;
      fresh.id = id;
      fresh.first_time = fresh.last_time = time;
    }
    found = &insert(at.partition, key, std::move(**loaded));
  }
  found->referenced = true;
  ReachedTime& reached = progress(at.partition).reached;
  reached.note(at.offset, time);
  // A compaction may have cut down what the store has of it (reclaim.h).
  if (reached.newest() && found->last_time < before(before(*reached.newest(), settings_.expiry), kLateMost)) found->written.doubt();
  // A record at or below lsn was judged before this state got as old as it is now: it must not expire anything.
  const bool fresh_record = at.offset.value > found->lsn;
  if (fresh_record && between(found->last_time, time) > settings_.expiry && !found->contained()) {
    found->start_afresh();
    ++counters_.expired;
  }
  return found;
}

AgentTable::Progress& AgentTable::progress(Partition partition) {
  const auto number = static_cast<std::size_t>(partition.value);
  if (progress_.size() <= number) progress_.resize(number + 1);
  if (!progress_[number]) progress_[number] = std::make_unique<Progress>();
  return *progress_[number];
}

AgentTable::Progress* AgentTable::known_progress(Partition partition) const {
  const auto number = static_cast<std::size_t>(partition.value);
  return partition.value >= 0 && number < progress_.size() ? progress_[number].get() : nullptr;
}

std::optional<EventTime> AgentTable::reached(Partition partition, Offset low) { return progress(partition).reached.below(low); }

void AgentTable::start_from(Partition partition, std::optional<EventTime> reached) {
  Progress& of = progress(partition);
  of.behind.reset();
  if (reached) of.reached.start_from(*reached);
}

std::expected<const AgentState*, StoreError> AgentTable::find(Partition partition, const AgentKey& key) {
  if (!storable(partition)) return nullptr;
  if (const Entry* found = look_up(partition, key)) return found;
  auto loaded = load(partition, key);
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  if (!*loaded) return nullptr;
  return &insert(partition, key, std::move(**loaded));
}

/// Whether asking the store for an agent that is not in memory can find anything: it had agents of the partition when this table took it,
/// or one has left memory since. Where neither is so, all there are lie in memory.
std::expected<bool, StoreError> AgentTable::any_behind(Partition partition) {
  std::optional<bool>& behind = progress(partition).behind;
  if (behind) return *behind;
  bool any = false;
  auto scanned = store_.scan(partition_prefix(partition), [&any](std::string_view name, std::string_view) {
    any = agent_part_of(name).has_value();
    return !any;
  });
  if (!scanned) return std::unexpected(std::move(scanned.error()));
  behind = any;
  return any;
}

std::expected<std::optional<DecodedAgent>, StoreError> AgentTable::load(Partition partition, const AgentKey& key) {
  const auto behind = any_behind(partition);
  if (!behind) return std::unexpected(behind.error());
  if (!*behind) return std::nullopt;
  const auto core = store_.get(part_key(partition, key, {}));
  if (!core) return std::unexpected(core.error());
  if (!*core) return std::nullopt;
  const PartView alone{{}, **core};
  auto decoded = decode_agent(key, std::span(&alone, 1), memories_);
  if (!decoded && decoded.error().kind == CodecError::Kind::MissingPart) {
    std::vector<std::pair<PartId, std::string>> rows;
    auto scanned = store_.scan(agent_prefix(partition, key), [&](std::string_view name, std::string_view value) {
      if (const auto part = agent_part_of(name)) rows.emplace_back(part->part, value);
      return true;
    });
    if (!scanned) return std::unexpected(std::move(scanned.error()));
    std::vector<PartView> parts;
    parts.reserve(rows.size());
    for (const auto& [id, bytes] : rows) parts.push_back({id, bytes});
    decoded = decode_agent(key, parts, memories_);
  }
  if (!decoded) return std::unexpected(store_error(decoded.error()));
  ++counters_.loads;
  counters_.memories_dropped += decoded->memories_dropped;
  return std::move(*decoded);
}

AgentTable::Entry& AgentTable::insert(Partition partition, const AgentKey& key, DecodedAgent agent) {
  if ((size_ + 1) * 2 > slots_.size()) grow();
  if (free_.empty()) {
    const auto base = static_cast<std::uint32_t>(slabs_.size()) * kSlabEntries;
    slabs_.push_back(std::make_unique<Entry[]>(kSlabEntries));
    for (std::uint32_t i = kSlabEntries; i-- > 0;) free_.push_back(base + i);
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  Entry& made = entry(index);
  static_cast<AgentState&>(made) = std::move(agent.state);
  made.written = std::move(agent.written);
  made.index = index;
  made.partition = static_cast<std::uint16_t>(partition.value);
  made.live = made.referenced = true;
  made.dirty = false;
  made.batch = 0;
  made.unsubmitted = 0;
  made.counted = 0;
  recount(made);
  place({key.hash.low, index, made.partition, 1});
  ++size_;
  return made;
}

void AgentTable::place(Slot slot) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = slot.tag & mask;
  while (slots_[at].used != 0) at = (at + 1) & mask;
  slots_[at] = slot;
}

void AgentTable::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old)
    if (slot.used != 0) place(slot);
}

void AgentTable::remove(std::uint32_t index) {
  Entry& gone = entry(index);
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = gone.key.hash.low & mask;
  while (slots_[hole].used == 0 || slots_[hole].entry != index) hole = (hole + 1) & mask;
  // Move back whatever would no longer be found across the hole.
  for (std::size_t at = (hole + 1) & mask; slots_[at].used != 0; at = (at + 1) & mask) {
    const std::size_t home = slots_[at].tag & mask;
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = Slot{};
  bytes_ -= gone.counted;
  static_cast<AgentState&>(gone) = AgentState{};
  gone.written = WrittenParts{};
  gone.live = false;
  free_.push_back(index);
  --size_;
}

std::size_t AgentTable::bytes_of(const Entry& e) const {
  return e.bytes() + sizeof(Entry) - sizeof(AgentState) + e.written.heap_bytes() + 2 * sizeof(Slot);
}

void AgentTable::recount(Entry& e) {
  bytes_ -= e.counted;
  e.counted = bytes_of(e);
  bytes_ += e.counted;
}

void AgentTable::touch(AgentState& state, Offset applied) {
  auto& e = static_cast<Entry&>(state);
  assert(applied.value >= e.lsn);
  e.lsn = applied.value;
  if (e.dirty) return;
  e.dirty = true;
  ++dirty_;
  progress(Partition{e.partition}).waiting.push_back({e.index, applied.value, generation_});
}

void AgentTable::prefetch(std::span<const Probe> window) const {
  const std::size_t mask = slots_.size() - 1;
  for (const Probe& probe : window) __builtin_prefetch(&slots_[probe.key.hash.low & mask]);
  for (const Probe& probe : window) {
    const Slot& home = slots_[probe.key.hash.low & mask];
    if (home.used == 0 || home.tag != probe.key.hash.low) continue;
    const Entry& state = entry(home.entry);
    const auto* const bytes = reinterpret_cast<const char*>(&state);
    const auto* const end = reinterpret_cast<const char*>(&state.evidence + 1);  // behind it lies what few events read
    for (const auto* line = bytes; line < end; line += kCacheLine) __builtin_prefetch(line);
    __builtin_prefetch(bytes + sizeof(Entry) - kCacheLine);  // the table's own marks
  }
}

void AgentTable::trim_all() {
  // Twice around: the first look takes a state's mark, the second the state.
  for (std::size_t left = 2 * slabs_.size() * kSlabEntries / kLookedAtPerTrim + 1; outgrown() && left > 0; --left) trim();
}

void AgentTable::recount() {
  for (const auto& progress : progress_) {
    if (!progress) continue;
    for (const Waiting& waiting : progress->waiting) recount(entry(waiting.entry));
  }
}

const AgentState* AgentTable::in_memory(const Probe& probe) const { return look_up(probe.partition, probe.key); }

std::size_t AgentTable::trim() {
  const auto end = static_cast<std::uint32_t>(slabs_.size()) * kSlabEntries;
  std::size_t left = 0;
  for (std::size_t looked_at = 0; bytes_ > settings_.budget_bytes && looked_at < kLookedAtPerTrim; ++looked_at) {
    if (hand_ >= end) hand_ = 0;
    Entry& e = entry(hand_++);
    if (!e.live || e.dirty || e.unsubmitted != 0 || e.batch > settled_) continue;
    if (e.referenced) {
      e.referenced = false;
      continue;
    }
    progress(Partition{e.partition}).behind = true;
    remove(e.index);
    ++left;
  }
  counters_.evicted += left;
  return left;
}

void AgentTable::leave(Partition partition) {
  if (known_progress(partition) != nullptr) progress_[static_cast<std::size_t>(partition.value)].reset();
  for (std::uint32_t index = 0; index < slabs_.size() * kSlabEntries; ++index) {
    Entry& e = entry(index);
    if (!e.live || e.partition != partition.value) continue;
    if (e.dirty) --dirty_;
    remove(index);
  }
}

std::optional<AgentTable::Snapshot> AgentTable::take_oldest(Partition partition, std::uint64_t generations) {
  Progress* const from = known_progress(partition);
  if (from == nullptr || from->waiting.empty()) return std::nullopt;
  const Waiting oldest = from->waiting.front();
  if (oldest.generation + generations > generation_) return std::nullopt;
  from->waiting.pop_front();
  Entry& e = entry(oldest.entry);
  Snapshot taken{e.index, Offset{oldest.offset}, Offset{e.lsn}, {}, 0};
  for (auto& change : encoder_.changes(e, e.written)) {
    const auto kind = change.bytes ? StoreWrite::Kind::Put : StoreWrite::Kind::Delete;
    taken.writes.push_back({kind, part_key(partition, e.key, change.id), std::move(change.bytes).value_or(std::string())});
    taken.bytes += taken.writes.back().key.size() + taken.writes.back().value.size();
  }
  e.dirty = false;
  --dirty_;
  ++e.unsubmitted;
  recount(e);
  return taken;
}

void AgentTable::submitted(std::uint32_t index, std::uint64_t batch) {
  Entry& e = entry(index);
  --e.unsubmitted;
  e.batch = batch;
}

std::optional<Offset> AgentTable::first_dirty(Partition partition) const {
  const Progress* const of = known_progress(partition);
  if (of == nullptr || of->waiting.empty()) return std::nullopt;
  return Offset{of->waiting.front().offset};
}

}  // namespace ringfence
