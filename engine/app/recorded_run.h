// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "engine/app/file_run.h"
#include "engine/app/service_signals.h"

/// Recorded events judged by a command, as they were or will be by a service.
namespace ringfence {

/// What they are judged with beside the events; an empty text is an option that was not given.
struct RunInputs {
  std::string personas, lists, config, context;
  bool assume_gate = false;  // every halt counts as applied at once
};

/// The settings file, or the defaults; says on standard error what is wrong with it.
[[nodiscard]] std::optional<Settings> run_settings(const RunInputs& inputs);
/// The personas; says on standard error what is wrong with them, and gives null then.
[[nodiscard]] std::shared_ptr<const Rulebook> run_rules(const RunInputs& inputs, const Settings& settings);
/// How these files are judged, with nothing written. The error is one of the context log's.
[[nodiscard]] std::expected<FileRunOptions, std::string> run_options(const RunInputs& inputs, const Settings& settings,
                                                                     std::vector<std::string> files);

/// A run over files that TERM and INT end. One without a state directory has a private temporary one for what does not fit into memory, and
/// it goes with the run. At most one at a time, because signals are the process's.
class RecordedRun {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<RecordedRun>, RunError> open(FileRunOptions options,
                                                                                  std::shared_ptr<const Rulebook> rules);
  ~RecordedRun();
  RecordedRun(const RecordedRun&) = delete;
  RecordedRun& operator=(const RecordedRun&) = delete;
  [[nodiscard]] FileRun& run() { return *run_; }

 private:
  RecordedRun() = default;
  void stop();

  std::string scratch_;  // empty: none
  std::mutex mutex_;     // guards what follows until the run is open
  bool stopped_ = false;
  std::unique_ptr<FileRun> run_;
  std::unique_ptr<ServiceSignals> signals_;  // gone before what they end
};

}  // namespace ringfence
