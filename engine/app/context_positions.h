// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/settings.h"
#include "connectors/sinks/sink.h"
#include "connectors/sources/descriptor.h"
#include "engine/app/context_record.h"

namespace ringfence {

/// Where a service writes its context log.
[[nodiscard]] std::filesystem::path context_log_file(const Settings& settings);

/// The context log of a live run: what took effect, and behind which offset of each input partition, one
/// `{"partition":P,"after":N,"record":"…"}` a line. `replay --context` reads it. `record` is a persona set or a fact as the context topic
/// holds it; -1 is before the first offset. Offsets of one partition never fall along the log.
///
/// Append-only and locked against other processes; a torn last line is cut off by the next start. Thread-safe.
class ContextPositions {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<ContextPositions>, SinkError> open(const std::filesystem::path& file);
  ContextPositions(const ContextPositions&) = delete;
  ContextPositions& operator=(const ContextPositions&) = delete;

  struct Line {
    Partition partition;
    Offset after;
    std::string_view record;
  };
  /// All of the lines are on disk when this returns, or none is in the file: then what they say must not take effect yet.
  [[nodiscard]] std::expected<void, SinkError> write(std::span<const Line> lines);

  /// Behind which offset of the partition the operators' command takes effect, where the log of an earlier run says so.
  [[nodiscard]] std::optional<Offset> place_of(Partition partition, std::string_view command) const;
  /// That log says so of any partition.
  [[nodiscard]] bool places(std::string_view command) const;

  /// There was nothing in it when it was opened: it is new, or somebody took the old one away.
  [[nodiscard]] bool began_empty() const { return began_empty_; }

 private:
  ContextPositions(std::string name, Descriptor file, std::uint64_t size)
      : name_(std::move(name)), file_(std::move(file)), size_(size), began_empty_(size == 0) {}

  const std::string name_;
  const Descriptor file_;
  std::mutex mutex_;
  std::uint64_t size_;  // of whole, synced lines
  const bool began_empty_;
  std::map<std::pair<Partition, std::string>, Offset> commands_;  // as read at the start
};

/// One line of a context log as read back.
struct PlacedChange {
  Partition partition;
  Offset after;
  ContextContent what;
};
/// Reads a context log, line by line; the error names the line.
[[nodiscard]] std::expected<std::vector<PlacedChange>, std::string> read_context_log(const std::string& file,
                                                                                     const std::vector<std::string>& internal_hosts);
/// The same in order of partition and place, what took effect at one place in order of the log.
[[nodiscard]] std::expected<std::vector<PlacedChange>, std::string> load_context_log(const std::string& file,
                                                                                     const std::vector<std::string>& internal_hosts);

}  // namespace ringfence
