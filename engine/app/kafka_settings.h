// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/settings.h"
#include "connectors/kafka/client.h"
#include "connectors/kafka/topics.h"

namespace ringfence {

/// How every client of this process reaches the cluster.
[[nodiscard]] KafkaSettings kafka_of(const Settings& settings);
/// The topics by their names in the settings.
[[nodiscard]] TopicNames topics_of(const Settings& settings);

}  // namespace ringfence
