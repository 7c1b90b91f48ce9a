// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/event/ids.h"

namespace ringfence {

/// What a record shows of its agent, wherever that stands in it; names empty where nothing could be read.
struct Shown {
  std::string agent_id, tenant;
  bool foreign = false;  // read to its end, and neither `v` nor `kind` was there: it does not say that it is an event of ours
};

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
  /// Of such a record; null where the source has not looked.
  const Shown* shown = nullptr;

  /// Only an excerpt is here: nothing to decode, to be refused by `too_large`.
  [[nodiscard]] bool cut() const { return size > bytes.size(); }
};

}  // namespace ringfence
