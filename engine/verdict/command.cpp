// SPDX-License-Identifier: Apache-2.0
#include "engine/verdict/command.h"

#include <algorithm>
#include <array>

#include "engine/event/sha256.h"
#include "engine/state/codec.h"
#include "engine/verdict/act_scopes.h"

namespace ringfence {
namespace {

constexpr std::array<std::string_view, 4> kCommands{"halt", "approve", "release", "purge"};
constexpr std::string_view kPerson = "op-";
constexpr std::size_t kReasonBytes = 1024;
constexpr std::size_t kNameBytes = 256;

constexpr std::string_view kBlanks = " \t\r\n";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool trimmed(std::string_view name) {
  return name.empty() || (kBlanks.find(name.front()) == std::string_view::npos && kBlanks.find(name.back()) == std::string_view::npos);
}

bool blank(std::string_view text) { return text.find_first_not_of(kBlanks) == std::string_view::npos; }

}  // namespace

std::expected<ScopeParts, std::string> check_command(const Command& command) {
  if (std::ranges::find(kCommands, command.command) == kCommands.end())
    return std::unexpected("command: not one of halt approve release purge");
  auto scope = parse_scope(command.scope);
  if (!scope)
    return std::unexpected(
        "scope: not one of agent:TENANT/ID instance:TENANT/ID session:TENANT/AGENT/SESSION borrowed:TENANT/AGENT/FINGERPRINT "
        "credential:TENANT/FINGERPRINT subtree:TENANT/ROOT user:TENANT/ID tenant:TENANT/TENANT global: with parts percent-encoded");
  if (command.command == "halt" && scope->type == "borrowed")
    return std::unexpected("scope: a credential is halted as credential:TENANT/FINGERPRINT, whoever's name it goes under");
  if (blank(command.reason)) return std::unexpected("reason: missing");
  if (blank(command.by)) return std::unexpected("by: missing");
  if (command.reason.size() > kReasonBytes) return std::unexpected("reason: longer than 1024 bytes");
  if (std::max({command.by.size(), command.approver.size(), command.ticket.size()}) > kNameBytes)
    return std::unexpected("by, approver, ticket: longer than 256 bytes");
  if (!trimmed(command.by) || !trimmed(command.approver)) return std::unexpected("by, approver: begins or ends with a blank");
  return std::move(*scope);
}

bool takes_in(const ScopeParts& outer, const std::string& scope) {
  const auto parts = parse_scope(scope);
  if (!parts || parts->tenant != outer.tenant || parts->id != outer.id) return false;
  if (parts->type == outer.type) return !is_part(outer.type) || *parts == outer;
  const bool tree = outer.type == "subtree";
  return (tree && parts->type == "agent") || ((tree || outer.type == "agent") && is_part(parts->type));
}

bool same_person(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, lower, lower); }

std::string cause_of(const Command& command) {
  Writer parts;
  for (const std::string* part : {&command.command, &command.scope, &command.reason, &command.by, &command.approver, &command.ticket})
    parts.text(*part);
  return "command-" + sha256_hex(parts.bytes()).substr(0, 16);
}

std::string halted_by(std::string_view by) {
  std::string name(by);
  std::ranges::transform(name, name.begin(), lower);
  return std::string(kPerson) + sha256_hex(name).substr(0, 16);
}

bool is_halted_by_person(std::string_view finding_uid) { return finding_uid.starts_with(kPerson); }

}  // namespace ringfence
