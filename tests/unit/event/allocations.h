// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace ringfence::testing_allocations {

/// Calls of the global operator new so far, which this test binary replaces.
[[nodiscard]] std::size_t count();

}  // namespace ringfence::testing_allocations
