// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace ringfence {

/// Room on a terminal.
struct PageSize {
  std::size_t columns = 80, rows = 24;
};

/// What `encode_live_view` gave, as a page for people: the feed, agents from the highest on, the latest containments. Nothing of it reaches
/// a terminal unescaped, whoever wrote it. Within `size` as many of each as fit, else all; the error says what is wrong with the answer.
[[nodiscard]] std::expected<std::string, std::string> live_page(std::string_view view, std::optional<PageSize> size);

/// The same view on one line of JSON, written anew in ASCII.
[[nodiscard]] std::expected<std::string, std::string> live_line(std::string_view view);

}  // namespace ringfence
