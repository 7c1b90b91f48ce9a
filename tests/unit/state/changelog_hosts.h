// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "engine/state/agent_codec.h"
#include "engine/state/changelog.h"
#include "engine/state/changelog_restore.h"
#include "engine/state/keyspace.h"
#include "engine/state/records.h"

/// Hosts that take a partition over from each other, and the log between them.
namespace ringfence::takeover {

using std::chrono::milliseconds;

inline constexpr Partition kFirst{3};
inline constexpr milliseconds kSoon{1000};

/// A log of one topic. What is handed over counts as stored at once, or, while `holding`, with the next flush; `refusing` has no room.
class LogInMemory final : public ChangelogTopic {
 public:
  std::expected<void, StoreError> publish(Partition partition, std::string_view key, std::optional<std::string_view> value,
                                          std::int64_t sequence) override {
    if (refusing) return std::unexpected(StoreError{StoreError::Kind::NoSpace, "no room"});
    if (too_large == key) return std::unexpected(StoreError{StoreError::Kind::Io, "too large"});
    waiting_.push_back({partition, std::string(key), value ? std::optional(std::string(*value)) : std::nullopt, sequence});
    if (!holding) take();
    return {};
  }
  std::int64_t acknowledged(Partition partition) const override {
    const auto open = std::ranges::find(waiting_, partition, &Sent::partition);
    return open == waiting_.end() ? std::numeric_limits<std::int64_t>::max() : open->sequence;
  }
  std::expected<void, StoreError> flush(milliseconds, const std::stop_token&) override {
    take();
    return {};
  }
  std::expected<Offset, StoreError> read(Partition, Offset from, milliseconds, const std::stop_token&,
                                         const std::function<std::expected<void, StoreError>(const Row&)>& row) override {
    for (const auto& [offset, record] : records_) {
      if (offset < from.value) continue;
      const auto value = record.second ? std::optional<std::string_view>(*record.second) : std::nullopt;
      if (auto taken = row({record.first, value, Offset{offset}}); !taken) return std::unexpected(taken.error());
    }
    return Offset{next_};
  }

  /// Keeps the last record of each key, as Kafka does in time.
  void compact() {
    std::map<std::string, std::int64_t> last;
    for (const auto& [offset, record] : records_) last[record.first] = offset;
    std::erase_if(records_, [&](const auto& row) { return last.at(row.second.first) != row.first; });
  }
  /// What was handed over and not acknowledged goes with the process.
  void crash() { waiting_.clear(); }
  void forget_everything() { records_.clear(); }
  void take() {
    for (Sent& sent : waiting_) records_.emplace(next_++, std::pair(std::move(sent.key), std::move(sent.value)));
    waiting_.clear();
  }
  std::size_t size() const { return records_.size(); }

  bool holding = false, refusing = false;
  std::string too_large;  // the key of which nothing is taken

 private:
  struct Sent {
    Partition partition;
    std::string key;
    std::optional<std::string> value;
    std::int64_t sequence;
  };
  std::map<std::int64_t, std::pair<std::string, std::optional<std::string>>> records_;
  std::vector<Sent> waiting_;
  std::int64_t next_ = 0;
};

inline AgentKey agent(std::uint64_t n) { return AgentKey{{n, ~n}}; }

/// A state of `n` that has seen the input up to `lsn`.
inline StoreWrite state_row(std::uint64_t n, std::int64_t lsn, Partition partition = kFirst) {
  AgentState state;
  state.key = agent(n);
  state.tenant = "corp";
  state.id = "agent-" + std::to_string(n);
  state.lsn = lsn;
  WrittenParts nothing;
  auto parts = encode_changes(state, nothing);
  return {StoreWrite::Kind::Put, part_key(partition, agent(n), parts.back().id), *parts.back().bytes};
}

/// A host: its disk, and the process that runs on it.
struct Host {
  explicit Host(LogInMemory& the_log, std::string the_name) : log(the_log), name(std::move(the_name)) { start(); }

  void start() {
    auto shared = std::make_unique<Disk>(disk);
    process = std::make_unique<Changelog>(std::move(shared), log, name + "-" + std::to_string(++starts));
  }
  Changelog::Arrival takes_on() {
    const auto arrival = process->take_on(kFirst, kSoon);
    EXPECT_TRUE(arrival) << (arrival ? "" : arrival.error().message);
    return arrival.value_or(Changelog::Arrival::Local);
  }
  /// A new process on the same disk.
  Changelog::Arrival restarts() {
    start();
    return takes_on();
  }
  void stores(std::vector<StoreWrite> rows, std::int64_t low) {
    rows.push_back(low_write(kFirst, 0, Offset{low}));
    ASSERT_TRUE(process->write(rows));
  }
  /// And the log has it.
  void publishes(std::vector<StoreWrite> rows, std::int64_t low) {
    stores(std::move(rows), low);
    ASSERT_TRUE(process->settle(kSoon));
  }
  void ends_cleanly() {
    EXPECT_TRUE(process->settle(kSoon));
    process->leave(kFirst);
  }
  /// As `state purge` does it, with no process on the disk.
  std::optional<bool> forgets(std::uint64_t n) {
    const auto noted = note_forgotten(*disk, kFirst, agent(n));
    EXPECT_TRUE(disk->drop(agent_prefix(kFirst, agent(n))));
    return noted ? std::optional(*noted) : std::nullopt;
  }
  std::optional<std::int64_t> lsn(std::uint64_t n) {
    const auto row = disk->get(part_key(kFirst, agent(n), {}));
    return row && *row ? lsn_of(agent(n), **row) : std::nullopt;
  }
  std::optional<Offset> low() { return read_low(*disk, kFirst).value(); }

  /// The disk outlives the process.
  class Disk final : public Store {
   public:
    explicit Disk(std::shared_ptr<Store> store) : store_(std::move(store)) {}
    std::expected<std::optional<std::string>, StoreError> get(std::string_view key) override { return store_->get(key); }
    std::expected<void, StoreError> scan(std::string_view prefix,
                                         const std::function<bool(std::string_view, std::string_view)>& row) override {
      return store_->scan(prefix, row);
    }
    std::expected<void, StoreError> write(const std::vector<StoreWrite>& batch) override { return store_->write(batch); }
    std::expected<void, StoreError> sync() override { return store_->sync(); }
    std::expected<void, StoreError> drop(std::string_view prefix) override { return store_->drop(prefix); }

   private:
    std::shared_ptr<Store> store_;
  };

  LogInMemory& log;
  std::string name;
  int starts = 0;
  std::shared_ptr<Store> disk = memory_store();
  std::unique_ptr<Changelog> process;
};

}  // namespace ringfence::takeover
