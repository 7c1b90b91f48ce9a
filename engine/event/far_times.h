// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>

#include "engine/event/ids.h"

/// Times of any distance: what would pass the end of the range of nanoseconds stays at it.
namespace ringfence {

/// When an act may have happened: earlier and later ones are mistakes of a clock or a format (docs/contracts/event.md).
inline constexpr EventTime kEventTimeLeast{946'684'800'000'000'000};     // 2000-01-01
inline constexpr EventTime kEventTimeBehind{7'258'118'400'000'000'000};  // 2200-01-01

/// Length from `earlier` to `later`.
[[nodiscard]] constexpr Nanos between(EventTime earlier, EventTime later) {
  std::int64_t length = 0;
  if (!__builtin_sub_overflow(later.value, earlier.value, &length)) return Nanos{length};
  return Nanos{later > earlier ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int64_t>::min()};
}

/// The time so long before; `length` is at least 0.
[[nodiscard]] constexpr EventTime before(EventTime time, Nanos length) {
  std::int64_t value = 0;
  return EventTime{__builtin_sub_overflow(time.value, length.value, &value) ? std::numeric_limits<std::int64_t>::min() : value};
}

}  // namespace ringfence
