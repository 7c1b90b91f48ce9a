// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/app/commands.h"
#include "engine/app/file_clash.h"
#include "engine/app/recorded_run.h"
#include "engine/app/transcript.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

struct Options {
  RunInputs inputs;
  std::string state, from = "observe", fail_on, speed = "max";
  FileOutputPaths outputs{.findings = "-"};
  std::vector<std::string> files;
  bool transcript = false, follow = false;
  std::size_t shards = 1;
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
    const std::string channels = said.empty() ? said : "channels: " + said;
    said.clear();
    for (std::size_t i = 0; i < kLackingNames.size(); ++i) say(std::string("no ").append(kLackingNames.at(i)), row.lacking.at(i));
    std::fprintf(stderr, "not evaluable, source %s: %llu events (%s%s%s)\n", row.source.c_str(),
                 static_cast<unsigned long long>(row.events), channels.c_str(), channels.empty() || said.empty() ? "" : "; ", said.c_str());
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
  for (const std::string& note : report.notes) std::fprintf(stderr, "%s\n", note.c_str());
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

/// A file that would be read and written, or written twice.
std::optional<std::string> clash_in(const Options& options) {
  std::vector<FileInUse> inputs{{"settings file", options.inputs.config}, {"context log", options.inputs.context}};
  for (const std::string& file : options.files) inputs.push_back({"input", file});
  if (options.files.empty()) inputs.push_back({"input", "-"});
  add_set_files(inputs, options.inputs.personas, options.inputs.lists);
  if (!options.state.empty()) add_state_files(inputs, options.state);
  const std::array<FileInUse, 4> outputs{{{"--findings", options.outputs.findings},
                                          {"--control", options.outputs.control},
                                          {"--verdicts", options.outputs.verdicts},
                                          {"--dead-letter", options.outputs.dead_letter}}};
  return clash_of(inputs, outputs);
}

std::expected<FileRunOptions, std::string> options_of(const Options& options, const Settings& settings, const Wanted& wanted) {
  auto out = run_options(options.inputs, settings, options.files.empty() ? std::vector<std::string>{"-"} : options.files);
  if (!out) return out;
  out->follow = options.follow;
  out->state_directory = options.state;
  out->keep_state = !options.state.empty();
  out->shards = options.shards;
  out->outputs = options.outputs;
  out->least_verdict = wanted.least;
  out->speed = wanted.speed;
  return out;
}

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
  const std::optional<Settings> settings = run_settings(options.inputs);
  if (!settings) return ExitCode::Unusable;
  if (const auto clash = clash_in(options)) return fail(ExitCode::Unusable, *clash);
  const std::shared_ptr<const Rulebook> rules = run_rules(options.inputs, *settings);
  if (!rules) return fail(ExitCode::Unusable, "the persona set has errors: nothing was read");
  auto how = options_of(options, *settings, *wanted);
  if (!how) return fail(ExitCode::Unusable, how.error());
  auto opened = RecordedRun::open(std::move(*how), rules);
  if (!opened) return fail(opened.error().exit, opened.error().message);
  FileRun& run = (*opened)->run();

  tell_commands(run);
  Transcript transcript(stderr, options.transcript);
  if (options.transcript) {
    run.on_judgement = [&](const Judgement& judgement, const Refusal*) { transcript.tell(judgement); };
    run.on_progress = [&](const RunProgress& far) { transcript.progress(far.read, far.size, far.records); };
  }
  const auto began = std::chrono::steady_clock::now();
  const RunEnd end = run.run();
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
  command->add_option("--personas", options->inputs.personas, "Directory of persona files, read recursively")->required()->type_name("DIR");
  command->add_option("--lists", options->inputs.lists, "Directory of lists (default: lists below --personas)")->type_name("DIR");
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
      ->add_option("--context", options->inputs.context,
                   "Context log of a live run: persona sets, facts and operators' commands with the positions at which they took effect; "
                   "FILE number P, from 0, is its "
                   "partition P from offset 0 on")
      ->type_name("FILE");
  command->add_option("--config", options->inputs.config, "Settings file (limits, internal hosts)")->type_name("FILE");
  command->add_option("--shards", options->shards, "Threads that judge; the output is the same for any number")
      ->type_name("N")
      ->check(CLI::Range(1, 64));
  command->add_option("--speed", options->speed, "max, real, or a factor of event time such as 60x")->capture_default_str();
  command->add_option("--fail-on", options->fail_on, "Exit with 1 if a finding reaches this level")->type_name("LEVEL");
  command->add_flag("--assume-gate", options->inputs.assume_gate,
                    "Every halt counts as applied at once: a call that goes through is containment.violated");
  command->add_flag("--transcript", options->transcript,
                    "Tells on standard error what is found, as it is found, and ends with a table of agents");
  command->add_flag("--follow", options->follow, "Waits for more at the end of the last FILE, where that is a plain one");
  command->add_option("FILE", options->files, "NDJSON, also .gz and .zst; - is standard input (default)");
  command->footer("Exit codes: 0 done; 1 a finding at or above --fail-on; 2 unreadable input, personas or settings; 3 the disk is full.");
  command->callback([options, &action] { action = [options] { return replay(*options); }; });
}

}  // namespace ringfence
