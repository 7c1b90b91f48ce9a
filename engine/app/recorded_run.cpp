// SPDX-License-Identifier: Apache-2.0
#include "engine/app/recorded_run.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "engine/persona/load.h"
#include "engine/persona/values.h"

namespace ringfence {
namespace {

namespace fs = std::filesystem;

std::string temporary_directory() {
  std::string name = (fs::temp_directory_path() / "ringfence-XXXXXX").string();
  return mkdtemp(name.data()) != nullptr ? name : std::string();
}

}  // namespace

std::optional<Settings> run_settings(const RunInputs& inputs) {
  if (inputs.config.empty()) return default_settings();
  SettingsLoad load = load_settings(inputs.config);
  for (const SettingsError& e : load.errors) std::fprintf(stderr, "%s\n", to_string(e).c_str());
  return std::move(load.settings);
}

std::shared_ptr<const Rulebook> run_rules(const RunInputs& inputs, const Settings& settings) {
  PersonaLoad load = load_personas(inputs.personas, inputs.lists.empty() ? std::nullopt : std::optional<fs::path>(inputs.lists));
  for (const Diagnostic& d : load.diagnostics) {
    if (d.kind == Diagnostic::Kind::Error) std::fprintf(stderr, "%s\n", to_string(d).c_str());
  }
  if (!load.set) return nullptr;
  load.set->assume_internal(lower_hosts(settings.internal_hosts));
  return std::make_shared<const Rulebook>(std::move(*load.set), all_channels());
}

std::expected<FileRunOptions, std::string> run_options(const RunInputs& inputs, const Settings& settings, std::vector<std::string> files) {
  std::vector<PlacedChange> context;
  if (!inputs.context.empty()) {
    auto loaded = load_context_log(inputs.context, settings.internal_hosts);
    if (!loaded) return std::unexpected(std::move(loaded.error()));
    context = std::move(*loaded);
  }
  // A run over Kafka begins each partition's log with its rules and takes its facts from there; one over files finds them as a replay does.
  const bool recorded = std::ranges::any_of(context, [](const PlacedChange& c) { return std::holds_alternative<RuleSet>(c.what); });
  return FileRunOptions{.files = std::move(files),
                        .flush_age = settings.state.flush_age,
                        .keep_state = false,
                        .memory_limit = settings.state.memory_limit,
                        .expiry = settings.state.expiry,
                        .assume_gate = inputs.assume_gate,
                        .context = std::move(context),
                        .recorded = recorded};
}

std::expected<std::unique_ptr<RecordedRun>, RunError> RecordedRun::open(FileRunOptions options, std::shared_ptr<const Rulebook> rules) {
  std::unique_ptr<RecordedRun> made(new RecordedRun);
  // Before any thread of the store: one that does not block these signals would end the process by them.
  auto signals = ServiceSignals::watch({.stop = [run = made.get()](int) { run->stop(); }, .reload = [] {}});
  if (!signals) return std::unexpected(RunError{ExitCode::Internal, signals.error()});
  made->signals_ = std::move(*signals);
  if (options.state_directory.empty()) options.state_directory = made->scratch_ = temporary_directory();
  auto run = FileRun::open(std::move(options), std::move(rules));
  if (!run) return std::unexpected(std::move(run.error()));
  const std::lock_guard lock(made->mutex_);
  made->run_ = std::move(*run);
  if (made->stopped_) made->run_->stop();
  return made;
}

RecordedRun::~RecordedRun() {
  signals_.reset();
  run_.reset();
  std::error_code ignored;
  if (!scratch_.empty()) fs::remove_all(scratch_, ignored);
}

void RecordedRun::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  if (run_) run_->stop();
}

}  // namespace ringfence
