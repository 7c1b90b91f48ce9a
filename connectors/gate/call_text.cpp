// SPDX-License-Identifier: Apache-2.0
#include "connectors/gate/call_text.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "connectors/encoders/strict_json.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 6> kEnvelope{"jsonrpc", "id", "method", "params", "result", "error"};
constexpr std::array<std::string_view, 3> kParams{"name", "arguments", "uri"};

/// The key in lower case. Two letters outside ASCII are folded to one within (Unicode, CaseFolding.txt): ſ to s and the kelvin sign to k.
std::string folded(std::string_view key) {
  constexpr std::string_view kLongS = "\xC5\xBF", kKelvin = "\xE2\x84\xAA";
  std::string out;
  for (std::size_t at = 0; at < key.size(); ++at) {
    if (key.substr(at).starts_with(kLongS)) {
      out += 's';
      at += kLongS.size() - 1;
    } else if (key.substr(at).starts_with(kKelvin)) {
      out += 'k';
      at += kKelvin.size() - 1;
    } else {
      out += key[at] >= 'A' && key[at] <= 'Z' ? static_cast<char>(key[at] - 'A' + 'a') : key[at];
    }
  }
  return out;
}

/// No key is one of `names` but for its case.
bool spells(const Json& object, std::span<const std::string_view> names) {
  return std::ranges::all_of(object.items(), [&](const auto& member) {
    const std::string plain = folded(member.key());
    return plain == member.key() || std::ranges::find(names, plain) == names.end();
  });
}

bool spells_json_rpc(const Json& message) {
  if (!message.is_object()) return true;
  if (!spells(message, kEnvelope)) return false;
  const auto params = message.find("params");
  return params == message.end() || !params->is_object() || spells(*params, kParams);
}

/// Bounded by what a strict text may nest.
bool tells_keys_apart(const Json& value) {
  std::set<std::string> keys;
  if (value.is_object() &&
      !std::ranges::all_of(value.items(), [&](const auto& member) { return keys.insert(folded(member.key())).second; }))
    return false;
  return !value.is_structured() || std::ranges::all_of(value, tells_keys_apart);
}

}  // namespace

std::expected<Json, std::string> parse_call_text(std::string_view body) {
  auto document = parse_strict_json(body);
  if (!document) return document;
  const bool spelt = document->is_array() ? std::ranges::all_of(*document, spells_json_rpc) : spells_json_rpc(*document);
  if (!spelt) return std::unexpected("a key of JSON-RPC is written in another case");
  if (!tells_keys_apart(*document)) return std::unexpected("two keys of one object differ in case alone");
  return document;
}

}  // namespace ringfence
