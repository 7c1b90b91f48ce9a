// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace ringfence {

/// True for a search predicate that selects nothing out (persona.md, `selective: true`), whatever language it is written in:
/// empty; wildcards alone (`*`, `%`, `**`, `*.*`, `*:*`); a regular expression that matches every text (`.*`, `^.*$`, `[\s\S]*`, `(?:)`);
/// an SQL condition that always holds (`1=1`, `true`, `x or 1=1`, `name like '%'`); a SELECT with neither condition nor limit.
/// Surrounding white space and quotes do not count. Longer than 4 KiB counts as selective: honest and dishonest predicates are short.
/// It decides by form: a condition that happens to hold for all rows of one table (`id > 0`) is beyond it; coverage is its own limit.
/// Pure and thread-safe; about 10 us for a text that may be a regular expression, well under 1 us otherwise.
[[nodiscard]] bool matches_everything(std::string_view predicate);

}  // namespace ringfence
