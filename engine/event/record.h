// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/event/ids.h"

namespace ringfence {

/// One record of the input: bytes and where they stood. Views belong to the source and live until it is asked again.
struct Record {
  std::string_view bytes;
  Position position;
  /// The Kafka record's time; files have none.
  std::optional<EventTime> arrival;
  /// The Kafka record's key; files have none.
  std::string_view key;
  /// Size of the whole record in bytes. Greater than `bytes.size()` only where the record is over `limits::kEventBytes`: `bytes` is then
  /// its first `limits::kDeadLetterExcerpt` and `sha256` (lower-case hex) is of the whole.
  std::uint64_t size = 0;
  std::string_view sha256;

  /// Only an excerpt is here: nothing to decode, to be refused by `too_large`.
  [[nodiscard]] bool cut() const { return size > bytes.size(); }
};

}  // namespace ringfence
