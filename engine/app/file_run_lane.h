// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "engine/app/file_run.h"
#include "engine/pipeline/subjects.h"
#include "engine/state/look_ahead.h"

namespace ringfence {

/// The partition under which a run over files keeps its states.
inline constexpr Partition kFilePartition{0};

/// What stands beside the states in a run's store.
inline constexpr std::string_view kOutputsRecord = "file_run.outputs";
inline constexpr std::string_view kFactsRecord = "file_run.facts";
inline constexpr std::string_view kObserverRecord = "file_run.observer";
inline constexpr std::string_view kForeignRecord = "file_run.foreign";
inline constexpr std::string_view kTreesRecord = "file_run.trees";

/// Marks of a run's outputs record: what was written behind its lengths came from an input that cannot be read again; no state was stored
/// before it.
inline constexpr std::uint64_t kUnrepeatable = 1, kNothingStored = 2;

/// Each fault with what the process should exit with.
[[nodiscard]] inline RunError of_source(const SourceError& error) { return {ExitCode::Unusable, error.message}; }
/// The name of an input in findings: the file's own, without where it lies.
[[nodiscard]] std::string topic_of(const std::string& path);

/// One thread's share of a run over files. Used by the run's own sources only.
struct FileRun::Lane {
  Lane(Store& store, Flusher& flusher, const FileRunOptions& options, std::shared_ptr<const Rulebook> rules, std::size_t index)
      : table(store, channel_memories(), {.budget_bytes = options.memory_limit / options.shards, .expiry = options.expiry}),
        checkpoint(table, flusher, store),
        shard(table, std::move(rules),
              {.assume_gate = options.assume_gate, .share = {index, options.shards}, .inputs_apart = options.recorded}) {}

  AgentTable table;
  Checkpoint checkpoint;
  Shard shard;
  EventDecoder decoder;
  std::span<Result> results;  // of the window under way
  std::optional<StoreError> fault;
};

/// The subjects of links, in a partition of their own: their states are written ahead of the agents' whose acts the links came from, so a
/// link is repeated after a crash rather than lost. All that changed since the last checkpoint goes in one batch: a subject that has taken
/// a link says nothing to its repetition, so one whose state is stored must not lead to one whose state is not. A batch is bounded by
/// kSubjectsPerCut and by the memory that subjects have.
struct FileRun::Wide {
  static constexpr std::size_t kWhole = std::numeric_limits<std::size_t>::max();

  Wide(Store& store, Flusher& flusher, const FileRunOptions& options)
      : table(store, channel_memories(), {.budget_bytes = options.memory_limit / 4, .expiry = options.expiry}),
        checkpoint(table, flusher, store, {.states_per_step = kWhole, .bytes_per_step = kWhole}),
        subjects(table),
        ahead(table) {}
  AgentTable table;
  Checkpoint checkpoint;
  Subjects subjects;
  LookAhead ahead;                        // over the subjects of the window whose results are published
  std::vector<Result*> ordered;           // those results, in the order of their records
  std::shared_ptr<const Rulebook> rules;  // those the acts are judged by
};

}  // namespace ringfence
