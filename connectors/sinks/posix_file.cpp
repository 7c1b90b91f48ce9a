// SPDX-License-Identifier: Apache-2.0
#include "connectors/sinks/posix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "engine/event/escape.h"

namespace ringfence::posix_file {

SinkError fault(const std::string& name, const char* doing) {
  const int cause = errno;
  const auto kind = cause == ENOSPC || cause == EDQUOT || cause == EFBIG ? SinkError::Kind::NoSpace
                    : cause == EAGAIN || cause == EWOULDBLOCK            ? SinkError::Kind::Unavailable
                                                                         : SinkError::Kind::Io;
  return {kind, std::string("cannot ") + doing + " " + printable(name) + ": " + std::strerror(cause)};
}

Written write_all(int fd, std::string_view bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {done, false};
    if (got == 0) {
      errno = ENOSPC;  // a device that takes nothing and says nothing
      return {done, false};
    }
    done += static_cast<std::size_t>(got);
  }
  return {done, true};
}

std::expected<std::uint64_t, SinkError> whole_lines(int fd, const std::string& name) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return std::unexpected(fault(name, "examine"));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  std::array<char, 65536> chunk{};
  char first_of_rest = '\0';
  for (std::uint64_t end = size; end > 0;) {
    const std::uint64_t begin = end > chunk.size() ? end - chunk.size() : 0;
    const auto want = static_cast<std::size_t>(end - begin);
    if (::pread(fd, chunk.data(), want, static_cast<off_t>(begin)) != static_cast<ssize_t>(want))
      return std::unexpected(fault(name, "read"));
    const std::size_t newline = std::string_view(chunk.data(), want).rfind('\n');
    if (newline == std::string_view::npos) {
      first_of_rest = chunk[0];
      end = begin;
      continue;
    }
    const std::uint64_t kept = begin + newline + 1;
    if (newline + 1 < want) first_of_rest = chunk[newline + 1];
    if (kept < size && first_of_rest != '{')
      return std::unexpected(SinkError{SinkError::Kind::Refused, printable(name) + " ends in what is no line of this program"});
    return kept;
  }
  if (size > 0 && first_of_rest != '{')
    return std::unexpected(SinkError{SinkError::Kind::Refused, printable(name) + " holds what is no line of this program"});
  return 0;
}

std::expected<void, SinkError> replace(const std::string& path, std::string_view content) {
  const std::string next = path + ".next";
  const int fd = ::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return std::unexpected(fault(next, "open"));
  const bool stored = write_all(fd, content).whole && ::fsync(fd) == 0;
  std::expected<void, SinkError> done;
  if (!stored) done = std::unexpected(fault(next, "write"));
  ::close(fd);
  if (!stored) return done;
  if (std::rename(next.c_str(), path.c_str()) != 0) return std::unexpected(fault(path, "replace"));
  sync_directory_of(path);
  return {};
}

std::optional<Inode> inode(int fd) {
  struct stat status{};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  Inode out{.device = status.st_dev, .number = status.st_ino};
  struct statx more{};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &more) == 0 && (more.stx_mask & STATX_BTIME) != 0) {
    out.born_s = static_cast<std::uint64_t>(more.stx_btime.tv_sec);
    out.born_ns = more.stx_btime.tv_nsec;
  }
  return out;
}

void sync_directory_of(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  const int fd = ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);  // best effort: some file systems cannot sync a directory and need not
  ::close(fd);
}

}  // namespace ringfence::posix_file
