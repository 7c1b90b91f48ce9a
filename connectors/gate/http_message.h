// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace ringfence {

/// A request as the server read it, bounded by it. Views live as long as the answer is made.
struct HttpRequest {
  std::string_view method, path;  // the path without its query, not decoded
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::string_view body;

  /// Every value of a header, whatever the case of its name.
  template <class Visit>
  void for_each(std::string_view name, Visit visit) const {
    for (const auto& [key, value] : headers)
      if (same_name(key, name)) visit(value);
  }
  /// The last value, or empty. For what the gateway sets; who the caller is must be asked of `SubjectPlaces`, which refuses doubles.
  [[nodiscard]] std::string_view header(std::string_view name) const {
    std::string_view found;
    for_each(name, [&found](std::string_view value) { found = value; });
    return found;
  }
  /// Whether any of its values says something: of two readers one takes the first, another the last.
  [[nodiscard]] bool says(std::string_view name) const {
    bool found = false;
    for_each(name, [&found](std::string_view value) { found = found || !value.empty(); });
    return found;
  }
  [[nodiscard]] static bool same_name(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
  }
};

struct HttpReply {
  int status = 200;
  std::string body, type;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// An answer that comes later: begun once, with where the reply goes, from any thread and once. The request's views are gone by then.
using HttpLater = std::function<void(std::function<void(HttpReply)> reply)>;
using HttpAnswer = std::variant<HttpReply, HttpLater>;

}  // namespace ringfence
