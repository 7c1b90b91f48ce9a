// SPDX-License-Identifier: Apache-2.0
// A record cut into tokens. Private to the decoder, whose files alone see simdjson.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include <simdjson.h>

namespace ringfence::decoding {

/// The tokens of one record, one after another: brackets, commas, colons, strings, and what stands between these.
///
/// simdjson's first stage finds where each begins, at gigabytes a second, and with it checks UTF-8, that every string is closed, and that
/// no control character stands in one. What the tokens say, and in which order they may stand, is the walk's business: this takes the place
/// of On-Demand, whose steps cost more than the event's own checks (docs/design/streaming.md §5).
class Tokens {
 public:
  /// Bytes of white space that must stand behind a record.
  static constexpr std::size_t kPadding = simdjson::SIMDJSON_PADDING;

  /// Stands before the first token of `record`; its memory must last as long as what is taken from it.
  [[nodiscard]] simdjson::error_code load(std::string_view record) {
    if (!stage_ || stage_->capacity() < record.size()) {
      if (const auto error = make_room(record.size())) return error;
    }
    if (const auto error =
            stage_->stage1(reinterpret_cast<const std::uint8_t*>(record.data()), record.size(), simdjson::stage1_mode::regular))
      return error;
    text_ = record.data();
    size_ = record.size();
    at_ = stage_->structural_indexes.get();
    end_ = at_ + stage_->n_structural_indexes;
    backslash_ = text_;
    return simdjson::SUCCESS;
  }

  /// First byte of the token ahead; white space where there is none.
  [[nodiscard]] char ahead() const { return text_[*at_]; }
  /// The same of the one behind it. There must be a token ahead.
  [[nodiscard]] char second() const { return text_[at_[1]]; }
  [[nodiscard]] char last() const { return text_[end_[-1]]; }
  [[nodiscard]] bool at_end() const { return at_ == end_; }
  /// There must be a token ahead.
  void step() { ++at_; }

  /// The token ahead as it is written, without the white space behind it; of an object or array the bracket.
  [[nodiscard]] std::string_view token() const {
    const char* const begin = text_ + *at_;
    const char* end = text_ + at_[1];
    while (end > begin && is_space(end[-1])) --end;
    return {begin, end};
  }
  /// The inside of the string ahead as it is written, between its quotes; steps over it. Its closing quote is the last of its token.
  [[nodiscard]] std::string_view take_string() {
    const char* const begin = text_ + *at_ + 1;
    const char* end = text_ + *++at_ - 1;
    while (*end != '"') --end;
    return {begin, end};
  }
  /// True if a backslash stands in `inside`, which comes behind every text asked about before.
  [[nodiscard]] bool has_backslash(std::string_view inside) {
    const char* const end = inside.data() + inside.size();
    if (backslash_ < inside.data()) find_backslash(inside.data());
    return backslash_ < end;
  }

  /// What is written from `begin`, the place of an earlier token, up to the end of the bracket stepped over last.
  [[nodiscard]] std::string_view since(const char* begin) const { return {begin, text_ + at_[-1] + 1}; }
  [[nodiscard]] const char* place() const { return text_ + *at_; }

 private:
  static constexpr std::size_t kLeastCapacity = 4096;

  static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

  simdjson::error_code make_room(std::size_t size) {
    const std::size_t capacity = std::max(size, kLeastCapacity);
    if (stage_) return stage_->set_capacity(capacity);
    return simdjson::get_active_implementation()->create_dom_parser_implementation(capacity, simdjson::DEFAULT_MAX_DEPTH, stage_);
  }
  void find_backslash(const char* from) {
    const char* const end = text_ + size_;
    const void* const found = from < end ? std::memchr(from, '\\', static_cast<std::size_t>(end - from)) : nullptr;
    backslash_ = found != nullptr ? static_cast<const char*>(found) : end;
  }

  std::unique_ptr<simdjson::internal::dom_parser_implementation> stage_;
  const char* text_ = nullptr;
  std::size_t size_ = 0;
  const std::uint32_t *at_ = nullptr, *end_ = nullptr;  // places of tokens; two behind the last name the end of the text
  const char* backslash_ = nullptr;                     // the first one that no text asked about lies behind
};

}  // namespace ringfence::decoding
