// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "engine/event/ids.h"

namespace ringfence {

/// XXH3-128 of the bytes, unseeded: equal on every machine.
[[nodiscard]] Hash128 hash128(std::string_view bytes);

}  // namespace ringfence
