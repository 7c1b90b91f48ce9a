// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>

#include "connectors/sinks/control_log.h"

namespace ringfence {

/// The control topic as a file: one `{"key":…,"value":…}` a line, appended only; the last line of a key wins, a null value is a tombstone.
/// Several processes may append: each line is one write under a lock. A line is visible to readers at once and stored for good when
/// `acknowledged` has synced it. A line longer than 4 MiB is none of ours and is passed over. Mode 0600 where the file is new.
class FileControlLog final : public ControlLog {
 public:
  /// What becomes of the log where its path names another file by now (`replaced`).
  enum class WhenReplaced : std::uint8_t {
    Stays,  // with the file that was opened
    Moves   // to the one that is there then, made where there is none: nothing is appended to a file that nobody follows any more
  };
  [[nodiscard]] static std::expected<std::unique_ptr<FileControlLog>, SinkError> open(const std::string& path,
                                                                                      WhenReplaced then = WhenReplaced::Stays);
  /// Opens a log that others write, to read it only: appending is refused, and a file that is not there yet is an error.
  [[nodiscard]] static std::expected<std::unique_ptr<FileControlLog>, SinkError> follow(const std::string& path);
  ~FileControlLog() override;
  FileControlLog(const FileControlLog&) = delete;
  FileControlLog& operator=(const FileControlLog&) = delete;

  [[nodiscard]] std::expected<std::uint64_t, SinkError> append(std::string_view key, std::string_view value) override;
  /// Several records in one write, all of them or none; the ticket is that of the last.
  [[nodiscard]] std::expected<std::uint64_t, SinkError> append(std::span<const ControlEntry> entries);
  [[nodiscard]] std::expected<std::uint64_t, SinkError> acknowledged() override;
  [[nodiscard]] std::expected<Batch, SinkError> read(std::size_t max) override;
  /// True where the path names another file by now, or the file is shorter than what was read of it: it was replaced, and must be opened
  /// and read anew. Also where it is gone.
  [[nodiscard]] bool replaced() const;
  /// Lines read so far that are no control entries; they are skipped.
  [[nodiscard]] std::uint64_t malformed() const { return malformed_; }
  /// The first of them, counted from 1; 0 where there is none.
  [[nodiscard]] std::uint64_t first_malformed() const { return first_malformed_; }

 private:
  class Locked;
  FileControlLog(std::string path, int fd, WhenReplaced then) : path_(std::move(path)), fd_(fd), then_(then) {}
  [[nodiscard]] static std::expected<int, SinkError> opened(const std::string& path);
  [[nodiscard]] std::expected<void, SinkError> move();
  [[nodiscard]] bool must_move() const { return then_ == WhenReplaced::Moves && replaced(); }
  [[nodiscard]] std::expected<bool, SinkError> fill();
  [[nodiscard]] std::expected<void, SinkError> write(std::string_view lines);
  void pass_over_line();

  std::string path_;
  int fd_;
  WhenReplaced then_;
  bool anew_ = false;  // moved, and the reader has not been told
  std::uint64_t sent_ = 0, synced_ = 0;
  std::uint64_t read_to_ = 0;  // byte offset
  std::string ahead_;          // read but not given out yet
  bool too_long_ = false;      // within a line that is passed over
  std::uint64_t lines_ = 0, malformed_ = 0, first_malformed_ = 0;
};

}  // namespace ringfence
