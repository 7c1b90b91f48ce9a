// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "connectors/encoders/control.h"
#include "engine/pipeline/rulebook.h"
#include "engine/verdict/command.h"
#include "engine/verdict/enforcement.h"

namespace ringfence {

/// What shards judge by, with the record that says it: of the context topic, or made of the files it was read from.
struct RuleSet {
  std::shared_ptr<const Rulebook> rules;
  std::shared_ptr<const std::string> record;
};
[[nodiscard]] RuleSet rule_set(PersonaSet set, const std::vector<std::string>& internal_hosts, std::string record);

/// An operator's command as it was taken: checked, and its signature verified by whoever wrote the record. On the context topic it stands
/// as a signed token; the context log holds `{"v":1,"kind":"command",…}` with what it said.
struct OperatorCommand {
  Command command;
  ScopeParts scope;
  std::string record;
  std::string jti;       // of the signed record; empty where a log of an older release does not say
  std::int64_t iat = 0;  // of the signed record alone
  std::string kid{};     // whose key signed that
};

/// What every expected gate has confirmed, or what another writer has ended since (level `observe`); never on the context topic, in the
/// context log as `{"v":1,"kind":"enforced",…}`.
struct GatesWord {
  Enforcement what;
  ScopeParts scope;
  std::string record;
};
/// Nothing where the scope is none, or, but for another writer's, not one that an agent's state answers for.
[[nodiscard]] std::optional<GatesWord> gates_word(Enforcement enforcement);

/// What takes effect behind a recorded place: a persona set, a fact as its canonical event, an operator's command (all of the context
/// topic), or what gates have confirmed.
using ContextContent = std::variant<RuleSet, std::string, OperatorCommand, GatesWord>;
[[nodiscard]] std::string_view record_of(const ContextContent& content);

/// The content, or everything wrong with it.
struct ContextRead {
  std::optional<ContextContent> content;
  std::vector<std::string> errors;
};
[[nodiscard]] ContextRead read_persona_set(std::string record, const std::vector<std::string>& internal_hosts);
[[nodiscard]] ContextRead read_fact(std::string record);
/// A command as the context topic holds it: signed by a key that may speak as `operator`, for this audience, and a complete command.
[[nodiscard]] ContextRead read_signed_command(std::string_view jws, const TrustedKeys& trusted, std::string_view audience);
/// Any of what a context log holds, as the record itself says.
[[nodiscard]] ContextRead read_context_record(std::string record, const std::vector<std::string>& internal_hosts);

/// The files of a persona set as one record, and back; the error says what is missing.
[[nodiscard]] std::string encode_persona_set(const std::map<std::string, std::string>& files);
[[nodiscard]] std::expected<std::map<std::string, std::string>, std::string> decode_persona_set(const std::string& record);

}  // namespace ringfence
