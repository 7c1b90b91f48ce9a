// SPDX-License-Identifier: Apache-2.0
#include "engine/app/file_service.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>

#include "engine/app/control_memory.h"
#include "engine/app/pinned_keys.h"
#include "engine/app/service_files.h"
#include "engine/app/service_outputs.h"
#include "engine/app/wall_clock.h"
#include "engine/event/drill.h"
#include "engine/event/escape.h"
#include "engine/state/records.h"

namespace ringfence {
namespace {

constexpr std::chrono::seconds kControlWithin{10};
constexpr Nanos kAuditWithin = seconds(10);

Nanos steady_now() {
  return Nanos{std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count()};
}
RunError of_sink(const SinkError& error) {
  return {error.kind == SinkError::Kind::InUse ? ExitCode::Unusable : ExitCode::Unreachable, error.message};
}

std::string path_of(const OutputTarget& target) { return target.topic ? std::string() : target.file.string(); }

}  // namespace

FileService::FileService(const Settings& settings, const ServiceLog& log) : settings_(settings), log_(log) {}
FileService::~FileService() = default;

std::expected<std::unique_ptr<FileService>, RunError> FileService::open(const Settings& settings, RuleSet rules, const ServiceLog& log) {
  if (settings.outputs.findings.topic || settings.outputs.control.topic || settings.outputs.dead_letter.topic) {
    return std::unexpected(
        RunError{ExitCode::Unusable, "outputs: an input of files or standard input writes to files; set outputs.* to file:PATH"});
  }
  auto files = input_files(settings);
  if (!files) return std::unexpected(std::move(files.error()));
  std::unique_ptr<FileService> service(new FileService(settings, log));
  service->personas_ = rules.rules->set().sha256();
  FileRunOptions options{.follow = settings.input.follow,
                         .state_directory = settings.state.directory.string(),
                         .flush_age = settings.state.flush_age,
                         .shards = settings.state.shards > 0 ? static_cast<std::size_t>(settings.state.shards) : 1,
                         .memory_limit = settings.state.memory_limit,
                         .expiry = settings.state.expiry,
                         .outputs = {.findings = path_of(settings.outputs.findings), .dead_letter = path_of(settings.outputs.dead_letter)},
                         .append = true};
  options.files = std::move(*files);
  auto run = FileRun::open(std::move(options), std::move(rules.rules));
  if (!run) return std::unexpected(std::move(run.error()));
  service->run_ = std::move(*run);
  for (const std::string& warning : service->run_->report().warnings) log.warning("input", {{"warning", warning}});
  for (const std::string& note : service->run_->report().notes) log.info("input", {{"note", note}});
  for (const Evaluability* const shard : service->run_->evaluability()) service->metrics_.watch(*shard);
  for (const auto& open : {&FileService::open_control, &FileService::open_context, &FileService::open_enforcement, &FileService::open_audit,
                           &FileService::open_commands, &FileService::restore_active})
    if (auto opened = (*service.*open)(); !opened) return std::unexpected(std::move(opened.error()));

  HttpEndpoints endpoints{.metrics = [s = service.get()] { return s->metrics_.exposition(steady_now()); },
                          .healthz = [] { return Health{true, "ok"}; },
                          .readyz = [] { return Health{true, "ok"}; }};
  if (is_loopback(settings.http.listen)) endpoints.top = [s = service.get()] { return s->live_view(); };
  auto http = ServiceHttp::start(settings.http.listen, std::move(endpoints));
  if (!http) return std::unexpected(RunError{ExitCode::Unusable, http.error()});
  service->http_ = std::move(*http);
  return service;
}

std::expected<void, RunError> FileService::open_control() {
  auto key = SigningKey::load(settings_.control.key_file);
  if (!key && key.error().kind == KeyError::Kind::NotFound) {
    key = SigningKey::generate();
    if (key) {
      if (const auto saved = key->save(settings_.control.key_file); !saved)
        return std::unexpected(RunError{ExitCode::Unusable, saved.error().message});
      log_.info("signing key made", {{"file", settings_.control.key_file.string()}, {"kid", key->kid()}});
    }
  }
  if (!key) return std::unexpected(RunError{ExitCode::Unusable, key.error().message});
  auto opened = FileControlLog::open(settings_.outputs.control.file.string(), FileControlLog::WhenReplaced::Moves);
  if (!opened) return std::unexpected(of_path(opened.error()));
  control_log_ = std::move(*opened);
  // What former keys signed is this writer's history too: without it a new key would begin at the first generation, which no gate takes.
  auto trusted = pinned_keys(settings_);
  if (!trusted) return std::unexpected(std::move(trusted.error()));
  trusted->add(*key, {"engine-*"});
  auto memory = StoredControlMemory::open(settings_.state.directory, *trusted, settings_.control.audience.front(), log_);
  if (!memory) return std::unexpected(std::move(memory.error()));
  control_ = std::make_unique<ControlWriters>(
      ControlWriters::Settings{.iss = settings_.control.issuer,
                               .aud = settings_.control.audience,
                               .topic = "files",
                               .claimant = std::to_string(getpid()) + "-" + std::to_string(wall_now().value),
                               .limits = {.max_halts_per_minute = static_cast<std::uint32_t>(settings_.control.max_halts_per_minute),
                                          .max_halted_share = settings_.control.max_halted_share}},
      std::move(*key), std::move(*trusted), *control_log_, std::move(*memory));
  control_->own(Partition{0});
  control_->own(kLinksPartition);  // what links lead to leaves under a writer of its own
  // Claims, and reads its claim back: from the first record on it may speak.
  for (int i = 0; i < 2; ++i) {
    if (const auto polled = control_->poll(wall_now()); !polled) return std::unexpected(of_sink(polled.error()));
  }
  return {};
}

std::expected<void, RunError> FileService::open_context() {
  const std::filesystem::path file = context_log_file(settings_);
  auto positions = ContextPositions::open(file);
  if (!positions) return std::unexpected(of_path(positions.error()));
  positions_ = std::move(*positions);
  auto log = read_context_log(file.string(), settings_.internal_hosts);
  if (!log) return std::unexpected(RunError{ExitCode::Unusable, "context.log: " + log.error()});
  run_->go_on_from(std::move(*log));
  run_->place = [this](Partition input, Offset after, const ContextContent& what) -> std::expected<void, RunError> {
    const ContextPositions::Line line{input, after, record_of(what)};
    if (const auto written = positions_->write({&line, 1}); !written) return std::unexpected(of_sink(written.error()));
    if (!std::holds_alternative<OperatorCommand>(what)) return {};
    if (auto kept = commands_->placed(); !kept) return std::unexpected(RunError{ExitCode::Unreachable, std::move(kept.error())});
    return {};
  };
  return {};
}

std::expected<void, RunError> FileService::open_enforcement() {
  if (settings_.gate.acks.topic) return {};
  auto feed = EnforcementFeed::open(settings_, log_);
  if (!feed) return std::unexpected(RunError{ExitCode::Unreachable, feed.error()});
  enforcement_ = std::move(*feed);
  return {};
}

std::expected<void, RunError> FileService::open_commands() {
  const auto passed = [this](const OperatorCommand* order, Offset at, std::string_view why) { passed_over(order, at, why); };
  auto commands = CommandFile::open(settings_, run_->store(), *positions_, log_, passed);
  if (!commands) return std::unexpected(RunError{ExitCode::Unusable, commands.error()});
  commands_ = std::move(*commands);
  return {};
}

void FileService::follow_gates() {
  if (!enforcement_) return;
  run_->gates_words = [this, own = engine_writer("files", Partition{0})] {
    std::vector<GatesWord> words;
    if (enforcement_->size() == words_taken_) return words;
    for (EnforcementFeed::Entry& entry : enforcement_->since(words_taken_)) {
      ++words_taken_;
      if (auto word = word_for(own, entry.writer, std::move(entry.what))) words.push_back(std::move(*word));
    }
    return words;
  };
  run_->alarms = [this] {
    std::vector<FindingRecord> found = enforcement_->alarms({.speaks = [](const std::string&) { return true; }, .gates = true});
    for (FindingRecord& finding : found) finding.position.partition = kNoInput;
    return found;
  };
}

std::string FileService::live_view() const {
  return encode_live_view(view_.shown(), {{}}, enforcement_ ? enforcement_->standing(LiveView::kShown) : EnforcementBoard::Standing());
}

std::expected<void, RunError> FileService::open_audit() {
  const std::string file = audit_file(settings_).string();
  auto sink = FileSink::open(file, 0);  // whatever is said stands there at once, whenever the process is killed
  if (!sink) return std::unexpected(of_path(sink.error()));
  audit_sink_ = std::move(*sink);
  auto key = SigningKey::load(settings_.control.key_file);
  if (!key) return std::unexpected(RunError{ExitCode::Unusable, key.error().message});
  auto trusted = pinned_keys(settings_);
  if (!trusted) return std::unexpected(std::move(trusted.error()));
  auto trail =
      AuditTrail::open({.writer = "engine-files-audit", .instance = "files", .note = settings_.state.directory / kAuditNote, .adopt = true},
                       std::move(*key), std::move(*trusted), *audit_sink_, audit_past_of_file(file));
  if (!trail) return std::unexpected(RunError{ExitCode::Unreachable, trail.error()});
  audit_ = std::move(*trail);
  if (!audit_->warning().empty()) log_.error("audit trail", {{"chain", audit_->chain()}, {"warning", audit_->warning()}});
  if (const auto told = tell_purges(settings_.state.directory, *audit_, *audit_sink_); !told) return std::unexpected(of_sink(told.error()));
  if (const auto said = audit_->start(personas_, wall_now()); !said) return std::unexpected(of_sink(said.error()));
  return {};
}

std::expected<void, RunError> FileService::say(const AuditEntry& entry, Position after) {
  if (const auto said = audit_->say(entry, after); !said) return std::unexpected(of_sink(said.error()));
  metrics_.process().audit.acknowledged.add();
  return {};
}

/// What takes effect between records.
void FileService::keep_audit() {
  run_->on_enforced = [this](const GatesWord& word, Position after) { return say(audit_of(word.what, after, wall_now()), after); };
  run_->on_new_rules = [this](const Rulebook& rules, Position after) {
    const PersonaSet& set = rules.set();
    return say(audit_of_personas(set.sha256(), set.personas().size(), "files:" + std::to_string(after.offset.value), wall_now()), after);
  };
  run_->more_findings = [this] {
    std::vector<FindingRecord> findings;
    for (HeldBack& held : held_back(*control_, "files", std::string(kLinksTopic), wall_now())) {
      if (const auto said = audit_->say(held.audit, held.finding.position); !said) fail(of_sink(said.error()));
      findings.push_back(std::move(held.finding));
    }
    return findings;
  };
}

void FileService::obey_people() {
  run_->next_command = [this]() -> std::expected<std::optional<OperatorCommand>, RunError> {
    auto order = commands_->next();
    if (!order) return std::unexpected(RunError{ExitCode::Unreachable, std::move(order.error())});
    return std::move(*order);
  };
  run_->on_outside = [this](const Judgement& judgement) {
    view_.see(judgement);
    return publish(judgement);
  };
  run_->on_command = [this](const OperatorCommand& order, CommandAnswer answer, Position after) {
    const bool done = answer == CommandAnswer::Done;
    log_command(log_, order, answer);
    const CommandOnRecord command{order.command, order.jti, order.kid};
    if (auto said = say(audit_of_taken(command, after, wall_now()), after); !said) return said;
    return say(audit_of_answer(command, done, words_of(answer), after, wall_now()), after);
  };
}

void FileService::passed_over(const OperatorCommand* order, Offset at, std::string_view why) {
  const auto more = passed_over_bound_.admit(std::chrono::steady_clock::now());
  if (!more) return;
  const auto entry = [&] {
    if (order == nullptr) return audit_of_passed_over(nullptr, at, why, *more, wall_now());
    const CommandOnRecord command{order->command, order->jti, order->kid};
    return audit_of_passed_over(&command, at, why, *more, wall_now());
  };
  if (auto said = say(entry(), {kNoInput, Offset{0}}); !said) fail(std::move(said.error()));
}

/// What a log that is gone or another one held is said again at once, though there is no news. Otherwise nobody polls while there is
/// none: that would beat each second into a file that nobody compacts.
void FileService::mind_the_log() {
  if (!control_log_->replaced()) return;
  const auto polled = control_->poll(wall_now());
  if (polled && !log_replaced_) log_.warning("the control log is another file: what stood on it is said again", {});
  if (!polled && !log_replaced_) log_.warning("control log", {{"error", polled.error().message}});
  log_replaced_ = !polled;
}

void FileService::fail(RunError error) {
  if (fault_) return;
  fault_ = std::move(error);
  run_->stop();
}

std::expected<void, RunError> FileService::publish(const Judgement& judgement) {
  for (const ContainmentRecord& record : judgement.containments) {
    if (auto sent = control_->publish(record, active_agents(), wall_now()); !sent) return std::unexpected(of_sink(sent.error()));
    metrics_.process().control.acknowledged.add();
    auto said = say(audit_of(record, engine_writer("files", record.position.partition), wall_now()), record.position);
    if (!said) return said;
  }
  if (judgement.containments.empty()) return {};
  if (const auto polled = control_->poll(wall_now()); !polled) log_.warning("control log", {{"error", polled.error().message}});
  return {};
}

void FileService::count(const Judgement& judgement, const Refusal* refusal) {
  if (is_drill(judgement.verdict.tenant)) return;
  view_.see(judgement);
  ShardCounters& counters = metrics_.shard(0);
  if (refusal != nullptr) return counters.refused_for(refusal->reason).add();
  counters.events.add();
  if (judgement.copy) counters.copies.add();
  counters.verdicts_at(judgement.verdict.level).add();
}

void FileService::count(const RunStanding& standing) {
  ShardCounters& counters = metrics_.shard(0);
  counters.agents.set(static_cast<std::int64_t>(standing.agents));
  counters.state_bytes.set(static_cast<std::int64_t>(standing.state_bytes));
  metrics_.links().subjects.set(static_cast<std::int64_t>(standing.subjects));
  metrics_.links().state_bytes.set(static_cast<std::int64_t>(standing.subject_bytes));
  const auto since = standing.unwritten_since ? standing.unwritten_since->time_since_epoch() : std::chrono::steady_clock::duration::zero();
  counters.oldest_dirty_ns.set(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
  metrics_.process().findings.acknowledged.add(standing.findings - counted_.findings);
  metrics_.process().dead_letter.acknowledged.add(standing.dead_letters - counted_.dead_letters);
  counted_ = standing;
}

/// What was sent because of judgements so far, for good.
std::expected<void, RunError> FileService::store_outputs() {
  const auto deadline = std::chrono::steady_clock::now() + kControlWithin;
  while (control_->acknowledged(Partition{0}) != kAllAcknowledged || control_->acknowledged(kLinksPartition) != kAllAcknowledged) {
    if (const auto polled = control_->poll(wall_now()); !polled) return std::unexpected(of_sink(polled.error()));
    if (std::chrono::steady_clock::now() > deadline)
      return std::unexpected(RunError{ExitCode::Unreachable, "control: records were not stored in time"});
  }
  if (const auto kept = audit_sink_->flush(kAuditWithin); !kept) return std::unexpected(of_sink(kept.error()));
  return {};
}

/// With the states, as over Kafka.
std::expected<void, RunError> FileService::remember_active() {
  const auto due = active_note_.due(active_agents(), ActiveAgents::Steady::now(), wall_now());
  if (!due) return {};
  if (const auto kept = put_record(run_->store(), kActiveRecord, *due); !kept) return std::unexpected(FileRun::of_store(kept.error()));
  return {};
}

std::expected<void, RunError> FileService::restore_active() {
  const auto active = get_record(run_->store(), kActiveRecord);
  if (!active) return std::unexpected(FileRun::of_store(active.error()));
  if (*active) active_before_.restore(**active);
  return {};
}

std::expected<void, RunError> FileService::run() {
  run_->on_standing = [this](const RunStanding& standing) { count(standing); };
  run_->on_judgement = [this](const Judgement& judgement, const Refusal* refusal) {
    count(judgement, refusal);
    if (!is_drill(judgement.verdict.tenant))
      active_.seen(agent_key(judgement.verdict.tenant, judgement.verdict.agent_id), ActiveAgents::Steady::now());
    if (auto sent = publish(judgement); !sent) fail(std::move(sent.error()));
    metrics_.shard(0).decision.observe(Nanos{(std::chrono::steady_clock::now() - run_->arrived()).count()});
  };
  run_->on_turn = [this] { mind_the_log(); };
  keep_audit();
  obey_people();
  follow_gates();
  run_->before_checkpoint = [this] {
    auto stored = store_outputs();
    return stored ? remember_active() : stored;
  };
  log_.info("serving", {{"http_port", http_->port()}});
  const auto [report, error] = run_->run();
  audit_->end(wall_now());
  if (const auto polled = control_->poll(wall_now()); !polled) log_.warning("control log", {{"error", polled.error().message}});
  log_.info(error || fault_ ? "stopped before the end of the input" : "input ended", {{"records", report.records},
                                                                                      {"events", report.tally.events},
                                                                                      {"refused", report.tally.refused},
                                                                                      {"findings", report.tally.findings}});
  if (fault_) return std::unexpected(*fault_);
  if (error) return std::unexpected(*error);
  return {};
}

void FileService::stop() { run_->stop(); }
void FileService::adopt(RuleSet rules) {
  run_->adopt(std::move(rules.rules));
  metrics_.process().reloads.add();
}
void FileService::refused_reload() { metrics_.process().reloads_refused.add(); }

}  // namespace ringfence
