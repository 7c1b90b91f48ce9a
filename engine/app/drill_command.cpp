// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "engine/app/commands.h"
#include "engine/app/drill.h"
#include "engine/app/service_signals.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

struct Options {
  std::string config, name = "by-hand";
  bool json = false;
};

constexpr double kNanosPerMs = 1e6;

/// Each stage with the time from the forbidden call, and what it took by itself: of gates, from the stage before.
void print(const DrillReport& report) {
  std::printf("%-12s %10s %10s  %s\n", "stage", "ms", "of it", "gate");
  std::int64_t before = 0, reached = 0;
  std::optional<DrillStageId> last;
  for (const DrillStage& stage : report.stages) {
    if (stage.stage != last) before = reached;
    last = stage.stage;
    reached = std::max(reached, stage.ns);
    std::printf("%-12s %10.1f %10.1f  %s\n", std::string(name_of(stage.stage)).c_str(), static_cast<double>(stage.ns) / kNanosPerMs,
                static_cast<double>(stage.ns - before) / kNanosPerMs, printable(stage.gate, 80).c_str());
  }
}

ExitCode drill(const Options& options) {
  const SettingsLoad load = load_settings(options.config);
  for (const SettingsError& e : load.errors) std::fprintf(stderr, "%s\n", to_string(e).c_str());
  if (!load.settings) return ExitCode::Unusable;
  if (tell(drill_faults(*load.settings), load, options.config)) return ExitCode::Unusable;
  // A drill that is broken off still ends what it began, as far as it can.
  std::atomic<bool> stopping{false};
  const auto signals = ServiceSignals::watch({.stop = [&](int) { stopping = true; }, .reload = [] {}});
  const DrillReport report = run_drill(*load.settings, options.name, [&] { return stopping.load(); });
  if (options.json)
    std::printf("%s\n", encode_drill(report).c_str());
  else
    print(report);
  if (!report.failure) return ExitCode::Done;
  std::fprintf(stderr, "drill: %s\n", words_of(*report.failure).c_str());
  return ExitCode::Unreachable;
}

std::string name_fault(const std::string& name) {
  const bool good =
      !name.empty() && name.size() <= 64 && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  return good ? std::string() : std::string("lower-case letters, digits and -, at most 64");
}

}  // namespace

void add_drill(CLI::App& app, Subcommand& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "drill", "Plays an agent that nobody has through the real topics and gates, and says how long each stage took to refuse it");
  command->add_option("--config", options->config, "Settings file: topics, gates, and in drill how to ask gates")
      ->required()
      ->type_name("FILE");
  command->add_option("--name", options->name, "Of the agent, urn:ringfence:drill:NAME; two drills at once need two names")
      ->type_name("NAME")
      ->capture_default_str()
      ->check(CLI::Validator([](std::string& name) { return name_fault(name); }, ""));
  command->add_flag("--json", options->json, "One line of JSON");
  command->footer(
      "Times are from the forbidden call; detection and signing by the engine's clock, the others by this machine's. Nothing of a drill "
      "is\n"
      "an incident, and no agent but its own is touched.\n"
      "Exit codes: 0 every stage answered; 2 wrong settings; 3 a stage did not answer, and which.");
  command->callback([options, &action] { action = [options] { return drill(*options); }; });
}

}  // namespace ringfence
