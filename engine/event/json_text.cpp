// SPDX-License-Identifier: Apache-2.0
#include "engine/event/json_text.h"

#include <algorithm>
#include <optional>

#include "engine/event/byte_word.h"
#include "engine/event/utf8.h"

namespace ringfence::json_text {
namespace {

std::optional<char32_t> hex4(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  char32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const char c = text[i];
    char32_t digit = 0;
    if (c >= '0' && c <= '9')
      digit = static_cast<char32_t>(c - '0');
    else if (c >= 'a' && c <= 'f')
      digit = static_cast<char32_t>(c - 'a' + 10);
    else if (c >= 'A' && c <= 'F')
      digit = static_cast<char32_t>(c - 'A' + 10);
    else
      return std::nullopt;
    value = (value << 4U) | digit;
  }
  return value;
}

constexpr bool is_high(char32_t code) { return code >= 0xD800 && code < 0xDC00; }
constexpr bool is_low(char32_t code) { return code >= 0xDC00 && code < 0xE000; }

struct Unit {
  std::optional<char32_t> code;  // nothing: not four hex digits
  std::size_t read = 0;          // bytes after the `\u`
  bool lone = false;
};

/// What follows `\u`, both halves of a pair where they stand together.
Unit code_unit(std::string_view text) {
  const auto first = hex4(text);
  if (!first) return {};
  if (is_low(*first)) return {first, 4, true};
  if (!is_high(*first)) return {first, 4, false};
  if (text.size() >= 10 && text[4] == '\\' && text[5] == 'u') {
    const auto second = hex4(text.substr(6));
    if (second && is_low(*second)) return {0x10000 + ((*first - 0xD800) << 10U) + (*second - 0xDC00), 10, false};
  }
  return {first, 4, true};
}

/// The character a one-letter escape stands for, or 0.
char simple_escape(char c) {
  switch (c) {
    case '"':
    case '\\':
    case '/':
      return c;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

/// UTF-8 of a scalar value at `out`; gives the bytes written.
std::size_t put(char* out, char32_t code) {
  const auto at = [out](std::size_t i, char32_t bits) { out[i] = static_cast<char>(static_cast<unsigned char>(bits)); };
  if (code < 0x80) return at(0, code), 1;
  if (code < 0x800) return at(0, 0xC0U | (code >> 6U)), at(1, 0x80U | (code & 0x3FU)), 2;
  if (code < 0x10000) return at(0, 0xE0U | (code >> 12U)), at(1, 0x80U | ((code >> 6U) & 0x3FU)), at(2, 0x80U | (code & 0x3FU)), 3;
  return at(0, 0xF0U | (code >> 18U)), at(1, 0x80U | ((code >> 12U) & 0x3FU)), at(2, 0x80U | ((code >> 6U) & 0x3FU)),
         at(3, 0x80U | (code & 0x3FU)), 4;
}

/// Copies what stands in front of the next backslash and gives its length. `out` has room for all of `raw`.
std::size_t copy_plain(std::string_view raw, char* out) {
  std::size_t done = 0;
  for (; raw.size() - done >= byte_word::kBytes; done += byte_word::kBytes) {
    const std::uint64_t word = byte_word::load({raw.data() + done, byte_word::kBytes});
    byte_word::store(out + done, word);
    if (const std::uint64_t found = byte_word::found(word, '\\'); found != 0) return done + byte_word::place_of(found);
  }
  for (; done < raw.size() && raw[done] != '\\'; ++done) out[done] = raw[done];
  return done;
}

}  // namespace

Unescaped unescape(std::string_view raw, LoneSurrogate policy, char* out) {
  Unescaped result;
  while (!raw.empty()) {
    const std::size_t plain = copy_plain(raw, out + result.length);
    result.length += plain;
    if (plain == raw.size()) break;
    raw.remove_prefix(plain + 1);
    if (raw.empty()) return {Unescaped::Fault::BadEscape, 0, false};
    const char letter = raw[0];
    raw.remove_prefix(1);
    if (letter != 'u') {
      const char simple = simple_escape(letter);
      if (simple == 0) return {Unescaped::Fault::BadEscape, 0, false};
      out[result.length++] = simple;
      continue;
    }
    const Unit unit = code_unit(raw);
    if (!unit.code) return {Unescaped::Fault::BadEscape, 0, false};
    raw.remove_prefix(unit.read);
    if (unit.lone) {
      if (policy == LoneSurrogate::Refuse) return {Unescaped::Fault::LoneSurrogate, 0, false};
      std::ranges::copy(utf8::kReplacement, out + result.length);
      result.length += utf8::kReplacement.size();
      result.replaced = true;
    } else {
      result.length += put(out + result.length, *unit.code);
    }
  }
  return result;
}

bool is_number(std::string_view token) {
  std::size_t i = 0;
  const auto at = [&](std::size_t k) { return k < token.size() ? token[k] : '\0'; };
  const auto digits = [&] {
    const std::size_t start = i;
    while (at(i) >= '0' && at(i) <= '9') ++i;
    return i - start;
  };
  if (at(i) == '-') ++i;
  const bool zero = at(i) == '0';
  const std::size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (at(i) == '.') {
    ++i;
    if (digits() == 0) return false;
  }
  if (at(i) == 'e' || at(i) == 'E') {
    ++i;
    if (at(i) == '+' || at(i) == '-') ++i;
    if (digits() == 0) return false;
  }
  return i == token.size();
}

bool is_integer(std::string_view token) {
  return std::ranges::none_of(token, [](char c) { return c == '.' || c == 'e' || c == 'E'; }) && is_number(token);
}

}  // namespace ringfence::json_text
