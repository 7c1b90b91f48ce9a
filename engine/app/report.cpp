// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/report.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "config/settings.h"
#include "connectors/encoders/finding_account.h"
#include "connectors/encoders/strict_json.h"
#include "connectors/encoders/would_differ.h"
#include "engine/app/commands.h"
#include "engine/app/finding_file.h"
#include "engine/app/report_story.h"
#include "engine/event/decode.h"
#include "engine/event/escape.h"
#include "engine/persona/load.h"
#include "engine/verdict/analytics.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kPersonaBytes = 1U << 20U;

struct Options {
  std::string findings, uid, personas, lists, config, output;
  std::vector<std::string> events;
};

ExitCode fail(const std::string& message) {
  std::fprintf(stderr, "report: %s\n", message.c_str());
  return ExitCode::Unusable;
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
std::expected<ReportPage, std::string> page_of(const Options& options) {
  const auto records = records_of_finding(options.findings, options.uid);
  if (!records) return std::unexpected(records.error());
  auto account = account_of_records(*records);
  if (!account) return std::unexpected(account.error());
  ReportPage page{.account = std::move(*account)};
  page.finding_uid = page.account.finding_uid;
  for (const std::string& record : *records) page.records.push_back(record_of(*parse_strict_json(record)));
  if (const auto analytic = analytic_named(page.account.analytic)) {
    const AnalyticInfo& info = info_of(*analytic);
    page.meaning = info.meaning;
    page.false_positives = info.false_positives;
    page.check = info.check;
  }
  return page;
}

std::string quoted(const std::string& argument) {
  std::string out = "'";
  for (const char c : argument) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(kPersonaBytes, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

/// What the persona files and the events add: thresholds, the declared job, the calls.
std::expected<void, std::string> enrich(ReportPage& page, const Options& options) {
  if (options.personas.empty()) {
    if (!options.events.empty()) return std::unexpected("--events needs --personas DIR");
    return {};
  }
  PersonaLoad load =
      load_personas(options.personas, options.lists.empty() ? std::nullopt : std::optional<std::filesystem::path>(options.lists));
  if (!load.set) return std::unexpected("the persona set has errors: ringfence validate names them");
  Settings settings;
  if (!options.config.empty()) {
    SettingsLoad loaded = load_settings(options.config);
    for (const SettingsError& e : loaded.errors) std::fprintf(stderr, "%s\n", to_string(e).c_str());
    if (!loaded.settings) return std::unexpected("the settings have errors");
    settings = std::move(*loaded.settings);
  }
  load.set->assume_internal(settings.internal_hosts);
  const Rulebook rules(std::move(*load.set), all_channels());
  for (const Persona& persona : rules.set().personas()) {
    if (persona.reference() != page.account.persona) continue;
    page.alert = persona.response.scores.alert;
    page.throttle = persona.response.scores.throttle;
    page.halt = persona.response.scores.halt;
    const std::filesystem::path given(options.personas);
    page.persona_excerpt = read_text(std::filesystem::is_directory(given) ? given / persona.file : given);
  }
  if (options.events.empty()) return {};
  auto story = tell_story(rules, page.account.tenant, page.account.agent, options.events);
  if (!story) return std::unexpected(story.error());
  page.calls = std::move(story->calls);
  page.calls_left_out = story->calls_left_out;
  page.containments = std::move(story->containments);
  return {};
}

std::string command_of(const ReportPage& page, const Options& options) {
  std::string out = "ringfence replay --personas " + quoted(options.personas.empty() ? "PERSONAS" : options.personas) +
                    (options.lists.empty() ? "" : " --lists " + quoted(options.lists)) +
                    (options.config.empty() ? "" : " --config " + quoted(options.config)) + " --findings findings.ndjson";
  for (const std::string& file : options.events) out += " " + quoted(file);
  if (options.events.empty()) out += " EVENTS";
  return out + "  &&  ringfence explain --finding findings.ndjson --uid " + page.finding_uid;
}

ExitCode write_report(const Options& options) {
  auto page = page_of(options);
  if (!page) return fail(page.error());
  if (const auto enriched = enrich(*page, options); !enriched) return fail(enriched.error());
  const bool known = page->alert > 0;
  say_what_would_differ(page->account, known ? LevelScores{page->alert, page->throttle, page->halt} : own_level_of(page->account));
  page->reproduce = command_of(*page, options);
  const std::string text = report_html(*page);
  if (options.output == "-") {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return ExitCode::Done;
  }
  std::ofstream out(options.output, std::ios::binary | std::ios::trunc);
  if (!out) return fail(printable(options.output) + ": cannot be written");
  out << text;
  out.close();
  if (out) return ExitCode::Done;
  fail(printable(options.output) + ": could not be written whole");
  return ExitCode::Unreachable;
}

}  // namespace

void add_report(CLI::App& app, Subcommand& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("report", "One finding as a self-contained HTML page for a ticket: sentence, score, ledger, calls");
  command->add_option("FINDING", options->findings, "A findings file; - is standard input")->required();
  command->add_option("--uid", options->uid, "Which finding of the file (finding_info.uid; default: the last)");
  command->add_option("-o,--output", options->output, "The page; - is standard output")->required()->type_name("FILE");
  command->add_option("--personas", options->personas, "Persona directory: adds the thresholds and the declared job")->type_name("DIR");
  command->add_option("--lists", options->lists, "Directory of lists (default: lists below --personas)")->type_name("DIR");
  command->add_option("--config", options->config, "Settings file of the run that made the finding (limits, internal hosts)")
      ->type_name("FILE");
  command->add_option("--events", options->events, "The events that were judged: adds the score over time and the calls")
      ->type_name("FILE");
  command->footer(
      "Exit codes: 0 done; 2 no such finding, unreadable input, a path that cannot be written; 3 the page could not be written whole.");
  command->callback([options, &action] { action = [options] { return write_report(*options); }; });
}

}  // namespace ringfence
