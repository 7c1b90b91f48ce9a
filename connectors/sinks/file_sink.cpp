// SPDX-License-Identifier: Apache-2.0
#include "connectors/sinks/file_sink.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <thread>

#include "connectors/sinks/posix_file.h"
#include "engine/event/escape.h"
#include "engine/event/hash.h"

namespace ringfence {
namespace {

constexpr std::size_t kHeldBytesMax = 64U << 20U;
constexpr std::chrono::milliseconds kTurnAgain{5};

/// There is no lock with a deadline: it is tried again.
bool locked(int fd, Nanos within) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::nanoseconds(within.value);
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kTurnAgain);
  }
  return true;
}

std::unexpected<SinkError> refused(std::string message) { return std::unexpected(SinkError{SinkError::Kind::Refused, std::move(message)}); }

}  // namespace

FileSink::FileSink(std::string name, int fd, bool regular, std::size_t buffer_bytes)
    : name_(std::move(name)), fd_(fd), regular_(regular), buffer_bytes_(buffer_bytes) {}

FileSink::~FileSink() {
  if (!buffer_.empty()) hand_over();
  if (fd_ > STDERR_FILENO) ::close(fd_);
}

std::expected<std::unique_ptr<FileSink>, SinkError> FileSink::open(const std::string& path, std::size_t buffer_bytes, Nanos turn_within) {
  if (path == "-") return std::unique_ptr<FileSink>(new FileSink("standard output", STDOUT_FILENO, false, buffer_bytes));

  int fd = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);  // a pipe or device that cannot be read
  if (fd < 0) return std::unexpected(posix_file::fault(path, "open"));
  struct stat status{};
  if (::fstat(fd, &status) != 0) {
    const SinkError failed = posix_file::fault(path, "examine");
    ::close(fd);
    return std::unexpected(failed);
  }
  std::unique_ptr<FileSink> sink(new FileSink(path, fd, S_ISREG(status.st_mode), buffer_bytes));
  if (!sink->regular_) return sink;

  if (!locked(fd, turn_within))
    return std::unexpected(SinkError{SinkError::Kind::InUse, printable(path) + " is being written by another process"});
  const auto whole = posix_file::whole_lines(fd, path);
  if (!whole) return std::unexpected(whole.error());
  if (::ftruncate(fd, static_cast<off_t>(*whole)) != 0) return std::unexpected(posix_file::fault(path, "cut the torn last line of"));
  sink->written_ = sink->durable_ = *whole;
  if (status.st_size == 0) posix_file::sync_directory_of(path);
  return sink;
}

std::expected<void, SinkError> FileSink::publish(std::string_view record, std::string_view /*key*/, Position cause) {
  if (record.empty() || record.find('\n') != std::string_view::npos)
    return refused("a record for " + printable(name_) + " is not one line");
  if (buffer_.size() + record.size() + 1 > kHeldBytesMax)
    if (auto written = write_out(); !written) return written;
  buffer_ += record;
  buffer_ += '\n';
  under_way_.try_emplace(cause.partition, cause.offset);
  // A fault here is not the record's: it is kept, and the flush that would acknowledge it reports what is wrong.
  if (buffer_.size() > buffer_bytes_) hand_over();
  return {};
}

/// A fault stays with what could not be written, and the flush that would acknowledge it reports it.
void FileSink::hand_over() { [[maybe_unused]] const auto written = write_out(); }

Offset FileSink::acknowledged(Partition partition) const {
  const auto found = under_way_.find(partition);
  return found == under_way_.end() ? kAllAcknowledged : found->second;
}

std::expected<void, SinkError> FileSink::flush(Nanos /*within*/) {
  if (auto written = write_out(); !written) return written;
  if (regular_ && durable_ != written_ && ::fdatasync(fd_) != 0) return std::unexpected(posix_file::fault(name_, "sync"));
  durable_ = written_;
  under_way_.clear();
  return {};
}

std::expected<void, SinkError> FileSink::write_out() {
  if (buffer_.empty()) return {};
  const auto [bytes, whole] = posix_file::write_all(fd_, buffer_);
  if (!whole) return keep_whole_lines(bytes, posix_file::fault(name_, "write"));
  written_ += bytes;
  buffer_.clear();
  return {};
}

/// After a write that stopped midway: the file keeps the whole lines, the buffer the rest. A pipe has already taken the half line.
std::expected<void, SinkError> FileSink::keep_whole_lines(std::size_t written, SinkError cause) {
  std::size_t kept = written;
  if (regular_) {
    const std::size_t newline = std::string_view(buffer_).substr(0, written).rfind('\n');
    kept = newline == std::string_view::npos ? 0 : newline + 1;
    if (kept != written && ::ftruncate(fd_, static_cast<off_t>(written_ + kept)) != 0)
      return std::unexpected(posix_file::fault(name_, "repair"));
  }
  written_ += kept;
  buffer_.erase(0, kept);
  return std::unexpected(std::move(cause));
}

std::uint64_t FileSink::identity() const {
  const auto inode = regular_ ? posix_file::inode(fd_) : std::nullopt;
  if (!inode) return 0;
  const std::array<std::uint64_t, 3> told{inode->number, inode->born_s, inode->born_ns};
  return std::max<std::uint64_t>(1, hash128({reinterpret_cast<const char*>(told.data()), sizeof told}).low);
}

std::expected<void, SinkError> FileSink::resume(std::uint64_t size) {
  if (!regular_) return {};
  if (!buffer_.empty() || !under_way_.empty()) return refused(printable(name_) + " has been written to before it was resumed");
  if (size > written_)
    return refused(printable(name_) + " is shorter (" + std::to_string(written_) + " bytes) than the checkpoint says (" +
                   std::to_string(size) + "): part of it is lost");
  char last = '\n';
  if (size > 0 && ::pread(fd_, &last, 1, static_cast<off_t>(size - 1)) != 1) return std::unexpected(posix_file::fault(name_, "read"));
  if (last != '\n')
    return refused(printable(name_) + " is not the file the checkpoint speaks of: no line ends at byte " + std::to_string(size));
  if (::ftruncate(fd_, static_cast<off_t>(size)) != 0 || ::fsync(fd_) != 0) return std::unexpected(posix_file::fault(name_, "cut"));
  written_ = durable_ = size;
  return {};
}

}  // namespace ringfence
