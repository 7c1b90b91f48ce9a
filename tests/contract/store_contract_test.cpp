// SPDX-License-Identifier: Apache-2.0
#include "engine/state/store.h"

#include <gmock/gmock.h>

#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <random>
#include <thread>

#include "tests/unit/state/child_process.h"
#include "tests/unit/state/thread_sanitizer.h"

/// What every Store must do (engine/state/store.h), and what the one on disk must do besides.
namespace ringfence {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

StoreWrite put(std::string key, std::string value) { return {StoreWrite::Kind::Put, std::move(key), std::move(value)}; }
StoreWrite erase(std::string key) { return {StoreWrite::Kind::Delete, std::move(key), {}}; }

using testing_support::ChildProcess;
using testing_support::TemporaryDirectory;

using Rows = std::vector<std::pair<std::string, std::string>>;

Rows rows(Store& store, std::string_view prefix) {
  Rows out;
  EXPECT_TRUE(store.scan(prefix, [&](std::string_view key, std::string_view value) {
    out.emplace_back(key, value);
    return true;
  }));
  return out;
}

enum class Kind : std::uint8_t { Memory, Rocksdb, Scratch };

std::string name_of(Kind kind) { return kind == Kind::Memory ? "Memory" : kind == Kind::Rocksdb ? "Rocksdb" : "Scratch"; }

class StoreContract : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::Memory) {
      store_ = memory_store();
      return;
    }
    auto opened = rocksdb_store(directory_ / "state", std::nullopt, GetParam() == Kind::Scratch ? StoreLife::Scratch : StoreLife::Kept);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }
  TemporaryDirectory directory_;
  std::unique_ptr<Store> store_;
};

TEST_P(StoreContract, WhatWasPutIsThereAndWhatWasDeletedIsNot) {
  EXPECT_EQ(store_->get("a").value(), std::nullopt);
  ASSERT_TRUE(store_->write({put("a", "1"), put("b", ""), put(std::string("\0\xff", 2), std::string("\0x", 2))}));
  EXPECT_EQ(store_->get("a").value(), "1");
  EXPECT_EQ(store_->get("b").value(), "") << "empty is not absent";
  EXPECT_EQ(store_->get(std::string_view("\0\xff", 2)).value(), std::string("\0x", 2));
  ASSERT_TRUE(store_->write({erase("a"), put("b", "2"), erase("never there")}));
  EXPECT_EQ(store_->get("a").value(), std::nullopt);
  EXPECT_EQ(store_->get("b").value(), "2");
}

TEST_P(StoreContract, LaterChangesOfABatchPrevail) {
  ASSERT_TRUE(store_->write({put("a", "1"), erase("a"), put("a", "2"), put("b", "1"), erase("b")}));
  EXPECT_THAT(rows(*store_, ""), ElementsAre(Pair("a", "2")));
}

TEST_P(StoreContract, AScanGivesThePrefixInKeyOrderAndStopsWhenTold) {
  ASSERT_TRUE(store_->write(
      {put("p/2", "two"), put("p/1", "one"), put("p", "root"), put("q", "no"), put("o\xff", "no"), put("p/\xff\xff", "last")}));
  EXPECT_THAT(rows(*store_, "p/"), ElementsAre(Pair("p/1", "one"), Pair("p/2", "two"), Pair("p/\xff\xff", "last")));
  int seen = 0;
  EXPECT_TRUE(store_->scan("p", [&](auto, auto) { return ++seen < 2; }));
  EXPECT_EQ(seen, 2);
  EXPECT_THAT(rows(*store_, "r"), ElementsAre());
}

TEST_P(StoreContract, DropTakesExactlyThePrefix) {
  ASSERT_TRUE(store_->write({put(std::string("\0\1a", 3), "1"), put(std::string("\0\1\xff\xff", 4), "2"), put(std::string("\0\2", 2), "3"),
                             put("\xff\xffm", "4"), put("\xffm", "5")}));
  ASSERT_TRUE(store_->drop(std::string_view("\0\1", 2)));
  EXPECT_THAT(rows(*store_, ""), ElementsAre(Pair(std::string("\0\2", 2), "3"), Pair("\xffm", "5"), Pair("\xff\xffm", "4")));
  ASSERT_TRUE(store_->drop("\xff\xff"));
  EXPECT_THAT(rows(*store_, ""), ElementsAre(Pair(std::string("\0\2", 2), "3"), Pair("\xffm", "5")));
  ASSERT_TRUE(store_->write({put(std::string("\0\1b", 3), "again")}));
  EXPECT_EQ(store_->get(std::string_view("\0\1b", 3)).value(), "again") << "a dropped range can be written again";
}

TEST_P(StoreContract, BehavesAsAMap) {
  std::mt19937 dice(17);
  std::map<std::string, std::string> model;
  for (int round = 0; round < 300; ++round) {
    std::vector<StoreWrite> batch;
    for (unsigned i = dice() % 8; i > 0; --i) {
      std::string key(1 + dice() % 3, static_cast<char>('a' + dice() % 4));
      if (dice() % 3 == 0) {
        batch.push_back(erase(key));
        model.erase(key);
      } else {
        batch.push_back(put(key, std::to_string(round)));
        model[key] = std::to_string(round);
      }
    }
    ASSERT_TRUE(store_->write(batch));
    if (round % 60 == 59) {
      ASSERT_TRUE(store_->drop("a"));
      std::erase_if(model, [](const auto& row) { return row.first.starts_with("a"); });
      ASSERT_TRUE(store_->sync());
    }
    EXPECT_EQ(rows(*store_, ""), Rows(model.begin(), model.end()));
  }
}

TEST_P(StoreContract, ABatchIsSeenWholeOrNotAtAllFromAnotherThread) {
  ASSERT_TRUE(store_->write({put("x", "0"), put("y", "0")}));
  std::jthread writer([&] {
    for (int i = 1; i <= 300; ++i)
      if (!store_->write({put("x", std::to_string(i)), put("y", std::to_string(i))})) return;
  });
  for (int i = 0; i < 100; ++i) {
    const Rows seen = rows(*store_, "");
    ASSERT_EQ(seen.size(), 2U);
    EXPECT_EQ(seen[0].second, seen[1].second);
  }
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreContract, ::testing::Values(Kind::Memory, Kind::Rocksdb, Kind::Scratch),
                         [](const auto& store) { return name_of(store.param); });

TEST(RocksdbStore, IsPrivateAndKeepsWhatWasWrittenOverAReopen) {
  const TemporaryDirectory directory;
  {
    auto store = rocksdb_store(directory / "state");
    ASSERT_TRUE(store);
    ASSERT_TRUE((*store)->write({put("a", "1"), put("p/1", "x")}));
    ASSERT_TRUE((*store)->drop("p/"));
  }
  EXPECT_EQ(std::filesystem::status(directory / "state").permissions(), std::filesystem::perms::owner_all);
  auto again = rocksdb_store(directory / "state");
  ASSERT_TRUE(again);
  EXPECT_THAT(rows(**again, ""), ElementsAre(Pair("a", "1")));
}

TEST(RocksdbStore, IsLockedWhileItIsOpen) {
  const TemporaryDirectory directory;
  auto first = rocksdb_store(directory / "state");
  ASSERT_TRUE(first);
  const auto second = rocksdb_store(directory / "state");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, StoreError::Kind::Locked);
  EXPECT_THAT(second.error().message, ::testing::StartsWith(directory / "state: another process"));
}

TEST(RocksdbStore, ADirectoryThatCannotBeMadeIsAnErrorWithItsName) {
  const auto store = rocksdb_store("/dev/null/state");
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, StoreError::Kind::Path);
  EXPECT_THAT(store.error().message, ::testing::HasSubstr("/dev/null/state"));
}

TEST(RocksdbStore, ADamagedDatabaseIsCorruptNotEmpty) {
  const TemporaryDirectory directory;
  {
    auto store = rocksdb_store(directory / "state");
    ASSERT_TRUE(store);
    ASSERT_TRUE((*store)->write({put("a", "1")}));
  }
  for (const auto& file : std::filesystem::directory_iterator(directory / "state"))
    if (file.path().filename().string().starts_with("MANIFEST")) std::filesystem::resize_file(file.path(), 0);
  const auto store = rocksdb_store(directory / "state");
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, StoreError::Kind::Corrupt);
}

/// In a process of its own: no file may grow beyond a limit for a while, as if the disk were full.
TEST(RocksdbStore, DISABLED_OutOfSpaceForAWhile) {
  const char* directory = std::getenv("RINGFENCE_TEST_STATE");
  ASSERT_TRUE(directory) << "run by RocksdbStore.GoesOnWhenThereIsSpaceAgain";
  auto opened = rocksdb_store(directory);
  ASSERT_TRUE(opened) << opened.error().message;
  Store& store = **opened;
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = 300'000;
  setrlimit(RLIMIT_FSIZE, &limit);

  int written = 0;
  const auto batch = [](int number) {
    return std::vector{put("a/" + std::to_string(number), std::string(10'000, 'x')), put("low", std::to_string(number))};
  };
  while (written < 1000 && store.write(batch(written))) ++written;
  ASSERT_GT(written, 0);
  ASSERT_LT(written, 1000) << "the limit did not bite";
  // The limit is per file: from here on not even a new log has room.
  limit.rlim_cur = 16;
  setrlimit(RLIMIT_FSIZE, &limit);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(store.write(batch(written))) << "still no space";
    EXPECT_EQ(store.get("low").value(), std::to_string(written - 1)) << "what is there can be read all the while";
  }

  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_FSIZE, &limit);
  for (const int more = written + 5; written < more; ++written) {
    const auto done = store.write(batch(written));
    ASSERT_TRUE(done) << done.error().message;
  }
  ASSERT_TRUE(store.sync());
  EXPECT_EQ(store.get("low").value(), std::to_string(written - 1));
  EXPECT_EQ(rows(store, "a/").size(), static_cast<std::size_t>(written));
  opened->reset();
  auto again = rocksdb_store(directory);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ((*again)->get("low").value(), std::to_string(written - 1));
  EXPECT_EQ(rows(**again, "a/").size(), static_cast<std::size_t>(written));
}

TEST(RocksdbStore, GoesOnWhenThereIsSpaceAgain) {
  const TemporaryDirectory directory;
  ChildProcess child("RocksdbStore.DISABLED_OutOfSpaceForAWhile", {"RINGFENCE_TEST_STATE=" + (directory / "state")});
  EXPECT_EQ(child.wait_end(), 0);
}

}  // namespace
}  // namespace ringfence
