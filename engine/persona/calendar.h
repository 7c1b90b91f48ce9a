// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace ringfence {

/// True for a zone of the system's IANA time zone data. Thread-safe.
[[nodiscard]] bool is_time_zone(const std::string& name);

}  // namespace ringfence
