// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "connectors/sinks/sink.h"

/// What files that are written and files that are read share: system calls with their faults as values.
namespace ringfence::posix_file {

/// The fault of the last system call on `name`.
[[nodiscard]] SinkError fault(const std::string& name, const char* doing);
struct Written {
  std::size_t bytes = 0;
  bool whole = false;  // else errno says why it stopped
};
/// Writes all of `bytes` or as much as goes.
[[nodiscard]] Written write_all(int fd, std::string_view bytes);
/// Length of the file up to and with its last line feed. The rest must look like the start of one of our lines, else the file is not ours.
[[nodiscard]] std::expected<std::uint64_t, SinkError> whole_lines(int fd, const std::string& name);
/// Puts a file of this content, mode 0600, in the place of the one there may be; a crash leaves the one or the other.
[[nodiscard]] std::expected<void, SinkError> replace(const std::string& path, std::string_view content);
/// Which file an open one is, whatever its name: the number alone is given to the next one once this one is deleted.
struct Inode {
  std::uint64_t device = 0, number = 0;
  std::uint64_t born_s = 0, born_ns = 0;  // 0 where the file system does not tell
};
/// Nothing of what is no regular file.
[[nodiscard]] std::optional<Inode> inode(int fd);
/// Makes the name of a new file durable.
void sync_directory_of(const std::string& path);

}  // namespace ringfence::posix_file
