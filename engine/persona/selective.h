// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace ringfence {

/// True for a search predicate that selects nothing out (persona.md, `selective: true`), whatever language it is written in:
/// empty; wildcards alone (`*`, `%`, `**`, `*.*`, `*:*`); a regular expression that matches every text (`.*`, `^.*$`, `[\s\S]*`, `(?:)`);
/// an SQL condition that always holds (`1=1`, `true`, `x or 1=1`, `name like '%'`); a SELECT with neither condition nor limit.
/// White space beyond one blank, surrounding quotes and SQL comments do not count. Nothing where what is left is longer than 4 KiB: it
/// cannot be told. It decides by form: a condition that happens to hold for all rows of one table (`id > 0`) is beyond it; coverage is its
/// own limit. Pure and thread-safe; about 10 us for a text that may be a regular expression, well under 1 us otherwise.
[[nodiscard]] std::optional<bool> matches_everything(std::string_view predicate);

/// What is no longer than this can always be told.
inline constexpr std::size_t kPredicateBytes = 4096;

}  // namespace ringfence
