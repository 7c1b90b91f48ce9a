// SPDX-License-Identifier: Apache-2.0
// A record cut into tokens. Private to the decoder, whose files alone see simdjson.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include <simdjson.h>

#include "engine/event/limits.h"

namespace ringfence::decoding {

/// A token of a record, and where it begins in the text. Null stands for a record that was refused.
using Place = const std::uint32_t*;

/// The tokens of one record, one after another: brackets, commas, colons, strings, and what stands between these. Places behind the last
/// token, two of them at least, hold white space.
class Tokens {
 public:
  Tokens() = default;
  Tokens(std::string_view record, Place first, Place end)
      : text_(record.data()), text_end_(record.data() + record.size()), plain_end_(record.data()), first_(first), end_(end) {}

  [[nodiscard]] Place first() const { return first_; }
  /// Behind the last.
  [[nodiscard]] Place end() const { return end_; }

  [[nodiscard]] const char* begin_of(Place at) const { return text_ + *at; }
  [[nodiscard]] char byte(Place at) const { return text_[*at]; }
  /// The token as it is written, without the white space behind it; of an object or array the bracket.
  [[nodiscard]] std::string_view token(Place at) const {
    const char* const begin = begin_of(at);
    const char* end = begin_of(at + 1);
    while (end > begin && is_space(end[-1])) --end;
    return {begin, end};
  }
  /// The inside of a string as it is written, between its quotes; the closing one is the last of its token.
  [[nodiscard]] std::string_view inside(Place at) const {
    const char* const begin = begin_of(at) + 1;
    const char* end = begin_of(at + 1) - 1;
    while (*end != '"') --end;
    return {begin, end};
  }

  /// What most integers are: up to 18 digits and nothing else.
  [[nodiscard]] std::optional<std::int64_t> plain_integer(Place at) const {
    constexpr std::ptrdiff_t kSurelyFit = 18;
    const char *const begin = begin_of(at), *const next = begin_of(at + 1);
    const char* end = begin;
    std::uint64_t value = 0;
    for (unsigned digit = 0; (digit = static_cast<unsigned>(*end) - '0') <= 9; ++end) value = value * 10 + digit;
    const std::ptrdiff_t digits = end - begin;
    if (digits == 0 || digits > kSurelyFit || (*begin == '0' && digits > 1)) return std::nullopt;
    while (end < next && is_space(*end)) ++end;
    if (end != next) return std::nullopt;
    return static_cast<std::int64_t>(value);
  }

  /// True if the inside of a string is the string: no backslash stands in it, and it is not too long. Asked in the order of the text.
  [[nodiscard]] bool is_plain(std::string_view inside) {
    const char* const end = inside.data() + inside.size();
    return end <= plain_end_ || end <= find_plain_end(inside);
  }

  static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

 private:
  /// How far a string could reach that begins where `inside` does or behind it.
  const char* find_plain_end(std::string_view inside) {
    const char* const from = inside.data();
    const auto reach = std::min(static_cast<std::size_t>(text_end_ - from), limits::kStringBytes);
    const void* const backslash = std::memchr(from, '\\', reach);
    return plain_end_ = backslash != nullptr ? static_cast<const char*>(backslash) : from + reach;
  }

  const char *text_ = nullptr, *text_end_ = nullptr;
  const char* plain_end_ = nullptr;  // no string not asked about yet that ends here or before has a backslash or is too long
  Place first_ = nullptr, end_ = nullptr;
};

/// Cuts records into tokens: simdjson's first stage finds where each begins, at gigabytes a second, and with it checks UTF-8, that every
/// string is closed, and that no control character stands in one. What the tokens say, and in which order they may stand, is the walk's
/// business: this takes the place of On-Demand, whose steps cost more than the event's own checks (docs/design/streaming.md §5).
class Tokenizer {
 public:
  /// Bytes of white space that must stand behind a record.
  static constexpr std::size_t kPadding = simdjson::SIMDJSON_PADDING;

  /// Finds the tokens of `record`, at least one; its memory must last as long as what is taken from it.
  [[nodiscard]] simdjson::error_code load(std::string_view record) {
    if (!stage_ || stage_->capacity() < record.size()) {
      if (const auto error = make_room(record.size())) return error;
    }
    if (const auto error =
            stage_->stage1(reinterpret_cast<const std::uint8_t*>(record.data()), record.size(), simdjson::stage1_mode::regular))
      return error;
    const Place first = stage_->structural_indexes.get();
    tokens_ = Tokens(record, first, first + stage_->n_structural_indexes);
    return simdjson::SUCCESS;
  }
  /// Those of the record loaded last, until the next.
  [[nodiscard]] const Tokens& tokens() const { return tokens_; }

 private:
  static constexpr std::size_t kLeastCapacity = 4096;

  simdjson::error_code make_room(std::size_t size) {
    const std::size_t capacity = std::max(size, kLeastCapacity);
    if (stage_) return stage_->set_capacity(capacity);
    return simdjson::get_active_implementation()->create_dom_parser_implementation(capacity, simdjson::DEFAULT_MAX_DEPTH, stage_);
  }

  std::unique_ptr<simdjson::internal::dom_parser_implementation> stage_;
  Tokens tokens_;
};

}  // namespace ringfence::decoding
