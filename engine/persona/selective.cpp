// SPDX-License-Identifier: Apache-2.0
#include "engine/persona/selective.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <string>

#include "engine/persona/values.h"

namespace ringfence {
namespace {

constexpr std::string_view kSpaces = " \t\r\n\f\v", kQuotes = "\"'`";

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kEnds = " \t\r\n\f\v;";
  const auto begin = text.find_first_not_of(kEnds);
  return begin == std::string_view::npos ? std::string_view{} : text.substr(begin, text.find_last_not_of(kEnds) - begin + 1);
}

/// White space is one blank, however long it is.
void add_spaced(std::string& out, char c) {
  const bool space = kSpaces.find(c) != std::string_view::npos;
  if (!space || (!out.empty() && out.back() != ' ')) out += space ? ' ' : c;
}

std::string spaced(std::string_view text) {
  std::string out;
  for (const char c : text) add_spaced(out, c);
  return out;
}

/// Without the quotes or parentheses that enclose all of it.
std::string_view bare(std::string_view text) {
  for (text = trimmed(text); text.size() >= 2; text = trimmed(text.substr(1, text.size() - 2))) {
    const char first = text.front(), last = text.back();
    const bool quoted = first == last && kQuotes.find(first) != std::string_view::npos &&
                        text.substr(1, text.size() - 2).find(first) == std::string_view::npos;
    const bool enclosed = first == '(' && last == ')' && text.substr(1, text.size() - 2).find_first_of("()") == std::string_view::npos;
    if (!quoted && !enclosed) break;
  }
  return text;
}

/// An empty filter as JSON, or a word that search languages have for everything.
bool says_everything(std::string_view text) {
  static constexpr std::array<std::string_view, 5> kWords{"all", "any", "everything", "match_all", "matchall"};
  const std::string small = lower_ascii(text.substr(0, 16));
  const bool brackets = text.size() >= 2 && ((text.front() == '{' && text.back() == '}') || (text.front() == '[' && text.back() == ']'));
  return (brackets && trimmed(text.substr(1, text.size() - 2)).empty()) || std::ranges::find(kWords, small) != kWords.end();
}

/// Nothing but wildcards and what may stand between them, and at least one that stands for any length.
bool only_wildcards(std::string_view text) {
  return text.find_first_of("*%") != std::string_view::npos && text.find_first_not_of("*%?_./:+^$") == std::string_view::npos;
}

bool regex_matches_all(std::string_view text) {
  if (text.find_first_of(".*+?[\\|({^$") == std::string_view::npos) return false;
  static constexpr std::array<std::string_view, 8> kNearlyAll{".", ".+", "^", "$", "^.", ".$", "^.+", "^.+$"};
  if (std::ranges::find(kNearlyAll, text) != kNearlyAll.end()) return true;
  RE2::Options options(RE2::Quiet);
  options.set_max_mem(1 << 20);
  const std::string pattern =
      text.starts_with('/') && text.ends_with('/') && text.size() > 2 ? std::string(text.substr(1, text.size() - 2)) : std::string(text);
  const RE2 regex(pattern, options);
  if (!regex.ok()) return false;
  // Unlike each other in length, script and characters: what takes each of them as a whole takes anything (one-or-more is as bad as any).
  static constexpr std::array<std::string_view, 6> kProbes{"q",
                                                           "7",
                                                           "Zx9 kv-41_w.B,u;",
                                                           "000000000000000000000000000000000000000000",
                                                           "\xC3\xA9t\xC3\xA9/#@!%&=~",
                                                           "the pump, the ox; & 3 jars <of> {wax}"};
  return std::ranges::all_of(kProbes,
                             [&](std::string_view probe) { return RE2::FullMatch(re2::StringPiece(probe.data(), probe.size()), regex); });
}

/// `from #temp` names a table.
bool names_table(std::string_view before) {
  before = trimmed(before);
  return before.ends_with(',') || std::ranges::any_of(std::array<std::string_view, 3>{"from", "join", "into"},
                                                      [&](std::string_view word) { return before.ends_with(word); });
}

/// Without `-- …`, `# …` and `/* … */`, in lower case; with `quoted` what stands in quotes is no comment.
std::string without_comments(std::string_view text, bool quoted) {
  const std::string sql = lower_ascii(text);
  std::string out;
  for (std::size_t at = 0, end = 0; at < sql.size(); at = end) {
    const std::string_view rest = std::string_view(sql).substr(at);
    const bool quote = quoted && kQuotes.find(rest.front()) != std::string_view::npos;
    end = at + 1;
    if (const std::size_t close = quote ? sql.find(rest.front(), end) : std::string::npos; close != std::string::npos) {
      out.append(sql, at, close + 1 - at);
      end = close + 1;
    } else if (rest.starts_with("--") || (rest.front() == '#' && !names_table(out))) {
      end = std::min(sql.find('\n', at), sql.size());
    } else if (rest.starts_with("/*")) {
      const std::size_t closing = sql.find("*/", at + 2);
      end = closing == std::string::npos ? sql.size() : closing + 2;
      add_spaced(out, ' ');
    } else {
      add_spaced(out, rest.front());
    }
  }
  return std::string(trimmed(out));
}

/// A column that counts or names its rows, so that every row has a value there.
bool names_rows(std::string_view column) {
  column = bare(column.substr(column.rfind('.') + 1));
  static constexpr std::array<std::string_view, 6> kNames{"id", "uid", "uuid", "pk", "key", "number"};
  return std::ranges::find(kNames, column) != kNames.end() || column.ends_with("_id") || column.ends_with("_number");
}

/// `id >= 0`, `number > 0`, `customer_id is not null`, `id != ''`: what is true of each row that there is.
bool holds_for_each_row(std::string_view condition) {
  if (constexpr std::string_view kThere = " is not null"; condition.ends_with(kThere))
    return names_rows(condition.substr(0, condition.size() - kThere.size()));
  const std::size_t sign = condition.find_first_of("<>!");
  if (sign == std::string_view::npos || !names_rows(condition.substr(0, sign))) return false;
  const std::size_t end = std::min(condition.find_first_not_of("<>!=", sign), condition.size());
  const std::string_view compared = condition.substr(sign, end - sign), least = bare(condition.substr(end));
  const bool nothing = least.empty() || least == "0" || least == "-1";
  if (compared == ">=") return nothing || least == "1";
  return nothing && (compared == ">" || compared == "!=" || compared == "<>");
}

/// One SQL condition without `and` and `or`.
bool condition_always_holds(std::string_view condition) {
  condition = bare(condition);
  if (condition == "true" || condition == "1" || condition == "not false" || holds_for_each_row(condition)) return true;
  if (const auto like = condition.find(" like "); like != std::string_view::npos) return only_wildcards(bare(condition.substr(like + 6)));
  const auto equal = condition.find('=');
  if (equal == std::string_view::npos || equal == 0) return false;
  if (const char before = condition[equal - 1]; before == '!' || before == '<' || before == '>') return false;
  std::string_view right = condition.substr(equal + 1);
  if (right.starts_with('=')) right.remove_prefix(1);
  const std::string_view left = bare(condition.substr(0, equal));
  return !left.empty() && left == bare(right);
}

bool all_of_conjunction(std::string_view text) {
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(" and ", begin), text.size());
    if (!condition_always_holds(text.substr(begin, end - begin))) return false;
    begin = end + 5;
  }
  return true;
}

/// A condition in the form a WHERE takes; one alternative that always holds is enough.
bool where_always_holds(std::string_view text) {
  text = bare(text);
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(" or ", begin), text.size());
    if (all_of_conjunction(text.substr(begin, end - begin))) return true;
    begin = end + 4;
  }
  return false;
}

bool sql_selects_all(std::string_view sql) {
  if (sql.starts_with("where ")) return where_always_holds(sql.substr(6));
  if (!sql.starts_with("select ")) return where_always_holds(sql);
  if (sql.find(" from ") == std::string_view::npos) return false;
  if (sql.find(" limit ") != std::string_view::npos || sql.find(" fetch first ") != std::string_view::npos ||
      sql.starts_with("select top "))
    return false;
  const auto where = sql.find(" where ");
  if (where == std::string_view::npos)
    return sql.find(" join ") == std::string_view::npos && sql.find(" having ") == std::string_view::npos;
  std::string_view condition = sql.substr(where + 7);
  for (const std::string_view tail : {" group by ", " order by ", " having "}) condition = condition.substr(0, condition.find(tail));
  return where_always_holds(condition);
}

}  // namespace

std::optional<bool> matches_everything(std::string_view predicate) {
  const std::string whole = spaced(bare(predicate));
  const std::string_view text = bare(whole);
  if (text.empty() || says_everything(text) || only_wildcards(text)) return true;
  const std::string sql = without_comments(bare(predicate), true), as_text = lower_ascii(text);
  if (sql.size() <= kPredicateBytes && sql_selects_all(sql)) return true;
  if (text.size() > kPredicateBytes) return std::nullopt;
  if (regex_matches_all(text) || sql_selects_all(as_text)) return true;
  // Of a condition alone the quotes may be those of the query that it is to end: `x' or 1=1 -- '`.
  return !as_text.starts_with("select ") && sql_selects_all(without_comments(bare(predicate), false));
}

}  // namespace ringfence
