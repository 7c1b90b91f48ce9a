// SPDX-License-Identifier: Apache-2.0
#include "engine/verdict/containment.h"

#include <algorithm>
#include <array>

#include "engine/event/escape.h"
#include "engine/verdict/act_scopes.h"

namespace ringfence {
namespace {

constexpr std::array<std::string_view, 8> kTypes{"agent", "instance", "session", "borrowed", "credential", "subtree", "user", "tenant"};
constexpr std::string_view kGlobal = "global:";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Only what percent_encoded writes comes back to the same text; parse_scope checks that, so leniency here does no harm.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

}  // namespace

std::string scope_key(std::string_view type, std::string_view tenant, std::string_view id) {
  if (type == "global") return std::string(kGlobal);
  return std::string(type) + ":" + percent_encoded(tenant) + "/" + (is_part(type) ? std::string(id) : percent_encoded(id));
}

std::string session_scope_key(std::string_view tenant, std::string_view agent_id, std::string_view session_id) {
  return scope_key("session", tenant, percent_encoded(agent_id) + "/" + percent_encoded(session_id));
}

std::optional<ScopeParts> parse_scope(std::string_view scope) {
  if (scope == kGlobal) return ScopeParts{"global", "", "", ""};
  const std::size_t colon = scope.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view type = scope.substr(0, colon);
  if (std::ranges::find(kTypes, type) == kTypes.end()) return std::nullopt;

  std::vector<std::string> parts;
  for (std::string_view rest = scope.substr(colon + 1);;) {
    const std::size_t slash = rest.find('/');
    auto part = percent_decoded(rest.substr(0, slash));
    if (!part || part->empty()) return std::nullopt;
    parts.push_back(std::move(*part));
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  const bool part = is_part(type);
  if (parts.size() != (part ? 3U : 2U)) return std::nullopt;
  ScopeParts found{std::string(type), parts[0], parts[1], part ? parts[2] : ""};
  if (type == "tenant" && found.id != found.tenant) return std::nullopt;
  const std::string id = part ? percent_encoded(found.id) + "/" + percent_encoded(found.session) : found.id;
  if (scope_key(type, found.tenant, id) != scope) return std::nullopt;
  return found;
}

}  // namespace ringfence
