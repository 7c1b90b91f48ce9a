// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/channel.h"

namespace ringfence {

/// Where tools come from: `tool.unregistered` for a call to a tool that its server has not defined, only for servers whose definitions this
/// agent's stream has shown; `tool.definition_changed` where a definition, or the one a call names, differs from the pinned one.
/// The definition seen last is pinned; one that differs from it is reported once and pinned in its place. At most 64 servers and 2,048
/// definitions an agent (16 bytes each); a server of which one was left out is no longer judged. What is defined under a borrowed name
/// holds for that session alone, beside what the agent knew by then. Blind to: servers and calls without `tool.server`, definitions without
/// a hash. Source: docs/contracts/topics.md.
[[nodiscard]] const Channel& supply_channel();

/// True where the act's server has shown its definitions to this agent, all of them were kept, and the act's tool is not among them.
[[nodiscard]] bool outside_catalogue(const Act& act);

}  // namespace ringfence
