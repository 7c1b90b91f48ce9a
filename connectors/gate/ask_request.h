// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "connectors/gate/subject_places.h"
#include "engine/gate/ask.h"

namespace ringfence {

/// What of a call is no tool call, and so no act to ask about.
struct NothingToAsk {};
/// A tool call of an asked tier that cannot be put as one question: no body, no JSON-RPC, several calls at once, two readings, too long, by
/// nobody that is named.
struct Unaskable {};
/// The act as the engine is asked about it: the event's text, and the key of its record.
struct AskRequest {
  std::string agent, event;
};

/// Whom a request event names beside the caller.
struct AskedAct {
  std::string id;      // the act's id where the gateway gives one; empty: the question's own
  std::string server;  // `tool.server`; may be empty
};

/// Makes request events of calls. Immutable; one thread asks.
class AskWriter {
 public:
  /// `gate` is the name under which answers come; `server` and `act` are places (`SubjectPlaces`) or empty.
  [[nodiscard]] static std::expected<AskWriter, std::string> open(std::string gate, const std::string& server, const std::string& act,
                                                                  const std::string& jwt_header);

  /// The question about a call, where `policy` wants it asked. `now` becomes the act's time.
  [[nodiscard]] std::variant<NothingToAsk, Unaskable, AskRequest> question(const HttpRequest& request, const Identified& who,
                                                                           std::string_view body, const AskPolicy& policy, EventTime now);

 private:
  explicit AskWriter(std::string gate);
  [[nodiscard]] std::expected<AskedAct, std::string> act_of(const HttpRequest& request) const;

  std::string gate_;
  std::string nonce_;  // of this process: no two questions are the same text
  std::uint64_t next_ = 0;
  std::optional<SubjectPlaces> server_, act_;
};

}  // namespace ringfence
