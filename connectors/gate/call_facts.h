// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/gate/http_message.h"
#include "engine/event/event.h"

namespace ringfence {

/// Headers by which a client has one method stand for another.
inline constexpr std::array<std::string_view, 3> kMethodOverrides{"x-http-method-override", "x-http-method", "x-method-override"};

/// Another method than the request's own may be what is done.
[[nodiscard]] bool hides_its_method(const HttpRequest& request);
/// It asks to speak another protocol from here on (a WebSocket): what is called by it no gate will see.
[[nodiscard]] bool opens_a_tunnel(const HttpRequest& request);

/// True of methods under which a body's text tells what is done: POST, which MCP calls come by, and those that read whatever their body
/// says. Of any other (DELETE, PUT, PATCH) the method itself is the act, and a harmless text beside it says nothing.
[[nodiscard]] bool does_what_it_shows(std::string_view method);

/// What a call is by its JSON-RPC text (MCP): enough to tell reads from the rest, and to answer in its own form.
struct JsonRpcCall {
  std::vector<std::string> ids;  // of the requests in it, as JSON; `null` where one has none that can be repeated
  bool batch = false;
  bool reads_only = false;
};

/// Nothing where the text is no JSON-RPC 2.0 request, is longer than 1 MiB, or can be read in two ways. `read_tools`: those that only read,
/// as the installation says, by a name or a prefix and `*` (is_named).
[[nodiscard]] std::optional<JsonRpcCall> read_json_rpc(std::string_view body, const std::vector<std::string>& read_tools);

/// What a call does, as far as a gate can see: a read where it is a GET, HEAD or OPTIONS without a body, or one of these or a POST with MCP
/// methods that only read or the call of a tool that was declared to. Nothing where it cannot be told, and that is no read.
[[nodiscard]] std::optional<Effect> effect_of(std::string_view method, std::string_view body, const std::vector<std::string>& read_tools);

}  // namespace ringfence
