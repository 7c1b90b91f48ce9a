// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "config/settings.h"
#include "connectors/sinks/control_writers.h"
#include "connectors/sinks/file_control_log.h"
#include "connectors/sinks/file_sink.h"
#include "engine/app/active_agents.h"
#include "engine/app/audit_trail.h"
#include "engine/app/command_file.h"
#include "engine/app/context_positions.h"
#include "engine/app/enforcement_feed.h"
#include "engine/app/file_run.h"
#include "engine/app/live_view.h"
#include "engine/app/passed_over_bound.h"
#include "engine/app/service_http.h"
#include "engine/app/service_log.h"
#include "engine/app/service_metrics.h"
#include "engine/app/wall_clock.h"

namespace ringfence {

/// `ringfence run` without Kafka: files or standard input in, findings and signed control records to files, and people's commands from one.
/// The run itself is FileRun; this adds the signature, metrics and health. A control record that a cut run sent already is not sent again:
/// its epoch is known to the log.
class FileService {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<FileService>, RunError> open(const Settings& settings, RuleSet rules,
                                                                                  const ServiceLog& log);
  ~FileService();

  [[nodiscard]] std::expected<void, RunError> run();
  void stop();
  void adopt(RuleSet rules);
  /// A set had errors and the old one stays: counted.
  void refused_reload();

 private:
  FileService(const Settings& settings, const ServiceLog& log);
  [[nodiscard]] std::expected<void, RunError> open_control();
  [[nodiscard]] std::expected<void, RunError> open_context();
  [[nodiscard]] std::expected<void, RunError> open_enforcement();
  void follow_gates();
  [[nodiscard]] std::expected<void, RunError> open_audit();
  [[nodiscard]] std::expected<void, RunError> open_commands();
  void keep_audit();
  void obey_people();
  void passed_over(const OperatorCommand* order, Offset at, std::string_view why);
  [[nodiscard]] std::expected<void, RunError> say(const AuditEntry& entry, Position after);
  [[nodiscard]] std::expected<void, RunError> publish(const Judgement& judgement);
  [[nodiscard]] std::size_t active_agents() const { return active_before_.with(active_.count(), wall_now()); }
  [[nodiscard]] std::expected<void, RunError> restore_active();
  [[nodiscard]] std::expected<void, RunError> remember_active();
  [[nodiscard]] std::expected<void, RunError> store_outputs();
  void fail(RunError error);
  void mind_the_log();
  [[nodiscard]] std::string live_view() const;
  void count(const Judgement& judgement, const Refusal* refusal);
  void count(const RunStanding& standing);

  const Settings& settings_;
  const ServiceLog& log_;
  ServiceMetrics metrics_{1};
  std::unique_ptr<FileControlLog> control_log_;
  std::unique_ptr<ControlWriters> control_;
  std::unique_ptr<EnforcementFeed> enforcement_;  // null: nobody says where acknowledgements are
  std::unique_ptr<ContextPositions> positions_;   // of what they confirm, and of people's commands
  std::size_t words_taken_ = 0;
  bool log_replaced_ = false;  // and it cannot be followed to the next one, which has been told
  RunStanding counted_;
  std::unique_ptr<FileSink> audit_sink_;
  std::unique_ptr<AuditTrail> audit_;
  PassedOverBound passed_over_bound_;
  ActiveAgents active_;
  ActiveBefore active_before_;
  ActiveNote active_note_;
  LiveView view_;
  std::unique_ptr<FileRun> run_;
  std::unique_ptr<CommandFile> commands_;
  std::unique_ptr<ServiceHttp> http_;
  std::string personas_;  // the set of the start
  std::optional<RunError> fault_;
};

}  // namespace ringfence
