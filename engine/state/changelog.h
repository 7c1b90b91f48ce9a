// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/ids.h"
#include "engine/state/changelog_record.h"
#include "engine/state/store.h"

namespace ringfence {

/// A compacted log of the states, kept where other hosts can read it. Thread-safe. A wait ends, with an error, as soon as `stop` is asked
/// for.
class ChangelogTopic {
 public:
  virtual ~ChangelogTopic() = default;
  /// Hands a record over without waiting; without a value it deletes the key. `sequence` grows by one a record of a partition. NoSpace
  /// where too much is unacknowledged: try again later; any other error: this record is never taken.
  [[nodiscard]] virtual std::expected<void, StoreError> publish(Partition partition, std::string_view key,
                                                                std::optional<std::string_view> value, std::int64_t sequence) = 0;
  /// Every record of this partition with a lesser sequence is stored for good.
  [[nodiscard]] virtual std::int64_t acknowledged(Partition partition) const = 0;
  /// Waits until all that was handed over is stored.
  [[nodiscard]] virtual std::expected<void, StoreError> flush(std::chrono::milliseconds within, const std::stop_token& stop) = 0;

  struct Row {
    std::string_view key;
    std::optional<std::string_view> value;
    Offset offset;
  };
  /// Calls `row` for what the log holds for a partition from `from` on, in the order it was written, up to the end it had when asked; stops
  /// at the first error of `row`. Rows of other partitions may be among them. Gives the offset behind the last.
  [[nodiscard]] virtual std::expected<Offset, StoreError> read(Partition partition, Offset from, std::chrono::milliseconds within,
                                                               const std::stop_token& stop,
                                                               const std::function<std::expected<void, StoreError>(const Row&)>& row) = 0;
};

/// A store whose partitions another host can take over: what is written to it goes to the store behind it and then, an agent's state as
/// one record, to the changelog; a partition's low-water mark follows when all states before it are acknowledged there. So what the log
/// holds is never ahead of itself: reading the input again from its low-water mark over its states gives what this host has.
///
/// Owners fence each other by generation: `take_on` reads the log, claims the next generation and, where another owned the partition since,
/// replaces the local states by the log's. A state is a function of the input up to its lsn, whoever computed it, so what a former owner
/// wrote late does no harm: of several states of an agent the one that is furthest on is taken, and where the log's last is a late one the
/// partition is read again from its lsn on.
///
/// Partitions nobody took on are kept in the store alone. Writing never waits for the log: what finds no room is remembered by agent and
/// sent later. Thread-safe; `take_on`, `settle` and `leave` of one partition are not called at once, and no write of its rows is under way
/// meanwhile.
class Changelog final : public Store {
 public:
  /// `claimant` names this process and this start: no two are equal.
  Changelog(std::unique_ptr<Store> local, ChangelogTopic& topic, std::string claimant);

  enum class Arrival : std::uint8_t {
    Local,     // nobody else owned the partition since: the local states stand
    Restored,  // the local states are those of the log now
  };
  /// Makes this process the owner of a partition and its local states the newest there are. Given up when `stop` is asked for: the
  /// partition then is nobody's here and can be taken on again.
  [[nodiscard]] std::expected<Arrival, StoreError> take_on(Partition partition, std::chrono::milliseconds within,
                                                           const std::stop_token& stop = {});
  /// Waits until the log has all that the store has of the partitions owned: another host can go on from here.
  [[nodiscard]] std::expected<void, StoreError> settle(std::chrono::milliseconds within);
  /// Nothing of this partition is published any more.
  void leave(Partition partition);
  /// States that wait for room in the log.
  [[nodiscard]] std::size_t unpublished() const;
  /// States and records that the log did not take for another reason than room, as too large: it holds what it had of them, and its
  /// low-water mark stays before them until it takes a later one. Who takes over reads from there.
  [[nodiscard]] std::size_t passed_over() const;

  [[nodiscard]] std::expected<std::optional<std::string>, StoreError> get(std::string_view key) override { return local_->get(key); }
  [[nodiscard]] std::expected<void, StoreError> scan(
      std::string_view prefix, const std::function<bool(std::string_view key, std::string_view value)>& row) override {
    return local_->scan(prefix, row);
  }
  [[nodiscard]] std::expected<void, StoreError> write(const std::vector<StoreWrite>& batch) override;
  [[nodiscard]] std::expected<void, StoreError> sync() override;
  [[nodiscard]] std::expected<void, StoreError> drop(std::string_view prefix) override { return local_->drop(prefix); }

 private:
  /// A low-water mark that waits for the states before it.
  struct DueLow {
    StoreWrite row;
    std::int64_t behind = 0;  // sequence: every record before it must be acknowledged
  };
  struct Owned {
    std::uint64_t generation = 0;
    std::int64_t sequence = 0;
    std::set<AgentKey> touched;                  // written here, not yet handed over
    std::map<std::string, std::string> records;  // likewise, by key
    std::optional<StoreWrite> low;               // the newest, while something is still to be handed over
    std::deque<DueLow> due;
    std::set<std::string> passed_over;  // keys that the log refused
  };
  enum class Handed : std::uint8_t { Over, NoRoom, Refused };

  void note(const StoreWrite& write);
  void send_all();
  [[nodiscard]] bool send(Partition partition, Owned& owned);
  void send_lows(Partition partition, Owned& owned);
  [[nodiscard]] Handed publish(Partition partition, Owned& owned, std::string_view key, std::optional<std::string_view> value);
  [[nodiscard]] bool say(Partition partition, Owned& owned, const std::string& key, std::optional<std::string_view> value);
  [[nodiscard]] std::expected<void, StoreError> tell_forgotten(Partition partition, Owned& owned);
  [[nodiscard]] std::expected<std::vector<AgentKey>, StoreError> agents_from(Partition partition, Offset low);

  const std::unique_ptr<Store> local_;
  ChangelogTopic& topic_;
  const std::string claimant_;
  mutable std::mutex mutex_;
  std::map<Partition, Owned> owned_;
};

}  // namespace ringfence
