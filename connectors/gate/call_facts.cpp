// SPDX-License-Identifier: Apache-2.0
#include "connectors/gate/call_facts.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "connectors/encoders/keys.h"
#include "connectors/gate/call_text.h"
#include "engine/event/limits.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kIdChars = 256;
constexpr std::size_t kBatchMax = 256;

// Model Context Protocol 2025-06-18: what asks and changes nothing. `tools/call` is judged by its tool.
constexpr std::array<std::string_view, 12> kReads{"initialize",
                                                  "ping",
                                                  "notifications/initialized",
                                                  "notifications/cancelled",
                                                  "notifications/progress",
                                                  "tools/list",
                                                  "resources/list",
                                                  "resources/read",
                                                  "resources/templates/list",
                                                  "prompts/list",
                                                  "prompts/get",
                                                  "completion/complete"};

/// RFC 9110 §7.8 and RFC 6455 §4.1; gateways that let connections be upgraded pass the second on.
constexpr std::array<std::string_view, 2> kTunnels{"upgrade", "sec-websocket-key"};

bool reads_by_itself(std::string_view method) { return method == "GET" || method == "HEAD" || method == "OPTIONS"; }

bool reads(const Json& request, const std::vector<std::string>& read_tools) {
  const std::string method = request.at("method").get<std::string>();
  if (std::ranges::find(kReads, method) != kReads.end()) return true;
  if (method != "tools/call" || !request.contains("params") || !request.at("params").is_object()) return false;
  const Json& params = request.at("params");
  return params.contains("name") && params.at("name").is_string() && is_named(read_tools, params.at("name").get<std::string>());
}

bool is_request(const Json& value) {
  return value.is_object() && value.contains("jsonrpc") && value.at("jsonrpc") == "2.0" && value.contains("method") &&
         value.at("method").is_string();
}

std::string id_of(const Json& request) {
  if (!request.contains("id")) return "null";
  const Json& id = request.at("id");
  const bool repeatable = id.is_number_integer() || (id.is_string() && id.get_ref<const std::string&>().size() <= kIdChars);
  return repeatable ? id.dump(-1, ' ', true, Json::error_handler_t::replace) : "null";
}

}  // namespace

std::optional<JsonRpcCall> read_json_rpc(std::string_view body, const std::vector<std::string>& read_tools) {
  if (body.empty() || body.size() > limits::kEventBytes) return std::nullopt;
  const auto document = parse_call_text(body);
  if (!document) return std::nullopt;
  JsonRpcCall out;
  out.batch = document->is_array();
  if (!out.batch && !is_request(*document)) return std::nullopt;
  if (out.batch && (document->empty() || document->size() > kBatchMax || !std::ranges::all_of(*document, is_request))) return std::nullopt;
  out.reads_only = true;
  const auto add = [&](const Json& request) {
    out.ids.push_back(id_of(request));
    out.reads_only = out.reads_only && reads(request, read_tools);
  };
  if (out.batch)
    for (const Json& request : *document) add(request);
  else
    add(*document);
  return out;
}

bool does_what_it_shows(std::string_view method) { return method == "POST" || reads_by_itself(method); }

bool hides_its_method(const HttpRequest& request) {
  return std::ranges::any_of(kMethodOverrides, [&](std::string_view name) { return request.says(name); });
}

bool opens_a_tunnel(const HttpRequest& request) {
  return std::ranges::any_of(kTunnels, [&](std::string_view name) { return request.says(name); });
}

std::optional<Effect> effect_of(std::string_view method, std::string_view body, const std::vector<std::string>& read_tools) {
  if (!does_what_it_shows(method)) return std::nullopt;
  if (body.empty()) return reads_by_itself(method) ? std::optional(Effect::Read) : std::nullopt;
  const auto call = read_json_rpc(body, read_tools);
  return call && call->reads_only ? std::optional(Effect::Read) : std::nullopt;
}

}  // namespace ringfence
