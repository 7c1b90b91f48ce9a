// SPDX-License-Identifier: Apache-2.0
#include "engine/app/context_record.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "connectors/encoders/strict_json.h"
#include "engine/event/decode.h"
#include "engine/persona/load.h"
#include "engine/persona/values.h"
#include "engine/pipeline/operate.h"

namespace ringfence {
namespace {

constexpr std::string_view kPersonaSetKind = "persona_set";
constexpr std::string_view kCommandKind = "command";
constexpr std::string_view kEnforcedKind = "enforced";
constexpr std::int64_t kNanosPerMs = 1'000'000;
constexpr std::int64_t kMsMost = 4'000'000'000'000;  // a century from 1970 and some

ContextRead checked(Command command, std::string jti, std::int64_t iat = 0) {
  auto scope = check_command(command);
  if (!scope) return {.content = {}, .errors = {"command: " + scope.error()}};
  const nlohmann::ordered_json json{{"v", 1},
                                    {"kind", kCommandKind},
                                    {"id", jti},
                                    {"command", command.command},
                                    {"scope", command.scope},
                                    {"reason", command.reason},
                                    {"by", command.by},
                                    {"approver", command.approver},
                                    {"ticket", command.ticket}};
  std::string record = json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  return {.content = OperatorCommand{std::move(command), std::move(*scope), std::move(record), std::move(jti), iat}, .errors = {}};
}

ContextRead read_command(const nlohmann::ordered_json& json) {
  const auto text = [&](const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  return checked({.command = text("command"),
                  .scope = text("scope"),
                  .reason = text("reason"),
                  .by = text("by"),
                  .approver = text("approver"),
                  .ticket = text("ticket")},
                 text("id"));
}

/// Throws where a member is missing or of another type.
ContextRead read_enforced(const nlohmann::ordered_json& json) {
  bool in_range = true;
  const auto nanos = [&](const nlohmann::ordered_json& in, const char* name) {
    const auto ms = in.at(name).get<std::int64_t>();
    in_range = in_range && ms >= -kMsMost && ms <= kMsMost;
    return in_range ? ms * kNanosPerMs : 0;
  };
  Enforcement what{.scope = json.at("scope").get<std::string>(), .effective_at = EventTime{nanos(json, "effective_at")}, .gates = {}};
  const auto level = level_named(json.at("level").get<std::string>());
  for (const auto& gate : json.at("gates"))
    what.gates.push_back({gate.at("gate").get<std::string>(), EventTime{nanos(gate, "applied_at")}});
  what.skew = Nanos{nanos(json, "skew_ms")};
  if (json.contains("writer")) what.writer = json.at("writer").get<std::string>();
  if (json.contains("finding")) what.finding_uid = json.at("finding").get<std::string>();
  const bool lifted = level == Level::Observe && !what.writer.empty();
  if (!level || what.gates.empty() != lifted || !in_range)
    return {.content = {}, .errors = {"enforced: without a level, a gate or a time"}};
  what.level = *level;
  auto word = gates_word(std::move(what));
  if (!word) return {.content = {}, .errors = {"enforced: no scope of an agent"}};
  return {.content = std::move(*word), .errors = {}};
}

}  // namespace

std::optional<GatesWord> gates_word(Enforcement enforcement) {
  auto scope = parse_scope(enforcement.scope);
  if (!scope || (enforcement.writer.empty() && is_wide(*scope))) return std::nullopt;
  nlohmann::ordered_json gates = nlohmann::ordered_json::array();
  for (const auto& [name, applied_at] : enforcement.gates) gates.push_back({{"gate", name}, {"applied_at", to_milliseconds(applied_at)}});
  nlohmann::ordered_json json{{"v", 1},
                              {"kind", kEnforcedKind},
                              {"scope", enforcement.scope},
                              {"level", name_of(enforcement.level)},
                              {"effective_at", to_milliseconds(enforcement.effective_at)},
                              {"skew_ms", enforcement.skew.value / kNanosPerMs},
                              {"gates", std::move(gates)}};
  if (!enforcement.writer.empty()) {
    json["writer"] = enforcement.writer;
    json["finding"] = enforcement.finding_uid;
  }
  std::string record = json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  return GatesWord{std::move(enforcement), std::move(*scope), std::move(record)};
}

RuleSet rule_set(PersonaSet set, const std::vector<std::string>& internal_hosts, std::string record) {
  set.assume_internal(lower_hosts(internal_hosts));
  return {std::make_shared<const Rulebook>(std::move(set), all_channels()), std::make_shared<const std::string>(std::move(record))};
}

std::string_view record_of(const ContextContent& content) {
  if (const auto* set = std::get_if<RuleSet>(&content)) return *set->record;
  if (const auto* command = std::get_if<OperatorCommand>(&content)) return command->record;
  if (const auto* word = std::get_if<GatesWord>(&content)) return word->record;
  return std::get<std::string>(content);
}

ContextRead read_signed_command(std::string_view jws, const TrustedKeys& trusted, std::string_view audience) {
  auto verified = verify_command(jws, trusted, audience);
  if (!verified) return {.content = {}, .errors = {"command: " + verified.error().detail}};
  ContextRead read = checked(std::move(verified->command), std::move(verified->jti), verified->iat);
  if (read.content) std::get<OperatorCommand>(*read.content).kid = kid_of_jws(jws).value_or("");
  return read;
}

ContextRead read_persona_set(std::string record, const std::vector<std::string>& internal_hosts) {
  auto files = decode_persona_set(record);
  if (!files) return {.content = {}, .errors = {files.error()}};
  PersonaLoad load = load_personas(FileTree{std::move(*files)});
  ContextRead read;
  for (const Diagnostic& d : load.diagnostics) {
    if (d.kind == Diagnostic::Kind::Error) read.errors.push_back(to_string(d));
  }
  if (load.set) read.content = rule_set(std::move(*load.set), internal_hosts, std::move(record));
  return read;
}

ContextRead read_fact(std::string record) {
  EventDecoder decoder;
  EventArena arena;
  const auto event = decoder.decode(record, std::nullopt, arena);
  if (!event) return {.content = {}, .errors = {event.error().detail}};
  if (event->kind != EventKind::ContextChange) return {.content = {}, .errors = {"neither a persona set nor a fact"}};
  return {.content = ContextContent(std::move(record)), .errors = {}};
}

ContextRead read_context_record(std::string record, const std::vector<std::string>& internal_hosts) {
  const auto json = parse_strict_json(record);
  const bool named = json && json->is_object() && json->contains("kind");
  if (named && json->at("kind") == kPersonaSetKind) return read_persona_set(std::move(record), internal_hosts);
  if (named && json->at("kind") == kCommandKind) return read_command(*json);
  if (named && json->at("kind") == kEnforcedKind) {
    try {
      return read_enforced(*json);
    } catch (const nlohmann::json::exception&) {
      return {.content = {}, .errors = {"enforced: a member is missing or of another type"}};
    }
  }
  return read_fact(std::move(record));
}

std::string encode_persona_set(const std::map<std::string, std::string>& files) {
  return nlohmann::ordered_json{{"v", 1}, {"kind", kPersonaSetKind}, {"files", files}}.dump(-1, ' ', true,
                                                                                            nlohmann::json::error_handler_t::replace);
}

std::expected<std::map<std::string, std::string>, std::string> decode_persona_set(const std::string& record) {
  const auto json = parse_strict_json(record);
  if (!json) return std::unexpected(json.error());
  const bool set = json->is_object() && json->contains("kind") && json->at("kind") == kPersonaSetKind && json->contains("files") &&
                   json->at("files").is_object();
  if (!set) return std::unexpected("not a persona set");
  std::map<std::string, std::string> files;
  for (const auto& [path, text] : json->at("files").items()) {
    if (!text.is_string()) return std::unexpected("a file of the set is not text");
    files[path] = text.get<std::string>();
  }
  return files;
}

}  // namespace ringfence
