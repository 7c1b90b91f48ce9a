// SPDX-License-Identifier: Apache-2.0
#include "models/flow_fields.h"

#include <algorithm>
#include <cstddef>
#include <optional>

namespace ringfence::flow {

namespace {

constexpr std::size_t kKeyBytes = 40, kKeyWords = 3, kKeysMost = 64, kFieldsLeast = 2;
constexpr int kDeepest = 4;

constexpr bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (is_blank(text.front()) || text.front() == '\n')) text.remove_prefix(1);
  while (!text.empty() && (is_blank(text.back()) || text.back() == '\n')) text.remove_suffix(1);
  return text;
}

/// One line, and what of a record it begins.
struct Line {
  std::string_view text;   // without its end
  std::size_t column = 0;  // of its first letter behind the marks of lists
  bool item = false;       // a list's mark stands in front
  std::string_view key;    // empty where it begins no field

  [[nodiscard]] bool blank() const { return column >= text.size(); }
  /// `--` and the like between records.
  [[nodiscard]] bool rule() const {
    const std::string_view bare = trimmed(text);
    return bare.size() >= 2 && (bare.front() == '-' || bare.front() == '=') &&
           std::ranges::all_of(bare, [&](char c) { return c == bare.front(); });
  }
};

/// `Event id` of `Event id: e-1`; empty where the text begins with no key.
std::string_view key_of(std::string_view text) {
  if (text.empty() || !is_letter(text.front())) return {};
  std::size_t words = 1;
  for (std::size_t at = 0; at < std::min(text.size(), kKeyBytes); ++at) {
    const char c = text[at];
    if (c == ':') return at + 1 == text.size() || is_blank(text[at + 1]) ? text.substr(0, at) : std::string_view{};
    if (c == ' ' && ++words > kKeyWords) return {};
    if (!is_letter(c) && !is_digit(c) && c != ' ' && c != '_' && c != '-' && c != '.' && c != '/') return {};
  }
  return {};
}

Line line_of(std::string_view text) {
  Line line{.text = text.substr(0, text.find('\n'))};
  if (line.text.ends_with('\r')) line.text.remove_suffix(1);
  const auto skip_blanks = [&] {
    while (line.column < line.text.size() && is_blank(line.text[line.column])) ++line.column;
  };
  skip_blanks();
  if (line.text.substr(line.column).starts_with("- ")) {
    line.item = true;
    line.column += 2;
    skip_blanks();
  }
  line.key = key_of(line.text.substr(std::min(line.column, line.text.size())));
  return line;
}

/// Takes one block apart, and the blocks below its keys.
class Block {
 public:
  Block(std::string_view text, int depth, std::vector<FieldValue>& out, std::size_t& next_record)
      : text_(text), depth_(depth), out_(out), next_record_(next_record) {}

  /// Whether it is one of fields, or a list; nothing is added where it is not.
  bool read() {
    Line line;
    for (std::size_t at = 0; at < text_.size(); at += line.text.size() + ends_) {
      line = next(at);
      if (!head_ && line.blank()) continue;
      if (!head_ && line.key.empty() && (!line.item || depth_ == 0)) return false;
      take(line, at);
    }
    end_value(text_.size());
    return fields_ >= kFieldsLeast;
  }

 private:
  Line next(std::size_t at) {
    const std::string_view rest = text_.substr(at);
    Line line = line_of(rest);
    const std::size_t end = rest.find('\n');
    ends_ = (end == std::string_view::npos ? rest.size() : end + 1) - line.text.size();
    return line;
  }

  void take(const Line& line, std::size_t at) {
    if (line.blank()) {
      gap_ = true;
      return;
    }
    if (!head_) head_ = line;
    if (line.rule() && line.column <= head_->column) {
      end_value(at);
      gap_ = true;
      message_ = false;  // what follows and is no record is one more
      return;
    }
    if (begins_value(line)) {
      end_value(at);
      record_ = next_record_;
      value_ = at + line.column + (line.key.empty() ? 0 : line.key.size() + 1);
      ++fields_;
      gap_ = false;
    } else if (!value_ || (gap_ && line.column <= head_->column && !message_)) {  // nothing goes unread
      end_value(at);
      value_ = at;
      message_ = true;
    }
  }

  bool begins_value(const Line& line) {
    if (line.column != head_->column || line.item != (line.item && head_->item)) return false;
    if (head_->key.empty()) return line.item;  // a list of values
    if (line.key.empty()) return false;
    if (line.item || (line.key == head_->key && (gap_ || keys_.empty()))) {  // a record begins
      first_ = keys_.empty();
      message_ = false;
      ++next_record_;
    } else if (gap_ || message_) {
      return false;
    }
    if (std::ranges::find(keys_, line.key) != keys_.end()) return true;
    if (!first_ || keys_.size() == kKeysMost) return false;
    keys_.push_back(line.key);
    return true;
  }

  void end_value(std::size_t at) {
    if (!value_) return;
    add(text_.substr(*value_, at - *value_));
    value_.reset();
  }

  void add(std::string_view value) {
    const std::size_t line = value.find('\n');
    const std::string_view inline_part = trimmed(value.substr(0, line));
    if (line != std::string_view::npos && inline_part.empty() && depth_ < kDeepest) {
      const std::size_t before = out_.size();
      if (Block(value.substr(line + 1), depth_ + 1, out_, next_record_).read()) return;
      out_.resize(before);
    }
    value = trimmed(value);
    if (value.starts_with('[') && value.ends_with(']')) return add_list(value.substr(1, value.size() - 2));
    if (lists_words(value)) return add_list(value);
    if (!value.empty()) out_.push_back({value, record_});
  }

  /// `ann@shop.example, bob@shop.example`.
  static bool lists_words(std::string_view value) {
    std::size_t commas = 0;
    for (std::size_t at = 0; at < value.size(); ++at) {
      if (value[at] == '\n' || (value[at] == ' ' && (at == 0 || value[at - 1] != ','))) return false;
      commas += value[at] == ',' ? 1U : 0U;
    }
    return commas > 0;
  }

  /// `[ann@shop.example, bob@shop.example]`.
  void add_list(std::string_view values) {
    while (!values.empty()) {
      const std::size_t comma = std::min(values.find(", "), values.size());
      if (const std::string_view value = trimmed(values.substr(0, comma)); !value.empty()) out_.push_back({value, record_});
      values.remove_prefix(std::min(comma + 2, values.size()));
    }
  }

  std::string_view text_;
  int depth_;
  std::vector<FieldValue>& out_;
  std::size_t& next_record_;  // how many records have begun, over all blocks
  std::size_t record_ = 0;
  std::size_t ends_ = 0;                // bytes of the line's end
  std::optional<Line> head_;            // its first line, whose column and kind all fields share
  std::vector<std::string_view> keys_;  // of the first record
  bool first_ = true;                   // it is still read
  bool gap_ = false;                    // a blank line or a rule came last
  bool message_ = false;                // behind a record's fields its message is read
  std::optional<std::size_t> value_;    // where the one that is read begins
  std::size_t fields_ = 0;
};

}  // namespace

std::vector<FieldValue> field_values(std::string_view text) {
  std::vector<FieldValue> values;
  std::size_t records = 0;
  if (text.find('\n') == std::string_view::npos || !Block(text, 0, values, records).read()) values.clear();
  return values;
}

}  // namespace ringfence::flow
