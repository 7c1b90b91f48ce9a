// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/strict_json.h"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

namespace ringfence {

std::expected<nlohmann::ordered_json, std::string> parse_strict_json(std::string_view text) {
  using Json = nlohmann::ordered_json;
  using Event = Json::parse_event_t;
  std::vector<std::set<std::string>> keys;
  std::string fault;
  // The library's parser is iterative and asks for every container and key, so the depth is known before anything is built that deep.
  const auto check = [&](int depth, Event event, Json& parsed) {
    if (depth > kStrictJsonDepth) fault = "nested too deeply";
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(parsed.get<std::string>()).second) fault = "a key appears twice in one object";
    return fault.empty();
  };
  try {
    Json parsed = Json::parse(text.begin(), text.end(), check);
    if (!fault.empty()) return std::unexpected(fault);
    return parsed;
  } catch (const Json::exception&) {
    return std::unexpected(fault.empty() ? "not valid JSON" : fault);
  }
}

}  // namespace ringfence
