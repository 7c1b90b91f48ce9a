// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/encoders/control.h"

namespace ringfence {

/// What a gate answers to one record (docs/contracts/control.md, Acknowledgements).
struct GateAck {
  std::string jti, key;
  std::uint64_t generation = 0, epoch = 0;
  AckStatus status{};
  std::optional<EventTime> effective_at;  // event time; for the lag
  std::optional<WallTime> applied_at;     // where the record is in force
  std::vector<std::string> unsupported;
};
/// The value of an acknowledgement; one of a record that is not in force has neither `applied_at` nor `lag_ms`.
[[nodiscard]] std::string encode_ack(const GateAck& ack, std::string_view gate);
/// `gate|key`.
[[nodiscard]] std::string ack_key(std::string_view gate, std::string_view key);

/// An acknowledgement read back; `effective_at` is not in it.
struct ReadAck {
  std::string gate;
  GateAck ack;
};
/// Reads one of these two, which must name the same gate and key. Names of gates are of at most 256 bytes, keys of at most 8 KiB, times lie
/// in this century. The error names the fault and repeats nothing.
[[nodiscard]] std::expected<ReadAck, std::string> decode_ack(std::string_view key, std::string_view value);

}  // namespace ringfence
