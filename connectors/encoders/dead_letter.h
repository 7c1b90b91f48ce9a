// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "engine/event/decode.h"
#include "engine/event/record.h"

namespace ringfence {

/// A refused record with all it takes to understand it and to send it again. Owned strings only.
struct DeadLetter {
  std::string topic;  // topic or path the record came from
  Position position;
  /// Line from 1, where the input is a file.
  std::optional<std::int64_t> line;
  std::string stage, reason, detail;
  /// What the record still shows, empty where nothing.
  std::string agent_id, tenant;
  std::optional<EventTime> arrival;
  std::string key;
  /// The record, or its first 64 KiB where it is larger than its source or one record of the topic can hold.
  std::string record;
  /// Of the whole record.
  std::uint64_t size = 0;
  /// Of the whole record, lower-case hex; only where `record` is an excerpt.
  std::string sha256;

  /// The record is here in full and can be sent again.
  [[nodiscard]] bool whole() const { return sha256.empty(); }
};

/// Whether positions are lines of a file, which people count from 1, or offsets of a topic.
enum class InputKind : std::uint8_t { File, Topic };

[[nodiscard]] DeadLetter dead_letter(const Record& record, const Refusal& refusal, std::string_view topic, InputKind kind);

/// One JSON object without line feeds. The record stands under `record` where it is valid UTF-8, else as base64 (RFC 4648) under
/// `record_base64`; an excerpt has `sha256` beside it. The same input gives the same bytes.
[[nodiscard]] std::string encode_dead_letter(const DeadLetter& letter);
/// What `encode_dead_letter` wrote, or what is wrong with it. Unknown keys are passed over, for letters of later versions.
[[nodiscard]] std::expected<DeadLetter, std::string> parse_dead_letter(std::string_view json);

/// Key on the dead-letter topic: the source position, `topic/partition/offset`.
[[nodiscard]] std::string dead_letter_key(const DeadLetter& letter);

}  // namespace ringfence
