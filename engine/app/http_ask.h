// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <expected>
#include <string>
#include <vector>

#include "config/settings.h"
#include "engine/app/tls_client.h"

namespace ringfence {

inline constexpr std::size_t kHttpReplyBytes = 4U << 20U;

struct HttpReceived {
  int status = 0;
  std::string body;
};
/// One GET over a connection of its own: for endpoints of this machine and for gates. `headers` are whole lines. With `trust` over TLS, to
/// whom that takes for `at.host` and nobody else; without, in the clear. The error says in a clause why there is no reply; a reply of over
/// `kHttpReplyBytes` is none.
[[nodiscard]] std::expected<HttpReceived, std::string> http_ask(const Address& at, const std::string& target,
                                                                std::chrono::milliseconds within,
                                                                const std::vector<std::string>& headers = {},
                                                                const TlsTrust* trust = nullptr);

}  // namespace ringfence
