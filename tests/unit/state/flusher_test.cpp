// SPDX-License-Identifier: Apache-2.0
#include "engine/state/flusher.h"

#include <gmock/gmock.h>

#include <map>

#include "tests/unit/state/sample_states.h"

namespace ringfence {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Lets a test hold the store, break it and mend it while another thread uses it.
class GatedStore final : public Store {
 public:
  std::expected<std::optional<std::string>, StoreError> get(std::string_view key) override { return under_->get(key); }
  std::expected<void, StoreError> scan(std::string_view prefix,
                                       const std::function<bool(std::string_view, std::string_view)>& row) override {
    return under_->scan(prefix, row);
  }
  std::expected<void, StoreError> write(const std::vector<StoreWrite>& batch) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !held_; });
    ++tries_;
    changed_.notify_all();
    if (broken_) return std::unexpected(StoreError{StoreError::Kind::NoSpace, "full"});
    return under_->write(batch);
  }
  std::expected<void, StoreError> sync() override {
    const std::scoped_lock lock(mutex_);
    ++syncs_;
    if (broken_) return std::unexpected(StoreError{StoreError::Kind::NoSpace, "full"});
    return {};
  }
  std::expected<void, StoreError> drop(std::string_view prefix) override { return under_->drop(prefix); }

  void hold(bool held) {
    const std::scoped_lock lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  void breaks(bool broken) {
    const std::scoped_lock lock(mutex_);
    broken_ = broken;
  }
  void await_tries(int tries) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return tries_ >= tries; });
  }
  int syncs() {
    const std::scoped_lock lock(mutex_);
    return syncs_;
  }

 private:
  std::unique_ptr<Store> under_ = memory_store();
  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false, broken_ = false;
  int tries_ = 0, syncs_ = 0;
};

std::vector<StoreWrite> put(const std::string& key, const std::string& value) { return {{StoreWrite::Kind::Put, key, value}}; }

class FlusherInBothModes : public ::testing::TestWithParam<bool> {
 protected:
  FlusherSettings settings() const {
    return {.threaded = GetParam(), .queue_bytes = 4096, .sync_every = seconds(3600), .retry_every = milliseconds(1)};
  }
  GatedStore store_;
};

TEST_P(FlusherInBothModes, WritesInTheOrderOffered) {
  Flusher flusher(store_, settings());
  for (int i = 1; i <= 100; ++i) EXPECT_EQ(flusher.offer(put("k", std::to_string(i))), static_cast<std::uint64_t>(i));
  ASSERT_TRUE(flusher.drain(seconds(60)));
  EXPECT_EQ(flusher.written(), 100U);
  EXPECT_EQ(store_.get("k").value(), "100");
  EXPECT_GE(store_.syncs(), 1) << "drained means on disk";
  EXPECT_EQ(flusher.health().synced, 100U);
}

TEST_P(FlusherInBothModes, AFullDiskHoldsTheQueueAndLosesNothing) {
  Flusher flusher(store_, settings());
  store_.breaks(true);
  std::uint64_t offered = 0;
  while (flusher.has_room()) offered = flusher.offer(put("k" + std::to_string(offered), std::string(100, 'x')));
  EXPECT_FALSE(flusher.drain(milliseconds(5)));
  const auto sick = flusher.health();
  ASSERT_TRUE(sick.fault);
  EXPECT_EQ(sick.fault->kind, StoreError::Kind::NoSpace);
  EXPECT_EQ(sick.written, 0U);
  EXPECT_GE(sick.failed_tries, 1U);
  EXPECT_GE(sick.queued_bytes, 4096U);

  store_.breaks(false);
  ASSERT_TRUE(flusher.drain(seconds(60)));
  const auto well = flusher.health();
  EXPECT_FALSE(well.fault);
  EXPECT_EQ(well.written, offered);
  EXPECT_EQ(well.queued_bytes, 0U);
  EXPECT_TRUE(flusher.has_room());
  for (std::uint64_t i = 0; i < offered; ++i) EXPECT_TRUE(store_.get("k" + std::to_string(i)).value()) << i;
}

TEST_P(FlusherInBothModes, StoppingWritesWhatIsLeft) {
  {
    Flusher flusher(store_, settings());
    for (int i = 1; i <= 50; ++i) flusher.offer(put("k" + std::to_string(i), "v"));
  }
  for (int i = 1; i <= 50; ++i) EXPECT_TRUE(store_.get("k" + std::to_string(i)).value()) << i;
  EXPECT_GE(store_.syncs(), 1);
}

INSTANTIATE_TEST_SUITE_P(Threads, FlusherInBothModes, ::testing::Bool(),
                         [](const auto& mode) { return mode.param ? "Threaded" : "Inline"; });

TEST(Flusher, OfferingDoesNotWaitForTheDisk) {
  GatedStore store;
  store.hold(true);
  Flusher flusher(store, {});
  flusher.offer(put("a", "1"));
  flusher.offer(put("b", "2"));
  EXPECT_EQ(flusher.written(), 0U);
  store.hold(false);
  EXPECT_TRUE(flusher.drain(seconds(60)));
  EXPECT_EQ(flusher.written(), 2U);
}

TEST(Flusher, TriesAgainByItselfUntilThereIsSpace) {
  GatedStore store;
  store.breaks(true);
  Flusher flusher(store, {.retry_every = milliseconds(1)});
  flusher.offer(put("a", "1"));
  store.await_tries(3);
  EXPECT_EQ(flusher.written(), 0U);
  const std::int64_t since = flusher.waiting_since_ns();
  EXPECT_GT(since, 0);
  flusher.offer(put("b", "2"));
  EXPECT_EQ(flusher.waiting_since_ns(), since) << "the oldest counts";
  store.breaks(false);
  EXPECT_TRUE(flusher.drain(seconds(60)));
  EXPECT_EQ(flusher.waiting_since_ns(), 0);
  EXPECT_EQ(store.get("a").value(), "1");
}

TEST(Flusher, SyncsWithinItsIntervalWithoutBeingAsked) {
  GatedStore store;
  Flusher flusher(store, {.sync_every = milliseconds(5)});
  flusher.offer(put("a", "1"));
  const auto give_up = std::chrono::steady_clock::now() + seconds(60);
  while (flusher.health().synced < 1 && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
  EXPECT_EQ(flusher.health().synced, 1U);
}

TEST(Flusher, ManyShardsMayOfferAtOnce) {
  GatedStore store;
  Flusher flusher(store, {});
  std::vector<std::jthread> shards;
  for (int shard = 0; shard < 4; ++shard)
    shards.emplace_back([&, shard] {
      for (int i = 0; i < 100; ++i) flusher.offer(put(std::to_string(shard) + "/" + std::to_string(i), "v"));
    });
  shards.clear();
  ASSERT_TRUE(flusher.drain(seconds(60)));
  EXPECT_EQ(flusher.written(), 400U);
  std::size_t rows = 0;
  ASSERT_TRUE(store.scan("", [&](auto, auto) { return ++rows > 0; }));
  EXPECT_EQ(rows, 400U);
}

}  // namespace
}  // namespace ringfence
