// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "connectors/encoders/control.h"
#include "engine/event/event.h"

/// Acts that a gate asks about before they happen (docs/design/enforcement.md §3a): a request event that names its gate, and the engine's
/// signed answer under the gate's name.
namespace ringfence {

/// The gate that waits for an answer to this event; nothing where nobody does.
[[nodiscard]] std::optional<std::string_view> asking_gate(const Event& event);

/// What the engine decided of one act that was asked about. `asked` is the SHA-256 (hex) of the request's record, byte for byte: an answer
/// fits that question and no other, whoever asked, whatever else is the same.
struct AskAnswer {
  std::string writer;  // `engine-<topic>-<partition>`, as in control records
  std::uint64_t generation = 0;
  std::string gate, asked;
  bool allowed = false;
  std::string level;        // that stood after the act was judged
  std::string finding_uid;  // empty where none came of it
  std::int64_t time_ms = 0;
  bool operator==(const AskAnswer&) const = default;
};

/// A Security Event Token like a control record, event URI `…/answer/v1`. A function of its arguments alone.
[[nodiscard]] std::string encode_answer(const AskAnswer& answer, const Issuer& issuer);
/// The whole check but whether somebody waits for it: signature, kind, audience, issuer, that the key may speak as that writer.
[[nodiscard]] std::expected<AskAnswer, ControlRefusal> verify_answer(std::string_view jws, const TrustedKeys& trusted,
                                                                     std::string_view audience, std::string_view issuer);
/// Longer answers are refused unread.
inline constexpr std::size_t kAnswerBytes = 8192;

}  // namespace ringfence
