// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "connectors/sinks/file_control_log.h"
#include "connectors/sources/descriptor.h"

namespace ringfence {

/// Where a gate hears the control topic. One thread at a time.
class ControlFeed {
 public:
  virtual ~ControlFeed() = default;
  /// The next records in order from the beginning, at most `max`; waits for the first up to `wait`. A feed that is away, or not there yet,
  /// is an error; the next call tries again, and goes on or begins anew as the medium needs: what was read before does no harm.
  [[nodiscard]] virtual std::expected<ControlLog::Batch, SinkError> read(std::size_t max, std::chrono::milliseconds wait) = 0;
};

/// Where a gate's acknowledgements go.
class AckFeed {
 public:
  virtual ~AckFeed() = default;
  /// Hands one over without waiting for the other side.
  [[nodiscard]] virtual std::expected<void, SinkError> send(std::string_view key, std::string_view value) = 0;
};

/// A control file of the embedded default. It may appear late, and be replaced or cut: then it is read from its beginning. Waits for
/// changes of its directory (inotify); where that cannot be watched, for the time given.
class FileControlFeed final : public ControlFeed {
 public:
  explicit FileControlFeed(std::string path) : path_(std::move(path)) {}
  [[nodiscard]] std::expected<ControlLog::Batch, SinkError> read(std::size_t max, std::chrono::milliseconds wait) override;

 private:
  /// Watched before it is looked at, so a change after a look is never missed.
  void watch();
  void wait_for_change(std::chrono::steady_clock::time_point until);
  [[nodiscard]] bool concerns_us();

  std::string path_;
  std::unique_ptr<FileControlLog> log_;
  Descriptor watch_;
};

/// Acknowledgements as a file of the same form, `{"key":…,"value":…}` a line.
class FileAckFeed final : public AckFeed {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<FileAckFeed>, SinkError> open(const std::string& path);
  [[nodiscard]] std::expected<void, SinkError> send(std::string_view key, std::string_view value) override;

 private:
  explicit FileAckFeed(std::unique_ptr<FileControlLog> log) : log_(std::move(log)) {}
  std::unique_ptr<FileControlLog> log_;
};

}  // namespace ringfence
