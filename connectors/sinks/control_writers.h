// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "connectors/encoders/control.h"
#include "connectors/sinks/control_memory.h"
#include "connectors/sinks/control_writer.h"
#include "engine/event/published.h"

namespace ringfence {

/// Every writer of a process over one control log: reads the log once for all of them and routes records by input partition.
/// Thread-safe: shards publish, one control thread polls; a call may wait for another's append, never for a disk or a broker's answer
/// other than in `poll` and `acknowledged`.
class ControlWriters {
 public:
  struct Settings {
    std::string iss;
    std::vector<std::string> aud;  // the first is also the audience under which own records are read back
    std::string topic;             // of the input, part of the writers' names (engine_writer)
    std::string claimant;
    std::int64_t ack_within_ms = 2000;
    BlastRadius::Limits limits;
  };
  /// Without a memory a log that is lost while the process is down takes with it what stood there.
  ControlWriters(Settings settings, SigningKey key, TrustedKeys trusted, ControlLog& log, std::unique_ptr<ControlMemory> memory = nullptr);

  /// Takes up or leaves a partition; the writer claims at the next `poll` that reaches the end of the log.
  void own(Partition partition);
  void disown(Partition partition);
  /// `record.position.partition` must be owned (Refused otherwise). `active_agents`: agents with an event in the last hour.
  [[nodiscard]] std::expected<void, SinkError> publish(const ContainmentRecord& record, std::size_t active_agents, WallTime now);
  /// Reads the log on, lets the writers claim, send, repair and beat. Call several times a second. The first fault ends the round, but for
  /// one of the memory, which is told when all else is done; the next call goes on where it stopped.
  [[nodiscard]] std::expected<void, SinkError> poll(WallTime now);
  [[nodiscard]] Offset acknowledged(Partition partition);

  [[nodiscard]] std::optional<ControlWriter::State> state(Partition partition) const;
  /// The generation under which this process spoke for the partition at the last `poll`; nothing where it may not, or not yet. Waits for
  /// nobody: whoever answers in milliseconds must not stand behind a poll.
  [[nodiscard]] std::optional<std::uint64_t> speaking(Partition partition) const;
  /// The name by which this process speaks for a partition, owned or not.
  [[nodiscard]] std::string writer_of(Partition partition) const { return engine_writer(settings_.topic, partition); }
  /// A writer of that name is this process's.
  [[nodiscard]] bool speaks(std::string_view writer) const;
  /// Partitions whose writer was fenced and has not claimed again.
  [[nodiscard]] std::vector<Partition> fenced() const;
  void claim_again(Partition partition);
  [[nodiscard]] std::vector<ContainmentRecord> take_held();

 private:
  [[nodiscard]] std::expected<bool, SinkError> read_on();
  void begin_anew();
  [[nodiscard]] std::expected<void, SinkError> keep();
  void note_speaking();

  mutable std::mutex mutex_;
  Settings settings_;
  SigningKey key_;
  TrustedKeys trusted_;
  ControlLog& log_;
  std::unique_ptr<ControlMemory> memory_;
  std::vector<ControlEntry> unkept_;  // own, read and not in the memory yet
  BlastRadius blast_radius_;
  std::map<Partition, ControlWriter> writers_;
  struct Latest {
    std::uint64_t place = 0;  // in the log's order
    std::string value;
  };
  std::map<std::string, Latest> latest_;  // by key, for writers that come later
  std::uint64_t read_ = 0;
  std::uint64_t acknowledged_ = 0;
  using Generations = std::map<Partition, std::uint64_t>;
  Published<Generations> speaking_{std::make_shared<const Generations>()};
};

}  // namespace ringfence
