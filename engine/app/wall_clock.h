// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "connectors/encoders/control.h"

namespace ringfence {

/// The wall clock, for what is told to people and other machines; the core has its time from events. Any thread.
[[nodiscard]] inline WallTime wall_now() {
  return WallTime{std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count()};
}

}  // namespace ringfence
