// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>

#include "connectors/sinks/sink.h"

namespace ringfence {

/// Append-only NDJSON: findings, verdicts, dead letters, decoded control. `-` is standard output.
///
/// Every write to the file is of whole lines; what a crash or a full disk left of a line is cut off. Records are collected up to
/// `buffer_bytes` and are acknowledged by a flush, which syncs the file to disk. A new file has mode 0600. A regular file is locked against
/// other processes for as long as the sink lives; who comes second is refused, or waits for its turn. On a full disk records are kept in
/// memory up to 64 MiB, beyond which `publish` fails.
class FileSink final : public ResumableSink {
 public:
  /// `buffer_bytes` 0 writes each record at once. Waits at most `turn_within` for another process that writes the file.
  [[nodiscard]] static std::expected<std::unique_ptr<FileSink>, SinkError> open(const std::string& path,
                                                                                std::size_t buffer_bytes = 256U << 10U,
                                                                                Nanos turn_within = {});
  /// Writes out what is left, as far as that is possible; errors have no reader here, so flush before.
  ~FileSink() override;
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;

  [[nodiscard]] std::expected<void, SinkError> publish(std::string_view record, std::string_view key, Position cause) override;
  [[nodiscard]] Offset acknowledged(Partition partition) const override;
  [[nodiscard]] std::expected<void, SinkError> flush(Nanos within) override;
  void hand_over() override;
  [[nodiscard]] std::uint64_t size() const override { return durable_; }
  [[nodiscard]] std::uint64_t identity() const override;
  [[nodiscard]] std::expected<void, SinkError> resume(std::uint64_t size) override;

 private:
  FileSink(std::string name, int fd, bool regular, std::size_t buffer_bytes);
  [[nodiscard]] std::expected<void, SinkError> write_out();
  [[nodiscard]] std::expected<void, SinkError> keep_whole_lines(std::size_t written, SinkError cause);

  std::string name_;  // for messages
  int fd_;
  bool regular_;
  std::size_t buffer_bytes_;
  std::string buffer_;
  std::uint64_t written_ = 0, durable_ = 0;
  std::map<Partition, Offset> under_way_;  // first cause that is not durable yet
};

}  // namespace ringfence
