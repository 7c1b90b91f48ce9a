// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "engine/event/ids.h"

namespace ringfence {

/// XXH3-128 of the bytes, unseeded: equal on every machine.
[[nodiscard]] Hash128 hash128(std::string_view bytes);

/// `agent_key` of a tenant given in parts, which are hashed as if they were one text.
[[nodiscard]] AgentKey key_of(std::span<const std::string_view> scope, std::string_view id);

}  // namespace ringfence
