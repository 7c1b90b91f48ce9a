// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <rocksdb/cache.h>
#include <rocksdb/compaction_filter.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/perf_level.h>
#include <rocksdb/sst_file_manager.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdarg>
#include <filesystem>
#include <shared_mutex>

#include "engine/event/escape.h"
#include "engine/state/reclaim.h"
#include "engine/state/store.h"

namespace ringfence {
namespace {

constexpr std::size_t kCacheBytes = std::size_t{256} << 20U;
constexpr std::size_t kMemtableBytes = std::size_t{64} << 20U;
constexpr int kMemtables = 4;
constexpr std::size_t kWriteBufferBytes = kCacheBytes / 2;             // inside the cache: one budget for both
constexpr std::uint64_t kDiskReserveBytes = std::uint64_t{64} << 20U;  // left free by compactions, so that the log can go on
/// Space with which a database that waits for its reserve is opened anew, beside the size of its log: opening writes what the log holds.
constexpr std::uint64_t kOpenAnewBytes = std::uint64_t{8} << 20U;
constexpr std::chrono::seconds kOpenAnewAfter{10};  // and at most so often
constexpr double kBloomBits = 10;
constexpr std::uint64_t kRewriteAllSeconds = std::uint64_t{14} * 24 * 3600;  // even a file that nothing is added to gives back what expired
constexpr std::size_t kRowFrame = 16;                                        // kind and lengths of a row in a batch, at most
constexpr double kMemtableBloomShare = 0.02;                                 // of a memtable: an agent never seen is told without a search

/// Messages of the library name files, never keys or values.
StoreError error_of(const rocksdb::Status& status) {
  using Kind = StoreError::Kind;
  const std::string message = status.ToString();
  if (status.IsNoSpace() || message.find("No space left on device") != std::string::npos) return {Kind::NoSpace, message};
  if (status.IsCorruption()) return {Kind::Corrupt, message};
  // That the file cannot be opened is no lock.
  if (status.IsIOError() && message.find("/LOCK:") != std::string::npos && message.find("While open") == std::string::npos)
    return {Kind::Locked, message};
  if (status.IsNotSupported() || status.IsInvalidArgument()) return {Kind::Version, message};
  return {Kind::Io, message};
}

/// The library's own log, thrown away: what matters comes back as a status, and its file writer asserts when it is written to after a
/// failure, which on a full disk would end the process.
class NoLog final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

/// The library counts each comparison in a variable of the thread; nobody reads them.
void count_nothing() { rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable); }

/// Reclaim as the library asks for it, in its compaction threads. It reads the database itself, not through the store: the store waits for
/// compactions while it holds its lock.
class ReclaimFilter final : public rocksdb::CompactionFilter {
 public:
  ReclaimFilter(rocksdb::DB& db, Nanos expiry)
      : reclaim_(
            [&db](std::string_view key) -> std::optional<std::string> {
              count_nothing();
              std::string value;
              if (!db.Get(rocksdb::ReadOptions(), {key.data(), key.size()}, &value).ok()) return std::nullopt;
              return value;
            },
            expiry) {}
  [[nodiscard]] const char* Name() const override { return "ringfence.reclaim"; }
  Decision FilterV2(int, const rocksdb::Slice& key, ValueType type, const rocksdb::Slice& value, std::string* replacement,
                    std::string*) const override {
    if (type != ValueType::kValue) return Decision::kKeep;
    auto outcome = reclaim_.judge(key.ToStringView(), value.ToStringView());
    switch (outcome.kind) {
      case Reclaim::Outcome::Kind::Keep:
        return Decision::kKeep;
      case Reclaim::Outcome::Kind::Remove:
        return Decision::kRemove;
      case Reclaim::Outcome::Kind::Replace:
        *replacement = std::move(outcome.value);
        return Decision::kChangeValue;
    }
    return Decision::kKeep;
  }

 private:
  mutable Reclaim reclaim_;  // the interface is const, one thread uses a filter
};

class ReclaimFilters final : public rocksdb::CompactionFilterFactory {
 public:
  explicit ReclaimFilters(Nanos expiry) : expiry_(expiry) {}
  /// Null: compactions keep everything. The database stays open as long as one runs.
  void use(rocksdb::DB* db) { db_.store(db, std::memory_order_release); }
  [[nodiscard]] bool used() const { return db_.load(std::memory_order_acquire) != nullptr; }
  [[nodiscard]] const char* Name() const override { return "ringfence.reclaim"; }
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(const rocksdb::CompactionFilter::Context&) override {
    rocksdb::DB* db = db_.load(std::memory_order_acquire);
    return db ? std::make_unique<ReclaimFilter>(*db, expiry_) : nullptr;
  }

 private:
  const Nanos expiry_;
  std::atomic<rocksdb::DB*> db_{nullptr};
};

rocksdb::Options options_for_state(std::shared_ptr<ReclaimFilters> filters, StoreLife life) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(kCacheBytes);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBits));
  table.format_version = 5;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;

  rocksdb::Options options;
  options.create_if_missing = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.compression = life == StoreLife::Kept ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;  // what is packed is little smaller
  options.avoid_flush_during_shutdown = life == StoreLife::Scratch;
  options.write_buffer_size = kMemtableBytes;
  options.max_write_buffer_number = kMemtables;
  options.write_buffer_manager = std::make_shared<rocksdb::WriteBufferManager>(kWriteBufferBytes, table.block_cache);
  options.sst_file_manager.reset(rocksdb::NewSstFileManager(rocksdb::Env::Default()));
  options.sst_file_manager->SetCompactionBufferSize(kDiskReserveBytes);
  options.memtable_prefix_bloom_size_ratio = kMemtableBloomShare;
  options.memtable_whole_key_filtering = true;
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.max_background_jobs = 2;
  options.max_total_wal_size = kMemtableBytes * kMemtables;
  options.info_log = std::make_shared<NoLog>();
  if (filters) options.periodic_compaction_seconds = kRewriteAllSeconds;
  options.compaction_filter_factory = std::move(filters);
  return options;
}

/// In order of keys, so that an insert finds its way in the cache; changes of one key stay in their order. Insert hints would save
/// more, but with a range deletion they break the memtable (facebook/rocksdb pull 12558).
std::vector<const StoreWrite*> in_order(const std::vector<StoreWrite>& batch) {
  std::vector<const StoreWrite*> changes;
  changes.reserve(batch.size());
  for (const auto& change : batch) changes.push_back(&change);
  std::ranges::stable_sort(changes, {}, [](const StoreWrite* change) -> std::string_view { return change->key; });
  return changes;
}

/// The least key above every key with this prefix; nothing where the prefix is all 0xFF.
std::optional<std::string> successor(std::string_view prefix) {
  std::string next(prefix);
  while (!next.empty() && static_cast<unsigned char>(next.back()) == 0xFF) next.pop_back();
  if (next.empty()) return std::nullopt;
  next.back() = static_cast<char>(static_cast<unsigned char>(next.back()) + 1);
  return next;
}

class RocksdbStore final : public Store {
 public:
  RocksdbStore(std::string directory, std::optional<Nanos> expiry, StoreLife life)
      : directory_(std::move(directory)),
        life_(life),
        filters_(expiry ? std::make_shared<ReclaimFilters>(*expiry) : nullptr),
        options_(options_for_state(filters_, life)) {}
  ~RocksdbStore() override { close(); }

  std::expected<void, StoreError> open() {
    rocksdb::DB* opened = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open(options_, directory_, &opened);
    if (!status.ok()) return std::unexpected(error_of(status));
    db_.reset(opened);
    read_only_ = false;
    return {};
  }

  std::expected<std::optional<std::string>, StoreError> get(std::string_view key) override {
    const std::shared_lock lock(mutex_);
    if (!db_) return std::unexpected(closed());
    count_nothing();
    std::string value;
    const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), slice(key), &value);
    if (status.IsNotFound()) return std::nullopt;
    if (!status.ok()) return std::unexpected(error_of(status));
    return value;
  }

  std::expected<void, StoreError> scan(std::string_view prefix,
                                       const std::function<bool(std::string_view, std::string_view)>& row) override {
    const std::shared_lock lock(mutex_);
    if (!db_) return std::unexpected(closed());
    rocksdb::ReadOptions read;
    const auto end = successor(prefix);
    const rocksdb::Slice bound = end ? slice(*end) : rocksdb::Slice();
    if (end) read.iterate_upper_bound = &bound;
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(read));
    for (it->Seek(slice(prefix)); it->Valid(); it->Next())
      if (!row(it->key().ToStringView(), it->value().ToStringView())) break;
    if (!it->status().ok()) return std::unexpected(error_of(it->status()));
    return {};
  }

  std::expected<void, StoreError> write(const std::vector<StoreWrite>& batch) override {
    std::size_t bytes = 0;
    for (const auto& change : batch) bytes += change.key.size() + change.value.size() + kRowFrame;
    rocksdb::WriteBatch changes(bytes);
    for (const StoreWrite* change : in_order(batch)) {
      if (change->kind == StoreWrite::Kind::Put)
        changes.Put(change->key, change->value);
      else
        changes.Delete(change->key);
    }
    rocksdb::WriteOptions how;
    how.disableWAL = life_ == StoreLife::Scratch;
    return changed([&](rocksdb::DB& db) {
      const rocksdb::Status status = db.Write(how, &changes);
      if (status.ok() && filters_ && !filters_->used()) filters_->use(&db);
      return status;
    });
  }

  std::expected<void, StoreError> compact() {
    return changed([&](rocksdb::DB& db) {
      if (filters_) filters_->use(&db);
      rocksdb::CompactRangeOptions all;
      all.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
      return db.CompactRange(all, nullptr, nullptr);
    });
  }

  std::expected<void, StoreError> sync() override {
    if (life_ == StoreLife::Scratch) return {};
    return changed([](rocksdb::DB& db) { return db.SyncWAL(); });
  }

  std::expected<void, StoreError> drop(std::string_view prefix) override {
    const auto end = successor(prefix);
    if (!end) return drop_by_key(prefix);
    return changed(
        [&](rocksdb::DB& db) { return db.DeleteRange(rocksdb::WriteOptions(), db.DefaultColumnFamily(), slice(prefix), slice(*end)); });
  }

 private:
  static rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
  static StoreError closed() { return {StoreError::Kind::Io, "the state store is closed after a fault and could not be opened again"}; }

  /// Runs a change; after one that failed, takes the database up again first.
  template <class Change>
  std::expected<void, StoreError> changed(const Change& change) {
    if (faulted_.load(std::memory_order_acquire))
      if (auto done = take_up(); !done) return done;
    const std::shared_lock lock(mutex_);
    if (!db_) return std::unexpected(closed());
    count_nothing();
    const rocksdb::Status status = change(*db_);
    if (status.ok()) return {};
    StoreError error = error_of(status);
    fault_.store(error.kind);
    faulted_.store(true, std::memory_order_release);
    return std::unexpected(std::move(error));
  }

  /// Resume clears what the library holds to be recoverable, and says Busy or NoSpace while it is not yet time: the database then stays
  /// open for reading. Until its reserve is free again that is for ever, so with less it is opened anew. So is whatever else failed:
  /// opening cuts the log after its last whole batch.
  std::expected<void, StoreError> take_up() {
    const std::unique_lock lock(mutex_);
    if (!faulted_.load(std::memory_order_acquire)) return {};
    if (db_) {
      const rocksdb::Status resumed = read_only_ ? rocksdb::Status::OK() : db_->Resume();
      if ((resumed.IsBusy() || resumed.IsNoSpace()) && !may_open_anew())
        return std::unexpected(StoreError{fault_.load(), "the state store waits for space: " + resumed.ToString()});
      if (resumed.ok() && !read_only_) {
        faulted_.store(false, std::memory_order_release);
        return {};
      }
      close();
    }
    auto done = open();
    if (done)
      faulted_.store(false, std::memory_order_release);
    else
      open_for_reading();
    return done;
  }

  [[nodiscard]] bool may_open_anew() {
    const auto now = std::chrono::steady_clock::now();
    if (now < open_anew_at_) return false;
    open_anew_at_ = now + kOpenAnewAfter;
    std::error_code unknown;
    std::uint64_t wanted = kOpenAnewBytes;
    for (const auto& file : std::filesystem::directory_iterator(directory_, unknown)) {
      const auto bytes = file.path().extension() == ".log" ? file.file_size(unknown) : 0;
      if (!unknown) wanted += bytes;
    }
    const auto space = std::filesystem::space(directory_, unknown);
    return !unknown && space.available >= wanted;
  }

  /// Waits for compactions, which may be reading the database for the filter.
  void close() {
    if (!db_) return;
    if (filters_) filters_->use(nullptr);
    rocksdb::CancelAllBackgroundWork(db_.get(), true);
    db_.reset();
  }

  /// Opening writes; where that fails too, states can still be read, so that detection goes on.
  void open_for_reading() {
    rocksdb::DB* opened = nullptr;
    if (!rocksdb::DB::OpenForReadOnly(options_, directory_, &opened).ok()) return;
    db_.reset(opened);
    read_only_ = true;
  }

  std::expected<void, StoreError> drop_by_key(std::string_view prefix) {
    std::vector<StoreWrite> deletions;
    auto done = scan(prefix, [&](std::string_view key, std::string_view) {
      deletions.push_back({StoreWrite::Kind::Delete, std::string(key), {}});
      return true;
    });
    return done ? write(deletions) : done;
  }

  const std::string directory_;
  const StoreLife life_;
  const std::shared_ptr<ReclaimFilters> filters_;  // the library keeps it too
  const rocksdb::Options options_;
  std::shared_mutex mutex_;  // exclusive only while the database is taken up again
  std::unique_ptr<rocksdb::DB> db_;
  bool read_only_ = false;
  std::atomic<bool> faulted_{false};
  std::chrono::steady_clock::time_point open_anew_at_{};
  std::atomic<StoreError::Kind> fault_{StoreError::Kind::Io};  // of the latest failed change
};

std::expected<std::unique_ptr<RocksdbStore>, StoreError> opened(const std::string& directory, std::optional<Nanos> expiry, StoreLife life) {
  const std::string name = printable(directory, 512);
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (!error) std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
  if (error) {
    const bool full = error == std::errc::no_space_on_device;
    return std::unexpected(StoreError{full ? StoreError::Kind::NoSpace : StoreError::Kind::Path, name + ": " + error.message()});
  }
  auto store = std::make_unique<RocksdbStore>(directory, expiry, life);
  if (auto done = store->open(); !done) {
    StoreError& fault = done.error();
    if (fault.kind == StoreError::Kind::Locked)
      fault.message = name + ": another process, such as a running service, holds this state directory: end it first or name another one";
    return std::unexpected(std::move(fault));
  }
  return store;
}

}  // namespace

std::expected<std::unique_ptr<Store>, StoreError> rocksdb_store(const std::string& directory, std::optional<Nanos> expiry, StoreLife life) {
  return opened(directory, expiry, life);
}

/// The library holds a record lock on this file for as long as the database is open; asking about it takes none.
bool rocksdb_in_use(const std::string& directory) {
  const int fd = ::open((directory + "/LOCK").c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return false;
  struct flock wanted{};
  wanted.l_type = F_WRLCK;
  wanted.l_whence = SEEK_SET;
  const bool held = ::fcntl(fd, F_GETLK, &wanted) == 0 && wanted.l_type != F_UNLCK;
  ::close(fd);
  return held;
}

std::expected<void, StoreError> compact_rocksdb(const std::string& directory, Nanos expiry) {
  const auto store = opened(directory, expiry, StoreLife::Kept);
  if (!store) return std::unexpected(store.error());
  return (*store)->compact();
}

}  // namespace ringfence
