// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "config/settings.h"
#include "connectors/sinks/file_control_log.h"
#include "engine/app/commands.h"
#include "engine/app/context_record.h"
#include "engine/app/drill.h"
#include "engine/app/file_run.h"
#include "engine/app/file_service.h"
#include "engine/app/service.h"
#include "engine/app/service_files.h"
#include "engine/app/service_log.h"
#include "engine/app/service_signals.h"
#include "engine/persona/load.h"

namespace ringfence {
namespace {

std::optional<RuleSet> load_rules(const Settings& settings, const ServiceLog& log) {
  // Where the context topic is configured it alone counts; until its set is taken nobody has a job.
  if (settings.context.source == ContextSource::Topic) return rule_set(PersonaSet{}, {}, encode_persona_set({}));
  const auto lists = settings.personas.lists.empty() ? std::nullopt : std::optional(settings.personas.lists);
  PersonaLoad load = load_personas(settings.personas.directory, lists);
  for (const Diagnostic& d : load.diagnostics) {
    if (d.kind == Diagnostic::Kind::Error) log.error("persona", {{"at", to_string(d)}});
  }
  if (!load.set) return std::nullopt;
  log.info("personas loaded", {{"count", load.set->personas().size()}, {"sha256", load.set->sha256()}});
  return rule_set(std::move(*load.set), settings.internal_hosts, encode_persona_set(load.read.files));
}

ExitCode ended(const std::expected<void, RunError>& run, const ServiceLog& log) {
  if (run) return ExitCode::Done;
  log.error("ended", {{"error", run.error().message}});
  return run.error().exit;
}

/// Opens and serves `Server` until a signal or its input ends; SIGHUP takes the persona directory anew, or keeps the old set where it has
/// errors.
template <class Server>
ExitCode serve(const Settings& settings, const ServiceLog& log) {
  auto rules = load_rules(settings, log);
  if (!rules) return ExitCode::Unusable;
  std::unique_ptr<Server> server;
  std::mutex waiting;
  bool stop_early = false;
  const auto signals = ServiceSignals::watch({.stop =
                                                  [&](int) {
                                                    const std::lock_guard lock(waiting);
                                                    stop_early = true;
                                                    if (server) server->stop();
                                                  },
                                              .reload =
                                                  [&] {
                                                    if (settings.context.source == ContextSource::Topic) {
                                                      log.info("personas come from the context topic: nothing to read again");
                                                      return;
                                                    }
                                                    auto anew = load_rules(settings, log);
                                                    const std::lock_guard lock(waiting);
                                                    if (!anew) log.error("persona set refused, the old one stays in force");
                                                    if (!server) return;
                                                    if (!anew) return server->refused_reload();
                                                    server->adopt(std::move(*anew));
                                                  }});
  if (!signals) {
    log.error("signals", {{"error", signals.error()}});
    return ExitCode::Internal;
  }
  auto opened = Server::open(settings, std::move(*rules), log);
  if (!opened) return ended(std::unexpected(opened.error()), log);
  {
    const std::lock_guard lock(waiting);
    server = std::move(*opened);
    if (stop_early) server->stop();
  }
  const auto run = server->run();
  const std::lock_guard lock(waiting);
  server.reset();
  return ended(run, log);
}

ExitCode run(const std::string& config) {
  const SettingsLoad load = load_settings(config);
  for (const SettingsError& e : load.errors) std::fprintf(stderr, "%s\n", to_string(e).c_str());
  if (!load.settings) return ExitCode::Unusable;
  if (load.settings->drill.every.value > 0 && tell(scheduled_drill_faults(*load.settings), load, config)) return ExitCode::Unusable;
  const ServiceLog log(load.settings->log.level, load.settings->log.format);
  if (auto clash = service_clash(*load.settings, config))
    return ended(std::unexpected(RunError{ExitCode::Unusable, std::move(*clash)}), log);
  return load.settings->input.kind == SourceKind::Kafka ? serve<Service>(*load.settings, log) : serve<FileService>(*load.settings, log);
}

}  // namespace

void add_run(CLI::App& app, Subcommand& action) {
  auto config = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "run", "The service: reads its sources, judges, writes findings and signed control records, serves metrics and health");
  command->add_option("--config", *config, "Settings file; docs/settings.md lists them, config/ringfence.yaml has every default")
      ->required()
      ->type_name("FILE");
  command->footer(
      "TERM and INT end it with all state flushed; HUP reads the personas again.\n"
      "Exit codes: 0 ended by a signal or at the end of its input; 2 wrong settings, personas or keys; 3 a dependency is not reachable or "
      "the disk is full.");
  command->callback([config, &action] { action = [config] { return run(*config); }; });
}

}  // namespace ringfence
