// SPDX-License-Identifier: Apache-2.0
#include "models/scope_spelling.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include "engine/persona/values.h"
#include "models/byte_masks.h"

namespace ringfence::scope {

namespace {

constexpr int kDecodings = 2;
constexpr bytes::Set kEscapes("%\\"), kParts("%\\?#");

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// Every `%XX` of a character in `which` as that character; of any where `which` is empty.
std::string decoded(std::string_view text, std::string_view which) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1, low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    const char c = low >= 0 ? static_cast<char>(high * 16 + low) : text[i];
    const bool plain = low >= 0 && (which.empty() || which.find(c) != std::string_view::npos);
    out += plain ? c : text[i];
    if (plain) i += 2;
  }
  return out;
}

std::string with_slashes(std::string text) {
  std::ranges::replace(text, '\\', '/');
  return text;
}

/// Length of a scheme and its colon before a slash, 0 where there is none. One letter is a drive.
std::size_t scheme_length(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto of_scheme = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'; };
  std::size_t end = 0;
  while (end < text.size() && of_scheme(text[end])) ++end;
  const bool is_scheme = end >= 2 && letter(text.front()) && text.substr(end).starts_with(":/");
  return is_scheme ? end + 1 : 0;
}

enum class Empty { Kept, Dropped };

/// The path without `.` segments, each `..` with what stands before it. One that keeps empty segments never climbs over them.
std::string without_dots(std::string_view path, Empty empty) {
  std::vector<std::string_view> segments;
  while (true) {
    const std::size_t end = path.find('/');
    const std::string_view segment = path.substr(0, end);
    if (segment == "..") {
      if (!segments.empty() && !segments.back().empty()) segments.pop_back();
    } else if (segment != "." && (empty == Empty::Kept || !segment.empty())) {
      segments.push_back(segment);
    }
    if (end == std::string_view::npos) break;
    path.remove_prefix(end + 1);
  }
  std::string out;
  for (std::size_t i = 0; i < segments.size(); ++i) out.append(i == 0 ? "" : "/").append(segments[i]);
  return out;
}

bool climbs(std::string_view path) {
  while (true) {
    const std::size_t end = path.find('/');
    if (path.substr(0, end) == "..") return true;
    if (end == std::string_view::npos) return false;
    path.remove_prefix(end + 1);
  }
}

/// `scheme:`, the slashes behind it, and the rest.
struct Split {
  std::string_view scheme, slashes, rest;
};
Split split(std::string_view text) {
  Split parts;
  parts.scheme = text.substr(0, scheme_length(text));
  text.remove_prefix(parts.scheme.size());
  parts.slashes = text.substr(0, std::min(text.find_first_not_of('/'), text.size()));
  parts.rest = text.substr(parts.slashes.size());
  return parts;
}

/// Where the port of an authority begins, with its colon; its length where it has none.
std::size_t port_of(std::string_view authority) {
  const std::size_t digits = authority.find_last_not_of("0123456789");
  return digits != std::string_view::npos && authority[digits] == ':' ? digits : authority.size();
}

/// What stands before the first slash of a text without a scheme looks like a host: one of several labels, or one with a port.
bool begins_with_host(std::string_view text) {
  const std::size_t end = text.find('/');
  if (end == std::string_view::npos || text.starts_with('.')) return false;
  const std::string_view first = text.substr(0, end);
  return first.find('.') != std::string_view::npos || port_of(first) + 1 < end;
}

struct Scheme {
  std::string_view name, port, secure;  // secure: the same place over TLS
};
constexpr auto kWeb = std::to_array<Scheme>({{"http:", "80", "https:"}, {"https:", "443", ""}, {"ws:", "80", "wss:"}, {"wss:", "443", ""}});

const Scheme* web_scheme(std::string_view scheme) {
  const auto* const found = std::ranges::find(kWeb, scheme, &Scheme::name);
  return found == kWeb.end() ? nullptr : found;
}

/// A text that begins with a host, in pieces; `host` in small letters and without final dots.
struct Address {
  std::string scheme;  // in small letters; empty where there is none
  std::string user;    // with its `@`; empty where there is none
  std::string host, port, path;

  /// Nothing where it does not begin with a host.
  [[nodiscard]] static std::optional<Address> of(std::string_view text) {
    const Split parts = split(text);
    Address out{.scheme = lower_ascii(parts.scheme), .user = {}, .host = {}, .port = {}, .path = {}};
    const bool named = parts.slashes.size() == 2 || (!parts.slashes.empty() && web_scheme(out.scheme) != nullptr);
    if (out.scheme.empty() ? !begins_with_host(parts.rest) : !named) return std::nullopt;
    const std::size_t end = std::min(parts.rest.find('/'), parts.rest.size());
    std::string_view authority = parts.rest.substr(0, end);
    if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
      out.user = authority.substr(0, at + 1);
      authority.remove_prefix(at + 1);
    }
    const std::size_t colon = port_of(authority);
    if (colon < authority.size()) out.port = authority.substr(colon + 1);
    authority = authority.substr(0, colon);
    while (authority.ends_with('.')) authority.remove_suffix(1);
    if (authority.empty()) return std::nullopt;
    out.host = lower_ascii(authority);
    out.path = parts.rest.substr(end);
    return out;
  }

  [[nodiscard]] std::string written(std::string_view under, std::string_view with_user, std::string_view with_port) const {
    std::string out(under);
    if (!under.empty()) out += "//";
    out.append(with_user).append(host);
    if (!with_port.empty()) out.append(":").append(with_port);
    return out + path;
  }
};

/// With its user and without, with its port, with the one its scheme stands for, and without; with its scheme, over TLS, and bare.
template <class Holds>
bool any_address(std::string_view text, const Holds& holds) {
  std::optional<Address> address = Address::of(text);
  if (!address) return false;
  const bool directory = address->path.ends_with('/');
  address->path = "/" + without_dots(address->path, Empty::Dropped);
  const Scheme* const web = web_scheme(address->scheme);
  const std::string_view secure = web != nullptr ? web->secure : address->scheme.empty() ? "https:" : "";
  const std::string_view stated = !address->port.empty() || web == nullptr ? std::string_view(address->port) : web->port;
  const auto any_scheme = [&](std::string_view user, std::string_view port) {
    return holds(address->written({}, user, port)) || (!address->scheme.empty() && holds(address->written(address->scheme, user, port))) ||
           (!secure.empty() && holds(address->written(secure, user, port)));
  };
  const auto any_port = [&](std::string_view user) { return any_scheme(user, {}) || (!stated.empty() && any_scheme(user, stated)); };
  const auto any_user = [&] { return any_port({}) || (!address->user.empty() && any_port(address->user)); };
  if (any_user()) return true;
  if (!directory || address->path.size() == 1) return false;
  address->path += '/';
  return any_user();
}

/// The text as a path without empty and relative segments: with what it begins with, with one slash before it, and bare.
template <class Holds>
bool any_beginning(std::string_view text, const Holds& holds) {
  const Split parts = split(text);
  const std::string path = without_dots(parts.rest, Empty::Dropped);
  if (holds(path)) return true;
  if (!parts.slashes.empty() && holds("/" + path)) return true;
  if (!parts.scheme.empty() && holds(std::string(parts.scheme).append(parts.slashes).append(path))) return true;
  return any_address(text, holds);
}

bool is_plain(std::string_view resource) {
  return bytes::find_in<kParts>(resource) == resource.size() && !resource.starts_with('.') && !resource.starts_with('/') &&
         !resource.ends_with('/') && resource.find("//") == std::string_view::npos && resource.find("/.") == std::string_view::npos &&
         scheme_length(resource) == 0 && !begins_with_host(resource);
}

/// The pattern as hosts are compared; nothing where it is written so.
std::optional<Glob> as_compared(const Glob& glob) {
  const std::optional<Address> address = Address::of(glob.pattern());
  if (!address) return std::nullopt;
  std::string pattern = address->written(address->scheme, address->user, address->port);
  return pattern == glob.pattern() ? std::nullopt : std::optional<Glob>(std::move(pattern));
}

}  // namespace

std::vector<std::string> climbed(std::string_view resource) {
  std::vector<std::string> paths;
  const bool plain_path =
      !resource.starts_with('.') && bytes::find_in<kEscapes>(resource) == resource.size() && resource.find("/.") == std::string_view::npos;
  if (plain_path) return paths;
  const auto add = [&](std::string path) {
    if (path != resource && std::ranges::find(paths, path) == paths.end()) paths.push_back(std::move(path));
  };
  add(without_dots(decoded(resource, "./"), Empty::Kept));
  std::string text(resource);
  for (int i = 0; i < kDecodings; ++i) text = decoded(text, "./\\%");
  text = with_slashes(std::move(text));
  const Split parts = split(text);
  if (!climbs(parts.rest)) return paths;
  add(without_dots(text, Empty::Kept));
  add(std::string(parts.scheme).append(parts.slashes).append(without_dots(parts.rest, Empty::Dropped)));
  return paths;
}

bool leaves_by_dots(const GlobSet& globs, std::string_view matching) {
  return !std::ranges::all_of(climbed(matching), [&](const std::string& path) { return globs.matches(path); });
}

bool stays_inside(const GlobSet& globs, std::string_view resource) { return globs.matches(resource) && !leaves_by_dots(globs, resource); }

bool stays_inside(const Glob& glob, std::string_view resource) {
  return glob.matches(resource) && std::ranges::all_of(climbed(resource), [&](const std::string& path) { return glob.matches(path); });
}

bool in_any_spelling(std::string_view resource, const std::function<bool(std::string_view)>& holds) {
  if (holds(resource)) return true;
  if (is_plain(resource)) return false;
  if (std::ranges::any_of(climbed(resource), holds)) return true;
  std::string text(resource);
  for (int decodings = 0; decodings <= kDecodings; ++decodings) {
    if (decodings > 0) {
      std::string next = decoded(text, {});
      if (next == text) break;
      text = std::move(next);
    }
    if (text.find('\\') != std::string::npos && any_address(text, holds)) return true;  // to whom it is no slash, the host is another
    const std::string path = with_slashes(text);
    if (any_beginning(path, holds)) return true;
    const std::size_t query = path.find_first_of("?#");
    if (query != std::string::npos && any_beginning(std::string_view(path).substr(0, query), holds)) return true;
  }
  return false;
}

bool touches(const GlobSet& globs, std::string_view resource) {
  if (globs.matches(resource)) return true;
  if (is_plain(resource)) return false;
  std::vector<Glob> compared;
  for (const Glob& glob : globs.globs())
    if (std::optional<Glob> other = as_compared(glob)) compared.push_back(std::move(*other));
  return in_any_spelling(resource, [&](std::string_view path) {
    return globs.matches(path) || std::ranges::any_of(compared, [&](const Glob& glob) { return glob.matches(path); });
  });
}

}  // namespace ringfence::scope
