// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "connectors/gate/answers.h"
#include "connectors/gate/follower.h"
#include "connectors/gate/http_server.h"

namespace ringfence {

/// The page of a gate's counters in Prometheus text format 0.0.4. Each number is right by itself, two of them may be a call apart.
[[nodiscard]] std::string gate_exposition(const Follower& follower, const GateAnswers& answers, const HttpServer& server);

}  // namespace ringfence
