// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "connectors/sinks/control_writers.h"
#include "connectors/sinks/sink.h"
#include "engine/app/audit_trail.h"
#include "engine/app/context_record.h"
#include "engine/app/service_log.h"
#include "engine/app/service_metrics.h"
#include "engine/pipeline/operate.h"
#include "engine/pipeline/outputs.h"

namespace ringfence {

/// A sink for one thread as a sink for several.
class SharedSink final : public Sink {
 public:
  explicit SharedSink(std::unique_ptr<Sink> sink) : sink_(std::move(sink)) {}
  [[nodiscard]] std::expected<void, SinkError> publish(std::string_view record, std::string_view key, Position cause) override {
    const std::lock_guard lock(mutex_);
    return sink_->publish(record, key, cause);
  }
  [[nodiscard]] Offset acknowledged(Partition partition) const override {
    const std::lock_guard lock(mutex_);
    return sink_->acknowledged(partition);
  }
  [[nodiscard]] std::expected<void, SinkError> flush(Nanos within) override {
    const std::lock_guard lock(mutex_);
    return sink_->flush(within);
  }

 private:
  mutable std::mutex mutex_;
  std::unique_ptr<Sink> sink_;
};

/// What went out as a pending hold since the last call, as its finding `containment.blast_radius` and for the record, to be sent by the
/// caller. Thread-safe. `topic` and `links_topic` name the inputs.
struct HeldBack {
  FindingRecord finding;
  AuditEntry audit;
};
[[nodiscard]] std::vector<HeldBack> held_back(ControlWriters& control, const std::string& topic, const std::string& links_topic,
                                              WallTime now);

/// Tells in the log what came of a person's command.
void log_command(const ServiceLog& log, const OperatorCommand& order, CommandAnswer answer);

/// The outputs of one judging thread of the service: containments to the control writers, findings, dead letters and links to their sinks.
/// Called by that thread; the writers and sinks behind are shared and thread-safe.
class ServiceOutputs final : public Outputs {
 public:
  struct Parts {
    Sink& findings;
    Sink& dead_letters;
    Sink& links;
    Sink* facts = nullptr;  // the context topic; null where facts come from elsewhere
    ControlWriters& control;
    AuditTrail& audit;
    ProcessCounters& counters;
    std::string topic, links_topic;  // names of the inputs
    std::function<WallTime()> now;
    std::function<std::size_t()> active_agents;  // of this process in the last hour
    /// Called while a sink has no room: gives it time, or ends the wait with false where the process is to stop.
    std::function<bool(std::chrono::milliseconds)> give_time;
  };
  explicit ServiceOutputs(Parts parts) : parts_(std::move(parts)) {}

  [[nodiscard]] std::expected<void, OutputError> publish(const Judgement& judgement) override;
  [[nodiscard]] std::expected<void, OutputError> refuse(const Record& record, const Refusal& refusal) override;
  [[nodiscard]] Offset acknowledged(Partition partition) const override;
  /// Puts it on record.
  [[nodiscard]] std::expected<void, OutputError> record(const AuditEntry& entry, Position cause);
  /// When the last containments had been signed and handed over.
  [[nodiscard]] WallTime handed_over() const { return handed_over_; }
  /// A fact that the act at `cause` led to, to the context topic.
  [[nodiscard]] std::expected<void, OutputError> announce(const std::string& fact, std::string_view scope, Position cause);

 private:
  [[nodiscard]] std::expected<void, OutputError> send(Sink& sink, ProcessCounters::Output& counter, const std::string& line,
                                                      std::string_view key, Position cause);
  /// Hands over until it is taken: a full queue or disk is waited for, anything else ends the run.
  [[nodiscard]] std::expected<void, OutputError> until_taken(ProcessCounters::Output& counter,
                                                             const std::function<std::expected<void, SinkError>()>& hand_over);

  Parts parts_;
  WallTime handed_over_;
};

}  // namespace ringfence
