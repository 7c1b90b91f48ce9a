// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "connectors/sources/source.h"
#include "engine/app/context_positions.h"
#include "engine/app/exit_code.h"
#include "engine/app/file_outputs.h"
#include "engine/app/fork_join.h"
#include "engine/pipeline/fact_journal.h"
#include "engine/pipeline/observer.h"
#include "engine/pipeline/rulebook.h"
#include "engine/pipeline/shard.h"
#include "engine/state/checkpoint.h"
#include "engine/state/inputs.h"
#include "engine/state/store.h"

namespace ringfence {

/// A fault that ends a run, with what the process should exit with.
struct RunError {
  ExitCode exit = ExitCode::Internal;
  std::string message;
};

/// Of a file that cannot even be opened: a wrong path, unless the disk is full.
[[nodiscard]] RunError of_path(const SinkError& error);

struct FileRunOptions {
  std::vector<std::string> files;
  bool follow = false;
  std::string state_directory;
  /// Records between two checkpoints: bounds what a killed run reads again. A busy agent is written once in between, however much it did.
  std::int64_t records_per_cut = 1'048'576;
  /// How long a live run keeps what it has judged out of a checkpoint. Live is one that follows its input, paces it or reads what cannot be
  /// read again; its outputs are shown after every batch besides.
  Nanos flush_age = seconds(1);
  bool keep_state = true;  // false: nobody goes on from the state directory, which takes only what does not fit into memory
  std::size_t shards = 1;
  std::size_t memory_limit = std::size_t{2} << 30U;
  Nanos expiry = days(30);
  bool assume_gate = false;
  FileOutputPaths outputs;
  bool append = false;  // to outputs that the state does not know: a service's findings outlive its state
  Level least_verdict = Level::Observe;
  /// Event time runs at this multiple of the clock; 0: as fast as it goes.
  double speed = 0;
  /// What took effect in a live run, by partition and place: partition P is the P-th of `files`, from 0, and its offsets are the file's
  /// record numbers. Each file then begins with the rules given and no facts, as a partition does.
  std::vector<PlacedChange> context;
  bool recorded = false;  // `context` is all there is to know: nothing is found here
};

/// What a run did, for its summary.
struct RunReport {
  std::uint64_t records = 0, bytes = 0, agents = 0;
  ShardTally tally;
  std::vector<Evaluability::Row> sources;  // what each does not send, and what it sends in vain
  std::array<std::uint64_t, 16> refused_by_reason{};
  std::array<std::uint64_t, kLevels> findings_by_level{};
  Level highest = Level::Observe;  // of any finding
  /// What became of the files of earlier runs, known before the first record is read.
  std::vector<std::string> warnings, notes;
  bool stopped = false;  // by a signal: the rest is for the next run
};

/// How far a run has come, in bytes of its files as they lie there; `size` 0 where that cannot be known.
struct RunProgress {
  std::uint64_t records = 0, read = 0, size = 0;
};

/// What a run holds at this moment.
struct RunStanding {
  std::uint64_t agents = 0, state_bytes = 0;                             // in memory
  std::uint64_t subjects = 0, subject_bytes = 0;                         // of links
  std::uint64_t findings = 0, dead_letters = 0;                          // written
  std::optional<std::chrono::steady_clock::time_point> unwritten_since;  // arrival of the first record that no checkpoint has
};

/// How a run ended: what was judged, and the fault that ended it before the end of the input, where one did.
struct RunEnd {
  RunReport report;
  std::optional<RunError> error;
};

/// The pipeline over files or standard input: read, decode, judge on one or more shards, write in order of the input, checkpoint.
///
/// The checkpoint is a cut: outputs are made durable, their lengths and the position are recorded, then every changed state is written. A
/// run that was killed takes its outputs back to the recorded lengths, reads again from the least state, and says nothing about what was
/// already said; so the bytes are those of a run that was never disturbed. Of an input that cannot be read again the outputs stay as they
/// are: nobody would write them a second time.
class FileRun {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<FileRun>, RunError> open(FileRunOptions options,
                                                                              std::shared_ptr<const Rulebook> rules);
  ~FileRun();

  /// Asked between records by a live run: what gates have confirmed since, and the next command of a person. Commands wait until all that
  /// lay in the input at the start is judged: what they speak of may be in it.
  std::function<std::vector<GatesWord>()> gates_words;
  std::function<std::expected<std::optional<OperatorCommand>, RunError>()> next_command;
  /// Puts either on disk with the place behind which it takes effect (P-th file, record), before it does.
  std::function<std::expected<void, RunError>(Partition file, Offset after, const ContextContent& what)> place;
  /// Told of what either led to, and then of what became of it, before it is checkpointed; and of new rules, with the last record that was
  /// judged by the old.
  std::function<std::expected<void, RunError>(const Judgement&)> on_outside;
  std::function<std::expected<void, RunError>(const OperatorCommand& order, CommandAnswer answer, Position after)> on_command;
  std::function<std::expected<void, RunError>(const GatesWord& word, Position after)> on_enforced;
  std::function<std::expected<void, RunError>(const Rulebook& rules, Position after)> on_new_rules;
  /// Called for each judgement in order of the input, with the refusal where that is what was judged, and now and then with how far reading
  /// has come.
  std::function<void(const Judgement&, const Refusal*)> on_judgement;
  /// Called before it where an event was read, with that event.
  std::function<void(const Event&, const Judgement&)> on_event;
  std::function<void(const RunProgress&)> on_progress;
  /// Called after each batch and checkpoint.
  std::function<void(const RunStanding&)> on_standing;
  /// Asked after each judgement: findings from outside the core about what it led to, written behind its own.
  std::function<std::vector<FindingRecord>()> more_findings;

  /// Called between batches, also where none has come for a while.
  std::function<void()> on_turn;
  /// Asked between records: alarms that no judgement led to.
  std::function<std::vector<FindingRecord>()> alarms;

  /// Called before each checkpoint: what else was sent because of judgements so far must be stored for good when it returns.
  std::function<std::expected<void, RunError>()> before_checkpoint;

  /// What there is to say so far.
  [[nodiscard]] const RunReport& report() const { return report_; }
  /// Runs to the end of the input or until `stop`. What was judged is written and checkpointed in either case.
  [[nodiscard]] RunEnd run();
  /// Makes it a live run, which takes what comes from outside and goes on writing this context log; before `run`.
  void go_on_from(std::vector<PlacedChange> log) { live_ = std::move(log); }
  /// Where the states lie, for what belongs to them under a name of its own: before `run`, or called by it. A fault there as one of the
  /// run.
  [[nodiscard]] Store& store() { return *store_; }
  [[nodiscard]] static RunError of_store(const StoreError& error);
  /// What could not be judged, a shard each: any thread may read them while the run lives.
  [[nodiscard]] std::vector<const Evaluability*> evaluability() const;
  /// When the records being judged came from their source; for what the run calls.
  [[nodiscard]] std::chrono::steady_clock::time_point arrived() const { return arrived_; }
  /// Ends the run at the next record; thread-safe.
  void stop() noexcept;
  /// The next window is judged by these; what was judged before is checkpointed first, so a restart never judges it by the new ones.
  /// Thread-safe.
  void adopt(std::shared_ptr<const Rulebook> rules);

 private:
  struct Lane;
  struct Wide;
  FileRun(FileRunOptions options, std::shared_ptr<const Rulebook> rules);
  [[nodiscard]] std::expected<void, RunError> prepare();
  [[nodiscard]] std::expected<std::vector<InputFile>, RunError> open_sources();
  [[nodiscard]] std::expected<void, RunError> open_store();
  void go_on_with(const InputPlan& plan);
  void tell_of(const std::string& file, const InputStart& input);
  [[nodiscard]] std::expected<void, RunError> open_outputs(const std::optional<std::string>& left);
  void make_lanes(Offset low);
  [[nodiscard]] std::expected<void, RunError> restore(Offset low);
  [[nodiscard]] std::expected<void, RunError> read_inputs();
  [[nodiscard]] std::expected<void, RunError> read_input(std::size_t index);
  [[nodiscard]] std::expected<void, RunError> note_end(std::size_t index, std::int64_t records);
  [[nodiscard]] std::expected<void, RunError> step_between_changes(const Origin& origin, std::span<const Record> records);
  [[nodiscard]] std::expected<void, RunError> take_changes_before(const Origin& origin, Offset record);
  [[nodiscard]] std::expected<void, RunError> take(const Origin& origin, const PlacedChange& change);
  /// What something from outside led to.
  struct Taken {
    bool changed = false;
    std::vector<Judgement> judgements;
    std::optional<CommandAnswer> answer;
  };
  template <class Take, class Told>
  [[nodiscard]] std::expected<void, RunError> take_as_cut(const Origin& origin, Take take, Told told);
  [[nodiscard]] std::expected<void, RunError> tell(const Judgement& judgement);
  [[nodiscard]] std::expected<void, RunError> obey(const Origin& origin, const OperatorCommand& order, Offset after);
  [[nodiscard]] std::expected<void, RunError> take_word(const Origin& origin, const GatesWord& word, Offset after);
  [[nodiscard]] std::expected<void, RunError> take_in_flight(const Origin& origin, Offset after);
  [[nodiscard]] std::expected<void, RunError> take_live(const Origin& origin, Offset after);
  [[nodiscard]] std::expected<void, RunError> take_words(const Origin& origin, Offset after);
  [[nodiscard]] std::expected<void, RunError> take_now(const Origin& origin, Offset after, ContextContent what);
  void keep_stopping();
  /// What other writers have put over agents; of the shards each knows the members of trees that are its own.
  [[nodiscard]] std::string foreign() const;
  [[nodiscard]] std::string trees() const;
  void begin_partition(std::size_t index);
  [[nodiscard]] std::expected<void, RunError> step(const Origin& origin, std::span<const Record> records);
  [[nodiscard]] std::expected<void, RunError> publish(const Origin& origin, std::span<const Record> records);
  void observe(const Origin& origin);
  [[nodiscard]] std::string observed(std::int64_t lsn);
  void restore_observer(std::string_view bytes, std::int64_t last);
  /// Judges the links of the act at `lsn`; what they lead to joins its judgement.
  [[nodiscard]] std::expected<void, RunError> judge_links(Judgement& judgement, std::int64_t lsn);
  [[nodiscard]] std::expected<void, RunError> cut(std::int64_t lsn);
  [[nodiscard]] std::expected<void, RunError> write_states(std::int64_t lsn);
  [[nodiscard]] std::expected<InputProof, RunError> proven();
  [[nodiscard]] bool live_input() const;
  [[nodiscard]] std::expected<void, RunError> begin_unrepeatable();
  [[nodiscard]] std::string outputs_record() const;
  [[nodiscard]] RunProgress progress() const;
  void tell_standing() const;
  /// So many records or bytes that the states may have grown by a part worth looking at.
  [[nodiscard]] bool much(std::int64_t records, std::uint64_t bytes) const;
  void recount();
  [[nodiscard]] bool outgrown() const;
  void pace(EventTime time);
  [[nodiscard]] std::expected<void, RunError> take_new_rules();

  FileRunOptions options_;
  std::shared_ptr<const Rulebook> rules_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<FileOutputs> outputs_;
  std::unique_ptr<Flusher> flusher_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::unique_ptr<Wide> wide_;
  std::unique_ptr<ForkJoin> fork_;
  std::vector<std::unique_ptr<Source>> sources_;
  std::vector<std::optional<std::uint64_t>> sizes_;  // of the files, where that can be known
  std::vector<InputStart> inputs_;                   // of the files, in their order
  InputPosition reached_;                            // up to where some states may hold records
  std::vector<bool> rereadable_;
  std::atomic<Source*> reading_{nullptr};
  std::optional<std::chrono::steady_clock::time_point> uncut_since_;  // arrival of the first record judged since the last cut
  std::atomic<bool> stop_{false};
  Window window_;
  RunReport report_;
  std::int64_t last_lsn_ = -1, said_ = -1, since_cut_ = 0, since_count_ = 0;
  std::uint64_t bytes_at_cut_ = 0, bytes_at_count_ = 0;  // of the report
  FactJournal facts_;
  FleetObserver observer_;
  EventDecoder fact_decoder_;
  std::int64_t observed_at_ = -1;
  std::string observed_before_;                   // what the observer knew there
  std::size_t next_change_ = 0, end_change_ = 0;  // of options_.context, those of the file being read
  std::size_t reading_index_ = 0;                 // of the file being read
  std::vector<GatesWord> words_;                  // about containments that the states do not know yet
  std::size_t change_number_ = 0;                 // of what is being taken: its place in the context log, from 1
  std::size_t obeyed_ = 0;                        // number of the last whose outputs have been written,
  std::int64_t obeyed_in_ = 0;                    // and the input it was for (Origin::base)
  bool began_fresh_ = false;                      // the state was empty,
  bool stored_ = false;                           // and is no more
  bool began_live_ = false;
  std::optional<std::vector<PlacedChange>> live_;  // the log as the run before left it, until that is taken
  bool caught_up_ = false;                         // with what lay in the input at the start
  std::chrono::steady_clock::time_point arrived_, paced_from_;
  EventTime first_event_;
  bool pacing_ = false;
  std::mutex pause_;  // guards new_rules_ too
  std::shared_ptr<const Rulebook> new_rules_;
  std::condition_variable_any paused_;
};

}  // namespace ringfence
