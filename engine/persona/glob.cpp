// SPDX-License-Identifier: Apache-2.0
#include "engine/persona/glob.h"

#include <algorithm>
#include <bit>
#include <span>
#include <utility>

namespace ringfence {
namespace {

/// Patterns of fewer tokens are walked with one word of positions.
constexpr std::size_t kWordBits = 64;

constexpr bool is_separator(std::uint16_t c) { return c == '/' || c == '.' || c == ':'; }

/// A set of positions in a pattern, one bit each.
class Positions {
 public:
  explicit Positions(std::size_t count) : words_((count + 63) / 64) {}
  void add(std::size_t i) { words_[i / 64] |= std::uint64_t{1} << (i % 64); }
  [[nodiscard]] bool has(std::size_t i) const { return ((words_[i / 64] >> (i % 64)) & 1U) != 0; }
  void clear() { std::ranges::fill(words_, 0); }
  [[nodiscard]] bool empty() const {
    return std::ranges::all_of(words_, [](std::uint64_t w) { return w == 0; });
  }
  template <class F>
  void each(F&& visit) const {
    for (std::size_t w = 0; w < words_.size(); ++w)
      for (std::uint64_t bits = words_[w]; bits != 0; bits &= bits - 1) visit(w * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
  }
  void swap(Positions& other) noexcept { words_.swap(other.words_); }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace

Glob::Glob(std::string pattern) : pattern_(std::move(pattern)) {
  for (std::size_t i = 0; i < pattern_.size();) {
    if (pattern_[i] != '*') {
      tokens_.push_back(static_cast<unsigned char>(pattern_[i++]));
      ++literals_;
      continue;
    }
    const std::size_t begin = i;
    while (i < pattern_.size() && pattern_[i] == '*') ++i;
    tokens_.push_back(i - begin == 1 ? kStar : kDoubleStar);
    ++(i - begin == 1 ? stars_ : double_stars_);
  }
  const auto wild = [](Token t) { return t >= kStar; };
  const auto first = std::ranges::find_if(tokens_, wild);
  prefix_ = static_cast<std::size_t>(first - tokens_.begin());
  const auto last = std::find_if(tokens_.rbegin(), tokens_.rend(), wild);
  suffix_ = first == tokens_.end() ? 0 : static_cast<std::size_t>(last - tokens_.rbegin());
}

bool Glob::matches_wild(std::string_view text) const {
  if (text.size() < literals_) return false;
  const std::string_view pattern = pattern_;
  if (!text.starts_with(pattern.substr(0, prefix_)) || !text.ends_with(pattern.substr(pattern.size() - suffix_))) return false;
  if (stars_ + double_stars_ > 1) return matches_tokens(text);
  const std::string_view middle = text.substr(prefix_, text.size() - literals_);
  return double_stars_ == 1 || std::ranges::none_of(middle, [](char c) { return is_separator(static_cast<unsigned char>(c)); });
}

bool Glob::matches_tokens(std::string_view text) const {
  // What stands before the first wildcard and behind the last has been compared; both ends of the rest are wildcards.
  text.remove_prefix(prefix_);
  text.remove_suffix(suffix_);
  const std::span<const Token> tokens = std::span(tokens_).subspan(prefix_, tokens_.size() - prefix_ - suffix_);
  return tokens.size() < kWordBits ? matches_word(tokens, text) : matches_many(tokens, text);
}

bool Glob::matches_word(std::span<const Token> tokens, std::string_view text) {
  const auto reach = [tokens](std::uint64_t set, std::size_t i) {
    set |= std::uint64_t{1} << i;
    return i < tokens.size() && tokens[i] >= kStar ? set | std::uint64_t{1} << (i + 1) : set;
  };
  const std::uint64_t end = std::uint64_t{1} << tokens.size();
  // Behind the last token all text is accepted if that is a `**`.
  const std::uint64_t all = tokens.back() == kDoubleStar ? end >> 1U : 0;
  std::uint64_t now = reach(0, 0);
  for (const char ch : text) {
    if ((now & all) != 0) return true;
    const auto c = static_cast<unsigned char>(ch);
    std::uint64_t next = 0;
    for (std::uint64_t bits = now & ~end; bits != 0; bits &= bits - 1) {
      const auto i = static_cast<std::size_t>(std::countr_zero(bits));
      if (tokens[i] == kDoubleStar || (tokens[i] == kStar && !is_separator(c))) next = reach(next, i);
      if (tokens[i] == c) next = reach(next, i + 1);
    }
    if (next == 0) return false;
    now = next;
  }
  return (now & end) != 0;
}

bool Glob::matches_many(std::span<const Token> tokens, std::string_view text) {
  Positions now(tokens.size() + 1), next(tokens.size() + 1);
  // A wildcard may stand for nothing, so its successor is reached with it; wildcards are never neighbours, so one step is all.
  const auto reach = [tokens](Positions& set, std::size_t i) {
    set.add(i);
    if (i < tokens.size() && tokens[i] >= kStar) set.add(i + 1);
  };
  reach(now, 0);
  for (const char ch : text) {
    const auto c = static_cast<unsigned char>(ch);
    next.clear();
    now.each([&](std::size_t i) {
      if (i == tokens.size()) return;
      if (tokens[i] == kDoubleStar || (tokens[i] == kStar && !is_separator(c))) reach(next, i);
      if (tokens[i] == c) reach(next, i + 1);
    });
    if (next.empty()) return false;
    now.swap(next);
  }
  return now.has(tokens.size());
}

std::weak_ordering Glob::specificity(const Glob& other) const {
  if (literals_ != other.literals_) return literals_ <=> other.literals_;
  if (double_stars_ != other.double_stars_) return other.double_stars_ <=> double_stars_;
  return other.stars_ <=> stars_;
}
bool Glob::less_specific_than(const Glob& other) const { return specificity(other) < 0; }
bool Glob::same_specificity(const Glob& other) const { return specificity(other) == 0; }

bool Glob::overlaps(const Glob& other) const {
  // Walks both patterns at once over the pairs of positions some common text can reach.
  const std::size_t width = other.tokens_.size() + 1;
  Positions seen((tokens_.size() + 1) * width);
  std::vector<std::pair<std::size_t, std::size_t>> open;
  const auto visit = [&](std::size_t i, std::size_t j) {
    if (seen.has(i * width + j)) return;
    seen.add(i * width + j);
    open.emplace_back(i, j);
  };
  const auto covers = [](Token wild, Token literal) { return wild == kDoubleStar || (wild == kStar && !is_separator(literal)); };
  visit(0, 0);
  while (!open.empty()) {
    const auto [i, j] = open.back();
    open.pop_back();
    const bool a_left = i < tokens_.size(), b_left = j < other.tokens_.size();
    if (!a_left && !b_left) return true;
    const Token a = a_left ? tokens_[i] : Token{0}, b = b_left ? other.tokens_[j] : Token{0};
    const bool a_wild = a_left && a >= kStar, b_wild = b_left && b >= kStar;
    if (a_wild) visit(i + 1, j);
    if (b_wild) visit(i, j + 1);
    if (!a_left || !b_left || (a_wild && b_wild)) continue;
    if (a_wild && covers(a, b)) visit(i, j + 1);
    if (b_wild && covers(b, a)) visit(i + 1, j);
    if (!a_wild && !b_wild && a == b) visit(i + 1, j + 1);
  }
  return false;
}

GlobSet::GlobSet(const std::vector<std::string>& patterns) {
  globs_.reserve(patterns.size());
  for (const std::string& pattern : patterns) globs_.emplace_back(pattern);
}

const Glob* GlobSet::most_specific(std::string_view text) const {
  const Glob* best = nullptr;
  for (const Glob& glob : globs_)
    if (glob.matches(text) && (best == nullptr || best->less_specific_than(glob))) best = &glob;
  return best;
}

}  // namespace ringfence
