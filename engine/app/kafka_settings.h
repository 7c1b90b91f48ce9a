// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/settings.h"
#include "connectors/kafka/client.h"
#include "connectors/kafka/topics.h"
#include "engine/app/exit_code.h"

namespace ringfence {

/// How every client of this process reaches the cluster.
[[nodiscard]] KafkaSettings kafka_of(const Settings& settings);
/// Of a command that ends with this error: wrong settings, or a cluster that is not reachable.
[[nodiscard]] ExitCode exit_of(const KafkaError& error);
/// The topics by their names in the settings.
/// The input in the names of this engine's control writers (`engine_writer`): the events topic, and `@GROUP` (percent-encoded) of a twin,
/// whose group is not the default one, so that engines of several groups over the same topics do not silence each other.
[[nodiscard]] std::string input_name(const Settings& settings);
[[nodiscard]] TopicNames topics_of(const Settings& settings);

}  // namespace ringfence
