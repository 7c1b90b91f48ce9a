// SPDX-License-Identifier: Apache-2.0
#include "engine/app/kafka_settings.h"

#include "engine/event/escape.h"

namespace ringfence {

KafkaSettings kafka_of(const Settings& settings) {
  KafkaSettings kafka{.bootstrap_servers = settings.kafka.bootstrap, .client = settings.kafka.client};
  for (const auto& [name, file] : settings.kafka.client_secret_files) kafka.client[name + "_file"] = file.string();
  return kafka;
}

std::string input_name(const Settings& settings) {
  const bool twin = settings.kafka.group != default_settings().kafka.group;
  return settings.topics.events + (twin ? "@" + percent_encoded(settings.kafka.group) : "");
}

ExitCode exit_of(const KafkaError& error) { return error.code == KafkaError::Code::Config ? ExitCode::Unusable : ExitCode::Unreachable; }

TopicNames topics_of(const Settings& settings) {
  const auto& t = settings.topics;
  return {.events = t.events,
          .findings = t.findings,
          .control = t.control,
          .control_acks = t.acks,
          .verdicts = t.verdicts,
          .links = t.links,
          .state = t.state,
          .context = t.context,
          .audit = t.audit,
          .deadletter = t.dead_letter};
}

}  // namespace ringfence
