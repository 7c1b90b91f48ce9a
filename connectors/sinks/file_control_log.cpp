// SPDX-License-Identifier: Apache-2.0
#include "connectors/sinks/file_control_log.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "connectors/encoders/jws.h"
#include "connectors/encoders/strict_json.h"
#include "connectors/sinks/posix_file.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

/// The longest line that is read: a token, its key in percent-encoding, and the frame.
constexpr std::size_t kLineBytes = 2 * kTokenBytes;

std::optional<ControlEntry> entry_of(std::string_view line) {
  const auto parsed = parse_strict_json(line);
  if (!parsed || !parsed->is_object() || !parsed->contains("key") || !parsed->contains("value")) return std::nullopt;
  const auto* key = parsed->at("key").get_ptr<const std::string*>();
  const auto* value = parsed->at("value").get_ptr<const std::string*>();
  if (key == nullptr || (value == nullptr && !parsed->at("value").is_null())) return std::nullopt;
  return ControlEntry{*key, value == nullptr ? std::string() : *value};
}

std::expected<std::string, SinkError> line_of(std::string_view key, std::string_view value, const std::string& path) {
  std::string line = "{\"key\":" + json_quoted(key) + ",\"value\":" + (value.empty() ? std::string("null") : json_quoted(value)) + "}\n";
  if (line.size() <= kLineBytes) return line;
  return std::unexpected(SinkError{SinkError::Kind::Refused, "a control record for " + printable(path) + " is larger than 4 MiB"});
}

}  // namespace

/// Holds the file's lock for one append.
class FileControlLog::Locked {
 public:
  explicit Locked(int fd) : fd_(fd) {
    while ((held_ = ::flock(fd_, LOCK_EX) == 0) == false && errno == EINTR) {
    }
  }
  ~Locked() {
    if (held_) ::flock(fd_, LOCK_UN);
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
  [[nodiscard]] bool held() const { return held_; }

 private:
  int fd_;
  bool held_ = false;
};

std::expected<int, SinkError> FileControlLog::opened(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return std::unexpected(posix_file::fault(path, "open"));
  if (const auto whole = posix_file::whole_lines(fd, path); !whole) {
    ::close(fd);
    return std::unexpected(whole.error());
  }
  posix_file::sync_directory_of(path);
  return fd;
}

std::expected<std::unique_ptr<FileControlLog>, SinkError> FileControlLog::open(const std::string& path, WhenReplaced then) {
  const auto fd = opened(path);
  if (!fd) return std::unexpected(fd.error());
  return std::unique_ptr<FileControlLog>(new FileControlLog(path, *fd, then));
}

/// To the file that the path names now. What was sent and not synced is in the former one: whoever reads `anew` says it again.
std::expected<void, SinkError> FileControlLog::move() {
  const auto fd = opened(path_);
  if (!fd) return std::unexpected(fd.error());
  ::close(std::exchange(fd_, *fd));
  read_to_ = lines_ = 0;
  ahead_.clear();
  too_long_ = false;
  anew_ = true;
  return {};
}

std::expected<std::unique_ptr<FileControlLog>, SinkError> FileControlLog::follow(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(posix_file::fault(path, "open"));
  return std::unique_ptr<FileControlLog>(new FileControlLog(path, fd, WhenReplaced::Stays));
}

bool FileControlLog::replaced() const {
  struct stat held{}, named{};
  if (::fstat(fd_, &held) != 0 || ::stat(path_.c_str(), &named) != 0) return true;
  return held.st_ino != named.st_ino || held.st_dev != named.st_dev || static_cast<std::uint64_t>(named.st_size) < read_to_;
}

FileControlLog::~FileControlLog() { ::close(fd_); }

std::expected<std::uint64_t, SinkError> FileControlLog::append(std::string_view key, std::string_view value) {
  const auto line = line_of(key, value, path_);
  if (!line) return std::unexpected(line.error());
  if (auto written = write(*line); !written) return std::unexpected(written.error());
  return ++sent_;
}

std::expected<std::uint64_t, SinkError> FileControlLog::append(std::span<const ControlEntry> entries) {
  std::string lines;
  for (const ControlEntry& entry : entries) {
    const auto line = line_of(entry.key, entry.value, path_);
    if (!line) return std::unexpected(line.error());
    lines += *line;
  }
  if (auto written = write(lines); !written) return std::unexpected(written.error());
  return sent_ += entries.size();
}

std::expected<void, SinkError> FileControlLog::write(std::string_view lines) {
  if (must_move())
    if (auto moved = move(); !moved) return moved;
  const Locked lock(fd_);
  if (!lock.held()) return std::unexpected(posix_file::fault(path_, "lock"));
  // What a writer that died left of its line would otherwise swallow this one.
  const auto whole = posix_file::whole_lines(fd_, path_);
  if (!whole) return std::unexpected(whole.error());
  struct stat status{};
  if (::fstat(fd_, &status) != 0) return std::unexpected(posix_file::fault(path_, "examine"));
  const bool torn = static_cast<std::uint64_t>(status.st_size) != *whole;
  if (torn && ::ftruncate(fd_, static_cast<off_t>(*whole)) != 0) return std::unexpected(posix_file::fault(path_, "repair"));
  if (posix_file::write_all(fd_, lines).whole) return {};
  const SinkError failed = posix_file::fault(path_, "write");
  if (::ftruncate(fd_, static_cast<off_t>(*whole)) != 0) return std::unexpected(posix_file::fault(path_, "repair"));
  return std::unexpected(failed);
}

std::expected<std::uint64_t, SinkError> FileControlLog::acknowledged() {
  if (synced_ != sent_ && ::fdatasync(fd_) != 0) return std::unexpected(posix_file::fault(path_, "sync"));
  return synced_ = sent_;
}

void FileControlLog::pass_over_line() {
  ++lines_;
  if (malformed_++ == 0) first_malformed_ = lines_;
}

/// Reads on, whole lines only, because a torn tail may be cut off and written over; false at the end of the file.
std::expected<bool, SinkError> FileControlLog::fill() {
  for (std::size_t size = 64U << 10U; size <= 2 * kLineBytes; size *= 2) {
    std::string found(size, '\0');
    const ssize_t got = ::pread(fd_, found.data(), size, static_cast<off_t>(read_to_));
    if (got < 0) return std::unexpected(posix_file::fault(path_, "read"));
    found.resize(static_cast<std::size_t>(got));
    if (too_long_) {
      const std::size_t end = found.find('\n');
      too_long_ = end == std::string::npos;
      read_to_ += too_long_ ? found.size() : end + 1;
      if (!too_long_) pass_over_line();
      return !too_long_ || found.size() == size;
    }
    if (const std::size_t newline = found.rfind('\n'); newline != std::string::npos) {
      found.resize(newline + 1);
      read_to_ += found.size();
      ahead_ += found;
      return true;
    }
    if (found.size() < size) return false;
  }
  // Nobody's record is so long: whoever put it there must not keep the next halt from being read.
  too_long_ = true;
  return true;
}

std::expected<ControlLog::Batch, SinkError> FileControlLog::read(std::size_t max) {
  Batch out;
  if (must_move())
    if (auto moved = move(); !moved) return std::unexpected(moved.error());
  out.anew = std::exchange(anew_, false);
  while (out.entries.size() < max) {
    const std::size_t newline = ahead_.find('\n');
    if (newline == std::string::npos) {
      const auto more = fill();
      if (!more) return std::unexpected(more.error());
      if (!*more) {
        out.caught_up = true;
        return out;
      }
      continue;
    }
    auto entry = entry_of(std::string_view(ahead_).substr(0, newline));
    ahead_.erase(0, newline + 1);
    if (!entry) {
      pass_over_line();
      continue;
    }
    ++lines_;
    out.entries.push_back(std::move(*entry));
  }
  return out;
}

}  // namespace ringfence
