// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <expected>
#include <string>
#include <vector>

#include "config/settings.h"

namespace ringfence {

inline constexpr std::size_t kHttpReplyBytes = 4U << 20U;

struct HttpReply {
  int status = 0;
  std::string body;
};
/// One GET over a connection of its own, without TLS: for endpoints of this machine and of gates beside it. `headers` are whole lines. The
/// error says in a clause why there is no reply; a reply of over `kHttpReplyBytes` is none.
[[nodiscard]] std::expected<HttpReply, std::string> http_ask(const Address& at, const std::string& target, std::chrono::milliseconds within,
                                                             const std::vector<std::string>& headers = {});

}  // namespace ringfence
