// SPDX-License-Identifier: Apache-2.0
#include "engine/event/declared_host.h"

#include <algorithm>

namespace ringfence {
namespace {

bool holds_only(std::string_view text, std::string_view members) {
  return !text.empty() && text.find_first_not_of(members) == std::string_view::npos;
}

/// Of a name or an IPv4 number the colon before its port; npos where there is none. `fe80:**` and `**:443` may be IPv6 numbers, and
/// `arn:**` any text with more colons.
std::size_t port_of(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  if (colon == std::string_view::npos || host.find(':') != colon) return std::string_view::npos;
  const std::string_view name = host.substr(0, colon), port = host.substr(colon + 1);
  const bool dotted = name.find('.') != std::string_view::npos && holds_only(port, "0123456789*");
  const bool numbered = name.find("**") == std::string_view::npos && holds_only(port, "0123456789");
  return dotted || numbered ? colon : std::string_view::npos;
}

bool may_match(std::string_view host) {
  const auto fits = [](char c) { return kHostAscii.has(c) || c == '*' || (static_cast<unsigned char>(c) & 0x80U) != 0; };
  return !host.empty() && !host.ends_with('.') && port_of(host) == std::string_view::npos && std::ranges::all_of(host, fits);
}

std::string_view bare(std::string_view text) {
  if (const std::size_t scheme = text.find("://"); scheme != std::string_view::npos) text.remove_prefix(scheme + 3);
  text = text.substr(0, text.find_first_of("/\\?#"));
  if (const std::size_t user = text.rfind('@'); user != std::string_view::npos) text.remove_prefix(user + 1);
  text = text.starts_with('[') ? text.substr(1, text.find(']') - 1) : text.substr(0, port_of(text));
  while (text.ends_with('.')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<std::string> host_fault(std::string_view declared) {
  if (may_match(declared)) return std::nullopt;
  const std::string_view host = bare(declared);
  std::string message =
      "expected a bare host, without scheme, user, port, path, brackets and final dot, found '" + std::string(declared) + "'";
  if (may_match(host)) message += "; write '" + std::string(host) + "'";
  return message;
}

}  // namespace ringfence
