// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "config/settings.h"
#include "engine/app/commands.h"
#include "engine/app/file_clash.h"
#include "engine/app/file_run.h"
#include "engine/app/service_signals.h"
#include "engine/app/transcript.h"
#include "engine/event/escape.h"
#include "engine/persona/load.h"
#include "engine/persona/values.h"

namespace ringfence {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string personas, lists, state, config, context, from = "observe", fail_on, speed = "max";
  FileOutputPaths outputs{.findings = "-"};
  std::vector<std::string> files;
  bool assume_gate = false, transcript = false, follow = false;
  std::size_t shards = 0;
};

/// A directory that goes with its owner; for runs that keep nothing.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (fs::temp_directory_path() / "ringfence-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

ExitCode fail(ExitCode exit, const std::string& message) {
  std::fprintf(stderr, "replay: %s\n", message.c_str());
  return exit;
}

/// `max`, `real` or `Nx`; negative for anything else.
double speed_of(const std::string& text) {
  if (text == "max") return 0;
  if (text == "real") return 1;
  if (text.size() < 2 || text.back() != 'x') return -1;
  char* end = nullptr;
  const double factor = std::strtod(text.c_str(), &end);
  return end == text.c_str() + text.size() - 1 && factor > 0 && factor <= 1e9 ? factor : -1;
}

std::shared_ptr<const Rulebook> load_rules(const Options& options, const Settings& settings) {
  PersonaLoad load = load_personas(options.personas, options.lists.empty() ? std::nullopt : std::optional<fs::path>(options.lists));
  for (const Diagnostic& d : load.diagnostics) {
    if (d.kind == Diagnostic::Kind::Error) std::fprintf(stderr, "%s\n", to_string(d).c_str());
  }
  if (!load.set) return nullptr;
  load.set->assume_internal(lower_hosts(settings.internal_hosts));
  return std::make_shared<const Rulebook>(std::move(*load.set), all_channels());
}

/// What could not be judged for want of fields, a line a source.
void print_not_evaluable(const std::vector<Evaluability::Row>& rows) {
  for (const Evaluability::Row& row : rows) {
    if (row.events == 0) continue;
    std::string said;
    const auto say = [&](std::string_view what, std::uint64_t count) {
      if (count > 0) said += (said.empty() ? "" : ", ") + std::string(what) + " " + std::to_string(count);
    };
    for (const Channel* const channel : all_channels())
      say(channel->info().name, row.channels.at(static_cast<std::size_t>(channel->info().id)));
    std::string fields;
    std::swap(said, fields);
    for (std::size_t i = 0; i < kLackingNames.size(); ++i) say(std::string("no ").append(kLackingNames.at(i)), row.lacking.at(i));
    std::fprintf(stderr, "not evaluable, source %s: %llu events (%s%s%s)\n", row.source.c_str(),
                 static_cast<unsigned long long>(row.events), fields.c_str(), fields.empty() || said.empty() ? "" : "; ", said.c_str());
  }
}

/// What events brought and nobody reads, a line a source: a field that an exporter misspells shows here and nowhere else.
void print_ignored(const std::vector<Evaluability::Row>& rows) {
  for (const Evaluability::Row& row : rows) {
    if (row.ignoring == 0) continue;
    std::string said;
    if (row.unknown_fields > 0) {
      said = "unknown fields " + std::to_string(row.unknown_fields) + ":";
      for (const std::string& name : row.unknown_names) said += (said.ends_with(':') ? " " : ", ") + name;
      if (row.more_names) said += " and more";
    }
    if (row.ignored_elements > 0)
      said += (said.empty() ? "" : "; ") + std::string("identifiers and results left out ") + std::to_string(row.ignored_elements);
    std::fprintf(stderr, "ignored, source %s: %llu events (%s)\n", row.source.c_str(), static_cast<unsigned long long>(row.ignoring),
                 said.c_str());
  }
}

void print_summary(const RunReport& report, double seconds) {
  for (const std::string& warning : report.warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  std::fprintf(stderr, "%llu records, %llu events judged, %llu copies, %llu facts, %llu agents\n",
               static_cast<unsigned long long>(report.records), static_cast<unsigned long long>(report.tally.events),
               static_cast<unsigned long long>(report.tally.copies), static_cast<unsigned long long>(report.tally.facts),
               static_cast<unsigned long long>(report.agents));
  std::string refused;
  for (std::size_t i = 0; i < report.refused_by_reason.size(); ++i) {
    if (report.refused_by_reason[i] == 0) continue;
    refused += (refused.empty() ? "" : ", ") + std::string(name_of(static_cast<RefusalReason>(i))) + " " +
               std::to_string(report.refused_by_reason[i]);
  }
  std::fprintf(stderr, "refused: %s\n", refused.empty() ? "none" : refused.c_str());
  std::string findings;
  for (std::size_t i = 0; i < kLevels; ++i) {
    if (report.findings_by_level[i] == 0) continue;
    findings +=
        (findings.empty() ? "" : ", ") + std::string(name_of(static_cast<Level>(i))) + " " + std::to_string(report.findings_by_level[i]);
  }
  std::fprintf(stderr, "finding records: %s\n", findings.empty() ? "none" : findings.c_str());
  print_not_evaluable(report.sources);
  print_ignored(report.sources);
  std::fprintf(stderr, "calls that would have been stopped: %llu\n", static_cast<unsigned long long>(report.tally.stopped));
  std::fprintf(stderr, "%.0f events/s%s\n", seconds > 0 ? static_cast<double>(report.records) / seconds : 0.0,
               report.stopped ? "; stopped: the same command goes on from here" : "");
}

/// Where what was asked for lies, for whoever looks for it afterwards.
void print_places(const Options& options) {
  std::string places;
  const auto add = [&](std::string_view what, const std::string& path) {
    if (path.empty()) return;
    places +=
        (places.empty() ? "" : ", ") + std::string(what) + " " + (path == "-" ? std::string("on standard output") : printable(path, 512));
  };
  add("findings", options.outputs.findings);
  add("control records", options.outputs.control);
  add("verdicts", options.outputs.verdicts);
  add("dead letters", options.outputs.dead_letter);
  add("state", options.state);
  std::fprintf(stderr, "written: %s\n", places.c_str());
}

/// What of the options is a word for something else.
struct Wanted {
  Level least = Level::Observe;
  std::optional<Level> fail_on;
  double speed = 0;
};
std::expected<Wanted, std::string> wanted_of(const Options& options) {
  const auto least = level_named(options.from);
  const auto fail_on = options.fail_on.empty() ? std::optional<Level>() : level_named(options.fail_on);
  if (!least || (!options.fail_on.empty() && !fail_on)) return std::unexpected("levels are observe alert throttle hold halt revoke");
  const double speed = speed_of(options.speed);
  if (speed < 0) return std::unexpected("--speed is max, real or a factor such as 60x");
  return Wanted{*least, fail_on, speed};
}

/// The settings file, or the defaults; says what is wrong with it.
std::optional<Settings> settings_of(const Options& options) {
  if (options.config.empty()) return default_settings();
  SettingsLoad load = load_settings(options.config);
  for (const SettingsError& e : load.errors) std::fprintf(stderr, "%s\n", to_string(e).c_str());
  return std::move(load.settings);
}

/// A file that would be read and written, or written twice.
std::optional<std::string> clash_in(const Options& options) {
  std::vector<FileInUse> inputs{{"settings file", options.config}, {"context log", options.context}};
  for (const std::string& file : options.files) inputs.push_back({"input", file});
  if (options.files.empty()) inputs.push_back({"input", "-"});
  const std::array<FileInUse, 4> outputs{{{"--findings", options.outputs.findings},
                                          {"--control", options.outputs.control},
                                          {"--verdicts", options.outputs.verdicts},
                                          {"--dead-letter", options.outputs.dead_letter}}};
  return clash_of(inputs, outputs);
}

FileRunOptions run_options(const Options& options, const Settings& settings, const Wanted& wanted, const std::string& scratch,
                           std::vector<PlacedChange> context) {
  // A run over Kafka begins each partition's log with its rules and takes its facts from there; one over files finds them as a replay does.
  const bool recorded = std::ranges::any_of(context, [](const PlacedChange& c) { return std::holds_alternative<RuleSet>(c.what); });
  return {.files = options.files.empty() ? std::vector<std::string>{"-"} : options.files,
          .follow = options.follow,
          .state_directory = options.state.empty() ? scratch : options.state,
          .flush_age = settings.state.flush_age,
          .keep_state = !options.state.empty(),
          .shards = options.shards > 0 ? options.shards : 1,
          .memory_limit = settings.state.memory_limit,
          .expiry = settings.state.expiry,
          .assume_gate = options.assume_gate,
          .outputs = options.outputs,
          .least_verdict = wanted.least,
          .speed = wanted.speed,
          .context = std::move(context),
          .recorded = recorded};
}

/// The run that signals end, from when there is one; a signal before that ends it as it begins.
class Stoppable {
 public:
  void hand_to(FileRun* run) {
    const std::lock_guard lock(mutex_);
    run_ = run;
    if (run != nullptr && early_) run->stop();
  }
  void stop() {
    const std::lock_guard lock(mutex_);
    early_ = true;
    if (run_ != nullptr) run_->stop();
  }

 private:
  std::mutex mutex_;
  FileRun* run_ = nullptr;
  bool early_ = false;
};

void tell_commands(FileRun& run) {
  run.on_command = [](const OperatorCommand& order, CommandAnswer answer, Position) -> std::expected<void, RunError> {
    const Command& command = order.command;
    std::fprintf(stderr, "%s of %s by %s: %s\n", command.command.c_str(), printable(command.scope).c_str(), printable(command.by).c_str(),
                 std::string(words_of(answer)).c_str());
    return {};
  };
}

ExitCode replay(const Options& options) {
  const auto wanted = wanted_of(options);
  if (!wanted) return fail(ExitCode::Unusable, wanted.error());
  const std::optional<Settings> settings = settings_of(options);
  if (!settings) return ExitCode::Unusable;
  if (const auto clash = clash_in(options)) return fail(ExitCode::Unusable, *clash);
  const std::shared_ptr<const Rulebook> rules = load_rules(options, *settings);
  if (!rules) return fail(ExitCode::Unusable, "the persona set has errors: nothing was read");
  std::vector<PlacedChange> context;
  if (!options.context.empty()) {
    auto loaded = load_context_log(options.context, settings->internal_hosts);
    if (!loaded) return fail(ExitCode::Unusable, loaded.error());
    context = std::move(*loaded);
  }
  const TemporaryDirectory scratch;
  Stoppable running;
  // Before any thread of the store: one that does not block these signals would end the process by them.
  const auto signals = ServiceSignals::watch({.stop = [&](int) { running.stop(); }, .reload = [] {}});
  if (!signals) return fail(ExitCode::Internal, signals.error());
  auto run = FileRun::open(run_options(options, *settings, *wanted, scratch.path(), std::move(context)), rules);
  if (!run) return fail(run.error().exit, run.error().message);
  running.hand_to(run->get());

  tell_commands(**run);
  Transcript transcript(stderr, options.transcript);
  if (options.transcript) {
    (*run)->on_judgement = [&](const Judgement& judgement, const Refusal*) { transcript.tell(judgement); };
    (*run)->on_progress = [&](const RunProgress& far) { transcript.progress(far.read, far.size, far.records); };
  }
  const auto began = std::chrono::steady_clock::now();
  const RunEnd end = (*run)->run();
  running.hand_to(nullptr);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  const RunReport& report = end.report;
  if (options.transcript) transcript.table();
  print_summary(report, seconds);
  if (options.transcript) print_places(options);
  if (end.error) return fail(end.error->exit, end.error->message);
  return wanted->fail_on && report.highest >= *wanted->fail_on && report.highest > Level::Observe ? ExitCode::AnsweredNo : ExitCode::Done;
}

}  // namespace

void add_replay(CLI::App& app, Subcommand& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("replay", "Judges recorded events from files or standard input; no broker, the same pipeline as the service");
  command->add_option("--personas", options->personas, "Directory of persona files, read recursively")->required()->type_name("DIR");
  command->add_option("--lists", options->lists, "Directory of lists (default: lists below --personas)")->type_name("DIR");
  command
      ->add_option(
          "--state", options->state,
          "RocksDB directory; a run goes on from what it holds (default: memory, and a private temporary one for what does not fit)")
      ->type_name("DIR");
  command->add_option("--findings", options->outputs.findings, "OCSF 1.8.0 findings, one JSON object a line")
      ->type_name("FILE")
      ->capture_default_str();
  command->add_option("--control", options->outputs.control, "Containment records, decoded payloads, one a line")->type_name("FILE");
  command
      ->add_option("--verdicts", options->outputs.verdicts, "One line an event: id, agent, time, level, applied, score, threat, analytics")
      ->type_name("FILE");
  command->add_option("--from", options->from, "Least level written to --verdicts")->type_name("LEVEL")->capture_default_str();
  command->add_option("--dead-letter", options->outputs.dead_letter, "Refused records with position, stage, reason and the record")
      ->type_name("FILE");
  command
      ->add_option("--context", options->context,
                   "Context log of a live run: persona sets, facts and operators' commands with the positions at which they took effect; "
                   "FILE number P, from 0, is its "
                   "partition P from offset 0 on")
      ->type_name("FILE");
  command->add_option("--config", options->config, "Settings file (limits, internal hosts)")->type_name("FILE");
  command->add_option("--shards", options->shards, "Threads that judge; the output is the same for any number")
      ->type_name("N")
      ->check(CLI::Range(1, 64));
  command->add_option("--speed", options->speed, "max, real, or a factor of event time such as 60x")->capture_default_str();
  command->add_option("--fail-on", options->fail_on, "Exit with 1 if a finding reaches this level")->type_name("LEVEL");
  command->add_flag("--assume-gate", options->assume_gate,
                    "Every halt counts as applied at once: a call that goes through is containment.violated");
  command->add_flag("--transcript", options->transcript,
                    "Tells on standard error what is found, as it is found, and ends with a table of agents");
  command->add_flag("--follow", options->follow, "Waits for more at the end of a plain file");
  command->add_option("FILE", options->files, "NDJSON, also .gz and .zst; - is standard input (default)");
  command->footer("Exit codes: 0 done; 1 a finding at or above --fail-on; 2 unreadable input, personas or settings; 3 the disk is full.");
  command->callback([options, &action] { action = [options] { return replay(*options); }; });
}

}  // namespace ringfence
