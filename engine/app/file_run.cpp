// SPDX-License-Identifier: Apache-2.0
#include "engine/app/file_run_lane.h"

#include <algorithm>
#include <filesystem>
#include <random>
#include <utility>

#include "connectors/sources/file_source.h"
#include "engine/event/escape.h"
#include "engine/state/codec.h"
#include "engine/state/inputs.h"
#include "engine/state/records.h"

namespace ringfence {
namespace {

/// Records of a shard's share of one batch: few enough that what they decode to is still in the cache when it is judged, and what came of
/// it when that is published; enough that states are fetched ahead of all but the first.
constexpr std::size_t kWindowPerShard = 64;
/// Records between two checkpoints: bounds what a killed run reads again. A busy agent is written once in between, however much it did.
constexpr std::int64_t kRecordsPerCut = 1'048'576;
/// So often it is counted what the states have grown to. Where they outgrow their memory a checkpoint comes sooner, because only written
/// ones can leave; never after fewer records than this.
constexpr std::int64_t kRecordsPerCount = 65'536;
constexpr std::chrono::milliseconds kReadWait{500};
constexpr std::chrono::milliseconds kNoWait{0};
/// So often nothing comes in a row only at the end: the longest line comes in fewer pieces.
constexpr int kIdleAtEnd = 8;
constexpr std::chrono::milliseconds kFlushWait{60'000};
constexpr std::string_view kOutputsRecord = "file_run.outputs";
constexpr std::string_view kFactsRecord = "file_run.facts";
constexpr std::string_view kObserverRecord = "file_run.observer";
constexpr std::string_view kForeignRecord = "file_run.foreign";
constexpr std::string_view kTreesRecord = "file_run.trees";

RunError of_output(const OutputError& error) { return {ExitCode::Unreachable, error.message}; }
/// An output that cannot even be begun is a wrong path, unless the disk is full.
RunError of_output_path(const OutputError& error) { return {error.no_space ? ExitCode::Unreachable : ExitCode::Unusable, error.message}; }
RunError of_source(const SourceError& error) { return {ExitCode::Unusable, error.message}; }

Hash128 identity_of(const SourceIdentity& identity) {
  return {hash64(identity.name, identity.beginning.high), hash64(identity.name, identity.beginning.low)};
}

/// What can be read only once is a new input each time.
Hash128 new_identity() {
  std::random_device entropy;
  const auto word = [&] { return std::uint64_t{entropy()} << 32U | entropy(); };
  return {word(), word()};
}

/// A name for findings: the file's own, without where it lies.
std::string topic_of(const std::string& path) { return path == "-" ? "stdin" : std::filesystem::path(path).filename().string(); }

/// The results of all lanes, in the order of their records.
template <class Lanes>
void put_in_order(const Lanes& lanes, std::size_t records, std::vector<Result*>& out) {
  out.clear();
  std::vector<std::size_t> next(lanes.size(), 0);
  for (std::size_t i = 0; i < records; ++i) {
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      auto& results = lanes[lane]->results;
      if (next[lane] < results.size() && results[next[lane]].index == i) out.push_back(&results[next[lane]++]);
    }
  }
}

}  // namespace

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
  std::vector<Hash128> identities;
  for (const std::string& file : options_.files) {
    auto source = open_file_source(file, {.follow = options_.follow});
    if (!source) return std::unexpected(of_source(source.error()));
    const auto identity = (*source)->identity(kIdentityBytes);
    if (!identity) return std::unexpected(of_source(identity.error()));
    identities.push_back(*identity ? identity_of(**identity) : new_identity());
    rereadable_.push_back(identity->has_value());
    sizes_.push_back((*source)->progress().size);
    sources_.push_back(std::move(*source));
  }
  std::error_code unknown;
  if (std::filesystem::exists(options_.state_directory, unknown) && !std::filesystem::is_directory(options_.state_directory, unknown)) {
    return std::unexpected(RunError{ExitCode::Unusable, "state: " + printable(options_.state_directory) + ": is no directory"});
  }
  auto store = rocksdb_store(options_.state_directory, std::nullopt, options_.keep_state ? StoreLife::Kept : StoreLife::Scratch);
  if (!store) return std::unexpected(of_store(store.error()));
  store_ = std::move(*store);
  if (const auto ready = prepare_store(*store_); !ready) return std::unexpected(of_store(ready.error()));

  const auto outputs_record = get_record(*store_, kOutputsRecord);
  const auto facts_record = get_record(*store_, kFactsRecord);
  if (!outputs_record) return std::unexpected(of_store(outputs_record.error()));
  if (!facts_record) return std::unexpected(of_store(facts_record.error()));
  const auto plan = begin_inputs(*store_, kFilePartition, identities, static_cast<unsigned>(options_.shards));
  if (!plan) return std::unexpected(of_store(plan.error()));
  for (std::size_t i = 0; i < plan->inputs.size(); ++i) {
    const InputStart& input = plan->inputs[i];
    ordinals_.push_back(input.ordinal);
    first_records_.push_back(input.first_record);
    done_.push_back(input.done);
    if (input.overlaps) {
      report_.warnings.push_back(printable(options_.files[i]) +
                                 ": was left before its end and another file was read since; acts are told apart by their ids");
    }
  }

  auto outputs =
      FileOutputs::open(options_.outputs, options_.least_verdict, options_.files.empty() ? "stdin" : topic_of(options_.files.front()));
  if (!outputs) return std::unexpected(of_output_path(outputs.error()));
  outputs_ = std::move(*outputs);
  std::optional<std::string> lengths;
  began_fresh_ = !*outputs_record;
  if (*outputs_record) {
    Reader in(**outputs_record);
    said_ = in.svarint();
    lengths = std::string(in.text());
    if (!in.at_end()) {
      obeyed_in_ = in.svarint();
      obeyed_ = in.varint();
    }
  }
  if (const auto resumed = outputs_->resume(lengths); !resumed) return std::unexpected(of_output_path(resumed.error()));

  flusher_ = std::make_unique<Flusher>(*store_, FlusherSettings{.threaded = false});
  fork_ = std::make_unique<ForkJoin>(options_.shards);
  wide_ = std::make_unique<Wide>(*store_, *flusher_, options_);
  wide_->rules = rules_;
  wide_->checkpoint.assign(kLinksPartition, plan->low);
  const auto stopping = get_record(*store_, stopping_record(kLinksPartition));
  if (!stopping) return std::unexpected(of_store(stopping.error()));
  if (*stopping) wide_->subjects.restore_stopping(kLinksPartition, **stopping);
  for (std::size_t i = 0; i < options_.shards; ++i) {
    lanes_.push_back(std::make_unique<Lane>(*store_, *flusher_, options_, rules_, i));
    lanes_.back()->checkpoint.assign(kFilePartition, plan->low, static_cast<std::uint8_t>(i));
  }
  if (*facts_record) {
    std::vector<Facts*> facts;
    for (const auto& lane : lanes_) facts.push_back(&lane->shard.facts(kFilePartition));
    facts_.restore(**facts_record, plan->low.value, facts);
  }
  const auto foreign_record = get_record(*store_, kForeignRecord);
  if (!foreign_record) return std::unexpected(of_store(foreign_record.error()));
  if (*foreign_record)
    for (const auto& lane : lanes_) lane->shard.foreign(kFilePartition).restore(**foreign_record);
  const auto trees_record = get_record(*store_, kTreesRecord);
  if (!trees_record) return std::unexpected(of_store(trees_record.error()));
  if (*trees_record)
    for (const auto& lane : lanes_) lane->shard.restore_trees(kFilePartition, **trees_record);
  const auto observer_record = get_record(*store_, kObserverRecord);
  if (!observer_record) return std::unexpected(of_store(observer_record.error()));
  if (*observer_record) restore_observer(**observer_record, plan->low.value - 1);
  last_lsn_ = plan->low.value - 1;
  return {};
}

std::expected<void, RunError> FileRun::read_inputs() {
  for (std::size_t i = 0; i < sources_.size() && !stop_; ++i) {
    if (done_[i]) continue;
    auto read = read_input(i);
    // What was judged counts, whatever ended the input: a cut archive gives its error after its last complete record.
    if (auto written = cut(last_lsn_); !written) return std::unexpected(std::move(written.error()));
    if (!read) return std::unexpected(std::move(read.error()));
  }
  return cut(last_lsn_);
}

RunEnd FileRun::run() {
  auto read = read_inputs();
  for (const auto& lane : lanes_) {
    const ShardTally& t = lane->shard.counters();
    report_.tally.events += t.events;
    report_.tally.copies += t.copies;
    report_.tally.facts += t.facts;
    report_.tally.refused += t.refused;
    report_.tally.findings += t.findings;
    report_.tally.skipped += t.skipped;
    report_.tally.stopped += t.stopped;
    report_.tally.containments += t.containments;
    for (std::size_t i = 0; i < t.verdicts.size(); ++i) report_.tally.verdicts[i] += t.verdicts[i];
    Evaluability::add(report_.not_evaluable, lane->shard.evaluability().rows());
    report_.agents += lane->table.counters().created;
  }
  report_.stopped = stop_;
  return {report_, read ? std::nullopt : std::optional(std::move(read.error()))};
}

std::expected<void, RunError> FileRun::read_input(std::size_t index) {
  Source& source = *sources_[index];
  const std::string topic = topic_of(options_.files[index]);
  const auto base = to_offset({ordinals_[index], 0});
  if (!base) return std::unexpected(RunError{ExitCode::Unusable, "state: too many inputs"});
  const Origin origin{topic, base->value};
  if (first_records_[index] > 0) {
    if (const auto sought = source.seek(Offset{first_records_[index]}); !sought) return std::unexpected(of_source(sought.error()));
  }
  begin_partition(index);
  reading_ = &source;
  std::int64_t records = first_records_[index];
  if (auto taken = take_in_flight(origin, Offset{records - 1}); !taken) return taken;
  caught_up_ = !live_ || !rereadable_[index];
  int idle = 0;
  while (!stop_) {
    const auto batch = source.next(kWindowPerShard * options_.shards, caught_up_ ? kReadWait : kNoWait);
    if (!batch) return std::unexpected(of_source(batch.error()));
    arrived_ = std::chrono::steady_clock::now();
    idle = batch->state == Batch::State::Idle ? idle + 1 : 0;
    const bool last = batch->state == Batch::State::Ended && index + 1 == sources_.size();
    caught_up_ = caught_up_ || idle >= kIdleAtEnd || last;
    if (auto taken = take_live(origin, Offset{records - 1}); !taken) return taken;
    if (batch->state == Batch::State::Ended) {
      if (auto taken = take_changes_before(origin, Offset{records}); !taken) return taken;
      if (auto written = cut(last_lsn_); !written) return written;
      if (const auto ended = end_input(*store_, ordinals_[index], records); !ended) return std::unexpected(of_store(ended.error()));
      return {};
    }
    if (batch->state == Batch::State::Stopped) return {};
    if (batch->records.empty()) {
      if (auto written = cut(last_lsn_); !written) return written;
      continue;
    }
    if (auto stepped = step_between_changes(origin, batch->records); !stepped) return stepped;
    records = batch->records.back().position.offset.value + 1;
  }
  return {};
}

std::expected<void, RunError> FileRun::step_between_changes(const Origin& origin, std::span<const Record> records) {
  while (!records.empty()) {
    const Offset first = records.front().position.offset;
    if (auto taken = take_changes_before(origin, first); !taken) return taken;
    const Offset until = next_change_ < end_change_ ? options_.context[next_change_].after : kAllAcknowledged;
    const auto end = std::ranges::find_if(records, [until](const Record& r) { return r.position.offset > until; });
    const auto count = static_cast<std::size_t>(end - records.begin());
    if (auto stepped = step(origin, records.first(count)); !stepped) return stepped;
    records = records.subspan(count);
  }
  return {};
}

std::expected<void, RunError> FileRun::step(const Origin& origin, std::span<const Record> records) {
  if (auto taken = take_new_rules(); !taken) return taken;
  window_.begin(records);
  const std::size_t lanes = fork_->lanes();
  fork_->run(
      [&](std::size_t lane) { window_.decode(lanes_[lane]->decoder, records.size() * lane / lanes, records.size() * (lane + 1) / lanes); });
  observe(origin);
  fork_->run([&](std::size_t lane) {
    auto results = lanes_[lane]->shard.judge(window_, origin, std::move(lanes_[lane]->results));
    if (results) {
      lanes_[lane]->results = std::move(*results);
    } else {
      lanes_[lane]->fault = results.error();
    }
  });
  for (const auto& lane : lanes_) {
    if (lane->fault) return std::unexpected(of_store(*lane->fault));
  }
  facts_.note(window_, kFilePartition, origin.base);
  if (auto published = publish(origin, records); !published) return published;

  report_.records += records.size();
  for (const Record& record : records) report_.bytes += record.size + 1;
  last_lsn_ = origin.base + records.back().position.offset.value;
  since_cut_ += static_cast<std::int64_t>(records.size());
  since_count_ += static_cast<std::int64_t>(records.size());
  if (on_progress) on_progress(progress());
  if (since_count_ >= kRecordsPerCount) recount();
  const bool full = since_cut_ >= kRecordsPerCount && outgrown();
  return full || since_cut_ >= kRecordsPerCut ? cut(last_lsn_) : std::expected<void, RunError>{};
}

std::expected<void, RunError> FileRun::publish(const Origin& origin, std::span<const Record> records) {
  std::vector<Result*>& ordered = wide_->ordered;
  put_in_order(lanes_, records.size(), ordered);
  wide_->ahead.begin();
  for (const Result* const result : ordered)
    for (const Link& link : result->judgement.links) wide_->ahead.add({kLinksPartition, subject_key(link)});
  for (Result* const each : ordered) {
    Result& result = *each;
    const Record& record = records[result.index];
    const std::int64_t lsn = origin.base + record.position.offset.value;
    if (auto judged = judge_links(result.judgement, lsn); !judged) return judged;
    if (lsn <= said_) continue;
    if (result.refusal) {
      ++report_.refused_by_reason[static_cast<std::size_t>(result.refusal->reason)];
      if (const auto done = outputs_->refuse(record, *result.refusal); !done) return std::unexpected(of_output(done.error()));
    }
    pace(result.judgement.verdict.time);
    if (const auto done = outputs_->publish(result.judgement); !done) return std::unexpected(of_output(done.error()));
    for (const FindingRecord& finding : result.judgement.findings) {
      ++report_.findings_by_level[static_cast<std::size_t>(finding.level)];
      report_.highest = std::max(report_.highest, finding.level);
    }
    if (on_judgement) on_judgement(result.judgement);
    if (!more_findings) continue;
    for (const FindingRecord& finding : more_findings()) {
      if (const auto done = outputs_->add(finding); !done) return std::unexpected(of_output(done.error()));
    }
  }
  return {};
}

std::expected<void, RunError> FileRun::judge_links(Judgement& judgement, std::int64_t lsn) {
  const auto judged = judge_at_once(judgement, [&](const Link& link, bool derived) {
    const AgentKey key = derived ? subject_key(link) : wide_->ahead.step().key;
    return wide_->subjects.judge(link, key, *wide_->rules, {kLinksPartition, Offset{lsn}}, kLinksTopic, derived);
  });
  if (!judged) return std::unexpected(of_store(judged.error()));
  keep_stopping();
  return {};
}

std::expected<void, RunError> FileRun::cut(std::int64_t lsn) {
  if (since_cut_ == 0) return {};
  if (before_checkpoint) {
    if (auto stored = before_checkpoint(); !stored) return stored;
  }
  if (const auto flushed = outputs_->flush(); !flushed) return std::unexpected(of_output(flushed.error()));
  said_ = std::max(said_, lsn);
  since_cut_ = 0;
  return options_.keep_state || outgrown() ? write_states(lsn) : std::expected<void, RunError>{};
}

std::expected<void, RunError> FileRun::write_states(std::int64_t lsn) {
  Writer outputs;
  outputs.svarint(said_);
  outputs.text(outputs_->lengths());
  outputs.svarint(obeyed_in_);
  outputs.varint(obeyed_);
  // Lengths and facts first: no state may be ahead of what is known to have been said. All of it is synced with the last states.
  if (const auto kept = store_->write({record_write(kFactsRecord, facts_.encode()), record_write(kObserverRecord, observed(lsn)),
                                       record_write(kForeignRecord, foreign()), record_write(kTreesRecord, trees()),
                                       record_write(kOutputsRecord, outputs.bytes())});
      !kept)
    return std::unexpected(of_store(kept.error()));
  const Horizon wide{kLinksPartition, Offset{lsn}};
  if (const auto flushed = wide_->checkpoint.flush({&wide, 1}, kFlushWait); !flushed) return std::unexpected(of_store(flushed.error()));
  wide_->table.trim_all();
  const Horizon horizon{kFilePartition, Offset{lsn}};
  for (const auto& lane : lanes_) {
    const auto flushed = lane->checkpoint.flush({&horizon, 1}, kFlushWait);
    if (!flushed) return std::unexpected(of_store(flushed.error()));
    lane->table.trim_all();
  }
  return {};
}

RunProgress FileRun::progress() const {
  RunProgress far{.records = report_.records, .read = sources_[reading_index_]->progress().read};
  for (std::size_t i = 0; i < sizes_.size(); ++i) {
    if (!sizes_[i]) return {.records = far.records};
    if (i < reading_index_) far.read += *sizes_[i];
    far.size += *sizes_[i];
  }
  return far;
}

void FileRun::recount() {
  since_count_ = 0;
  wide_->table.recount();
  for (const auto& lane : lanes_) lane->table.recount();
}

bool FileRun::outgrown() const {
  return wide_->table.outgrown() || std::ranges::any_of(lanes_, [](const auto& lane) { return lane->table.outgrown(); });
}

void FileRun::pace(EventTime time) {
  if (options_.speed <= 0 || time == EventTime{}) return;
  if (!pacing_) {
    pacing_ = true;
    paced_from_ = std::chrono::steady_clock::now();
    first_event_ = time;
    return;
  }
  const auto ahead = std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>((time - first_event_).value) / options_.speed));
  std::unique_lock lock(pause_);
  paused_.wait_until(lock, paced_from_ + ahead, [this] { return stop_.load(); });
}

void FileRun::stop() noexcept {
  {
    const std::lock_guard lock(pause_);
    stop_ = true;
  }
  paused_.notify_all();
  if (Source* source = reading_.load()) source->stop();
}

}  // namespace ringfence
