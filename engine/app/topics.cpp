// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/topics.h"

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "engine/app/commands.h"
#include "engine/app/kafka_settings.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

constexpr std::chrono::seconds kWithin{20};

struct Options {
  std::string config;
  std::int32_t partitions = 64, replication = 3;
};

ExitCode fail(const KafkaError& error) {
  std::fprintf(stderr, "topics: %s\n", printable(error.message, kMessageChars).c_str());
  return exit_of(error);
}

std::optional<Settings> settings_in(const Options& options) {
  SettingsLoad load = load_settings(options.config);
  for (const SettingsError& e : load.errors) std::fprintf(stderr, "%s\n", to_string(e).c_str());
  return load.settings;
}

TopicPlan plan_of(const Settings& settings, const Options& options) {
  return {.names = topics_of(settings), .event_partitions = options.partitions, .replication = options.replication};
}

ExitCode check(const Options& options) {
  const auto settings = settings_in(options);
  if (!settings) return ExitCode::Unusable;
  const TopicPlan plan = plan_of(*settings, options);
  const auto differences = check_topics(kafka_of(*settings), specs_of(plan), plan.replication, kWithin);
  if (!differences) return fail(differences.error());
  for (const TopicDifference& d : *differences) {
    std::printf("%s: %s is %s, wanted %s\n", printable(d.topic).c_str(), d.property.c_str(), printable(d.found).c_str(), d.wanted.c_str());
  }
  std::printf("%s\n", differences->empty() ? "all topics are as wanted" : "");
  for (const std::string& line : acl_lines(plan.names, {}, settings->kafka.group)) std::printf("%s\n", line.c_str());
  return ExitCode::Done;
}

ExitCode create(const Options& options) {
  const auto settings = settings_in(options);
  if (!settings) return ExitCode::Unusable;
  const TopicPlan plan = plan_of(*settings, options);
  const auto made = create_topics(kafka_of(*settings), specs_of(plan), plan.replication, kWithin);
  if (!made) return fail(made.error());
  for (const std::string& name : *made) std::printf("made %s\n", name.c_str());
  if (made->empty()) std::printf("nothing to make: every topic exists\n");
  return ExitCode::Done;
}

}  // namespace

void add_topics(CLI::App& app, Subcommand& action) {
  auto options = std::make_shared<Options>();
  CLI::App* topics = app.add_subcommand("topics", "The Kafka topics with their policies");
  topics->require_subcommand(1);
  CLI::App* look = topics->add_subcommand(
      "check", "Compares the cluster with what is needed, and prints the ACLs each component needs; changes nothing");
  CLI::App* make = topics->add_subcommand("create", "Makes the topics that are missing; never alters one that exists");
  for (CLI::App* command : {look, make}) {
    command->add_option("--config", options->config, "Settings file")->required()->type_name("FILE");
    command->add_option("--partitions", options->partitions, "Partitions of the events topic")
        ->capture_default_str()
        ->check(CLI::Range(1, 1024));
    command->add_option("--replication", options->replication, "Replicas of each topic")->capture_default_str()->check(CLI::Range(1, 9));
  }
  look->footer("Exit codes: 0 done, whatever differs; 2 wrong settings; 3 the cluster is not reachable.");
  make->footer("Exit codes: 0 done; 2 wrong settings; 3 the cluster is not reachable.");
  look->callback([options, &action] { action = [options] { return check(*options); }; });
  make->callback([options, &action] { action = [options] { return create(*options); }; });
}

}  // namespace ringfence
