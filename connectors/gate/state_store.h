// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "connectors/encoders/control.h"
#include "connectors/sinks/file_control_log.h"

namespace ringfence {

/// A gate's verified records on disk: the signed entries themselves, one a line, so that what is read back is checked against the pinned
/// keys like anything else, and whoever can write the file can forget a record but not make one. Appended and synced; written anew, by
/// atomic replacement, when most of it is of the past. Holds the highest epoch of every key and the highest generation of every writer, so
/// that a topic restored from a backup rolls nothing back.
///
/// One process a directory: opening it twice is an error (`InUse`). One thread.
class StateStore {
 public:
  /// Makes the directory, mode 0700, where it is not there.
  [[nodiscard]] static std::expected<StateStore, SinkError> open(const std::string& directory);
  StateStore(StateStore&&) noexcept = default;
  StateStore& operator=(StateStore&&) noexcept = default;
  ~StateStore() = default;

  /// What was stored, in order. Once, before anything is appended. A file that holds what is no entry is an error: it was damaged, and a
  /// gate that went on without it could be rolled back unnoticed.
  [[nodiscard]] std::expected<std::vector<ControlEntry>, SinkError> load();
  /// What is not in force again of what was stored, though it is whole. Only the last under each key counts: what a later line overtook
  /// is of the past anyway.
  struct LeftOut {
    std::size_t of_unknown_keys = 0;  // signed under a key that is not pinned any more
    /// Properly signed, but not for a reader as it is set now: the first of them.
    std::optional<SinkError> not_for_this_reader;
  };
  /// Judges what was loaded by those of it that did not verify. An error where one is damaged, also where a later line has overtaken it:
  /// who went on with what is left could go back to a weaker containment, or to none.
  [[nodiscard]] std::expected<LeftOut, SinkError> judge(std::span<const ControlEntry> loaded, const Unverified& unverified) const;
  /// Returns once the entries are stored for good.
  [[nodiscard]] std::expected<void, SinkError> append(std::span<const ControlEntry> entries);
  /// True where more than half of the file, and more than a few lines, are of the past; `live` entries would do.
  [[nodiscard]] bool wants_compaction(std::size_t live) const { return lines_ > 2 * live + 1024; }
  /// Replaces all that is stored by `entries`; a crash leaves the one or the other.
  [[nodiscard]] std::expected<void, SinkError> replace(std::span<const ControlEntry> entries);

 private:
  class Lock {
   public:
    explicit Lock(int fd) : fd_(fd) {}
    Lock(Lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Lock& operator=(Lock&& other) noexcept {
      std::swap(fd_, other.fd_);
      return *this;
    }
    ~Lock();

   private:
    int fd_;
  };
  [[nodiscard]] SinkError damaged(const std::string& how) const;
  StateStore(std::string path, Lock lock, std::unique_ptr<FileControlLog> log)
      : path_(std::move(path)), lock_(std::move(lock)), log_(std::move(log)) {}

  std::string path_;
  Lock lock_;
  std::unique_ptr<FileControlLog> log_;
  std::size_t lines_ = 0;
};

}  // namespace ringfence
