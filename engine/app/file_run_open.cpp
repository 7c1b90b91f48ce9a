// SPDX-License-Identifier: Apache-2.0
// How a run over files begins: its inputs, its store, and what the run before left of its outputs.
#include <filesystem>
#include <utility>

#include "connectors/sources/file_source.h"
#include "engine/app/file_run_lane.h"
#include "engine/event/escape.h"
#include "engine/state/codec.h"
#include "engine/state/inputs.h"
#include "engine/state/records.h"

namespace ringfence {
namespace {

/// An output that cannot even be begun is a wrong path, unless the disk is full.
RunError of_output_path(const OutputError& error) { return {error.no_space ? ExitCode::Unreachable : ExitCode::Unusable, error.message}; }

/// The digest of a file's first bytes, however often it is asked for.
std::expected<Hash128, StoreError> beginning_of(Source& source, std::uint64_t bytes) {
  const auto identity = source.identity(bytes);
  if (!identity) return std::unexpected(StoreError{StoreError::Kind::Io, identity.error().message});
  return *identity ? (*identity)->beginning : Hash128{};
}

}  // namespace

std::string topic_of(const std::string& path) { return path == "-" ? "stdin" : std::filesystem::path(path).filename().string(); }

RunError of_path(const SinkError& error) {
  return {error.kind == SinkError::Kind::NoSpace ? ExitCode::Unreachable : ExitCode::Unusable, error.message};
}

RunError FileRun::of_store(const StoreError& error) {
  const bool away = error.kind == StoreError::Kind::NoSpace || error.kind == StoreError::Kind::Io;
  return {away ? ExitCode::Unreachable : ExitCode::Unusable, "state: " + error.message};
}

FileRun::FileRun(FileRunOptions options, std::shared_ptr<const Rulebook> rules) : options_(std::move(options)), rules_(std::move(rules)) {}
FileRun::~FileRun() = default;

std::expected<std::unique_ptr<FileRun>, RunError> FileRun::open(FileRunOptions options, std::shared_ptr<const Rulebook> rules) {
  std::unique_ptr<FileRun> run(new FileRun(std::move(options), std::move(rules)));
  if (auto ready = run->prepare(); !ready) return std::unexpected(std::move(ready.error()));
  return run;
}

std::expected<void, RunError> FileRun::prepare() {
  // A run over files judges a link at the line that caused it, so a command reaches what links led to there too.
  std::erase_if(options_.context, [](const PlacedChange& change) { return change.partition >= kLinksPartition; });
  if (!options_.context.empty() && static_cast<std::size_t>(options_.context.back().partition.value) >= options_.files.size())
    return std::unexpected(RunError{ExitCode::Unusable, "context: it speaks of partition " +
                                                            std::to_string(options_.context.back().partition.value) +
                                                            ": give one FILE for each partition, in their order"});
  const auto files = open_sources();
  if (!files) return std::unexpected(files.error());
  if (auto opened = open_store(); !opened) return opened;
  const auto left = get_record(*store_, kOutputsRecord);
  if (!left) return std::unexpected(of_store(left.error()));
  const auto plan = begin_inputs(*store_, kFilePartition, *files, static_cast<unsigned>(options_.shards));
  if (!plan) return std::unexpected(of_store(plan.error()));
  go_on_with(*plan);
  if (auto opened = open_outputs(*left); !opened) return opened;
  make_lanes(plan->low);
  return restore(plan->low);
}

/// What the inputs are, in their order. Only the last can be waited for: those before it would never end.
std::expected<std::vector<InputFile>, RunError> FileRun::open_sources() {
  std::vector<InputFile> files;
  for (const std::string& file : options_.files) {
    const bool last = files.size() + 1 == options_.files.size();
    auto source = open_file_source(file, {.follow = options_.follow && last, .leave_unfinished = options_.keep_state});
    if (!source) return std::unexpected(of_source(source.error()));
    const auto identity = (*source)->identity(0);
    if (!identity) return std::unexpected(of_source(identity.error()));
    const bool rereadable = identity->has_value();
    sizes_.push_back((*source)->progress().size);
    files.push_back({.name = rereadable ? (*identity)->name : "",
                     .file = rereadable ? (*identity)->file : Hash128{},
                     .size = sizes_.back().value_or(0),
                     .beginning = [s = source->get()](std::uint64_t bytes) { return beginning_of(*s, bytes); }});
    rereadable_.push_back(rereadable);
    sources_.push_back(std::move(*source));
  }
  return files;
}

std::expected<void, RunError> FileRun::open_store() {
  std::error_code unknown;
  if (std::filesystem::exists(options_.state_directory, unknown) && !std::filesystem::is_directory(options_.state_directory, unknown)) {
    return std::unexpected(RunError{ExitCode::Unusable, "state: " + printable(options_.state_directory) + ": is no directory"});
  }
  auto store = rocksdb_store(options_.state_directory, std::nullopt, options_.keep_state ? StoreLife::Kept : StoreLife::Scratch);
  if (!store) return std::unexpected(of_store(store.error()));
  store_ = std::move(*store);
  if (const auto ready = prepare_store(*store_); !ready) return std::unexpected(of_store(ready.error()));
  return {};
}

/// Where each input is read on from.
void FileRun::go_on_with(const InputPlan& plan) {
  inputs_ = plan.inputs;
  reached_ = plan.reached;
  for (std::size_t i = 0; i < inputs_.size(); ++i) tell_of(printable(options_.files[i]), inputs_[i]);
}

/// Nothing is passed over in silence.
void FileRun::tell_of(const std::string& file, const InputStart& input) {
  const std::string behind = ": is read on behind line " + std::to_string(input.first_record) + ", up to which an earlier run had read it";
  switch (input.reading) {
    case InputReading::On:
      if (input.first_record > 0) report_.notes.push_back(file + behind);
      return;
    case InputReading::Overlapping:
      report_.warnings.push_back(file + ": was left before its end and another file was read since; acts are told apart by their ids");
      report_.notes.push_back(file + behind);
      return;
    case InputReading::NamedAgain:
      report_.notes.push_back(file + ": is named once more further on, and is read there");
      return;
    case InputReading::Passed:
      report_.notes.push_back(file + ": was read to its end by the run that goes on here");
      return;
    case InputReading::Waiting:
      report_.warnings.push_back(file + ": holds more than the run that goes on here had read of it; the next run reads that");
      return;
  }
}

/// Takes the outputs back to where the record that the run before `left` says; then they are this run's.
std::expected<void, RunError> FileRun::open_outputs(const std::optional<std::string>& left) {
  auto outputs =
      FileOutputs::open(options_.outputs, options_.least_verdict, options_.files.empty() ? "stdin" : topic_of(options_.files.front()));
  if (!outputs) return std::unexpected(of_output_path(outputs.error()));
  outputs_ = std::move(*outputs);
  std::optional<std::string> lengths;
  std::uint64_t marks = left ? 0 : kNothingStored;
  if (left) {
    Reader in(*left);
    said_ = in.svarint();
    lengths = std::string(in.text());
    if (!in.at_end()) {
      obeyed_in_ = in.svarint();
      obeyed_ = in.varint();
    }
    if (!in.at_end()) marks = in.varint();
  }
  stored_ = (marks & kNothingStored) == 0;
  began_fresh_ = !stored_;
  if (const auto resumed = outputs_->resume(lengths, {.keep_more = (marks & kUnrepeatable) != 0, .append = options_.append}); !resumed)
    return std::unexpected(of_output_path(resumed.error()));
  // From here on these are the files: what was added to them or begun is known however soon the run is killed.
  if (options_.keep_state) {
    if (const auto kept = put_record(*store_, kOutputsRecord, outputs_record()); !kept) return std::unexpected(of_store(kept.error()));
  }
  return {};
}

void FileRun::make_lanes(Offset low) {
  flusher_ = std::make_unique<Flusher>(*store_, FlusherSettings{.threaded = false});
  fork_ = std::make_unique<ForkJoin>(options_.shards);
  wide_ = std::make_unique<Wide>(*store_, *flusher_, options_);
  wide_->rules = rules_;
  wide_->checkpoint.assign(kLinksPartition, low);
  for (std::size_t i = 0; i < options_.shards; ++i) {
    lanes_.push_back(std::make_unique<Lane>(*store_, *flusher_, options_, rules_, i));
    lanes_.back()->checkpoint.assign(kFilePartition, low, static_cast<std::uint8_t>(i));
  }
  last_lsn_ = low.value - 1;
}

/// What is stored beside the states of agents.
std::expected<void, RunError> FileRun::restore(Offset low) {
  std::expected<void, RunError> done;
  const auto with = [&](std::string_view name, const auto& take) {
    if (!done) return;
    const auto record = get_record(*store_, name);
    if (!record)
      done = std::unexpected(of_store(record.error()));
    else if (*record)
      take(**record);
  };
  with(stopping_record(kLinksPartition), [&](std::string_view bytes) { wide_->subjects.restore_stopping(kLinksPartition, bytes); });
  with(kFactsRecord, [&](std::string_view bytes) {
    std::vector<Facts*> facts;
    for (const auto& lane : lanes_) facts.push_back(&lane->shard.facts(kFilePartition));
    facts_.restore(bytes, low.value, facts);
  });
  with(kForeignRecord, [&](std::string_view bytes) {
    for (const auto& lane : lanes_) lane->shard.foreign(kFilePartition).restore(bytes);
  });
  with(kTreesRecord, [&](std::string_view bytes) {
    for (const auto& lane : lanes_) lane->shard.restore_trees(kFilePartition, bytes);
  });
  with(kObserverRecord, [&](std::string_view bytes) { restore_observer(bytes, low.value - 1); });
  return done;
}

}  // namespace ringfence
