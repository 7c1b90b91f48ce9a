// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "connectors/kafka/context_log.h"
#include "engine/app/commands.h"
#include "engine/app/context_feed.h"
#include "engine/app/kafka_settings.h"
#include "engine/app/setting_fault.h"
#include "engine/event/escape.h"
#include "engine/persona/load.h"

namespace ringfence {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kWithin{20};
/// A record must fit the topic's greatest message with room for its frame.
constexpr std::size_t kSetBytes = 900U << 10U;

struct Options {
  std::string path, lists, config;
};

ExitCode fail(ExitCode exit, const std::string& message) {
  std::fprintf(stderr, "publish: %s\n", printable(message, kMessageChars).c_str());
  return exit;
}

ExitCode publish(const Options& options) {
  const SettingsLoad load = load_settings(options.config);
  for (const SettingsError& e : load.errors) std::fprintf(stderr, "%s\n", to_string(e).c_str());
  if (!load.settings) return ExitCode::Unusable;
  if (!is_on_topic(load, options.config, "context.source", load.settings->context.source == ContextSource::Topic,
                   "no service with these settings reads the context topic: the personas are the files of `personas.directory`, read "
                   "at start and on SIGHUP"))
    return ExitCode::Unusable;
  const auto lists = options.lists.empty() ? std::nullopt : std::optional<fs::path>(options.lists);
  const PersonaLoad checked = load_personas(options.path, lists);
  for (const Diagnostic& d : checked.diagnostics) std::fprintf(stderr, "%s\n", to_string(d).c_str());
  if (!checked.set) return fail(ExitCode::Unusable, "the set has errors: nothing was published");

  const std::string record = encode_persona_set(checked.read.files);
  if (record.size() > kSetBytes) return fail(ExitCode::Unusable, "the set is larger than one record of the context topic can be");

  auto topic = ContextLog::open(kafka_of(*load.settings), load.settings->topics.context);
  if (!topic) return fail(exit_of(topic.error()), topic.error().message);
  if (const auto sent = (*topic)->append(kPersonaSetKey, record, kWithin); !sent) return fail(ExitCode::Unreachable, sent.error().message);
  std::printf("published %zu personas, set %s\n", checked.set->personas().size(), checked.set->sha256().c_str());
  return ExitCode::Done;
}

}  // namespace

void add_publish(CLI::App& app, Subcommand& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "publish", "Validates a persona set with its lists and entitlements and puts it on the context topic, for every instance at once");
  command->add_option("PATH", options->path, "Persona directory")->required()->check(CLI::ExistingDirectory);
  command->add_option("--lists", options->lists, "Directory of lists (default: PATH/lists)")->type_name("DIR");
  command->add_option("--config", options->config, "Settings file: names the cluster and the context topic")->required()->type_name("FILE");
  command->footer(
      "Exit codes: 0 published; 2 the set or the settings have errors, or no service with these settings reads the context topic; 3 the "
      "cluster is "
      "not reachable.");
  command->callback([options, &action] { action = [options] { return publish(*options); }; });
}

}  // namespace ringfence
