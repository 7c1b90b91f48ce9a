// SPDX-License-Identifier: Apache-2.0
#include "engine/app/file_run_lane.h"

#include <algorithm>
#include <utility>

#include "engine/state/codec.h"
#include "engine/state/inputs.h"
#include "engine/state/records.h"

namespace ringfence {
namespace {

/// Records of a shard's share of one batch: few enough that what they decode to is still in the cache when it is judged, and what came of
/// it when that is published; enough that states are fetched ahead of all but the first.
constexpr std::size_t kWindowPerShard = 64;
/// So often it is counted what the states have grown to: after so many records, or, where these are large, after this part of the states'
/// memory in bytes of them. Where the states outgrow their memory a checkpoint comes sooner, because only written ones can leave; never
/// after less than this.
constexpr std::int64_t kRecordsPerCount = 65'536;
constexpr std::uint64_t kCountsPerMemory = 8;
/// Subjects of links that a checkpoint stores in one batch: encoded some 0.3 KB each.
constexpr std::size_t kSubjectsPerCut = 131'072;
constexpr std::chrono::milliseconds kReadWait{500};
constexpr std::chrono::milliseconds kNoWait{0};
/// So often nothing comes in a row only at the end: the longest line comes in fewer pieces.
constexpr int kIdleAtEnd = 8;
constexpr std::chrono::milliseconds kFlushWait{60'000};

RunError of_output(const OutputError& error) { return {ExitCode::Unreachable, error.message}; }

/// The results of all lanes, in the order of their records.
template <class Lanes>
void put_in_order(const Lanes& lanes, std::size_t records, std::vector<Result*>& out) {
  out.clear();
  std::vector<std::size_t> next(lanes.size(), 0);
  for (std::size_t i = 0; i < records; ++i) {
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      const std::span<Result> results = lanes[lane]->results;
      if (next[lane] < results.size() && results[next[lane]].index == i) out.push_back(&results[next[lane]++]);
    }
  }
}

}  // namespace

std::expected<void, RunError> FileRun::read_inputs() {
  for (std::size_t i = 0; i < sources_.size() && !stop_; ++i) {
    if (inputs_[i].done()) continue;
    reading_index_ = i;
    if (auto noted = begin_unrepeatable(); !noted) return noted;
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
    Evaluability::add(report_.sources, lane->shard.evaluability().rows());
    report_.agents += lane->table.counters().created;
  }
  report_.stopped = stop_;
  return {report_, read ? std::nullopt : std::optional(std::move(read.error()))};
}

std::expected<void, RunError> FileRun::read_input(std::size_t index) {
  Source& source = *sources_[index];
  const std::string topic = topic_of(options_.files[index]);
  const InputStart& input = inputs_[index];
  const auto base = to_offset({input.ordinal, 0});
  if (!base) return std::unexpected(RunError{ExitCode::Unusable, "state: too many inputs"});
  const Origin origin{topic, base->value};
  if (input.first_record > 0) {
    if (const auto sought = source.seek(Offset{input.first_record}); !sought) return std::unexpected(of_source(sought.error()));
  }
  begin_partition(index);
  outputs_->begin_input(topic);
  reading_ = &source;
  std::int64_t records = input.first_record;
  if (auto taken = take_in_flight(origin, Offset{records - 1}); !taken) return taken;
  caught_up_ = !live_ || !rereadable_[index];
  int idle = 0;
  const auto wait = std::min(kReadWait, std::chrono::milliseconds(options_.flush_age.value / 1'000'000));
  while (!stop_) {
    const auto batch = source.next(kWindowPerShard * options_.shards, caught_up_ ? wait : kNoWait);
    if (!batch) return std::unexpected(of_source(batch.error()));
    arrived_ = std::chrono::steady_clock::now();
    idle = batch->state == Batch::State::Idle ? idle + 1 : 0;
    const bool last = batch->state == Batch::State::Ended && index + 1 == sources_.size();
    caught_up_ = caught_up_ || idle >= kIdleAtEnd || last;
    if (on_turn) on_turn();
    if (auto taken = take_live(origin, Offset{records - 1}); !taken) return taken;
    if (batch->state == Batch::State::Ended) {
      if (auto taken = take_changes_before(origin, Offset{records}); !taken) return taken;
      if (auto written = cut(last_lsn_); !written) return written;
      return note_end(index, records);
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

/// Notes that a file was read to its end, with all of it in the store.
std::expected<void, RunError> FileRun::note_end(std::size_t index, std::int64_t records) {
  const auto proof = proven();
  if (!proof) return std::unexpected(proof.error());
  const std::uint64_t size = sources_[index]->progress().read;  // it may be larger by now, and that is for the next run
  if (const auto ended = end_input(*store_, kFilePartition, {inputs_[index].ordinal, records}, *proof, size); !ended)
    return std::unexpected(of_store(ended.error()));
  return {};
}

/// What a later run knows the file by that is being read: as much of it as was read, and never less than that this run knew it by.
std::expected<InputProof, RunError> FileRun::proven() {
  InputProof& proof = inputs_[reading_index_].proof;
  const auto identity = sources_[reading_index_]->identity(kReadSoFar);
  if (!identity) return std::unexpected(of_source(identity.error()));
  if (*identity && (*identity)->bytes > proof.bytes) proof = {(*identity)->bytes, (*identity)->beginning};
  return proof;
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
    const auto results = lanes_[lane]->shard.judge(window_, origin);
    if (results) {
      lanes_[lane]->results = *results;
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
  if (!uncut_since_) uncut_since_ = arrived_;
  if (live_input()) outputs_->hand_over();
  if (on_progress) on_progress(progress());
  if (much(since_count_, report_.bytes - bytes_at_count_)) recount();
  tell_standing();
  const bool full =
      (much(since_cut_, report_.bytes - bytes_at_cut_) && outgrown()) || (options_.keep_state && wide_->table.dirty() >= kSubjectsPerCut);
  const bool aged = live_input() && std::chrono::steady_clock::now() - *uncut_since_ >= std::chrono::nanoseconds(options_.flush_age.value);
  return full || aged || since_cut_ >= options_.records_per_cut ? cut(last_lsn_) : std::expected<void, RunError>{};
}

/// Whether somebody watches while it is read.
bool FileRun::live_input() const { return options_.follow || options_.speed > 0 || !rereadable_[reading_index_]; }

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
    if (const auto& event = window_.entry(result.index).event; on_event && event) on_event(*event, result.judgement);
    if (on_judgement) on_judgement(result.judgement, result.refusal ? &*result.refusal : nullptr);
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
  bytes_at_cut_ = report_.bytes;
  uncut_since_.reset();
  if (options_.keep_state || outgrown())
    if (auto written = write_states(lsn); !written) return written;
  tell_standing();
  return {};
}

/// How far the outputs have come, and whether what follows could be said again.
std::string FileRun::outputs_record() const {
  Writer out;
  out.svarint(said_);
  out.text(outputs_->lengths());
  out.svarint(obeyed_in_);
  out.varint(obeyed_);
  out.varint((rereadable_[reading_index_] ? 0 : kUnrepeatable) | (stored_ ? 0 : kNothingStored));
  return out.take();
}

/// Before the first record of an input that cannot be read again: what is written from here on is to stay, whenever the run is killed.
std::expected<void, RunError> FileRun::begin_unrepeatable() {
  if (!options_.keep_state || rereadable_[reading_index_]) return {};
  if (const auto kept = put_record(*store_, kOutputsRecord, outputs_record()); !kept) return std::unexpected(of_store(kept.error()));
  return {};
}

std::expected<void, RunError> FileRun::write_states(std::int64_t lsn) {
  stored_ = true;
  const auto proof = proven();
  if (!proof) return std::unexpected(proof.error());
  // What lies behind another file's last record, as a command at the beginning of this one does, is of this one too.
  const InputStart& input = inputs_[reading_index_];
  reached_ = std::max({reached_, to_input_position(Offset{lsn + 1}), InputPosition{input.ordinal, input.first_record}});
  // Lengths and facts first: no state may be ahead of what is known to have been said. All of it is synced with the last states.
  if (const auto kept = store_->write({record_write(kFactsRecord, facts_.encode()), record_write(kObserverRecord, observed(lsn)),
                                       record_write(kForeignRecord, foreign()), record_write(kTreesRecord, trees()),
                                       record_write(kOutputsRecord, outputs_record()), reached_write(reached_, *proof)});
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

void FileRun::tell_standing() const {
  if (!on_standing) return;
  RunStanding now{.subjects = wide_->table.size(),
                  .subject_bytes = wide_->table.bytes(),
                  .findings = outputs_->findings(),
                  .dead_letters = outputs_->dead_letters(),
                  .unwritten_since = uncut_since_};
  for (const auto& lane : lanes_) {
    now.agents += lane->table.size();
    now.state_bytes += lane->table.bytes();
  }
  on_standing(now);
}

std::vector<const Evaluability*> FileRun::evaluability() const {
  std::vector<const Evaluability*> out;
  for (const auto& lane : lanes_) out.push_back(&lane->shard.evaluability());
  return out;
}

bool FileRun::much(std::int64_t records, std::uint64_t bytes) const {
  return records >= kRecordsPerCount || bytes >= options_.memory_limit / kCountsPerMemory;
}

void FileRun::recount() {
  since_count_ = 0;
  bytes_at_count_ = report_.bytes;
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
  if (std::chrono::steady_clock::now() >= paced_from_ + ahead) return;
  outputs_->hand_over();
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
