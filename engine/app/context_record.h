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

#include "engine/pipeline/rulebook.h"

namespace ringfence {

/// What shards judge by, with the record that says it: of the context topic, or made of the files it was read from.
struct RuleSet {
  std::shared_ptr<const Rulebook> rules;
  std::shared_ptr<const std::string> record;
};
[[nodiscard]] RuleSet rule_set(PersonaSet set, const std::vector<std::string>& internal_hosts, std::string record);

/// The content of a record of the context topic: a persona set, or a fact as its canonical event.
using ContextContent = std::variant<RuleSet, std::string>;
[[nodiscard]] std::string_view record_of(const ContextContent& content);

/// The content, or everything wrong with it.
struct ContextRead {
  std::optional<ContextContent> content;
  std::vector<std::string> errors;
};
[[nodiscard]] ContextRead read_persona_set(std::string record, const std::vector<std::string>& internal_hosts);
[[nodiscard]] ContextRead read_fact(std::string record);
/// Either, as the record itself says.
[[nodiscard]] ContextRead read_context_record(std::string record, const std::vector<std::string>& internal_hosts);

/// The files of a persona set as one record, and back; the error says what is missing.
[[nodiscard]] std::string encode_persona_set(const std::map<std::string, std::string>& files);
[[nodiscard]] std::expected<std::map<std::string, std::string>, std::string> decode_persona_set(const std::string& record);

}  // namespace ringfence
