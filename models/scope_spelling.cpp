// SPDX-License-Identifier: Apache-2.0
#include "models/scope_spelling.h"

#include <algorithm>
#include <cstddef>

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

/// The text as a path without empty and relative segments: with what it begins with, with one slash before it, and bare.
template <class Holds>
bool any_beginning(std::string_view text, const Holds& holds) {
  const Split parts = split(text);
  const std::string path = without_dots(parts.rest, Empty::Dropped);
  if (holds(path)) return true;
  if (!parts.slashes.empty() && holds("/" + path)) return true;
  return !parts.scheme.empty() && holds(std::string(parts.scheme).append(parts.slashes).append(path));
}

bool is_plain(std::string_view resource) {
  return bytes::find_in<kParts>(resource) == resource.size() && !resource.starts_with('.') && !resource.starts_with('/') &&
         !resource.ends_with('/') && resource.find("//") == std::string_view::npos && resource.find("/.") == std::string_view::npos &&
         scheme_length(resource) == 0;
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

bool touches(const GlobSet& globs, std::string_view resource) {
  if (globs.matches(resource)) return true;
  if (is_plain(resource)) return false;
  const auto holds = [&](const std::string& path) { return globs.matches(path); };
  if (std::ranges::any_of(climbed(resource), holds)) return true;
  std::string text(resource);
  for (int decodings = 0; decodings <= kDecodings; ++decodings) {
    if (decodings > 0) {
      std::string next = decoded(text, {});
      if (next == text) break;
      text = std::move(next);
    }
    const std::string path = with_slashes(text);
    if (any_beginning(path, holds)) return true;
    const std::size_t query = path.find_first_of("?#");
    if (query != std::string::npos && any_beginning(std::string_view(path).substr(0, query), holds)) return true;
  }
  return false;
}

}  // namespace ringfence::scope
