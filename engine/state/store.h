// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/ids.h"

namespace ringfence {

/// A fault of the store: the process keeps detecting from memory, stops flushing and holds the low-water mark.
struct StoreError {
  enum class Kind : std::uint8_t { NoSpace, Io, Corrupt, Locked, Version, Path } kind{};
  std::string message;
};

/// One change of the store; a batch of them is atomic.
struct StoreWrite {
  enum class Kind : std::uint8_t { Put, Delete } kind{};
  std::string key;
  std::string value;
};

/// An ordered map of bytes behind the memory table: RocksDB on disk, or memory for tests. Thread-safe.
class Store {
 public:
  virtual ~Store() = default;
  [[nodiscard]] virtual std::expected<std::optional<std::string>, StoreError> get(std::string_view key) = 0;
  /// Calls `row` for every key that starts with `prefix`, in key order, until it returns false. `row` must not call the store.
  [[nodiscard]] virtual std::expected<void, StoreError> scan(
      std::string_view prefix, const std::function<bool(std::string_view key, std::string_view value)>& row) = 0;
  /// All or nothing; after an error the batch may or may not be there and is to be written again. Durable against a process crash on
  /// return, against a machine crash after the next `sync`.
  [[nodiscard]] virtual std::expected<void, StoreError> write(const std::vector<StoreWrite>& batch) = 0;
  [[nodiscard]] virtual std::expected<void, StoreError> sync() = 0;
  /// Drops every key that starts with `prefix`.
  [[nodiscard]] virtual std::expected<void, StoreError> drop(std::string_view prefix) = 0;
};

/// Whether what is written outlives the process. `Scratch` keeps no log: `sync` promises nothing, and a crash may leave anything.
enum class StoreLife : std::uint8_t { Kept, Scratch };

[[nodiscard]] std::unique_ptr<Store> memory_store();
/// Opens or makes the database in `directory`, which is made private (0700). Settings as docs/design/streaming.md §4. Locked where another
/// process, or this one, has it open; Path where it cannot be made. After a fault of the disk every call tries first to take the database
/// up again, so that writing the same batch until it succeeds is all a caller needs to do. With an `expiry`, compactions cut down the rows
/// of agents that have expired (reclaim.h), from the first write on: before it nobody has said that the low-water marks of the run before
/// still hold.
[[nodiscard]] std::expected<std::unique_ptr<Store>, StoreError> rocksdb_store(const std::string& directory,
                                                                              std::optional<Nanos> expiry = std::nullopt,
                                                                              StoreLife life = StoreLife::Kept);
/// Whether a process has the database in `directory` open; false where there is none.
[[nodiscard]] bool rocksdb_in_use(const std::string& directory);
/// Compacts the whole database in `directory`, which no one has open: what has expired gives back its space at once.
[[nodiscard]] std::expected<void, StoreError> compact_rocksdb(const std::string& directory, Nanos expiry);

}  // namespace ringfence
