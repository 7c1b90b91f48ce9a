// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/report.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "connectors/encoders/finding_account.h"
#include "connectors/encoders/strict_json.h"
#include "connectors/encoders/would_differ.h"
#include "engine/app/commands.h"
#include "engine/app/file_clash.h"
#include "engine/app/finding_file.h"
#include "engine/app/finding_persona.h"
#include "engine/app/recorded_run.h"
#include "engine/app/report_containment.h"
#include "engine/app/report_story.h"
#include "engine/event/decode.h"
#include "engine/event/escape.h"
#include "engine/verdict/analytics.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kPersonaBytes = 1U << 20U;

struct Options {
  RunInputs inputs;
  std::string findings, uid, control, output;
  std::vector<std::string> events;
};

ExitCode fail(const std::string& message, ExitCode exit = ExitCode::Unusable) {
  std::fprintf(stderr, "report: %s\n", message.c_str());
  return exit;
}

std::string text_at(const Json& json, const char* pointer) {
  const Json::json_pointer at(pointer);
  return json.contains(at) && json.at(at).is_string() ? json.at(at).get<std::string>() : std::string();
}

ReportRecord record_of(const Json& finding) {
  ReportRecord record;
  record.activity = text_at(finding, "/activity_name");
  record.level = text_at(finding, "/metadata/event_code");
  record.event_id = text_at(finding, "/evidences/0/uid");
  record.sentence = text_at(finding, "/finding_info/desc");
  const Json::json_pointer time("/time");
  if (finding.contains(time) && finding.at(time).is_number_integer())
    record.time = EventTime{} + milliseconds(finding.at(time).get<std::int64_t>());
  return record;
}

/// What the records of the finding tell.
std::expected<ReportPage, std::string> page_of(const FindingInFile& finding) {
  auto account = account_of_records(finding.records);
  if (!account) return std::unexpected(account.error());
  ReportPage page{.account = std::move(*account)};
  page.finding_uid = page.account.finding_uid;
  for (const std::string& record : finding.records) page.records.push_back(record_of(*parse_strict_json(record)));
  if (const auto analytic = analytic_named(page.account.analytic)) {
    const AnalyticInfo& info = info_of(*analytic);
    page.meaning = info.meaning;
    page.false_positives = info.false_positives;
    page.check = info.check;
  }
  return page;
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(kPersonaBytes, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

/// What the persona files add: the declared job, and its thresholds where it is the finding's own text.
void add_job(ReportPage& page, const FindingPersona& job, const std::string& given) {
  if (job.persona != nullptr) {
    const std::filesystem::path path(given);
    page.persona_excerpt = read_text(std::filesystem::is_directory(path) ? path / job.persona->file : path);
  }
  if (!job.is_its_own()) {
    std::fprintf(stderr, "report: warning: %s\n", job.doubt.c_str());
    page.persona_note =
        job.persona == nullptr
            ? "Not shown: " + job.doubt + "."
            : "Not the text that the finding was made under, and nothing on this page was worked out by it. " + job.doubt + ".";
  } else if (job.persona != nullptr) {
    const Thresholds& scores = job.persona->response.scores;
    page.alert = scores.alert;
    page.throttle = scores.throttle;
    page.halt = scores.halt;
    page.persona_note = job.persona->file + (page.account.persona_sha256.empty()
                                                 ? ", as it is now."
                                                 : ", as the finding was made under it (SHA-256 " + job.persona->sha256 + ").");
  }
}

/// What the curve and the calls are.
std::string told_of_story(const Options& options, const std::optional<ReleaseOnRecord>& release) {
  if (!options.inputs.context.empty()) return "Judged again from the events and the context log that were given.";
  std::string out =
      "Judged again from the events alone. What people commanded, gates confirmed and a service learned elsewhere is not among them: "
      "behind "
      "the first of it the scores and levels of the run may have been others. --context FILE, the run's context log, adds it.";
  if (release)
    out += " Behind " + format_rfc3339(release->time) + ", where the findings file says \"" + release->sentence + "\", none is shown.";
  return out;
}

/// Whether judging again gave the finding.
std::string told_of_trial(const Story& story, const Account& account) {
  if (!story.found)
    return "Judged again, the events given do not lead to this finding: what did is not in them. A context log (--context FILE) adds what "
           "people commanded and gates confirmed, --assume-gate takes every halt as applied at once as such a run did; what a service "
           "finds "
           "of its gates, its limits and its feed comes of no events.";
  const bool all = name_of(*story.found) == account.level;
  return all ? "Tried for this page: it gives this finding."
             : "Tried for this page: it gives this finding, but at level " + std::string(name_of(*story.found)) +
                   ". What made it another is not in the events.";
}

/// An argument that is no option, however its name begins.
std::string as_path(const std::string& path) { return path.size() > 1 && path.front() == '-' ? "./" + path : path; }

/// The commands that give the finding again and explain it: `personas` and `lists` as to be given, with what else was in force. They write
/// no file, so they overwrite none.
std::vector<std::vector<std::string>> commands_of(const std::string& uid, const Options& options, const std::string& personas) {
  const RunInputs& in = options.inputs;
  std::vector<std::string> job{"--personas", as_path(personas)};
  if (!in.lists.empty()) job.insert(job.end(), {"--lists", as_path(in.lists)});
  std::vector<std::string> replay{"ringfence", "replay"}, explain{"ringfence", "explain", "--finding", "-", "--uid", uid};
  replay.insert(replay.end(), job.begin(), job.end());
  explain.insert(explain.end(), job.begin(), job.end());
  if (!in.config.empty()) replay.insert(replay.end(), {"--config", as_path(in.config)});
  if (!in.context.empty()) replay.insert(replay.end(), {"--context", as_path(in.context)});
  if (in.assume_gate) replay.emplace_back("--assume-gate");
  for (const std::string& file : options.events) replay.push_back(as_path(file));
  if (options.events.empty()) replay.emplace_back("EVENTS");
  return {std::move(replay), std::move(explain)};
}

/// The curve and the calls, and whether judging again gave the finding.
std::expected<void, RunError> add_story(ReportPage& page, const Options& options, const FindingInFile& finding, FileRunOptions how,
                                        const std::shared_ptr<const Rulebook>& rules) {
  const Account& account = page.account;
  const auto release = options.inputs.context.empty() ? first_release(finding, account.tenant, account.agent) : std::nullopt;
  StoryOf of{.tenant = account.tenant, .agent = account.agent, .finding_uid = page.finding_uid, .known_until = {}};
  if (release) of.known_until = release->time;
  auto story = tell_story(std::move(how), rules, of);
  if (!story) return std::unexpected(std::move(story.error()));
  page.calls = std::move(story->calls);
  page.calls_left_out = story->calls_left_out;
  page.judged = told_of_story(options, release);
  page.reproduce_note = told_of_trial(*story, account);
  if (!story->found) page.reproduce.clear();
  return {};
}

/// What the persona files and the events add: thresholds, the declared job, the calls, and how to get the finding again.
std::expected<void, RunError> enrich(ReportPage& page, const Options& options, const FindingInFile& finding) {
  const auto unusable = [](std::string message) { return std::unexpected(RunError{ExitCode::Unusable, std::move(message)}); };
  const bool given = !options.inputs.personas.empty();
  page.reproduce = commands_of(page.finding_uid, options, given ? options.inputs.personas : "PERSONAS");
  page.reproduce_note = "Not tried for this page. EVENTS stands for the files that were judged, PERSONAS for the directory of personas.";
  if (!given) return options.events.empty() ? std::expected<void, RunError>() : unusable("--events needs --personas DIR");
  const std::optional<Settings> settings = run_settings(options.inputs);
  if (!settings) return unusable("the settings have errors");
  const std::shared_ptr<const Rulebook> rules = run_rules(options.inputs, *settings);
  if (!rules) return unusable("the persona set has errors");
  const FindingPersona job = persona_of(page.account, rules->set());
  add_job(page, job, options.inputs.personas);
  if (options.events.empty()) return {};
  auto how = run_options(options.inputs, *settings, options.events);
  if (!how) return unusable(std::move(how.error()));
  // A context log that begins with the run's own personas judges by these.
  if (job.is_its_own() || how->recorded) return add_story(page, options, finding, std::move(*how), rules);
  page.reproduce = commands_of(page.finding_uid, options, "PERSONAS");
  page.reproduce_note = "Not tried for this page. PERSONAS stands for the directory of personas as the finding was made under it.";
  page.judged = "The events were not judged again: another declaration than the finding's would give other scores.";
  return {};
}

std::expected<void, std::string> add_containment(ReportPage& page, const Options& options, const FindingInFile& finding) {
  auto told = containment_on_record(finding, options.control);
  if (!told) return std::unexpected(std::move(told.error()));
  page.containments = std::move(told->lines);
  page.containment_note = std::move(told->note);
  if (page.containment_note.empty() && level_named(page.account.applied).value_or(Level::Observe) >= Level::Throttle)
    page.containment_note =
        "The findings file tells of no gate that has confirmed a containment by this finding. What was published --control FILE, the file "
        "of "
        "control records, adds.";
  return {};
}

/// The page would take the place of what it is made of.
std::optional<std::string> clash_in(const Options& options) {
  std::vector<FileInUse> inputs{{"findings file", options.findings},
                                {"settings file", options.inputs.config},
                                {"context log", options.inputs.context},
                                {"file of control records", options.control}};
  for (const std::string& file : options.events) inputs.push_back({"input", file});
  if (!options.inputs.personas.empty()) add_set_files(inputs, options.inputs.personas, options.inputs.lists);
  const std::array<FileInUse, 1> outputs{{{"--output", options.output}}};
  return clash_of(inputs, outputs);
}

ExitCode write_report(const Options& options) {
  if (const auto clash = clash_in(options)) return fail(*clash);
  const auto finding = find_finding(options.findings, options.uid);
  if (!finding) return fail(finding.error());
  auto page = page_of(*finding);
  if (!page) return fail(page.error());
  if (const auto enriched = enrich(*page, options, *finding); !enriched) return fail(enriched.error().message, enriched.error().exit);
  if (const auto added = add_containment(*page, options, *finding); !added) return fail(added.error());
  say_what_would_differ(page->account);
  const std::string text = report_html(*page);
  if (options.output == "-") {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return ExitCode::Done;
  }
  std::ofstream out(options.output, std::ios::binary | std::ios::trunc);
  if (!out) return fail(printable(options.output) + ": cannot be written");
  out << text;
  out.close();
  return out ? ExitCode::Done : fail(printable(options.output) + ": could not be written whole", ExitCode::Unreachable);
}

}  // namespace

void add_report(CLI::App& app, Subcommand& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("report", "One finding as a self-contained HTML page for a ticket: sentence, score, ledger, calls");
  command->add_option("FINDING", options->findings, "A findings file; - is standard input")->required();
  command->add_option("--uid", options->uid, "Which finding of the file (finding_info.uid; default: the last)");
  command->add_option("-o,--output", options->output, "The page; - is standard output")->required()->type_name("FILE");
  command
      ->add_option("--personas", options->inputs.personas,
                   "Persona directory: adds the declared job, and where it is as the finding was made under it the thresholds")
      ->type_name("DIR");
  command->add_option("--lists", options->inputs.lists, "Directory of lists (default: lists below --personas)")->type_name("DIR");
  command->add_option("--config", options->inputs.config, "Settings file of the run that made the finding (limits, internal hosts)")
      ->type_name("FILE");
  command
      ->add_option("--events", options->events,
                   "The events that were judged, of all agents: adds the score over time and the calls; with --context one FILE for each "
                   "partition, in their order")
      ->type_name("FILE");
  command
      ->add_option("--context", options->inputs.context,
                   "Context log of the run that made the finding, as replay takes it: what people commanded and gates confirmed")
      ->type_name("FILE");
  command->add_flag("--assume-gate", options->inputs.assume_gate, "The run that made the finding took every halt as applied at once");
  command
      ->add_option("--control", options->control,
                   "Control records that run or replay wrote: adds what was published because of the finding")
      ->type_name("FILE");
  command->footer(
      "Exit codes: 0 done; 2 no such finding, unreadable input, a path that cannot be written; 3 the page could not be written whole.");
  command->callback([options, &action] { action = [options] { return write_report(*options); }; });
}

}  // namespace ringfence
