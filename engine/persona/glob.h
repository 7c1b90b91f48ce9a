// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringfence {

/// A glob of persona.md: `*` within one segment, `**` across segments; segments are separated by `/`, `.` or `:`. All else is literal.
/// Matching is linear in text times pattern, without backtracking blow-up. Immutable, thread-safe.
class Glob {
 public:
  explicit Glob(std::string pattern);
  [[nodiscard]] bool matches(std::string_view text) const { return is_literal() ? text == pattern_ : matches_wild(text); }
  [[nodiscard]] const std::string& pattern() const { return pattern_; }
  /// Orders globs from general to specific: literal characters, then fewer `**`, then fewer `*` (persona.md, applies_to).
  [[nodiscard]] bool less_specific_than(const Glob& other) const;
  [[nodiscard]] bool same_specificity(const Glob& other) const;
  /// General before specific; two globs that are equally specific compare equal though they may differ.
  [[nodiscard]] std::weak_ordering specificity(const Glob& other) const;
  /// True if some text matches both.
  [[nodiscard]] bool overlaps(const Glob& other) const;
  /// No wildcard: matches its own text alone.
  [[nodiscard]] bool is_literal() const { return stars_ + double_stars_ == 0; }

 private:
  /// A literal byte, `*` (kStar) or `**` (kDoubleStar); no two wildcards stand side by side.
  using Token = std::uint16_t;
  static constexpr Token kStar = 256, kDoubleStar = 257;
  [[nodiscard]] bool matches_wild(std::string_view text) const;
  [[nodiscard]] bool matches_tokens(std::string_view text) const;
  [[nodiscard]] static bool matches_word(std::span<const Token> tokens, std::string_view text);
  [[nodiscard]] static bool matches_many(std::span<const Token> tokens, std::string_view text);

  std::string pattern_;
  std::vector<Token> tokens_;
  std::size_t literals_ = 0, stars_ = 0, double_stars_ = 0;
  std::size_t prefix_ = 0, suffix_ = 0;  // literal bytes before the first and after the last wildcard
};

/// Any of several globs. Empty matches nothing.
class GlobSet {
 public:
  GlobSet() = default;
  explicit GlobSet(const std::vector<std::string>& patterns);
  [[nodiscard]] bool matches(std::string_view text) const {
    return std::ranges::any_of(globs_, [&](const Glob& glob) { return glob.matches(text); });
  }
  /// The most specific glob that matches, or null.
  [[nodiscard]] const Glob* most_specific(std::string_view text) const;
  [[nodiscard]] bool empty() const { return globs_.empty(); }
  [[nodiscard]] const std::vector<Glob>& globs() const { return globs_; }

 private:
  std::vector<Glob> globs_;
};

}  // namespace ringfence
