// SPDX-License-Identifier: Apache-2.0
// A partition that another host takes over: the changelog of states against a log in memory that can delay, compact and lose what was not
// acknowledged.
#include "engine/state/changelog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <ranges>

#include "engine/state/agent_codec.h"
#include "engine/state/keyspace.h"
#include "engine/state/records.h"

namespace ringfence {
namespace {

using std::chrono::milliseconds;
using testing::Eq;
using testing::Optional;

constexpr Partition kFirst{3};
constexpr milliseconds kSoon{1000};

/// A log of one topic. What is handed over counts as stored at once, or, while `holding`, with the next flush; `refusing` has no room.
class LogInMemory final : public ChangelogTopic {
 public:
  std::expected<void, StoreError> publish(Partition partition, std::string_view key, std::optional<std::string_view> value,
                                          std::int64_t sequence) override {
    if (refusing) return std::unexpected(StoreError{StoreError::Kind::NoSpace, "no room"});
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

AgentKey agent(std::uint64_t n) { return AgentKey{{n, ~n}}; }

/// A state of `n` that has seen the input up to `lsn`.
StoreWrite state_row(std::uint64_t n, std::int64_t lsn, Partition partition = kFirst) {
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
  void stores(std::vector<StoreWrite> rows, std::int64_t low) {
    rows.push_back(low_write(kFirst, 0, Offset{low}));
    ASSERT_TRUE(process->write(rows));
  }
  void ends_cleanly() {
    EXPECT_TRUE(process->settle(kSoon));
    process->leave(kFirst);
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

struct Changelogs : testing::Test {
  LogInMemory log;
  Host one{log, "one"}, two{log, "two"};
};

TEST_F(Changelogs, AnotherHostHasTheStatesAndGoesOnWhereTheFirstEnded) {
  EXPECT_EQ(one.takes_on(), Changelog::Arrival::Local);
  one.stores({state_row(1, 10), state_row(2, 12)}, 13);
  one.stores({state_row(1, 20)}, 21);
  one.ends_cleanly();

  EXPECT_EQ(two.takes_on(), Changelog::Arrival::Restored);
  EXPECT_THAT(two.low(), Optional(Offset{21}));
  EXPECT_THAT(two.lsn(1), Optional(20));
  EXPECT_THAT(two.lsn(2), Optional(12));
}

TEST_F(Changelogs, TheSameHostGoesOnWithItsOwnStatesAndRepeatsNothing) {
  one.takes_on();
  one.stores({state_row(1, 10)}, 11);
  one.ends_cleanly();
  const std::size_t before = log.size();
  one.start();
  EXPECT_EQ(one.takes_on(), Changelog::Arrival::Local);
  EXPECT_THAT(one.lsn(1), Optional(10));
  one.ends_cleanly();
  EXPECT_EQ(log.size(), before + 2) << "a claim and the low-water mark, no state";
}

TEST_F(Changelogs, AHostThatComesBackTakesWhatTheOtherDidMeanwhile) {
  one.takes_on();
  one.stores({state_row(1, 10), state_row(2, 11)}, 12);
  one.ends_cleanly();
  two.takes_on();
  two.stores({state_row(1, 30)}, 31);
  two.ends_cleanly();

  EXPECT_EQ(one.takes_on(), Changelog::Arrival::Restored);
  EXPECT_THAT(one.lsn(1), Optional(30));
  EXPECT_THAT(one.lsn(2), Optional(11));
  EXPECT_THAT(one.low(), Optional(Offset{31}));
}

TEST_F(Changelogs, TheLowWaterMarkWaitsForTheStatesBeforeIt) {
  one.takes_on();
  log.holding = true;
  one.stores({state_row(1, 10)}, 11);
  log.crash();  // the states were under way, the mark had not been sent
  log.holding = false;

  EXPECT_EQ(two.takes_on(), Changelog::Arrival::Restored);
  EXPECT_THAT(two.low(), Eq(std::nullopt)) << "the new owner reads from the beginning";
  EXPECT_THAT(two.lsn(1), Eq(std::nullopt));
}

TEST_F(Changelogs, WhatACrashKeptFromTheLogIsSentWithTheNextStart) {
  one.takes_on();
  one.stores({state_row(1, 10), state_row(2, 11)}, 12);
  ASSERT_TRUE(one.process->settle(kSoon));
  log.holding = true;
  one.stores({state_row(1, 20)}, 21);  // on disk, not in the log
  log.crash();
  log.holding = false;
  one.start();
  EXPECT_EQ(one.takes_on(), Changelog::Arrival::Local);
  one.stores({state_row(2, 30)}, 31);
  one.ends_cleanly();

  two.takes_on();
  EXPECT_THAT(two.low(), Optional(Offset{31}));
  EXPECT_THAT(two.lsn(1), Optional(20)) << "below the mark and not lost";
  EXPECT_THAT(two.lsn(2), Optional(30));
}

TEST_F(Changelogs, WhatWasStoredWithoutMovingTheMarkIsSentWithTheNextStart) {
  one.takes_on();
  one.stores({state_row(1, 10)}, 11);
  ASSERT_TRUE(one.process->settle(kSoon));
  log.holding = true;
  ASSERT_TRUE(one.process->write({state_row(2, 13)}));  // agent 1 is held at 11, for an output of its own
  log.crash();
  log.holding = false;
  one.start();
  EXPECT_EQ(one.takes_on(), Changelog::Arrival::Local);
  one.stores({state_row(3, 40)}, 41);
  one.ends_cleanly();

  two.takes_on();
  EXPECT_THAT(two.low(), Optional(Offset{41}));
  EXPECT_THAT(two.lsn(2), Optional(13)) << "below the mark and not lost";
}

TEST_F(Changelogs, WhatTwoCrashesKeptFromTheLogIsSentWithTheStartAfterThem) {
  one.takes_on();
  one.stores({state_row(1, 10)}, 11);
  ASSERT_TRUE(one.process->settle(kSoon));
  log.holding = true;
  one.stores({state_row(2, 13)}, 14);
  log.crash();
  one.start();
  EXPECT_EQ(one.takes_on(), Changelog::Arrival::Local);
  log.crash();  // the claim has reached the log, the state has not
  two.takes_on();
  EXPECT_THAT(two.low(), Optional(Offset{11})) << "who takes over now reads from where the log is whole";

  LogInMemory other_log;
  Host alone(other_log, "alone");
  alone.takes_on();
  alone.stores({state_row(1, 10)}, 11);
  ASSERT_TRUE(alone.process->settle(kSoon));
  other_log.holding = true;
  alone.stores({state_row(2, 13)}, 14);
  other_log.crash();
  alone.start();
  EXPECT_EQ(alone.takes_on(), Changelog::Arrival::Local);
  other_log.crash();
  other_log.holding = false;
  alone.start();
  EXPECT_EQ(alone.takes_on(), Changelog::Arrival::Local);
  alone.stores({state_row(3, 40)}, 41);
  alone.ends_cleanly();
  Host next(other_log, "next");
  next.takes_on();
  EXPECT_THAT(next.low(), Optional(Offset{41}));
  EXPECT_THAT(next.lsn(2), Optional(13));
}

TEST_F(Changelogs, ALogWithoutRoomIsMadeUpForLater) {
  one.takes_on();
  log.refusing = true;
  one.stores({state_row(1, 10)}, 11);
  one.stores({state_row(2, 12)}, 13);
  EXPECT_EQ(one.process->unpublished(), 2U);
  log.refusing = false;
  one.ends_cleanly();
  two.takes_on();
  EXPECT_THAT(two.lsn(1), Optional(10));
  EXPECT_THAT(two.lsn(2), Optional(12));
  EXPECT_THAT(two.low(), Optional(Offset{13}));
}

TEST_F(Changelogs, WhatAPausedFormerOwnerWritesLateDoesNoHarm) {
  one.takes_on();
  one.stores({state_row(1, 10), state_row(2, 11)}, 12);
  ASSERT_TRUE(one.process->settle(kSoon));
  two.takes_on();
  two.stores({state_row(1, 40)}, 50);
  ASSERT_TRUE(two.process->settle(kSoon));
  one.stores({state_row(1, 15)}, 16);  // it does not know yet
  ASSERT_TRUE(one.process->settle(kSoon));

  Host three(log, "three");
  three.takes_on();
  EXPECT_THAT(three.lsn(1), Optional(40)) << "both are in the log: the one that is further on counts";
  EXPECT_THAT(three.low(), Optional(Offset{50}));

  log.compact();  // now the late one alone is left, and so is its mark
  Host four(log, "four");
  four.takes_on();
  EXPECT_THAT(four.lsn(1), Optional(15));
  ASSERT_TRUE(four.low().has_value());
  EXPECT_LE(*four.low(), Offset{16}) << "what happened since is judged again";
}

TEST_F(Changelogs, AnAgentThatWasDeletedStaysDeleted) {
  one.takes_on();
  one.stores({state_row(1, 10), state_row(2, 11)}, 12);
  one.stores({{StoreWrite::Kind::Delete, part_key(kFirst, agent(1), {}), {}}}, 13);
  one.ends_cleanly();
  two.takes_on();
  EXPECT_THAT(two.lsn(1), Eq(std::nullopt));
  EXPECT_THAT(two.lsn(2), Optional(11));
}

TEST_F(Changelogs, RecordsOfThePartitionTravelAndThoseOfTheProcessStay) {
  one.takes_on();
  ASSERT_TRUE(one.process->write({record_write(partition_record("facts", kFirst), "outage"), record_write("observer", "mine")}));
  one.stores({}, 5);
  one.ends_cleanly();
  two.takes_on();
  EXPECT_THAT(get_record(*two.disk, partition_record("facts", kFirst)).value(), Optional(std::string("outage")));
  EXPECT_THAT(get_record(*two.disk, "observer").value(), Eq(std::nullopt));
}

TEST_F(Changelogs, AStoreFromBeforeTheChangelogIsSentWhole) {
  one.process->leave(kFirst);
  ASSERT_TRUE(one.disk->write({state_row(1, 10), state_row(2, 11), low_write(kFirst, 0, Offset{12})}));
  EXPECT_EQ(one.takes_on(), Changelog::Arrival::Local);
  one.ends_cleanly();
  two.takes_on();
  EXPECT_THAT(two.lsn(1), Optional(10));
  EXPECT_THAT(two.lsn(2), Optional(11));
  EXPECT_THAT(two.low(), Optional(Offset{12}));
}

TEST_F(Changelogs, ATopicMadeAnewGetsEverythingAgain) {
  one.takes_on();
  one.stores({state_row(1, 10)}, 11);
  one.ends_cleanly();
  log.forget_everything();
  one.start();
  EXPECT_EQ(one.takes_on(), Changelog::Arrival::Local);
  one.ends_cleanly();
  two.takes_on();
  EXPECT_THAT(two.lsn(1), Optional(10));
  EXPECT_THAT(two.low(), Optional(Offset{11}));
}

TEST_F(Changelogs, PartitionsOfOthersAreNotPublished) {
  one.takes_on();
  const std::size_t before = log.size();
  ASSERT_TRUE(one.process->write({state_row(1, 10, Partition{4})}));
  EXPECT_EQ(log.size(), before);
}

TEST(ChangelogRecords, BytesThatAreNoRecordAreRefused) {
  const std::string key = agent_prefix(kFirst, agent(1));
  const std::string good = encode_state_record(7, 10, key, {state_row(1, 10)});
  ASSERT_TRUE(decode_changelog_record(key, good));
  for (std::size_t cut = 0; cut < good.size(); ++cut) EXPECT_FALSE(decode_changelog_record(key, good.substr(0, cut))) << cut;
  EXPECT_FALSE(decode_changelog_record(key, good + "x"));
  EXPECT_FALSE(decode_changelog_record(key, "\x02" + good.substr(1)));
}

}  // namespace
}  // namespace ringfence
